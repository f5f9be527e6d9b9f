# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingering by an optimal search (Viterbi, two chords of memory) over the chords of each hand.

What a fingering costs is in `fingering_costs`, what can follow what in `fingering_lattice`. Left-hand keys are
mirrored first, so that both hands are one code path: finger 0 (thumb) plays the lowest X.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.notes import UNKNOWN, Notes
from models.body.skeleton import LEFT, RIGHT
from models.music.notes import CHORD_WINDOW_S
from models.planning.chords import HELD_S, MAX_SPAN
from models.planning.finger_ways import hurry_costs
from models.planning.fingering_costs import ALL_FINGERS, FINGERS, FingeringCosts, load_tables
from models.planning.fingering_lattice import (
    STATE_COUNT,
    STATE_FINGERS,
    build_lattice,
    held_weight,
    lattice_costs,
    mirrored_pitch,
    own_costs,
    states_with,
    strained,
)
from models.planning.fingering_noise import finger_noise
from models.planning.gestures import glissandi, sliding_fingers
from models.planning.letting_go import leave_in_time
from models.planning.making_way import make_way
from models.planning.playing_hands import OUR_HANDS, PlayingHands

__all__ = ["CHORD_WINDOW_S", "HELD_S", "MAX_SPAN", "FingeringCosts", "finger_notes"]

_NOT_THERE = np.float32(1e4)
"""A finger that the hand does not have: more than all that fingers cost in a song."""


def cheapest_path(
    size: NDArray[np.integer[Any]],
    own: NDArray[np.float32],
    step: NDArray[np.float32],
    skip: NDArray[np.float32],
) -> list[int]:
    """State of each chord on the cheapest path.

    Args:
        size: (chords,) keys down. own: (chords, 10). step: (chords, 10, 10). skip: (chords, 10, 10).
    """
    counts = STATE_COUNT[size].tolist()
    if len(counts) == 1:
        return [int(own[0, : counts[0]].argmin())]
    a, b = counts[0], counts[1]
    step = step + own[:, None, :]
    cost = own[0, :a, None] + step[1, :a, :b]
    back: list[NDArray[np.intp]] = []
    for index in range(2, len(counts)):
        c = counts[index]
        total = cost[:, :, None] + skip[index, :a, None, :c]
        back.append(total.argmin(0))
        cost = total.min(0)
        cost += step[index, :b, :c]
        a, b = b, c
    last, now = divmod(int(cost.argmin()), cost.shape[1])
    path = [now, last]
    for choice in reversed(back):
        path.append(int(choice[path[-1], path[-2]]))
    path.reverse()
    return path


class FingeringSearch:
    """Optimal fingering of one hand's notes."""

    def __init__(self, costs: FingeringCosts | None = None, *, variation: float = 0.0, seed: int = 0) -> None:
        self.costs = costs or FingeringCosts()
        self.tables = load_tables(self.costs)
        self.variation = variation
        self.seed = seed

    def __call__(
        self,
        notes: Notes,
        hand: int,
        tips_x: NDArray[np.floating[Any]] | None = None,
        given: NDArray[np.integer[Any]] | None = None,
        present: NDArray[np.bool_] = ALL_FINGERS[0],
    ) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Finger the notes of one hand (0 left, 1 right), sorted by onset.

        ``tips_x`` (n, 5), if given, is the X of the hand's fingertips in the generated motion at each onset;
        ``given`` (n,) the fingers that are known, -1 for the others; ``present`` (5,) those that the hand has.
        Returns the fingers (n,), -1 for a note left out, and when each finger has to leave its key (n,), seconds.
        """
        if len(notes) == 0:
            return np.full(0, UNKNOWN, np.int8), np.zeros(0)
        finger, release, let_go = self._searched(notes, hand, tips_x, given, present)
        if let_go:  # what has been let go is in nobody's way afterwards
            shorter = replace(notes, offset_s=np.minimum(notes.offset_s, release))
            finger, release, _ = self._searched(shorter, hand, tips_x, given, present)
        return finger, leave_in_time(notes, mirrored_pitch(notes, hand), finger, release)

    def _searched(
        self,
        notes: Notes,
        hand: int,
        tips_x: NDArray[np.floating[Any]] | None,
        given: NDArray[np.integer[Any]] | None,
        present: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int8], NDArray[np.float64], bool]:
        """Fingers (n,), by when each leaves its key (n,), and whether one does so that others can play."""
        finger = np.full(len(notes), UNKNOWN, np.int8)
        lattice = build_lattice(notes, hand, self.costs, int(present.sum()), self.costs.reach)
        own, step, skip = lattice_costs(lattice, self.tables)
        step = step + hurry_costs(lattice, 1, self.costs.hurries, self.costs.reach)
        skip = skip + hurry_costs(lattice, 2, self.costs.hurries, self.costs.reach)
        if not present.all():
            own = own + _NOT_THERE * states_with(np.flatnonzero(~present))[lattice.size]
        extra = self._extra(notes, hand, tips_x, given)
        if extra is not None:
            own = own + own_costs(lattice, extra[np.where(lattice.member >= 0, lattice.member, 0)])
        path = cheapest_path(lattice.size, own, step, skip)
        used = np.full(lattice.member.shape, UNKNOWN, np.int64)
        for n in range(1, FINGERS + 1):
            chords = np.flatnonzero(lattice.size == n)
            if len(chords):
                used[chords, :n] = STATE_FINGERS[n][np.array(path)[chords]]
        finger[lattice.member[lattice.struck]] = used[lattice.struck]
        chord, place = np.nonzero((lattice.member >= 0) & ~lattice.struck)
        held = lattice.member[chord, place]
        price = self.costs.held_finger_changes * held_weight(lattice.release[held] - lattice.time[chord])
        goes = (finger[held] != used[chord, place]) | (
            strained(lattice, used, self.tables.chord)[chord, place] > price
        )
        release = lattice.release.copy()
        np.minimum.at(release, held[goes], lattice.time[chord[goes]])
        return finger, release, bool(goes.any())

    def _extra(
        self,
        notes: Notes,
        hand: int,
        tips_x: NDArray[np.floating[Any]] | None,
        given: NDArray[np.integer[Any]] | None,
    ) -> NDArray[np.float32] | None:
        """(n, 5) costs of each note's fingers from the generated motion, the variation and what is given."""
        if tips_x is None and self.variation == 0 and given is None:
            return None
        extra = np.zeros((len(notes), FINGERS))
        if tips_x is not None:
            away = np.abs(tips_x - keyboard.key_x(notes.pitch.astype(int))[:, None])
            extra += self.costs.generated * np.minimum(away, 2 * keyboard.WHITE_PITCH)
        if self.variation:
            extra += self.variation * finger_noise(notes.onset_s, notes.pitch, hand, self.seed)
        if given is not None:
            others = np.arange(FINGERS) != given[:, None]
            extra += self.costs.held_finger_changes * (others & (given >= 0)[:, None])
        return extra.astype(np.float32)


