# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hand plays what, from the notes alone, from some known hands, and beside a generated motion."""

import numpy as np
import pytest
from counting import calls_of
from numpy.typing import NDArray

from models.body.keyboard import key_x
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.music.notes import chord_starts
from models.planning.hand_odds import (
    by_chord_and_pitch,
    note_features,
    right_hand_odds,
    stored_weights,
)
from models.planning.hand_search import Key, search_hands
from models.planning.hands import HandCosts, assign_hands


def song(bars: int = 12) -> Notes:
    """A melody around C5 over broken chords around C3."""
    rows: list[tuple[float, float, int, int, int]] = []
    for bar in range(bars):
        for k, pitch in enumerate((72, 74, 76, 72)):
            rows.append((bar * 2 + k / 2, bar * 2 + k / 2 + 0.45, pitch + bar % 3, 80, RIGHT))
        for k, pitch in enumerate((48, 55, 52, 55, 48, 55, 52, 55)):
            rows.append((bar * 2 + k / 4, bar * 2 + k / 4 + 0.24, pitch, 60, LEFT))
    rows.sort(key=lambda row: (row[0], row[2]))
    table = np.array(rows)
    return Notes.from_arrays(table[:, :4], hand=table[:, 4].astype(int))


def test_melody_and_accompaniment_come_apart() -> None:
    notes = song()
    found = assign_hands(notes.with_hands(-1))
    assert found.dtype == np.int8 and (found == notes.hand).mean() > 0.98


def test_known_hands_stay_and_teach_the_others() -> None:
    notes = song()
    odd = notes.hand.copy()
    odd[::5] = 1 - odd[::5]
    assert (assign_hands(notes.with_hands(odd)) == odd).all(), "nothing to find"
    given = np.where(np.arange(len(odd)) % 5 == 0, odd, -1)
    assert (assign_hands(notes.with_hands(given))[::5] == odd[::5]).all()


def test_wrists_of_a_motion_draw_notes_that_either_hand_could_play() -> None:
    notes = Notes.from_arrays([[k * 0.5, k * 0.5 + 0.4, 62, 70] for k in range(8)])
    near_left = assign_hands(notes, np.tile([[0.0, 0.6]], (150, 1)), 30.0, HandCosts(generated=60.0))
    near_right = assign_hands(notes, np.tile([[-0.6, 0.0]], (150, 1)), 30.0, HandCosts(generated=60.0))
    assert (near_left == LEFT).all() and (near_right == RIGHT).all()
    with pytest.raises(ValueError, match="fps"):
        assign_hands(notes, np.zeros((3, 2)))


def test_no_hand_gets_more_than_it_can_hold() -> None:
    chord = [[0.0, 1.0, pitch, 80] for pitch in (40, 43, 48, 52, 64, 67, 72, 76)]
    found = assign_hands(Notes.from_arrays(chord))
    assert (found == [0, 0, 0, 0, 1, 1, 1, 1]).all()


def test_a_broken_chord_over_three_octaves_is_shared_where_one_hand_cannot_run_so_fast() -> None:
    """Each key is within reach of the one before it, and no hand reaches four of them."""
    arch = np.array([64, 73, 82, 91, 91, 82, 73, 64] * 3)

    def hands(step_s: float) -> NDArray[np.int8]:
        rows = [[k * step_s, (k + 0.75) * step_s, pitch, 60] for k, pitch in enumerate(arch)]
        return assign_hands(Notes.from_arrays(rows))

    quick = hands(0.092)
    assert (quick == LEFT).any() and np.ptp(arch[quick == RIGHT]) <= 18
    assert (hands(0.15) == RIGHT).all(), "there is time"


def test_chords_are_grouped_by_their_first_onset_and_sorted_by_pitch() -> None:
    onsets = np.array([0.0, 0.02, 0.034, 0.05, 1.0])
    assert chord_starts(onsets).tolist() == [0, 3, 4]
    notes = Notes.from_arrays(np.column_stack([onsets, onsets + 0.5, [70, 50, 60, 40, 65], np.full(5, 80.0)]))
    order, chord = by_chord_and_pitch(notes)
    assert order.tolist() == [1, 2, 0, 3, 4] and chord.tolist() == [0, 0, 0, 1, 2]
    features = note_features(notes.select(order), chord)
    assert np.isfinite(features).all() and features[:3, 5].tolist() == pytest.approx([0, 1 / 3, 2 / 3])


def test_far_notes_change_nothing() -> None:
    rng = np.random.default_rng(3)
    features = rng.standard_normal((600, 8)).astype(np.float32)
    changed = features.copy()
    changed[:100] += 1.0
    before, after = (right_hand_odds(which, stored_weights()) for which in (features, changed))
    np.testing.assert_allclose(before[200:], after[200:], atol=1e-5)
    assert np.abs(before[:100] - after[:100]).max() > 0.01


