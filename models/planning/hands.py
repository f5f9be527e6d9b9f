# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hand plays each note, for music that does not say.

A small network (`hand_odds`) gives each note its odds from the notes around it; then, chord by chord, the left hand
takes the lowest notes up to the split that fits the odds best and that both hands can hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.keyboard import KEYS
from models.body.notes import Notes
from models.planning.chords import HELD_S
from models.planning.fingering_costs import FINGERS
from models.planning.hand_odds import by_chord_and_pitch, note_features, right_hand_odds, stored_weights

_COMFORTABLE_SPAN, _WIDEST_SPAN = 0.165, 0.215  # metres between outer keys
_SURE = 40.0  # odds, in natural logarithms, of what is given


@dataclass(frozen=True, kw_only=True)
class HandCosts:
    """Weights of the split, in natural logarithms of odds."""

    generated: float = 8.0
    """Each metre that one hand's generated wrist is nearer to a note than the other's."""
    wide: float = 15.0
    """Each metre beyond a comfortable span, keys still held included."""
    impossible: float = 60.0
    """Each metre beyond the widest span."""
    finger: float = 3.0
    """Each key more than five."""

    def __post_init__(self) -> None:
        if min(self.generated, self.wide, self.impossible, self.finger) < 0:
            raise ValueError(f"hand costs must not be negative: {self}")


def assign_hands(
    notes: Notes,
    wrist_x: NDArray[np.floating[Any]] | None = None,
    fps: float | None = None,
    costs: HandCosts | None = None,
) -> NDArray[np.int8]:
    """A hand for every note.

    Args:
        notes: sorted by onset; a hand of -1 is found.
        wrist_x: (frames, 2) X of generated wrists, metres, if there is a motion that hands should agree with.
        fps: its rate.

    Returns:
        (n,) int8, 0 or 1.
    """
    costs = costs or HandCosts()
    hands = notes.hand.copy()
    if not (hands < 0).any():
        return hands
    order, chord = by_chord_and_pitch(notes)
    notes = notes.select(order)
    odds = right_hand_odds(note_features(notes, chord), stored_weights()).astype(float)
    x = keyboard.key_x(notes.pitch.astype(int))
    if wrist_x is not None and len(wrist_x):
        if fps is None:
            raise ValueError("wrist_x needs fps, the rate of its frames")
        frame = np.clip(np.round(notes.onset_s * fps).astype(int), 0, len(wrist_x) - 1)
        left, right = np.abs(wrist_x[frame] - x[:, None]).T
        odds += costs.generated * (left - right)
    odds = np.where(notes.hand < 0, odds, np.where(notes.hand == 1, _SURE, -_SURE))
    hands[order] = _split(notes, x, odds, chord, costs)
    return hands


def _split(
    notes: Notes,
    x: NDArray[np.float64],
    odds: NDArray[np.float64],
    chord: NDArray[np.int64],
    costs: HandCosts,
) -> NDArray[np.int8]:
    """Hands (n,) of notes in the order of chord and pitch."""
    hands = (odds > 0).astype(np.int8)
    bounds = np.flatnonzero(np.diff(chord, prepend=-1, append=chord[-1] + 1)).tolist()
    onsets, offsets, given = notes.onset_s.tolist(), notes.offset_s.tolist(), notes.hand.tolist()
    places, scores = x.tolist(), odds.tolist()
    held: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])  # X, offset; the latest ones
    for start, stop in zip(bounds, bounds[1:], strict=False):
        time = onsets[start] + HELD_S
        held = ([key for key in held[0] if key[1] > time], [key for key in held[1] if key[1] > time])
        keys = places[start:stop]
        if not _crosses(given[start:stop]):
            cost = sum(max(-score, 0.0) for score in scores[start:stop])  # all to the right hand
            best, split = np.inf, 0
            left, right = (_reach(part) for part in held)
            for k in range(stop - start + 1):
                total = cost
                if k:
                    cost += scores[start + k - 1]
                    total = cost + _hold_cost(keys[0], keys[k - 1], k, left, costs)
                if k < len(keys):
                    total += _hold_cost(keys[k], keys[-1], len(keys) - k, right, costs)
                if total < best:
                    best, split = total, k
            hands[start : start + split] = 0
            hands[start + split : stop] = 1
        for i in range(start, stop):
            held[hands[i]].append((places[i], offsets[i]))
        held = (held[0][-KEYS:], held[1][-KEYS:])
    return hands


def _crosses(given: list[int]) -> bool:
    """Whether known hands of a chord, by pitch, have the left above the right."""
    known = [hand for hand in given if hand >= 0]
    return known != sorted(known)


def _reach(held: list[tuple[float, float]]) -> tuple[float, float, int]:
    """The lowest and the highest X of keys that are held, and their number."""
    places = [place for place, _ in held]
    return min(places, default=np.inf), max(places, default=-np.inf), len(places)


def _hold_cost(
    low: float, high: float, count: int, held: tuple[float, float, int], costs: HandCosts
) -> float:
    """Cost of a hand's striking ``count`` keys between two X while it holds others (`_reach`)."""
    low, high, count = min(low, held[0]), max(high, held[1]), count + held[2]
    span = high - low
    if span <= _COMFORTABLE_SPAN and count <= FINGERS:
        return 0.0
    cost = costs.wide * max(span - _COMFORTABLE_SPAN, 0.0) + costs.impossible * max(span - _WIDEST_SPAN, 0.0)
    return cost + costs.finger * max(count - FINGERS, 0)
