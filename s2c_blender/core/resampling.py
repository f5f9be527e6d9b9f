# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion at another frame rate. No bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def resample(values: NDArray[np.floating], from_fps: float, to_fps: float) -> NDArray[np.float32]:
    """Values (frames, ...) of frames at ``i / from_fps`` seconds, at ``j / to_fps`` seconds, linearly in between.

    Angles must be unwrapped. The last frame is the last one at or before the end of the motion.
    """
    if from_fps <= 0 or to_fps <= 0:
        raise ValueError(f"frame rates must be above 0, got {from_fps} and {to_fps}")
    count = len(values)
    if count < 2:
        return values.astype(np.float32)
    frames = int(np.floor((count - 1) * to_fps / from_fps + 1e-6)) + 1
    place = np.minimum(np.arange(frames) * (from_fps / to_fps), count - 1)
    before = np.minimum(place.astype(int), count - 2)
    share = (place - before).reshape(-1, *[1] * (values.ndim - 1))
    return ((1 - share) * values[before] + share * values[before + 1]).astype(np.float32)
