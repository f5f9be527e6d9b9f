# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys of chords that are too full for ten fingers two hands hold: many of them, with little way between chords.

Each hand takes up to five keys from some key on, within its span and as far from each other as its fingers are. Where
both hands begin is found for all chords at once by dynamic programming: each key counts 1, the outer ones more, and
way costs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.planning.fingering_costs import FINGERS

SPAN_M, SPACING_M = 0.215, 0.018
"""Between a hand's outer keys at most, and from key to key at least."""
OUTER = 0.5
"""How much more the lowest and the highest key of a chord are worth than another one."""
FREE_MPS, NEAR, FAR = 0.3, 10.0, 40.0
"""A hand goes this fast, m/s; keys given up for a metre of way within that, and beyond."""
_BLOCK = 256  # chords that are decided together, which bounds the memory


@dataclass(frozen=True)
class Chord:
    """Keys that begin together."""

    time_s: float
    x: NDArray[np.float64]
    """(k,) where the keys are, ascending, metres; more than one hand's."""


@dataclass(frozen=True)
class _Hands:
    """What each hand would hold beginning with each key of a chord (k,)."""

    keys: list[list[int]]
    place: NDArray[np.float64]
    """(k,) the middle of it."""
    worth: NDArray[np.float64]
    """(k left, k right); minus infinity where the left hand would not be left of the right one."""


def held_keys(chords: list[Chord]) -> list[tuple[list[int], list[int]]]:
    """For each chord the keys (indices of its ``x``) of the left and of the right hand."""
    held: list[tuple[list[int], list[int]]] = []
    before: tuple[float, NDArray[np.float64], NDArray[np.float64]] | None = None
    for first in range(0, len(chords), _BLOCK):
        block = chords[first : first + _BLOCK]
        options = [_hands(chord.x) for chord in block]
        path = _best_path(block, options, before)
        held += [(hands.keys[i], hands.keys[j]) for hands, (i, j) in zip(options, path, strict=True)]
        last = options[-1].place[list(path[-1])]
        before = block[-1].time_s, last[:1], last[1:]
    return held


def _hands(x: NDArray[np.float64]) -> _Hands:
    places, count = x.tolist(), len(x)
    keys = []
    for first in range(count):
        taken = [first]
        for key in range(first + 1, count):
            if len(taken) == FINGERS or places[key] - places[first] > SPAN_M:
                break
            if places[key] - places[taken[-1]] >= SPACING_M:
                taken.append(key)
        keys.append(taken)
    last = np.array([taken[-1] for taken in keys])
    worth = np.array([len(taken) + OUTER * ((0 in taken) + (count - 1 in taken)) for taken in keys])
    apart = x[None, :] - x[last][:, None] >= SPACING_M
    return _Hands(keys, (x + x[last]) / 2, np.where(apart, worth[:, None] + worth, -np.inf))


def _way_cost(now: NDArray[np.float64], before: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """(now, before) keys that the way of a hand costs."""
    way = np.abs(now[:, None] - before)
    return NEAR * way + (FAR - NEAR) * np.maximum(way - FREE_MPS * seconds, 0.0)


def _best_path(
    chords: list[Chord],
    options: list[_Hands],
    before: tuple[float, NDArray[np.float64], NDArray[np.float64]] | None,
) -> list[tuple[int, int]]:
    """With which keys the left and the right hand begin; ``before``: when and where they were before that."""
    total = options[0].worth
    if before is not None:
        time_s, left, right = before
        seconds, place = chords[0].time_s - time_s, options[0].place
        total = total - _way_cost(place, left, seconds) - _way_cost(place, right, seconds).T
    back: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = []
    for last, chord, was, hands in zip(chords, chords[1:], options, options[1:], strict=False):
        cost = _way_cost(hands.place, was.place, chord.time_s - last.time_s)
        by_left = total[None] - cost[:, :, None]  # (left now, left before, right before)
        best_left = by_left.max(1)
        by_right = best_left[:, None, :] - cost[None]  # (left now, right now, right before)
        back.append((by_left.argmax(1).astype(np.uint8), by_right.argmax(2).astype(np.uint8)))
        total = by_right.max(2) + hands.worth
    i, j = divmod(int(total.argmax()), total.shape[1])
    path = [(i, j)]
    for from_left, from_right in reversed(back):
        j = int(from_right[i, j])
        i = int(from_left[i, j])
        path.append((i, j))
    return path[::-1]
