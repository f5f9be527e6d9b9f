# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of chords that are too full for ten fingers two hands hold: many of them, with little way between chords.

Wherever a hand is, it takes as many keys as it has fingers within its span, as far from each other as its fingers are.
Where both hands are is found for all chords at once by dynamic programming: each key counts 1, the outer ones more, and
way costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.planning.playing_hands import OUR_HANDS, PlayingHands

SPAN_M, SPACING_M = 0.215, 0.018
"""Between a hand's outer keys at most, and from key to key at least."""
COMFORTABLE_M, STRETCH = 0.165, 15.0
"""Up to a comfortable span it is free; keys given up for each metre beyond."""
OUTER = 0.5
"""How much more the lowest and the highest key of a chord are worth than another one."""
FREE_MPS, NEAR, FAR = 0.3, 10.0, 40.0
"""A hand goes this fast, m/s; keys given up for a metre of way within that, and beyond."""
HANDS_M = 0.1
"""From the left end of the left hand's reach to that of the right hand's at least."""
_PLACES = keyboard.KEY_X[~keyboard.KEY_IS_BLACK][::2] - 0.001  # left ends of what a hand can reach
_BLOCK = 256  # chords that are decided together, which bounds the memory


@dataclass(frozen=True)
class Chord:
    """Keys that begin together."""

    time_s: float
    x: NDArray[np.float64]
    """(k,) where the keys are, ascending, metres."""


def held_keys(chords: list[Chord], playing: PlayingHands = OUR_HANDS) -> list[tuple[list[int], list[int]]]:
    """For each chord the keys (indices of its ``x``) of the left and of the right hand."""
    held: list[tuple[list[int], list[int]]] = []
    before: tuple[float, NDArray[np.float64]] | None = None
    for first in range(0, len(chords), _BLOCK):
        block = chords[first : first + _BLOCK]
        reach = [
            tuple(
                _within_reach(chord.x, count, SPAN_M * far)
                for count, far in zip(playing.fingers, playing.reach, strict=True)
            )
            for chord in block
        ]
        path, total = _best_path(block, reach, before)
        held += [(left[i], right[j]) for (left, right), (i, j) in zip(reach, path, strict=True)]
        before = block[-1].time_s, total
    return held


def _within_reach(x: NDArray[np.float64], fingers: int, span: float) -> list[list[int]]:
    """The keys that a hand takes at each of `_PLACES`."""
    places, taken = x.tolist(), []
    for place in _PLACES.tolist():
        keys: list[int] = []
        for key in range(int(np.searchsorted(x, place)), len(places)):
            if len(keys) == fingers or places[key] - place > span:
                break
            if not keys or places[key] - places[keys[-1]] >= SPACING_M:
                keys.append(key)
        taken.append(keys)
    return taken


def _worth(chord: Chord, reach: tuple[list[list[int]], ...]) -> NDArray[np.float64]:
    """(left, right) what both hands take from their places; minus infinity where they would meet."""
    highest = len(chord.x) - 1
    worth = np.array([[len(keys) + OUTER * ((0 in keys) + (highest in keys)) for keys in of] for of in reach])
    span = np.array([[chord.x[keys[-1]] - chord.x[keys[0]] if keys else 0.0 for keys in of] for of in reach])
    worth -= STRETCH * np.maximum(span - COMFORTABLE_M, 0.0)
    last = np.array([chord.x[keys[-1]] if keys else -np.inf for keys in reach[0]])
    first = np.array([chord.x[keys[0]] if keys else np.inf for keys in reach[1]])
    apart = (first - last[:, None] >= SPACING_M) & (_PLACES - _PLACES[:, None] >= HANDS_M)
    return np.where(apart, worth[0][:, None] + worth[1], -np.inf)


def _way_cost(seconds: float) -> NDArray[np.float64]:
    """(places now, places before) keys that the way of a hand costs."""
    way = np.abs(_PLACES[:, None] - _PLACES)
    return NEAR * way + (FAR - NEAR) * np.maximum(way - FREE_MPS * seconds, 0.0)


def _best_path(
    chords: list[Chord],
    reach: list[tuple[list[list[int]], ...]],
    before: tuple[float, NDArray[np.float64]] | None,
) -> tuple[list[tuple[int, int]], NDArray[np.float64]]:
    """Places of the left and the right hand at each chord; and what the last chord is worth by where the path ends.

    before: time of the chord before the first one, and where the hands were then, the same way.
    """
    time_s, total = before or (chords[0].time_s, np.zeros((len(_PLACES), len(_PLACES))))
    back: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    for chord, keys in zip(chords, reach, strict=True):
        cost = _way_cost(chord.time_s - time_s) if back or before else np.zeros_like(total)
        by_left = total[None] - cost[:, :, None]  # (left now, left before, right before)
        best = by_left.max(1)
        by_right = best[:, None, :] - cost[None]  # (left now, right now, right before)
        back.append((by_left.argmax(1).astype(np.uint8), by_right.argmax(2).astype(np.uint8)))
        total, time_s = by_right.max(2) + _worth(chord, keys), chord.time_s
    i, j = divmod(int(total.argmax()), total.shape[1])
    end = np.full_like(total, -np.inf)
    end[i, j] = 0.0
    path = []
    for from_left, from_right in reversed(back):
        path.append((i, j))
        j = int(from_right[i, j])
        i = int(from_left[i, j])
    return path[::-1], end
