# SPDX-License-Identifier: GPL-3.0-or-later
"""One hand's notes as a lattice: chords, the fingers that can take their keys, and the key pairs that cost.

Each chord's state is the fingers of all keys that are down, struck or still held, by X. Pairs of keys within a
chord, between neighbouring chords and between a chord and the next but one each pick a row of a cost table; a pair
is spread over the states through a fixed index, so that there is no loop over chords.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.notes import Notes
from models.planning.chords import group_chords
from models.planning.fingering_costs import FINGERS, ROWS, FingeringCosts, Tables, relation

STATES = 10
"""Most states that a chord can have."""

LONG_S = 1.0
"""A key that is to be held for so long, or longer, costs all that it costs to let it go; for less it costs less."""
_BLOCK = 4096  # chords whose pairs are spread at a time: 20 MB or, where all are full, 100

STATE_FINGERS = [np.array(list(combinations(range(FINGERS), n)), np.int64) for n in range(FINGERS + 1)]
"""(states, n) fingers of each state of a chord of n keys."""
STATE_COUNT = np.array([len(states) for states in STATE_FINGERS])
_FINGER = np.zeros((FINGERS + 1, FINGERS, STATES), np.int64)
"""[n, i, state] finger of the i-th key in a chord of n."""
for _n, _states in enumerate(STATE_FINGERS):
    _FINGER[_n, :_n, : len(_states)] = _states.T


@dataclass(frozen=True)
class Pairs:
    """Key pairs that cost: which chord they count for, where they are in it and the one before, which table row."""

    chord: NDArray[np.int64]
    first: NDArray[np.int64]  # place of the key in its chord
    second: NDArray[np.int64]
    row: NDArray[np.int64]
    weight: NDArray[np.float32]

    def part(self, which: slice | NDArray[np.int64]) -> Pairs:
        """Some of the pairs."""
        return Pairs(
            self.chord[which], self.first[which], self.second[which], self.row[which], self.weight[which]
        )


@dataclass(frozen=True)
class Lattice:
    """Chords of one hand; ``member`` arrays are (chords, 5), padded with -1."""

    time: NDArray[np.float64]
    size: NDArray[np.int64]
    """(chords,) keys down."""
    member: NDArray[np.int64]
    """Note index of each key that is down."""
    struck: NDArray[np.bool_]
    """Whether it is struck in this chord."""
    black: NDArray[np.int64]
    within: Pairs
    step: Pairs
    skip: Pairs
    release: NDArray[np.float64]
    """(notes,) when each finger has to leave its key."""


def mirrored_pitch(notes: Notes, hand: int) -> NDArray[np.int64]:
    """(n,) keys as the right hand would see them."""
    pitch = notes.pitch.astype(np.int64)
    return pitch if hand == 1 else keyboard.MIRROR_PITCH_SUM - pitch


def build_lattice(
    notes: Notes, hand: int, costs: FingeringCosts, fingers: int = FINGERS, reach: float = 1.0
) -> Lattice:
    """The lattice of one hand's notes, sorted by onset.

    Args:
        hand: 0 left, 1 right. fingers: that it has. reach: how far it reaches, as a factor on ours.
    """
    pitch = mirrored_pitch(notes, hand)
    x = keyboard.key_x(pitch)
    chords = group_chords(notes, pitch, x / reach, fingers)
    time, member, struck, release = chords.time, chords.member, chords.struck, chords.release
    size = (member >= 0).sum(1)
    known = np.where(member >= 0, member, 0)
    keys = pitch[known]
    black = keyboard.is_black(keys).astype(int)
    gap = np.diff(time, prepend=time[:1])
    end = np.where(member >= 0, release[known], -np.inf).max(1)
    silence = np.maximum(time - np.concatenate([time[:1], end[:-1]]), 0.0)
    ease = 1 / (1 + (silence / costs.rest_s) ** 2) / (1 + (gap / costs.slow_s) ** 2)
    ease_two = ease * np.concatenate([ease[:1], ease[:-1]])
    return Lattice(
        time,
        size,
        member,
        struck,
        black,
        _within(size, struck, keys, black),
        _between(1, size, member, struck, keys, black, ease, time, release),
        _between(2, size, member, struck, keys, black, ease_two, time, release),
        release,
    )


def _within(size: NDArray[Any], struck: NDArray[Any], keys: NDArray[Any], black: NDArray[Any]) -> Pairs:
    """Pairs of keys that are down together, at least one of them newly struck."""
    i, j = np.triu_indices(FINGERS, 1)
    real = (size[:, None] > j) & (struck[:, i] | struck[:, j])
    chord, pair = np.nonzero(real)
    first, second = i[pair], j[pair]
    row = relation(keys[chord, second] - keys[chord, first], black[chord, first], black[chord, second])
    return Pairs(chord, first, second, row, np.ones(len(chord), np.float32))


def _between(
    back: int,
    size: NDArray[Any],
    member: NDArray[Any],
    struck: NDArray[Any],
    keys: NDArray[Any],
    black: NDArray[Any],
    ease: NDArray[Any],
    time: NDArray[Any],
    release: NDArray[Any],
) -> Pairs:
    """Pairs of a struck key and one of the chord ``back`` earlier that is not held on.

    For the chord just before, also the keys held on.
    """
    chords = len(size)
    later, earlier = slice(back, chords), slice(0, max(chords - back, 0))
    i, j = (axis.ravel() for axis in np.meshgrid(range(FINGERS), range(FINGERS), indexing="ij"))
    same = member[earlier][:, i] == member[later][:, j]
    there = (size[earlier, None] > i) & (size[later, None] > j)
    held_on = (member[earlier][:, :, None] == member[later][:, None, :]).any(2)
    costs = there & struck[later][:, j] & ~held_on[:, i]
    if back == 2:
        costs &= struck[earlier][:, i]
    weight = costs / np.sqrt(np.maximum(costs.sum(1, keepdims=True), 1)) * ease[later, None]
    use = costs | (there & same) if back == 1 else costs
    chord, pair = np.nonzero(use)
    first, second = i[pair], j[pair]
    row = relation(
        keys[chord + back, second] - keys[chord, first], black[chord, first], black[chord + back, second]
    )
    held = same[chord, pair]
    row = np.where(held, ROWS, row)
    left = release[member[chord + back, second]] - time[chord + back]
    weights = np.where(held, held_weight(left), weight[chord, pair]).astype(np.float32)
    return Pairs(chord + back, first, second, row, weights)


def held_weight(left_s: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """How much, 0 to 1, a key matters that is to be held for so many seconds more, of any shape."""
    return np.minimum(left_s / LONG_S, 1.0)


def strained(
    lattice: Lattice, used: NDArray[np.integer[Any]], table: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(chords, 5) what each key that is held on costs beside those that are struck.

    Args:
        used: (chords, 5) the finger on each key. table: costs of two keys that are down together.
    """
    pairs = lattice.within
    one, two = (lattice.struck[pairs.chord, place] for place in (pairs.first, pairs.second))
    mixed = np.flatnonzero(one != two)
    chord, first, second = (part[mixed] for part in (pairs.chord, pairs.first, pairs.second))
    cost = table[pairs.row[mixed], used[chord, first] * FINGERS + used[chord, second]]
    strain = np.zeros(lattice.member.shape, np.float32)
    np.add.at(strain, (chord, np.where(one[mixed], second, first)), cost)
    return strain


