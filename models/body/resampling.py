# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion at another frame rate, and splicing a redone stretch into a kept one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.edit_mask import EditMask
from models.body.motion import Motion

EDGE_FADE_S = 0.4
"""How long the difference at the edge of a redone stretch takes to fade away inside it."""


def frame_count(duration_s: float, fps: float) -> int:
    """Frames that fill `duration_s` seconds, at least one: 8 s at 30 fps are 240 frames, from 0 s to 7.967 s."""
    return max(int(np.ceil(duration_s * fps - 1e-6)), 1)


def resample(
    values: NDArray[np.floating[Any]], fps: float, new_fps: float, frames: int
) -> NDArray[np.float32]:
    """Values (F, ...) at `new_fps` with `frames` frames: Catmull-Rom between frames, the last value held.

    Angles must be unwrapped. Frame i of either side lies at second i / rate.
    """
    values = np.asarray(values, np.float32)
    if np.isclose(fps, new_fps, rtol=1e-9):
        return values[np.minimum(np.arange(frames), len(values) - 1)]
    place = np.minimum(np.arange(frames) * (fps / new_fps), len(values) - 1)
    index = np.minimum(place.astype(int), max(len(values) - 2, 0))
    u = (place - index).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    p0, p1, p2, p3 = (values[np.clip(index + step, 0, len(values) - 1)] for step in (-1, 0, 1, 2))
    return p1 + 0.5 * u * (p2 - p0 + u * (2 * p0 - 5 * p1 + 4 * p2 - p3 + u * (3 * (p1 - p2) + p3 - p0)))


def resample_motion(motion: Motion, new_fps: float, frames: int) -> Motion:
    """`resample` for angles and wrists; unchanged values where rate and length are right already."""
    if np.isclose(motion.fps, new_fps, rtol=1e-9) and motion.frames == frames:
        return motion
    return Motion(
        resample(motion.euler, motion.fps, new_fps, frames),
        resample(motion.wrist, motion.fps, new_fps, frames),
        new_fps,
    )


def splice(kept: Motion, new: Motion, edits: EditMask) -> Motion:
    """`kept` with what may change from `new`, everything else bit for bit as it was.

    At both edges a new stretch is bent so that it continues the kept one in place and in velocity.

    Raises:
        ValueError: when the motions and `edits` have not the same frames and rate.
    """
    for motion in (kept, new):
        edits.check_fits(motion.frames, motion.fps)
    return Motion(
        splice_values(kept.euler, new.euler, edits), splice_values(kept.wrist, new.wrist, edits), kept.fps
    )


def splice_values(
    kept: NDArray[np.float32], new: NDArray[np.float32], edits: EditMask
) -> NDArray[np.float32]:
    """`splice` for values (frames, 2, ...) of both hands."""
    out = kept.copy()
    for hand in edits.hands:
        for start, stop in edits.runs(hand):
            inside = new[start:stop, hand].copy()
            if start > 0:
                _bend(inside, kept[max(start - 2, 0) : start, hand], edits.fps)
            if stop < len(kept):
                _bend(inside[::-1], kept[stop : stop + 2, hand][::-1], edits.fps)
            out[start:stop, hand] = inside
    return out


def _bend(inside: NDArray[np.float32], before: NDArray[np.float32], fps: float) -> None:
    """Make the first frames of `inside` continue the one or two frames `before` it (cubic Hermite, in place)."""
    length = max(min(round(EDGE_FADE_S * fps), len(inside) // 2), 1)  # the other edge has its own half
    velocity = before[-1] - before[0]  # of one frame; none where there is only one frame
    gap = before[-1] + velocity - inside[0]
    turn = velocity - (inside[1] - inside[0]) if len(inside) > 1 else np.zeros_like(velocity)
    reach = min(length, len(inside))
    u = (np.arange(reach) / length).reshape(-1, *[1] * (inside.ndim - 1))
    share, bend = (1 + 2 * u) * (1 - u) ** 2, u * (1 - u) ** 2 * length
    inside[:reach] += (share * gap + bend * turn).astype(np.float32)
