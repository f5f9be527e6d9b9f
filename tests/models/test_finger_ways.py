"""Planning knows time: fingers are at their next key in time, hands out of each other's way, and keys are let go."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.planning.fingering import FingeringCosts, finger_notes
from models.planning.fingering_costs import beyond_reach
from models.planning.hands import HandCosts, assign_hands

ARPEGGIO = [59, 66, 75, 83, 83, 75, 66, 59]


def row(pitches: list[int], step_s: float, hand: int = RIGHT) -> Notes:
    table = [[i * step_s, (i + 0.75) * step_s, pitch, 80.0] for i, pitch in enumerate(pitches)]
    return Notes.from_arrays(table, hand=hand)


def longest_way(notes: Notes, costs: FingeringCosts | None = None) -> float:
    """The most semitones that the hand has to go from a key to the next."""
    finger = finger_notes(notes, costs=costs).finger.astype(int)
    return float(beyond_reach(np.diff(notes.pitch), finger[:-1], finger[1:]).max())


def test_keys_beyond_reach_are_those_that_two_fingers_do_not_span() -> None:
    interval, first, second = (
        np.array(part) for part in ([9, 12, 3, -4, 5], [0, 1, 2, 2, 0], [1, 4, 2, 1, 0])
    )
    assert beyond_reach(interval, first, second).tolist() == [0, 2, 3, 0, 5]
    assert beyond_reach(interval, first, second, 0.5).tolist() == [4, 7, 3, 1.5, 5]


def test_a_hand_that_has_no_time_spreads_its_fingers_and_one_that_has_goes() -> None:
    fast, slow = row(ARPEGGIO, 0.09), row(ARPEGGIO, 0.4)
    careless = FingeringCosts(hurries=0.0)
    assert longest_way(fast) < longest_way(fast, careless)
    assert (finger_notes(slow).finger == finger_notes(slow, costs=careless).finger).all()


@pytest.mark.parametrize("hand", [LEFT, RIGHT])
def test_fast_repeated_notes_change_fingers_slow_ones_and_octaves_do_not(hand: int) -> None:
    careless = FingeringCosts(hurries=0.0)
    fast, slow = row([60] * 8, 0.11, hand), row([60] * 8, 0.3, hand)
    assert (np.diff(finger_notes(fast).finger.astype(int)) != 0).all()
    assert len(set(finger_notes(fast, costs=careless).finger.tolist())) == 1
    assert len(set(finger_notes(slow).finger.tolist())) == 1
    octaves = Notes.from_arrays(
        [[0.11 * i, 0.11 * i + 0.08, pitch, 80.0] for i in range(8) for pitch in (48, 60)], hand=hand
    )
    assert finger_notes(octaves).finger.tolist() == ([4, 0] if hand == LEFT else [0, 4]) * 8


def shared_octave(step_s: float) -> Notes:
    """A melody whose every third note stands in the left hand's track, among the keys of the right one."""
    notes = row([60, 58, 61, 58, 60, 61, 63, 60, 58, 61, 60, 63] * 3, step_s)
    return notes.with_hands(np.where(np.arange(len(notes)) % 3 == 1, LEFT, RIGHT))


def meetings(notes: Notes, hand: NDArray[np.int8]) -> int:
    """How often a hand strikes a key at once after the other one, which is at that key or beyond it."""
    way = np.diff(notes.pitch) * np.diff(hand.astype(int))
    return int(((np.diff(hand) != 0) & (way <= 0)).sum())


def test_hands_do_not_alternate_among_each_others_keys_faster_than_they_get_out_of_the_way() -> None:
    fast, slow = shared_octave(0.11), shared_octave(0.5)
    assert meetings(fast, assign_hands(fast, advice=True)) == 0
    assert (assign_hands(slow, advice=True) == slow.hand).all(), "with time to cross, tracks are obeyed"
    assert meetings(fast, assign_hands(fast, costs=HandCosts(meets=0.0), advice=True)) > 3


@pytest.mark.parametrize("hand", [LEFT, RIGHT])
def test_what_cannot_be_held_beside_what_is_struck_is_let_go(hand: int) -> None:
    keys = np.array([[0.0, 1.05, 38], [0.0, 1.05, 45], [0.0, 1.05, 52], [0.9, 1.05, 56], [1.05, 2.0, 57]])
    pitch = keys[:, 2] if hand == LEFT else 100 - keys[:, 2]  # 50 mirrors black keys on black ones
    notes = Notes.from_arrays(np.column_stack([keys[:, :2], pitch, np.full(5, 80.0)]), hand=hand)
    notes = notes.select(np.lexsort((notes.pitch, notes.onset_s)))
    found = finger_notes(notes)
    inner = np.flatnonzero((notes.onset_s == 0) & (notes.pitch == (52 if hand == LEFT else 48)))[0]
    assert found.finger[inner] == 0 and found.release_s is not None
    assert found.release_s[inner] <= 0.9 + 1e-6
    stubborn = finger_notes(notes, costs=FingeringCosts(held_finger_changes=1000.0))
    assert stubborn.finger[inner] != 0
