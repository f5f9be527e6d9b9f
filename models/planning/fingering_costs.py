# SPDX-License-Identifier: GPL-3.0-or-later
"""Costs of the fingering search as tables over fingers and key distances.

An ergonomic part after Parncutt et al., "An ergonomic model of keyboard fingering for melodic fragments" (1997):
spans between finger pairs against comfortable ranges, weak fingers, thumb and little finger on black keys, thumb
crossings, moved hand. On top a part that was fitted to print and to pianists (`training.fingering`) and lies in
`fingering_weights.json`. All for the right hand; the left hand's keys are mirrored first.

A table row is a relation between two keys: how many semitones the second lies towards the treble (clipped), and
which of the two are black. Its 25 columns are the finger pairs (first * 5 + second).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FINGERS = 5
ALL_FINGERS = np.ones((2, FINGERS), bool)
"""The fingers that two hands have, where none is missing."""
WIDEST = 24
"""Semitones beyond which a distance counts as this one."""
ROWS = (2 * WIDEST + 1) * 4
"""Rows of a table of key relations; one more row follows for a key that is held on."""
WEIGHTS_FILE = Path(__file__).with_name("fingering_weights.json")

# (min practical, min comfortable, min relaxed, max relaxed, max comfortable, max practical), semitones
SPANS = {
    (0, 1): (-5, -3, 1, 5, 8, 10),
    (0, 2): (-4, -2, 3, 7, 10, 12),
    (0, 3): (-3, -1, 5, 9, 12, 14),
    (0, 4): (-1, 1, 7, 10, 13, 15),
    (1, 2): (1, 1, 1, 2, 3, 5),
    (1, 3): (1, 1, 3, 4, 5, 7),
    (1, 4): (2, 2, 5, 6, 8, 10),
    (2, 3): (1, 1, 1, 2, 2, 4),
    (2, 4): (1, 1, 3, 4, 5, 7),
    (3, 4): (1, 1, 1, 2, 3, 5),
}
_CHORD_SPANS = SPANS | {
    (0, 1): (-4, -2, 1, 5, 7, 9),
    (0, 2): (-3, -1, 3, 6, 8, 10),
    (0, 3): (-2, 0, 5, 8, 10, 12),
    (0, 4): (-1, 1, 7, 12, 13, 15),
}
"""Keys that are held together leave the hand no time to open: an octave is the thumb's and the little finger's."""
NATURAL = np.array([-4.0, -1.3, 0.7, 2.6, 4.7])  # fingertips from the wrist in playing position, semitones
_WEAK = np.array([0.0, 0.0, 0.0, 0.35, 0.3])
_ON_BLACK = np.array([1.2, 0.0, 0.0, 0.0, 0.6])


def _reaches() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(5, 5) fewest and most semitones from one finger's key up to another's; the same finger: none."""
    low, high = np.zeros((FINGERS, FINGERS)), np.zeros((FINGERS, FINGERS))
    for (a, b), (least, _, _, _, _, most) in SPANS.items():
        low[a, b], high[a, b] = least, most
        low[b, a], high[b, a] = -most, -least
    return low, high


_LOW, _HIGH = _reaches()


def beyond_reach(
    interval: NDArray[np.floating[Any]],
    first: NDArray[np.integer[Any]],
    second: NDArray[np.integer[Any]],
    reach: float = 1.0,
) -> NDArray[np.float64]:
    """Semitones that a hand has to go, from keys so many semitones apart and the fingers on them.

    Args:
        interval: up to the second key, as the right hand sees it. first, second: fingers; all of one shape.
        reach: how far the hand reaches, as a factor on ours.
    """
    low, high = reach * _LOW[first, second], reach * _HIGH[first, second]
    beyond: NDArray[np.float64] = np.maximum(np.maximum(low - interval, interval - high), 0.0)
    return beyond


@dataclass(frozen=True, kw_only=True)
class FingeringCosts:
    """Weights of the search, in natural logarithms of odds after fitting (a cost of 1 is odds of 1 to 2.7)."""

    stretch: tuple[float, float, float] = (0.35, 0.8, 4.0)
    """Each semitone beyond the relaxed, comfortable and practical span."""
    same_finger_moves: float = 1.0
    """The same finger on another key at once, plus half of it a semitone, up to an octave."""
    hand_moves: float = 0.1
    """Each semitone that the hand has to travel."""
    hurries: float = 2.0
    """Each semitone that the hand would have to go in no time (`finger_ways`)."""
    crossing: float = 0.7
    """Thumb under the hand, or the hand over the thumb."""
    held_finger_changes: float = 30.0
    """A key that is to be held for long (`fingering_lattice.LONG_S`) loses its finger, which another stroke needs."""
    rest_s: float = 0.5
    """After a silence this long, transitions cost half."""
    slow_s: float = 1.5
    """Between onsets this far apart, transitions cost half."""
    generated: float = 60.0
    """Each metre between a finger of the generated motion and the key, up to two white keys."""
    reach: float = 1.0
    """How far the hand reaches, as a factor on ours: spans are as much wider or narrower."""
    fitted: bool = True
    """Add what was fitted to print and to pianists."""

    def __post_init__(self) -> None:
        costs = (
            *self.stretch,
            self.same_finger_moves,
            self.hand_moves,
            self.hurries,
            self.crossing,
            self.held_finger_changes,
        )
        if min(costs) < 0:
            raise ValueError(f"fingering costs must not be negative: {self}")
        if min(self.rest_s, self.slow_s, self.reach) <= 0:
            raise ValueError(
                f"rest_s is {self.rest_s}, slow_s {self.slow_s}, reach {self.reach}; they must be above 0"
            )


