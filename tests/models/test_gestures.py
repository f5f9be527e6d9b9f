# SPDX-License-Identifier: GPL-3.0-or-later
"""Glissandi: found where there are some and nowhere else, in one hand, by one finger."""

import numpy as np
import pytest

from models.body.edit_mask import EditMask
from models.body.notes import UNKNOWN, Notes
from models.body.skeleton import LEFT, RIGHT
from models.planning.fingering import finger_notes
from models.planning.gestures import Glissando, glissandi, in_one_hand
from models.planning.plan import plan_fingering

WHITE = [pitch for pitch in range(36, 97) if pitch % 12 in (0, 2, 4, 5, 7, 9, 11)]
BLACK = [pitch for pitch in range(37, 95) if pitch % 12 in (1, 3, 6, 8, 10)]


def row(pitches: list[int], rate: float, start_s: float = 0.5) -> list[list[float]]:
    return [[start_s + i / rate, start_s + (i + 0.9) / rate, pitch, 80] for i, pitch in enumerate(pitches)]


def notes_of(*rows: list[list[float]]) -> Notes:
    return Notes.from_arrays(sorted(note for notes in rows for note in notes))


def pitches_of(notes: Notes, found: list[Glissando]) -> list[list[int]]:
    return [notes.pitch[one.index].astype(int).tolist() for one in found]


@pytest.mark.parametrize("keys", [WHITE, WHITE[::-1], BLACK, BLACK[::-1]])
def test_a_fast_row_of_keys_of_one_colour_is_a_glissando(keys: list[int]) -> None:
    notes = notes_of(row(keys, 30), [[0.4, 2.0, 30, 80], [0.8, 1.2, 101, 80]])
    found = glissandi(notes)
    assert pitches_of(notes, found) == [keys] and found[0].rises == (keys[0] < keys[-1])


def test_a_key_that_was_not_heard_and_a_turn_are_seen_through() -> None:
    up = WHITE[10:25]
    heard = [note for i, note in enumerate(row(up, 25)) if i != 6]
    assert pitches_of(notes_of(heard), glissandi(notes_of(heard))) == [[*up[:6], *up[7:]]]
    turn = notes_of(row(up + up[-2::-1], 28))
    assert [len(keys) for keys in pitches_of(turn, glissandi(turn))] == [15, 14]


@pytest.mark.parametrize(
    "notes",
    [
        notes_of(row(WHITE[10:30], 15)),  # a fast scale
        notes_of(row(WHITE[10:16], 30)),  # an ornament
        notes_of(row(list(range(60, 80)), 30)),  # all keys, black and white
        notes_of(row([72, 74] * 20, 25)),  # a trill
        notes_of(row(WHITE[::3], 30)),  # a broken chord
        notes_of([[0.5, 1.0, pitch, 80] for pitch in WHITE]),  # a cluster
        Notes.none(),
    ],
)
def test_what_fingers_play_is_no_glissando(notes: Notes) -> None:
    assert glissandi(notes) == []


def test_one_hand_glides_and_the_other_plays_the_rest() -> None:
    chords = [[0.5, 2.0, 40, 80], [0.5, 2.0, 47, 80]]
    notes = notes_of(row(WHITE[7:], 30), chords)
    slides = np.isin(np.arange(len(notes)), glissandi(notes)[0].index)
    given = np.where(notes.pitch < 70, LEFT, RIGHT).astype(np.int8)
    hands = in_one_hand(notes, given)
    assert (hands[slides] == RIGHT).all() and (hands[~slides] == LEFT).all()
    above = notes_of(row(WHITE[:20], 30), [[0.5, 2.0, 84, 80]])
    hands = in_one_hand(above, np.full(len(above), RIGHT, np.int8))
    assert (hands[above.pitch < 80] == LEFT).all() and hands[above.pitch == 84] == RIGHT
    named = notes.with_hands(LEFT)
    assert (in_one_hand(named, named.hand) == LEFT).all(), "what the music says stays"


@pytest.mark.parametrize("hand", [LEFT, RIGHT])
@pytest.mark.parametrize("rises", [True, False])
def test_one_finger_plays_it_and_lets_go_of_each_key_for_the_next(hand: int, rises: bool) -> None:
    keys = WHITE[12:27] if rises else WHITE[12:27][::-1]
    held, meanwhile = [[0.3, 1.5, keys[0] - 12, 80]], [[0.71, 0.9, keys[3] + 1, 80]]
    notes = notes_of(row(keys, 30), held, meanwhile, [[1.3, 1.6, 60, 80], [1.6, 1.9, 62, 80]])
    found = finger_notes(notes.with_hands(hand))
    slides = glissandi(notes)[0].index
    outward = rises == (hand == RIGHT)
    assert set(found.finger[slides]) == {2 if outward else 1}
    assert found.release_s is not None
    np.testing.assert_allclose(found.release_s[slides[:-1]], notes.onset_s[slides[1:]])
    begins = notes.onset_s[slides[0]]
    assert begins - 0.11 < found.release_s[0] <= begins, (
        "the hand lets go of what it holds, in time to be there"
    )
    assert found.finger[notes.onset_s == 0.71] == UNKNOWN, "and plays nothing else meanwhile"
    assert (found.finger[-2:] >= 0).all()


@pytest.mark.parametrize("hand", [LEFT, RIGHT])
def test_of_two_in_octaves_the_thumb_has_the_inner_one(hand: int) -> None:
    low = WHITE[10:22]
    notes = notes_of(row(low, 22), row([pitch + 12 for pitch in low], 22))
    found = finger_notes(notes.with_hands(hand))
    lower = set(found.finger[notes.pitch < low[0] + 12])
    assert lower == {0 if hand == RIGHT else 4}
    assert set(found.finger[notes.pitch > low[-1]]) == {4 if hand == RIGHT else 0}


def test_the_plan_of_a_take_has_them_in_one_hand() -> None:
    notes = notes_of(row(WHITE, 40))
    plan = plan_fingering(notes, seed=3, keep=None, edits=EditMask.everything(90, 30.0))
    assert len(set(plan.slot.tolist())) == 1 and plan.played.all()
