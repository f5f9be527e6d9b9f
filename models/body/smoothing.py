# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking the trembling out of sampled motion, without delay."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

STILL_SPEED, MOVING_SPEED = 0.005, 0.04
"""m/s: below the first a wrist counts as still, above the second as on its way."""
_SPEED_SPREAD = 2.0  # frames over which a wrist's speed is averaged
_REACH = 3  # spreads of the Gaussian beyond which it is nothing


def smoothstep(share: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """From 0 to 1 for shares from 0 to 1, level at both ends."""
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3 - 2 * share)


def smooth(values: NDArray[np.floating[Any]], spread_frames: float) -> NDArray[np.float32]:
    """Values (F, ...) averaged over time with a Gaussian of that spread, without delay; the ends are held.

    Angles must be unwrapped. Not scipy's `gaussian_filter1d`: NumPy 1 rounds each product here to float32, so the last
    bits of every take on Python 3.11 would change (with NumPy 2 the two are equal).
    """
    values = np.asarray(values, np.float32)
    if spread_frames == 0:
        return values
    reach = int(np.ceil(_REACH * spread_frames))
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / spread_frames) ** 2)
    frames = np.arange(len(values))
    out = np.zeros(values.shape, np.float64)
    for offset, weight in zip(offsets, weights / weights.sum()):
        out += weight * values[np.clip(frames + offset, 0, len(values) - 1)]
    return out.astype(np.float32)


def smooth_wrists(
    wrist: NDArray[np.floating[Any]], spread_frames: float, still_frames: float, fps: float
) -> NDArray[np.float32]:
    """Wrists (F, 2, 3), metres, smoothed by `spread_frames`; over the keys by `still_frames` where they hardly move.

    Hands that wait or hold are still; what sampling leaves in them is noise, and what takes that away would take the
    leaps out of hands that move, and in height the strokes. Where `still_frames` is not the larger spread this is
    `smooth` alone.
    """
    out = smooth(wrist, spread_frames)
    if still_frames <= spread_frames or len(wrist) < 2:
        return out
    over_keys = np.asarray(wrist)[..., :2]
    speed = np.linalg.norm(np.gradient(smooth(over_keys, _SPEED_SPREAD), axis=0), axis=-1) * fps
    moves = smoothstep((speed - STILL_SPEED) / (MOVING_SPEED - STILL_SPEED))[..., None]
    out[..., :2] = moves * out[..., :2] + (1 - moves) * smooth(over_keys, still_frames)
    return out


def smoothing_reach(spread_frames: float, still_frames: float) -> int:
    """Frames to either side that `smooth_wrists` looks at."""
    if still_frames <= spread_frames:
        return math.ceil(_REACH * spread_frames)
    return math.ceil(_REACH * max(still_frames, _SPEED_SPREAD)) + 1