def finger_notes(
    notes: Notes,
    tips_x: NDArray[np.floating[Any]] | None = None,
    costs: FingeringCosts | None = None,
    *,
    variation: float = 0.0,
    seed: int = 0,
    playing: PlayingHands = OUR_HANDS,
) -> Notes:
    """The notes with their fingers, and when each has to leave its key; -1, -1 where no hand can play the note.

    Args:
        notes: sorted by onset, each in a hand; nobody plays those whose hand is -1.
        tips_x: (n, 2, 5) X of all fingertips of a generated motion at each onset, metres, if there is one: fingers
            that are near their key anyway are preferred.
        variation: how far ``seed`` may lead away from the optimum, in units of costs; 0 is the optimum itself, 1 lets
            finger choices change that are a matter of taste. What is drawn for a note depends on its onset, pitch
            and hand only, not on the other notes.
        playing: the hands that play; fingers that they do not have play nothing.
    """
    costs = costs or FingeringCosts()
    fingers = np.full(len(notes), UNKNOWN, np.int8)
    release = notes.offset_s.astype(float)
    for hand in (LEFT, RIGHT):
        index = np.flatnonzero(notes.hand == hand)
        if len(index):
            own = replace(costs, reach=costs.reach * playing.reach[hand])
            search = FingeringSearch(own, variation=variation, seed=seed)
            tips = None if tips_x is None else tips_x[index, hand]
            fingers[index], release[index] = _with_slides(
                search, notes.select(index), hand, tips, playing.present[hand]
            )
    hands = np.where(fingers >= 0, notes.hand, np.int8(UNKNOWN))
    return replace(notes, hand=hands, finger=fingers, release_s=make_way(notes, hands, fingers, release))


def _with_slides(
    search: FingeringSearch,
    notes: Notes,
    hand: int,
    tips_x: NDArray[np.floating[Any]] | None,
    present: NDArray[np.bool_],
) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Fingers and releases (n,) of one hand's notes; the search sees of a glissando its first and its last key."""
    found = glissandi(notes)
    if not found:
        return search(notes, hand, tips_x, present=present)
    finger, release = sliding_fingers(notes, found, hand, present), notes.offset_s.astype(float)
    searched, slid = np.ones(len(notes), bool), finger >= 0
    for one in found:
        searched[one.index[1:-1]] = False
    index = np.flatnonzero(searched)
    fingers, release[index] = search(
        notes.select(index), hand, None if tips_x is None else tips_x[index], finger[index], present
    )
    finger[index] = np.where(finger[index] >= 0, finger[index], fingers)
    for one in found:
        first_s, last_s = notes.onset_s[one.index[[0, -1]]]
        finger[~slid & (notes.onset_s > first_s) & (notes.onset_s < last_s)] = UNKNOWN
        before = ~slid & (notes.onset_s <= first_s)
        release[before] = np.minimum(release[before], first_s)
        release[one.index[:-1]] = notes.onset_s[one.index[1:]]
    return finger, release
