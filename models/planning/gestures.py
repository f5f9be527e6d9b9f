# SPDX-License-Identifier: GPL-3.0-or-later
"""Glissandi: notes that are one movement of one finger over the keys, and not a choice of fingers note by note.

A glissando is a row of keys of one colour, one after another in one direction, faster than a scale is played. One hand
plays it, with the index finger or the middle one, whichever leads; one of two in parallel is the thumb's, the other the
little finger's. What else that hand should play meanwhile, the other hand takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.notes import UNKNOWN, Notes
from models.body.skeleton import RIGHT
from models.planning.fingering_costs import ALL_FINGERS

FEWEST_KEYS = 7
"""Shorter rows are ornaments, which fingers play."""
SLOWEST_S = 0.055
"""From key to key on average: 18 keys a second. Scales of fast pianists have 16."""
LONGEST_S = 0.1
"""From key to key anywhere; no finger lifts and strikes again sooner."""
STEPS = 2
"""White keys from key to key: between black keys two are usual, on white ones one may be missing."""
_MEANWHILE_S = (
    0.04  # a hand is busy with a glissando from this long before it until this long after its last key
)


@dataclass(frozen=True)
class Glissando:
    """Notes that one finger slides through."""

    index: NDArray[np.int64]
    """(k,) the notes, by time."""
    rises: bool
    """Towards the treble."""


@dataclass
class _Row:
    """A row of keys that may go on."""

    index: list[int]
    onset_s: float
    place: int
    way: int


def glissandi(notes: Notes) -> list[Glissando]:
    """The glissandi among notes sorted by onset, whoever plays them."""
    pitch = notes.pitch.astype(int)
    black, place = keyboard.is_black(pitch).tolist(), keyboard.white_index(pitch).tolist()
    open_rows: tuple[list[_Row], list[_Row]] = ([], [])
    done: list[_Row] = []
    for i, onset in enumerate(notes.onset_s.tolist()):
        rows = open_rows[black[i]]
        going = [row for row in rows if onset - row.onset_s <= LONGEST_S]
        done += [row for row in rows if onset - row.onset_s > LONGEST_S and len(row.index) >= FEWEST_KEYS]
        row = _row_before(going, onset, place[i])
        if row is None:
            going.append(_Row([i], onset, place[i], 0))
        else:
            way = int(np.sign(place[i] - row.place))
            row.index.append(i)
            row.onset_s, row.place, row.way = onset, place[i], way
        open_rows[black[i]][:] = going
    done += [row for rows in open_rows for row in rows if len(row.index) >= FEWEST_KEYS]
    found = [Glissando(np.array(row.index), row.way > 0) for row in done]
    fast = [one for one in found if np.ptp(notes.onset_s[one.index]) <= SLOWEST_S * (len(one.index) - 1)]
    return sorted(fast, key=lambda one: int(one.index[0]))


def _row_before(rows: list[_Row], onset: float, place: int) -> _Row | None:
    """The row that a key goes on, the one whose last key is nearest."""
    near = [
        row
        for row in rows
        if onset > row.onset_s and 1 <= abs(place - row.place) <= STEPS and row.way * (place - row.place) >= 0
    ]
    return min(
        near, key=lambda row: (abs(place - row.place), onset - row.onset_s, -len(row.index)), default=None
    )


def in_one_hand(notes: Notes, hands: NDArray[np.int8]) -> NDArray[np.int8]:
    """Hands (n,) in which each glissando is one hand's, and the other hand plays what else there is.

    Args:
        notes: sorted by onset; a hand that is not -1 was named by the music. hands: (n,) as found.
    """
    found = glissandi(notes)
    if not found:
        return hands
    hands, sliding = hands.copy(), np.zeros(len(notes), bool)
    sliding[np.concatenate([one.index for one in found])] = True
    for one in found:
        first_s, last_s = notes.onset_s[one.index[[0, -1]]]
        sounds = ~sliding & (notes.onset_s < last_s + _MEANWHILE_S) & (notes.offset_s > first_s)
        hand = _sliding_hand(notes, hands, one, sounds)
        hands[one.index] = hand
        meanwhile = sounds & (notes.onset_s > first_s - _MEANWHILE_S)
        hands[meanwhile & (notes.hand == UNKNOWN)] = 1 - hand
    return hands


def _sliding_hand(notes: Notes, hands: NDArray[np.int8], one: Glissando, sounds: NDArray[np.bool_]) -> int:
    """The hand that the music names, or that is on this side of what else sounds (n,), or has most of the notes."""
    named = notes.hand[one.index]
    if named[0] != UNKNOWN and (named == named[0]).all():
        return int(named[0])
    if sounds.any():
        return int((notes.pitch[one.index, None] > notes.pitch[None, sounds]).mean() >= 0.5)
    return int((hands[one.index] == RIGHT).mean() >= 0.5)


def sliding_fingers(
    notes: Notes, found: list[Glissando], hand: int, present: NDArray[np.bool_] = ALL_FINGERS[0]
) -> NDArray[np.int8]:
    """(n,) the finger of each note of one hand that is slid through, -1 for the others.

    present: (5,) the fingers that the hand has; the nearest of them takes the place of one that it has not.
    """
    there = np.flatnonzero(present)
    finger = np.full(len(notes), UNKNOWN, np.int8)
    for one in found:
        outward = one.rises == (hand == RIGHT)
        beside = _parallel(notes, one, found)
        if beside is None:
            wanted = 2 if outward else 1
        else:
            higher = notes.pitch[one.index].mean() > notes.pitch[beside.index].mean()
            wanted = 4 if higher == (hand == RIGHT) else 0
        finger[one.index] = there[np.abs(there - wanted).argmin()]
    return finger


def _parallel(notes: Notes, one: Glissando, found: list[Glissando]) -> Glissando | None:
    """Another glissando at the same time."""
    first, last = notes.onset_s[one.index[[0, -1]]]
    for other in found:
        begin, end = notes.onset_s[other.index[[0, -1]]]
        if other is not one and begin < last and end > first:
            return other
    return None
