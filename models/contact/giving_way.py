# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand that rests makes room for one that plays.

Each hand was generated for its own keys. Where one of them has none for a while it may have been put where the other
one plays, and nothing later can tell which of the two has to leave. Here the one that rests goes aside, before the
other begins and for as long as it plays there. Axes: F frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from models.body.edit_mask import EditMask
from models.body.motion import Motion
from models.body.smoothing import smoothstep
from models.contact.schedule import Presses

Array = NDArray[np.float64]

ROOM_M = 0.15
"""Wrists of real hands are nearer to each other than this, sideways, in one of a hundred frames (PianoMime)."""
_BEFORE_S, _AFTER_S = 0.30, 0.05
"""A hand plays from so long before it strikes until so long after it lets go."""
_SHORTEST_S = 0.6
"""Rests shorter than this are none: the hand would hardly have left when it has to be back."""
_AHEAD_S, _SMOOTH_S = 0.30, 0.10
"""Room is made so long before it is needed, and how smoothly."""


def given_way(motion: Motion, presses: Presses, edits: EditMask, hand_size: float) -> Motion:
    """The motion with wrists of resting hands aside, where they may change."""
    if not motion.frames:
        return motion
    x = motion.wrist[:, :, 0].astype(np.float64)
    rests = (1 - plays(presses, motion.frames, motion.fps)) * edits.free
    room, gap = ROOM_M * hand_size, x[:, 1] - x[:, 0]
    # Hands that have crossed so far that they are apart again are in nobody's way.
    lack = np.clip(room - gap, 0.0, None) * smoothstep((gap + room) / room)
    # What one hand cannot give, the other does not either: where both play they meet as they were generated.
    share = rests / np.maximum(rests.sum(1, keepdims=True), 1.0)
    push = share * lack[:, None]
    if not push.any():
        return motion
    ahead = max(round(_AHEAD_S * motion.fps), 1)
    push = maximum_filter1d(push, 2 * ahead + 1, axis=0, mode="nearest") * rests
    push = gaussian_filter1d(push, _SMOOTH_S * motion.fps, axis=0, mode="nearest") * edits.free
    wrist = motion.wrist.copy()
    wrist[:, :, 0] += (push * [-1.0, 1.0]).astype(wrist.dtype)
    return Motion(motion.euler, wrist, motion.fps)


def plays(presses: Presses, frames: int, fps: float) -> Array:
    """(F, 2) 1 while a hand plays, 0 while it rests."""
    times, found = np.arange(frames) / fps, np.zeros((frames, 2))
    for hand in range(2):
        mine = presses.slot // 5 == hand
        begins = np.sort(presses.down_s[mine] - _BEFORE_S)
        # The hand holds a key until the last of those that it has begun is let go.
        ends = np.maximum.accumulate((presses.up_s[mine] + _AFTER_S)[np.argsort(presses.down_s[mine])])
        ends[:-1] = np.where(begins[1:] - ends[:-1] < _SHORTEST_S, begins[1:], ends[:-1])
        last = np.searchsorted(begins, times, "right") - 1
        found[:, hand] = (last >= 0) & (times <= ends[np.maximum(last, 0)]) if len(begins) else False
    return found
