# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion at another frame rate: the same numbers as `models.body.resampling`, which is out of reach here. No bpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def resample(values: NDArray[np.floating[Any]], from_fps: float, to_fps: float) -> NDArray[np.float32]:
    """Values (frames, ...) of frames at ``i / from_fps`` seconds, at ``j / to_fps`` seconds.

    Between frames runs a Catmull-Rom curve: motion stays round where frames become more. Angles must be unwrapped. The
    last frame is the last one at or before the end of the motion.
    """
    if from_fps <= 0 or to_fps <= 0:
        raise ValueError(f"frame rates must be above 0, got {from_fps} and {to_fps}")
    values = np.asarray(values, np.float32)
    count = len(values)
    if count < 2 or np.isclose(from_fps, to_fps, rtol=1e-9):
        return values
    frames = int(np.floor((count - 1) * to_fps / from_fps + 1e-6)) + 1
    place = np.minimum(np.arange(frames) * (from_fps / to_fps), count - 1)
    index = np.minimum(place.astype(int), count - 2)
    u = (place - index).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    p0, p1, p2, p3 = (values[np.clip(index + step, 0, count - 1)] for step in (-1, 0, 1, 2))
    bend: NDArray[np.float32] = 2 * p0 - 5 * p1 + 4 * p2 - p3 + u * (3 * (p1 - p2) + p3 - p0)
    between: NDArray[np.float32] = p1 + 0.5 * u * (p2 - p0 + u * bend)
    return between
