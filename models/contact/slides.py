# SPDX-License-Identifier: GPL-3.0-or-later
"""A finger that slides from key to key without a lift: a glissando.

Whoever plays the next key of the same colour with the same finger sooner than any finger lifts and strikes can only
have slid there. So slides need no mark of their own: `plan_presses` lets such presses touch, and touching presses of a
finger are one slide. Where keys follow each other faster than the frames do, it slides over some between two frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.planning.gestures import LONGEST_S, STEPS

SLIDE_FRONT, SLIDE_BACK = 0.02, 0.042
"""Y on white keys in which a finger slides: before the black ones, metres."""
_TOUCH_S = 1e-6
_KEY_HALF = (
    0.0085,
    0.004,
)  # metres beside the middle of a white and a black key in which a sliding finger plays it


def slid_into(
    down: NDArray[np.float64], slot: NDArray[np.integer[Any]], pitch: NDArray[np.integer[Any]]
) -> NDArray[np.bool_]:
    """(m,) whether a finger slides into a press from its press before; presses by finger, then time."""
    slid = np.zeros(len(down), bool)
    black, place = keyboard.is_black(pitch), keyboard.white_index(pitch)
    gap, steps = np.diff(down), np.abs(np.diff(place))
    slid[1:] = (
        (slot[1:] == slot[:-1])
        & (black[1:] == black[:-1])
        & (steps >= 1)
        & (steps <= STEPS)
        & (gap > 0)
        & (gap <= LONGEST_S)
    )
    return slid


def touching(down: NDArray[np.float64], up: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(m,) whether a press of one finger, by time, begins where the one before ends: a slide."""
    touch = np.zeros(len(down), bool)
    touch[1:] = np.abs(down[1:] - up[:-1]) < _TOUCH_S
    return touch


def ends_of(slid: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last press of each stroke (s,): of a slide, or of one press alone."""
    return np.flatnonzero(~slid), np.flatnonzero(np.append(~slid[1:], True))


def slide_x(
    times: NDArray[np.float64],
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    pitch: NDArray[np.integer[Any]],
) -> NDArray[np.float64]:
    """X (t,) of a finger at times of one slide, evenly over the keys; at each time within the key that is down then.

    Args:
        down: (m,) when each key of the slide is struck. up: (m,) when it is left. pitch: (m,).
    """
    middle = keyboard.key_x(pitch)
    last = min(up[-1], 2 * down[-1] - down[-2])
    x = np.interp(times, (down + np.append(down[1:], last)) / 2, middle)
    here = np.clip(np.searchsorted(down, times, side="right") - 1, 0, len(down) - 1)
    half = np.where(keyboard.is_black(pitch[here]), _KEY_HALF[1], _KEY_HALF[0])
    return np.clip(x, middle[here] - half, middle[here] + half)
