# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand that rests, or is on its way, makes room for one that plays.

Each hand was generated for its own keys. Where one of them has none for a while it may have been put where the other
one plays, and nothing later can tell which of the two has to leave. Here the one that rests goes aside, before the
other begins and for as long as it plays there. One that is on its way from keys to keys waits for the other hand to
leave, or leaves before it comes: it goes its own way sooner or later, and no farther. Axes: F frames.
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

_SIDE = np.array([-1.0, 1.0])

ROOM_M = 0.15
"""Wrists of real hands are nearer to each other than this, sideways, in one of a hundred frames (PianoMime)."""
_BEFORE_S, _AFTER_S = 0.30, 0.05
"""A hand plays from so long before it strikes until so long after it lets go."""
_SHORTEST_S = 0.6
"""Rests shorter than this are none: the hand would hardly have left when it has to be back."""
_AHEAD_S, _SMOOTH_S = 0.30, 0.10
"""Room is made so long before it is needed, and how smoothly."""
_LEAVES_S = 0.05
"""A hand is on its way from so long after it let go until so long before it strikes."""
_DEGREES_S = 0.06
"""A hand that is on its way gives room fully from so long after it has left on, and until so long before it comes."""
_ENOUGH = 0.5
"""Share of the room that two hands lack at most once they have given way, where it is their way to give."""
_WAY_AHEAD_S, _WAY_SMOOTH_S = 0.15, 0.05
"""The same as for rests of a hand that is on its way."""


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
    push = _ahead(share * lack[:, None], rests, motion.fps, _AHEAD_S, _SMOOTH_S) * edits.free
    x += push * _SIDE
    way = ways(x, presses, motion.fps) * edits.free
    gives = _ahead(_on_the_way(x, way, room), way, motion.fps, _WAY_AHEAD_S, _WAY_SMOOTH_S)
    push += np.minimum(gives, way)
    if not push.any():
        return motion
    wrist = motion.wrist.copy()
    wrist[:, :, 0] += (push * _SIDE).astype(wrist.dtype)
    return Motion(motion.euler, wrist, motion.fps)


def _ahead(push: Array, most: Array, fps: float, ahead_s: float, smooth_s: float) -> Array:
    """What hands give (F, 2), metres, some time before and after it is asked for, and smoothly; at most ``most``."""
    if not push.any():
        return push
    push = maximum_filter1d(push, 2 * max(round(ahead_s * fps), 1) + 1, axis=0, mode="nearest")
    return gaussian_filter1d(np.minimum(push, most), smooth_s * fps, axis=0, mode="nearest")


def _on_the_way(x: Array, way: Array, room: float) -> Array:
    """(F, 2) metres that hands give which may give ``way`` (F, 2), so that both have room where that is enough."""
    lack = np.clip(room - (x[:, 1] - x[:, 0]), 0.0, None)
    # Hands that stay crossed all the same are to cross.
    lack = np.where(way.sum(1) - lack >= -_ENOUGH * room, lack, 0.0)[:, None]
    half = np.minimum(way, lack / 2)
    return np.minimum(way, lack - half[:, ::-1])


def ways(x: Array, presses: Presses, fps: float) -> Array:
    """(F, 2) metres that each hand may be farther out than X (F, 2) while it is between two of its keys' places.

    It sets in, and ends, by degrees.
    """
    frames = len(x)
    found = np.zeros((frames, 2))
    for hand, side in enumerate(_SIDE):
        mine = np.flatnonzero(presses.slot // 5 == hand)
        mine = mine[np.argsort(presses.down_s[mine], kind="stable")]
        if not len(mine):
            continue
        ends = np.maximum.accumulate(presses.up_s[mine])[:-1] + _LEAVES_S
        begins = presses.down_s[mine][1:] - _LEAVES_S
        for start_s, stop_s in zip(ends, begins, strict=True):
            start, stop = (min(max(round(float(s) * fps), 0), frames - 1) for s in (start_s, stop_s))
            if start < stop:
                own = side * x[start : stop + 1, hand]
                left = np.minimum(np.arange(len(own)), np.arange(len(own))[::-1]) / (_DEGREES_S * fps)
                found[start : stop + 1, hand] = smoothstep(left) * (max(own[0], own[-1]) - own).clip(0.0)
    return found


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
