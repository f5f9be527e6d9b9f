# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hand plays each note, for recordings that do not say: a beam search over splits of each chord.

In each chord the left hand takes the lowest notes, up to a split. The search weighs the generated wrists, hand
spans, the number of keys a hand holds, travel since the hand's last notes and crossed hands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import keyboard
from models.contact.fingering import CHORD_WINDOW_S, HELD_S

BEAM = 12
_COMFORTABLE_SPAN, _WIDEST_SPAN = 0.165, 0.215  # metres between outer keys


@dataclass(frozen=True, kw_only=True)
class HandCosts:
    """Weights of the split, in units of one metre between a hand and its generated place."""

    generated: float = 1.0
    """Distance of a hand's notes from where the generated wrist is."""
    travel: float = 1.5
    """Distance from the hand's last notes, if it played less than a second ago."""
    wide: float = 12.0
    """Metres beyond a comfortable span."""
    impossible: float = 60.0
    """Metres beyond the widest span, or 0.05 for each key more than five."""
    crossed: float = 3.0
    """Metres by which the left hand is right of the right hand."""


@dataclass(frozen=True)
class _Beam:
    cost: float
    centre: tuple[float, float]  # X of each hand's last notes
    last_s: tuple[float, float]
    held: tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]  # (x, offset) of held keys
    splits: tuple[int, ...] | None
    parent: _Beam | None


def assign_hands(
    notes: NDArray[np.floating],
    hands_given: NDArray[np.integer],
    wrist_x: NDArray[np.floating],
    fps: float,
    costs: HandCosts | None = None,
) -> NDArray[np.int8]:
    """A hand for every note.

    Args:
        notes: (n, 4) sorted by onset. hands_given: (n,) 0 left, 1 right, -1 to be found.
        wrist_x: (frames, 2) X of the generated wrists, metres. fps: their rate.

    Returns:
        (n,) int8, 0 or 1.
    """
    costs = costs or HandCosts()
    hands = np.asarray(hands_given, np.int8).copy()
    if not (hands < 0).any():
        return hands
    x = keyboard.key_x(notes[:, 2].astype(int))
    start_wrist = wrist_x[0] if len(wrist_x) else np.array([-0.2, 0.2])
    beams = [_Beam(0.0, (float(start_wrist[0]), float(start_wrist[1])), (-10.0, -10.0), ((), ()), None, None)]
    chords: list[list[int]] = []
    start = 0
    while start < len(notes):
        time = float(notes[start, 0])
        stop = start + int(np.searchsorted(notes[start:, 0], time + CHORD_WINDOW_S, side="right"))
        chord = sorted(range(start, stop), key=lambda i: x[i])
        chords.append(chord)
        frame = min(round(time * fps), len(wrist_x) - 1)
        wrist = (float(wrist_x[frame, 0]), float(wrist_x[frame, 1]))
        known = [int(hands_given[i]) for i in chord]
        options = [k for k in range(len(chord) + 1) if _agrees(known, k)] or [-1]
        grown = [
            _extend(beam, chord, known, k, x, notes, time, wrist, costs) for beam in beams for k in options
        ]
        beams = sorted(grown, key=lambda beam: beam.cost)[:BEAM]
        start = stop
    beam: _Beam | None = beams[0]
    for chord in reversed(chords):
        assert beam is not None and beam.splits is not None
        hands[chord] = beam.splits
        beam = beam.parent
    return hands


def _agrees(known: list[int], split: int) -> bool:
    return all(hand < 0 or hand == int(i >= split) for i, hand in enumerate(known))


def _extend(
    beam: _Beam,
    chord: list[int],
    known: list[int],
    split: int,
    x: NDArray[np.float64],
    notes: NDArray[np.floating],
    time: float,
    wrist: tuple[float, float],
    costs: HandCosts,
) -> _Beam:
    """The beam with one chord more; split -1 keeps the given hands of a chord whose hands cross."""
    if split < 0:
        sides = [
            hand if hand >= 0 else int(x[i] > sum(wrist) / 2) for i, hand in zip(chord, known, strict=True)
        ]
    else:
        sides = [int(i >= split) for i in range(len(chord))]
    cost, centre, last = beam.cost, list(beam.centre), list(beam.last_s)
    held: list[tuple[tuple[float, float], ...]] = []
    for hand in (0, 1):
        new = [i for i, side in zip(chord, sides, strict=True) if side == hand]
        still = tuple(key for key in beam.held[hand] if key[1] > time + HELD_S)
        if new:
            keys = [float(x[i]) for i in new]
            middle = (min(keys) + max(keys)) / 2
            together = keys + [key[0] for key in still]
            span = max(together) - min(together)
            cost += costs.generated * abs(middle - wrist[hand])
            cost += costs.wide * max(span - _COMFORTABLE_SPAN, 0.0)
            cost += costs.impossible * (max(span - _WIDEST_SPAN, 0.0) + 0.05 * max(len(together) - 5, 0))
            since = time - last[hand]
            cost += costs.travel * abs(middle - centre[hand]) / (1.0 + since * since)
            centre[hand], last[hand] = middle, time
            still += tuple((float(x[i]), float(notes[i, 1])) for i in new)
        held.append(still)
    cost += costs.crossed * max(centre[0] - centre[1], 0.0)
    return _Beam(cost, (centre[0], centre[1]), (last[0], last[1]), (held[0], held[1]), tuple(sides), beam)