@dataclass(frozen=True)
class Tables:
    """Every cost of the search."""

    finger: NDArray[np.float32]
    """(2, 5): each finger on a white and on a black key."""
    chord: NDArray[np.float32]
    """(ROWS + 1, 25): two keys down together, the first the lower."""
    step: NDArray[np.float32]
    """(ROWS + 1, 25): a key and one of the next chord; the last row for a key that is held on."""
    skip: NDArray[np.float32]
    """(ROWS + 1, 25): a key and one of the chord after the next."""


def relation(semitones: ArrayLike, first_black: ArrayLike, second_black: ArrayLike) -> NDArray[np.int64]:
    """Row of a table for two keys."""
    distance = np.clip(np.asarray(semitones, int), -WIDEST, WIDEST) + WIDEST
    return distance * 4 + np.asarray(first_black, int) * 2 + np.asarray(second_black, int)


def _span_cost(
    span: tuple[int, ...], semitones: NDArray[np.floating[Any]], stretch: tuple[float, float, float]
) -> NDArray[np.float64]:
    """Cost of two fingers with the higher one so many semitones towards the treble."""
    m0, m1, m2, x2, x1, x0 = span
    relaxed, comfortable, practical = stretch
    cost = np.zeros(len(semitones))
    for near, far, weight in ((m2, m1, relaxed), (m1, m0, comfortable), (m0, -99, practical)):
        cost += weight * np.clip(near - semitones, 0, near - far)
    for near, far, weight in ((x2, x1, relaxed), (x1, x0, comfortable), (x0, 99, practical)):
        cost += weight * np.clip(semitones - near, 0, far - near)
    return cost


def ergonomic_tables(costs: FingeringCosts) -> Tables:
    """The part of the costs that is not fitted."""
    distance = np.arange(-WIDEST, WIDEST + 1)
    step = np.zeros((len(distance), FINGERS, FINGERS))
    chord = np.zeros_like(step)
    for a in range(FINGERS):
        for b in range(FINGERS):
            if a == b:
                hop = costs.same_finger_moves * (1 + np.minimum(np.abs(distance), 12) / 2)
                step[:, a, a] = np.where(distance == 0, 0.0, hop)
                chord[:, a, a] = costs.held_finger_changes
                continue
            low, high, towards = (a, b, distance) if a < b else (b, a, -distance)
            chord[:, a, b] = _span_cost(_CHORD_SPANS[low, high], towards / costs.reach, costs.stretch)
            near = np.minimum(_span_cost(SPANS[low, high], towards / costs.reach, costs.stretch), 12.0)
            crosses = (low == 0) & (towards < 0)
            step[:, a, b] = near + costs.crossing * crosses
    moved = distance[:, None, None] - (NATURAL[None, None, :] - NATURAL[None, :, None])
    step += costs.hand_moves * np.abs(moved)
    held = costs.held_finger_changes * (1 - np.eye(FINGERS)).reshape(1, -1)

    def rows(table: NDArray[Any]) -> NDArray[np.float32]:
        return np.concatenate([np.repeat(table.reshape(-1, 25), 4, 0), held]).astype(np.float32)

    return Tables(
        finger=np.stack([_WEAK, _WEAK + _ON_BLACK]).astype(np.float32),
        chord=rows(chord),
        step=rows(step),
        skip=rows(0.3 * np.abs(moved) * costs.hand_moves),
    )


@lru_cache(maxsize=8)
def load_tables(costs: FingeringCosts) -> Tables:
    """The search's costs: ergonomic, and fitted if the file is there and wanted."""
    base = ergonomic_tables(costs)
    if not costs.fitted or not WEIGHTS_FILE.is_file():
        return base
    stored = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    return add_fitted(base, {name: np.array(stored[name], np.float32) for name in FITTED_SHAPES})


FITTED_SHAPES: dict[str, tuple[int, ...]] = {
    "finger": (2, FINGERS),
    "chord": (2 * WIDEST + 1, 25),
    "chord_black": (12, 25),
    "step": (2 * WIDEST + 1, 25),
    "step_black": (12, 25),
    "skip": (2 * WIDEST + 1, 25),
    "skip_black": (12, 25),
}
"""What is fitted: by distance, and by direction (3) and colours (4) of the two keys."""

BLACK_ROW = np.array([np.sign(d) + 1 for d in range(-WIDEST, WIDEST + 1) for _ in range(4)]) * 4 + np.tile(
    np.arange(4), 2 * WIDEST + 1
)
"""(ROWS,) row of a ``_black`` array for each row of a table."""


def add_fitted(base: Tables, fitted: dict[str, NDArray[np.float32]]) -> Tables:
    """Tables with the fitted arrays (FITTED_SHAPES) added to them."""

    def joined(name: str) -> NDArray[np.float32]:
        table: NDArray[np.float32] = getattr(base, name).copy()
        table[:ROWS] += np.repeat(fitted[name], 4, 0) + fitted[name + "_black"][BLACK_ROW]
        return table

    return Tables(
        finger=base.finger + fitted["finger"],
        chord=joined("chord"),
        step=joined("step"),
        skip=joined("skip"),
    )
