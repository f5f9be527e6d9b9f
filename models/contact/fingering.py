# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingering by an optimal search (Viterbi) over the chords of one hand.

Each chord's state is the fingers of all keys that are down, struck or still held. Costs are ergonomic, after
Parncutt et al., "An ergonomic model of keyboard fingering for melodic fragments" (1997): spans between finger
pairs against comfortable ranges, weak fingers, thumb and little finger on black keys, thumb crossings, moved hand.
Left-hand keys are mirrored first, so that both hands are one code path: finger 0 (thumb) plays the lowest X.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from models import keyboard

CHORD_WINDOW_S = 0.035
"""Onsets this close after the first belong to one chord."""
HELD_S = 0.06
"""A key still down this long after the next onset keeps its finger; a shorter overlap is legato."""
MAX_SPAN = 0.225
"""Metres between the outer keys that one hand can hold."""
FINGERS_A_HAND = 5

_SEMITONE = 7 * keyboard.WHITE_PITCH / 12
# (min practical, min comfortable, min relaxed, max relaxed, max comfortable, max practical), semitones
_SPANS = {
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
_NATURAL_X = np.array(
    [-0.055, -0.018, 0.010, 0.036, 0.064]
)  # fingertips from the wrist in playing position, metres
_WEAK = np.array([0.0, 0.0, 0.0, 0.35, 0.3])
_ON_BLACK = np.array([1.2, 0.0, 0.0, 0.0, 0.6])


@dataclass(frozen=True, kw_only=True)
class FingeringCosts:
    """Weights of the search, in units of one semitone beyond a relaxed span."""

    stretch: tuple[float, float, float] = (0.7, 1.6, 8.0)
    """Each semitone beyond the relaxed, comfortable and practical span."""
    same_finger_moves: float = 2.0
    """The same finger on another key at once, plus half of it a semitone."""
    hand_moves: float = 14.0
    """Each metre that the hand has to travel."""
    crossing: float = 1.3
    """Thumb under the hand, or the hand over the thumb."""
    held_finger_changes: float = 30.0
    """A key that is held gets another finger."""
    rest_s: float = 0.35
    """After a rest this long, transitions cost half."""
    generated: float = 18.0
    """Each metre between a finger of the generated motion and the key, up to two white keys."""

    def __post_init__(self) -> None:
        if (
            min(
                *self.stretch,
                self.same_finger_moves,
                self.hand_moves,
                self.crossing,
                self.held_finger_changes,
            )
            < 0
        ):
            raise ValueError(f"fingering costs must not be negative: {self}")
        if self.rest_s <= 0:
            raise ValueError(f"rest_s is {self.rest_s}; it must be above 0")


@dataclass(frozen=True)
class Assignment:
    """Who plays each note and until when."""

    fingering: NDArray[np.int8]
    """(n, 2) hand and finger (0 thumb to 4 little finger); -1, -1 for a note that no hand can play."""
    release_s: NDArray[np.float64]
    """(n,) when the finger has to leave the key: the note's offset, or earlier where the hand is needed elsewhere."""


@dataclass(frozen=True)
class _Chord:
    time: float
    notes: tuple[int, ...]  # note indices, by X
    x: NDArray[np.float64]
    black: NDArray[np.bool_]
    struck: NDArray[np.bool_]
    states: NDArray[np.int64]  # (s, n) fingers
    away: NDArray[np.float64]  # (n, 5) metres from each finger of the generated motion to the key, 0 if held


def _span_table(weights: tuple[float, float, float]) -> NDArray[np.float64]:
    """Knot positions (metres) and costs of the ten finger pairs: (5, 5, 2, 8), piecewise linear."""
    table = np.zeros((5, 5, 2, 8))
    table[:, :, 0] = np.arange(8)  # pairs that do not occur, evaluated and then masked
    relaxed, comfortable, practical = weights
    for (low, high), knots in _SPANS.items():
        m0, m1, m2, x2, x1, x0 = (float(k) for k in knots)
        a, b = relaxed * (m2 - m1), relaxed * (x1 - x2)
        c, d = a + comfortable * (m1 - m0), b + comfortable * (x0 - x1)
        xs = np.array([m0 - 20, m0, m1, m2, x2, x1, x0, x0 + 20])
        ys = np.array([c + practical * 20, c, a, 0, 0, b, d, d + practical * 20])
        xs = np.maximum.accumulate(xs + np.arange(8) * 1e-6)
        table[low, high] = xs * _SEMITONE, ys
    return table


class FingeringSearch:
    """Optimal fingering of one hand's notes."""

    def __init__(self, costs: FingeringCosts | None = None) -> None:
        self.costs = costs or FingeringCosts()
        self._table = _span_table(self.costs.stretch)
        self._states = {
            n: np.array(list(combinations(range(FINGERS_A_HAND), n)), int)
            for n in range(1, FINGERS_A_HAND + 1)
        }

    def __call__(
        self, notes: NDArray[np.floating], hand: int, tips_x: NDArray[np.floating] | None = None
    ) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Finger the notes (n, 4) of one hand (0 left, 1 right), sorted by onset.

        ``tips_x`` (n, 5), if given, is the X of the hand's fingertips in the generated motion at each onset.
        Returns the fingers (n,), -1 for a note left out, and when each finger has to leave its key (n,), seconds.
        """
        finger = np.full(len(notes), -1, np.int8)
        release = notes[:, 1].astype(float).copy()
        chords = self._chords(notes, hand, release, tips_x)
        if not chords:
            return finger, release
        cost = self._chord_cost(chords[0])
        back: list[NDArray[np.int64]] = []
        for previous, chord in zip(chords, chords[1:], strict=False):
            total = cost[:, None] + self._transition_cost(previous, chord)
            back.append(total.argmin(0))
            cost = total.min(0) + self._chord_cost(chord)
        state = int(cost.argmin())
        for index in range(len(chords) - 1, -1, -1):
            chord = chords[index]
            for note, used, struck in zip(chord.notes, chord.states[state], chord.struck, strict=True):
                if struck:
                    finger[note] = used
            if index:
                state = int(back[index - 1][state])
        return finger, release

    def _chords(
        self,
        notes: NDArray[np.floating],
        hand: int,
        release: NDArray[np.float64],
        tips_x: NDArray[np.floating] | None,
    ) -> list[_Chord]:
        """Group onsets into chords with the keys still held; shortens ``release`` where a hand must let go."""
        side = 1.0 if hand == 1 else -1.0
        pitches = notes[:, 2].astype(int)
        x, black = side * keyboard.key_x(pitches), keyboard.is_black(pitches)
        away = np.zeros((len(notes), FINGERS_A_HAND))
        if tips_x is not None:
            away = np.minimum(np.abs(side * tips_x - x[:, None]), 2 * keyboard.WHITE_PITCH)
        chords: list[_Chord] = []
        held: list[int] = []
        start = 0
        while start < len(notes):
            time = float(notes[start, 0])
            stop = start + int(np.searchsorted(notes[start:, 0], time + CHORD_WINDOW_S, side="right"))
            struck = sorted(range(start, stop), key=lambda i: x[i])
            struck = [i for k, i in enumerate(struck) if k == 0 or pitches[i] != pitches[struck[k - 1]]]
            while len(struck) > FINGERS_A_HAND or x[struck[-1]] - x[struck[0]] > MAX_SPAN:
                struck.pop(self._least_needed(struck, x))
            keys = {pitches[i] for i in struck}
            kept: list[int] = []
            for i in reversed([i for i in held if release[i] > time + HELD_S]):  # the latest first
                together = [*struck, *kept, i]
                spread = max(x[together]) - min(x[together])
                if pitches[i] in keys or len(together) > FINGERS_A_HAND or spread > MAX_SPAN:
                    release[i] = min(release[i], max(time, float(notes[i, 0])))
                else:
                    kept.append(i)
            members = sorted([*struck, *kept], key=lambda i: x[i])
            chords.append(
                _Chord(
                    time,
                    tuple(members),
                    x[members],
                    black[members],
                    np.isin(members, struck),
                    self._states[len(members)],
                    away[members] * np.isin(members, struck)[:, None],
                )
            )
            held = members
            start = stop
        return chords

    @staticmethod
    def _least_needed(struck: list[int], x: NDArray[np.float64]) -> int:
        """Which note of an unplayable chord to leave out: an outer one if the span is too wide, else an inner one."""
        if x[struck[-1]] - x[struck[0]] > MAX_SPAN:
            return 0 if x[struck[1]] - x[struck[0]] > x[struck[-1]] - x[struck[-2]] else len(struck) - 1
        return 1 + int(np.argmin(x[struck[2:]] - x[struck[:-2]]))

    def _pair_cost(
        self, low: NDArray[np.int64], high: NDArray[np.int64], dx: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Span cost of finger ``low`` < ``high`` with the higher finger ``dx`` metres towards the treble."""
        knots, values = self._table[low, high, 0], self._table[low, high, 1]
        index = np.clip((dx[..., None] >= knots).sum(-1) - 1, 0, 6)[..., None]
        x0, x1 = (
            np.take_along_axis(knots, index, -1)[..., 0],
            np.take_along_axis(knots, index + 1, -1)[..., 0],
        )
        y0, y1 = (
            np.take_along_axis(values, index, -1)[..., 0],
            np.take_along_axis(values, index + 1, -1)[..., 0],
        )
        return y0 + (y1 - y0) * (dx - x0) / (x1 - x0)

    def _chord_cost(self, chord: _Chord) -> NDArray[np.float64]:
        """Cost (s,) of each state by itself."""
        states = chord.states
        cost = (chord.struck * (_WEAK[states] + _ON_BLACK[states] * chord.black)).sum(1)
        cost += self.costs.generated * chord.away[np.arange(len(chord.notes)), states].sum(1)
        for i in range(len(chord.notes)):
            for j in range(i + 1, len(chord.notes)):
                dx = np.full(len(states), chord.x[j] - chord.x[i])
                cost += self._pair_cost(states[:, i], states[:, j], dx)
        return cost

    def _transition_cost(self, before: _Chord, after: _Chord) -> NDArray[np.float64]:
        """Cost (s before, s after) of going from each state to each."""
        gap = max(after.time - before.time, 0.0)
        ease = 1.0 / (1.0 + (gap / self.costs.rest_s) ** 2)
        first, second = before.states[:, None, :, None], after.states[None, :, None, :]
        dx = np.broadcast_to(after.x[None, :] - before.x[:, None], (1, 1, len(before.x), len(after.x)))
        same, up = first == second, second > first
        low, high = np.minimum(first, second), np.maximum(first, second)
        span = self._pair_cost(low, np.where(same, (low + 1) % 5, high), np.where(up, dx, -dx))
        hop = np.where(
            np.abs(dx) < 1e-6, 0.0, self.costs.same_finger_moves * (1 + np.abs(dx) / _SEMITONE / 2)
        )
        crossing = ((second == 0) & (first > 0) & (dx > 0)) | ((first == 0) & (second > 0) & (dx < 0))
        pairs = np.where(same, hop, span) + self.costs.crossing * crossing
        cost = ease * pairs.mean((2, 3))
        anchor_before = (before.x - _NATURAL_X[before.states]).mean(1)
        anchor_after = (after.x - _NATURAL_X[after.states]).mean(1)
        cost += ease * self.costs.hand_moves * np.abs(anchor_after[None, :] - anchor_before[:, None])
        for j in np.flatnonzero(~after.struck):
            i = before.notes.index(after.notes[j])
            changed = before.states[:, None, i] != after.states[None, :, j]
            cost += self.costs.held_finger_changes * changed
        return cost


def finger_notes(
    notes: NDArray[np.floating],
    hands: NDArray[np.integer],
    tips_x: NDArray[np.floating] | None = None,
    costs: FingeringCosts | None = None,
) -> Assignment:
    """Fingers of all notes.

    Args:
        notes: (n, 4) onset s, offset s, pitch, velocity, sorted by onset.
        hands: (n,) 0 left, 1 right, -1 nobody.
        tips_x: (n, 2, 5) X of all fingertips of a generated motion at each onset, metres, if there is one: fingers
            that are near their key anyway are preferred.
    """
    search = FingeringSearch(costs)
    fingering = np.full((len(notes), 2), -1, np.int8)
    release = notes[:, 1].astype(float).copy()
    for hand in (0, 1):
        index = np.flatnonzero(hands == hand)
        if len(index):
            finger, release[index] = search(
                notes[index], hand, None if tips_x is None else tips_x[index, hand]
            )
            fingering[index, 0] = np.where(finger >= 0, hand, -1)
            fingering[index, 1] = finger
    return Assignment(fingering, release)