def columns(
    size_first: NDArray[Any], size_second: NDArray[Any], pairs: Pairs, *, joint: bool
) -> NDArray[np.int64]:
    """Which of a row's 25 columns each state takes: (pairs, 10) within a chord, (pairs, 10, 10) between two.

    Entries for states that a chord has not are meaningless.
    """
    one = _FINGER[size_first, pairs.first]
    two = _FINGER[size_second, pairs.second]
    return one * FINGERS + two if joint else one[:, :, None] * FINGERS + two[:, None, :]


def spread(lattice: Lattice, pairs: Pairs, back: int, table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum of the pairs' costs: (chords, 10) for pairs within chords (``back`` 0), else (chords, 10, 10)."""
    shape = (STATES,) if back == 0 else (STATES, STATES)
    cost = np.zeros((len(lattice.size), *shape), np.float32)
    starts = np.flatnonzero(np.diff(pairs.chord, prepend=-1))
    wide = (slice(None), *(None for _ in shape))
    for first in range(0, len(starts), _BLOCK):
        begins = starts[first : first + _BLOCK]
        end = starts[first + _BLOCK] if first + _BLOCK < len(starts) else len(pairs.chord)
        part = pairs.part(slice(begins[0], end))
        column = columns(lattice.size[part.chord - back], lattice.size[part.chord], part, joint=back == 0)
        each = table[part.row[wide], column] * part.weight[wide]
        cost[pairs.chord[begins]] = np.add.reduceat(each, begins - begins[0], axis=0)
    return cost


def own_costs(lattice: Lattice, note_cost: NDArray[np.float32]) -> NDArray[np.float32]:
    """(chords, 10) cost of each state from (chords, 5 keys, 5 fingers) costs of single keys, struck ones only."""
    fingers = _FINGER[lattice.size]  # (chords, 5, 10)
    each = np.take_along_axis(note_cost, fingers, axis=2)
    return (each * lattice.struck[:, :, None]).sum(1, dtype=np.float32)


def states_with(fingers: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """(6, 10) whether a chord's state takes any of these fingers, by the number of its keys."""
    found = np.zeros((FINGERS + 1, STATES), bool)
    for keys, states in enumerate(STATE_FINGERS):
        found[keys, : len(states)] = np.isin(states, fingers).any(1)
    return found


def lattice_costs(
    lattice: Lattice, tables: Tables
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Costs of chords (chords, 10), of steps (chords, 10 before, 10) and of skips (chords, 10 two before, 10)."""
    own = own_costs(lattice, tables.finger[lattice.black])
    own += spread(lattice, lattice.within, 0, tables.chord)
    return own, spread(lattice, lattice.step, 1, tables.step), spread(lattice, lattice.skip, 2, tables.skip)