@pytest.mark.parametrize("seconds", [25, 250])
def test_the_work_of_a_note_does_not_grow_with_the_song(seconds: int) -> None:
    notes = song(seconds).with_hands(-1)
    assign_hands(notes.select(slice(50)))  # what is read or worked out once
    assert calls_of(lambda: assign_hands(notes)) < 400 * len(notes)


def test_costs_are_checked() -> None:
    with pytest.raises(ValueError, match="wide is -1"):
        HandCosts(wide=-1)


def staves() -> Notes:
    """A bass octave that is held, and above it an arpeggio whose first note stands in the lower staff."""
    rows = [(0.0, 2.4, 36, LEFT), (0.0, 2.4, 48, LEFT)]
    rows += [
        (0.3 * i, 0.3 * i + 0.29, pitch, RIGHT) for i, pitch in enumerate((67, 72, 76, 79, 84, 79, 76)) if i
    ]
    rows += [(0.0, 0.29, 67, LEFT), (0.15, 0.29, 67, LEFT)]
    table = np.array(sorted(rows))
    return Notes.from_arrays(table[:, :4].copy() * [1, 1, 1, 0] + [0, 0, 0, 80], hand=table[:, 3].astype(int))


def test_the_other_hand_plays_what_the_named_one_cannot_reach_or_would_have_to_let_go_for() -> None:
    notes = staves()
    low = notes.pitch <= 48
    assert (assign_hands(notes, advice=True) == np.where(low, LEFT, RIGHT)).all()
    assert (assign_hands(notes) == notes.hand).all(), "as law the named hand stays"


def test_hands_that_cross_go_where_the_file_says() -> None:
    rows = [(0.25 * i, 0.25 * i + 0.2, 60 + 7 * (i % 2) * (1 if i < 8 else -1), i % 2) for i in range(16)]
    table = np.array(rows)
    notes = Notes.from_arrays(table * [1, 1, 1, 0] + [0, 0, 0, 80], hand=1 - table[:, 3].astype(int))
    assert (assign_hands(notes, advice=True) == notes.hand).all()


def test_no_hand_plays_between_the_keys_of_the_other_one_because_of_its_track() -> None:
    rows = [(0.0, 1.0, pitch, LEFT) for pitch in (48, 60, 63)] + [(0.0, 1.0, 55, RIGHT)]
    table = np.array(sorted(rows, key=lambda row: row[2]), float)
    notes = Notes.from_arrays(table * [1, 1, 1, 0] + [0, 0, 0, 80], hand=table[:, 3].astype(int))
    found = assign_hands(notes, advice=True)
    assert (found == np.sort(found)).all()


def test_a_tenth_that_is_full_of_keys_is_shared_and_one_of_two_keys_is_not() -> None:
    def shared(pitches: list[int], costs: HandCosts) -> list[int]:
        keys = [Key(float(key_x(pitch)), 1.0, 1.0) for pitch in pitches]
        prices = [(0.0, 9.0)] + [(1.0, 0.0)] * (
            len(keys) - 1
        )  # the notes around them are all the right hand's
        return search_hands([(0.0, keys)], [prices], costs)

    full, open_ = [48, 60, 63, 67, 72, 75], [48, 60, 75]
    assert shared(full, HandCosts()) == [LEFT, LEFT, RIGHT, RIGHT, RIGHT, RIGHT]
    assert shared(full, HandCosts(filled=0.0)) == [LEFT] + 5 * [RIGHT]
    assert shared(open_, HandCosts()) == [LEFT, RIGHT, RIGHT]


def test_a_chord_rolled_over_two_octaves_is_shared_where_one_hand_cannot_be_quick_enough() -> None:
    roll = [(0.0, [69]), (0.12, [74, 78]), (0.18, [81, 86]), (0.24, [93])]

    def hands(slower: float, costs: HandCosts) -> set[int]:
        times = [slower * time for time, _ in roll]
        chords = [
            (time, [Key(float(key_x(pitch)), time + 0.05, time + 0.05) for pitch in keys])
            for time, (_, keys) in zip(times, roll, strict=True)
        ]
        return set(search_hands(chords, [[(6.0, 0.0)] * len(keys) for _, keys in chords], costs))

    assert hands(1.0, HandCosts()) == {LEFT, RIGHT}
    assert hands(1.0, HandCosts(cannot=0.0)) == {RIGHT}
    assert hands(4.0, HandCosts()) == {RIGHT}
