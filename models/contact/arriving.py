# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrists that are where their hand's keys are when it strikes them.

Networks make a leap for which there is little time too late now and then: the hand is a few frames behind. Fingers can
make up for some centimetres; what is beyond that the whole hand has to go, and whoever asks where hands are (who is in
whose way) has to know of it before. Axes: F frames, m presses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from models.body import keyboard
from models.body.edit_mask import EditMask
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.skeleton import STANDARD_HANDS, HandGeometry
from models.contact import touch
from models.contact.schedule import Presses, arrivals
from models.music.notes import CHORD_WINDOW_S

Array = NDArray[np.float64]

FINGERS_REACH_M = 0.03
"""Metres to either side that fingers go to their keys on their own."""
_COMES_S = 0.35
"""A hand comes to keys that it was not generated to in this time, and goes on from them."""

_LOOKS = 4
"""In so many steps from where a stroke begins to its bottom it is looked at where the hand is."""


def arrived(
    motion: Motion,
    presses: Presses,
    edits: EditMask,
    hand_size: float = 1.0,
    geometry: HandGeometry = STANDARD_HANDS,
) -> Motion:
    """The motion with wrists brought sideways to keys that are beyond their fingers' reach, where they may change.

    Args:
        motion: as it was generated.
        presses: its hands' own.
        edits: what may change.
        hand_size: factor on the lengths of the geometry.
        geometry: the hands at size 1.
    """
    if not motion.frames or not len(presses.note):
        return motion
    times, wrist, arrives = np.arange(motion.frames) / motion.fps, motion.wrist.copy(), arrivals(presses)
    for hand in edits.hands:
        strokes = _strokes_of(presses, arrives, hand)
        if strokes is None:
            continue
        shares = np.linspace(0.0, 1.0, _LOOKS + 1)[:, None]
        when = strokes.begins_s + shares * (strokes.down_s - strokes.begins_s)
        strikes = [strokes.beyond_reach(motion, part, hand_size, geometry) for part in when]
        lets_go = strokes.beyond_reach(motion, strokes.up_s, hand_size, geometry)
        # Where the hand strikes as it was generated, it goes on as it was generated.
        lets_go[strikes[-1] == 0] = 0.0
        shift = _shift(strokes, when, np.array(strikes), lets_go, times)
        wrist[:, hand, 0] += (shift * edits.free[:, hand]).astype(wrist.dtype)
    return Motion(motion.euler, wrist, motion.fps)


@dataclass(frozen=True, eq=False)
class _Strokes:
    """The chords (n,) of one hand by time, and their presses (m,)."""

    pitch: NDArray[np.int64]
    """(m,)"""
    slot: NDArray[np.int64]
    """(m,) hand * 5 + finger."""
    chord: NDArray[np.int64]
    """(m,) index of its chord."""
    begins_s: Array
    """(n,) when the first stroke begins, seconds, or as soon as the hand can be there."""
    down_s: Array
    """(n,)"""
    up_s: Array
    """(n,) when it is let go, or the next one is struck."""

    def beyond_reach(self, motion: Motion, when_s: Array, hand_size: float, geometry: HandGeometry) -> Array:
        """(n,) metres that each chord's keys are beyond its fingers' reach, sideways, at a time (n,) of it."""
        frame = np.clip(np.floor(when_s * motion.fps + 0.5 + 1e-6).astype(int), 0, motion.frames - 1)
        looked, index = np.unique(frame, return_inverse=True)
        euler, wrist = (part[looked].astype(np.float32) for part in (motion.euler, motion.wrist))
        tips = forward_kinematics(euler, wrist, hand_size, geometry).tips.reshape(len(looked), 10, 3)
        lack = keyboard.key_x(self.pitch) - tips[index[self.chord], self.slot, 0]
        way = np.bincount(self.chord, lack) / np.bincount(self.chord)
        reach = FINGERS_REACH_M * hand_size * geometry.proportion
        beyond: Array = way - np.clip(way, -reach, reach)
        return beyond


def _strokes_of(presses: Presses, arrives: Array, hand: int) -> _Strokes | None:
    mine = np.flatnonzero(presses.slot // 5 == hand)
    mine = mine[np.argsort(presses.down_s[mine], kind="stable")]
    begins = np.diff(presses.down_s[mine], prepend=-np.inf) > CHORD_WINDOW_S
    first = np.flatnonzero(begins)
    if not len(first):
        return None
    down = presses.down_s[mine][first]
    up = np.minimum(np.maximum.reduceat(presses.up_s[mine], first), np.append(down[1:], np.inf))
    starts = presses.down_s[mine] - touch.travel_s(presses.velocity[mine])
    starts = np.minimum.reduceat(np.maximum(starts, arrives[mine]), first)
    starts = np.minimum(np.maximum(starts, np.append(-np.inf, up[:-1])), down)
    return _Strokes(presses.pitch[mine], presses.slot[mine], np.cumsum(begins) - 1, starts, down, up)


def _shift(strokes: _Strokes, when: Array, strikes: Array, lets_go: Array, times: Array) -> Array:
    """(F,) metres that one hand goes, for what it lacks at times (k, n) of its strokes and when it lets go (n,)."""
    if not strikes.any():
        return np.zeros(len(times))
    begins, ends = strokes.begins_s, strokes.up_s
    # Far from all strokes a hand is where it was generated.
    rests = np.append(begins[1:], np.inf) - ends > 2 * _COMES_S
    goes, comes = ends[rests] + _COMES_S, begins[np.append(True, rests[:-1])] - _COMES_S
    time = np.concatenate([when.reshape(-1), ends, goes, comes])
    value = np.concatenate([strikes.reshape(-1), lets_go, np.zeros(len(goes) + len(comes))])
    order = np.argsort(time, kind="stable")
    time, value = time[order], value[order]
    later = np.diff(time, prepend=-np.inf) > 1e-6
    time, value = time[later], value[later]
    # PCHIP is level at a knot where one side is: with a level piece beyond each end, at the ends.
    time = np.concatenate([[time[0] - 1.0], time, [time[-1] + 1.0]])
    curve = PchipInterpolator(time, np.pad(value, 1, mode="edge"))
    found: Array = curve(np.clip(times, time[0], time[-1]))
    return found
