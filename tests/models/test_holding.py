# SPDX-License-Identifier: GPL-3.0-or-later
"""The pedal is no finger: until when fingers have to hold, which pedal the notes betray, and when hands let go."""

from dataclasses import replace

import numpy as np
import pytest

from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.evaluation.scores import frame_score, sounding_roll
from models.music.holding import estimated_pedal, needed_until, pedal_of_spans, pedal_spans
from models.music.pedal import Pedal
from models.planning.fingering import finger_notes

FPS = 30.0


def notes_of(rows: list[tuple[float, float, int]], hand: int = RIGHT) -> Notes:
    return Notes.from_arrays([[on, off, pitch, 80] for on, off, pitch in rows], hand=hand)


def pedal(*spans: tuple[float, float]) -> Pedal:
    return pedal_of_spans(*np.array(spans, float).reshape(-1, 2).T)


def broken_chord(keys: tuple[int, ...], until_s: float) -> Notes:
    return notes_of([(0.25 * i, until_s, key) for i, key in enumerate(keys)])


def test_a_note_is_held_by_a_finger_until_the_pedal_holds_it() -> None:
    notes = notes_of([(0.0, 1.0, 60), (0.5, 2.03, 64), (1.5, 2.5, 67), (3.0, 4.0, 72)])
    assert needed_until(notes, Pedal.none()).tolist() == pytest.approx([1.0, 2.03, 2.5, 4.0])
    # Down from 0.8 to 2.0: it takes over the first note, and the second, which ends as it comes up; not the third.
    assert needed_until(notes, pedal((0.8, 2.0))).tolist() == pytest.approx([0.8, 0.8, 2.5, 4.0])
    assert needed_until(notes, pedal((2.9, 9.0))).tolist()[3] == pytest.approx(3.0), "down before the stroke"


def test_spans_of_a_pedal() -> None:
    half = Pedal(np.array([0.0, 1.0, 2.0, 3.0, 5.0]), np.array([0, 0.6, 0.9, 0.2, 1], np.float32))
    down, up = pedal_spans(half)
    assert down.tolist() == [1.0, 5.0] and up.tolist() == [3.0, np.inf]
    joined = pedal((4.0, 5.0), (1.0, 2.0), (1.5, 3.0), (7.0, 7.0))
    assert joined.time_s.tolist() == [1.0, 3.0, 4.0, 5.0] and joined.depth.tolist() == [1, 0, 1, 0]


def test_many_chords_that_end_at_once_betray_the_pedal() -> None:
    notes = broken_chord((60, 62, 64, 65, 67, 69), 3.0)
    found = estimated_pedal(notes)
    assert found.down_at(np.array([0.05, 0.2, 2.9, 3.1])).tolist() == [False, True, True, False]
    assert not len(estimated_pedal(notes.select(slice(4)))), "fingers hold four keys"
    legato = replace(notes, offset_s=notes.onset_s + 0.3)
    assert not len(estimated_pedal(legato))


def test_more_keys_than_two_hands_reach_betray_the_pedal() -> None:
    rows = [(0.0, 4.0, 30), (0.5, 3.0, 60), (1.0, 3.5, 90)]
    assert not len(estimated_pedal(notes_of(rows[:2])))
    found = estimated_pedal(notes_of(rows))
    assert found.down_at(np.array([0.9, 1.1, 2.9, 3.1])).tolist() == [False, True, True, False]
    crowd = notes_of(
        [(0.02 * i, 2.0, key) for i, key in enumerate((48, 50, 52, 53, 55, 57, 59, 60, 62, 64, 65))]
    )
    assert len(estimated_pedal(crowd)), "eleven keys are one too many"


def test_frames_that_the_pedal_holds_count_neither_way() -> None:
    notes = notes_of([(0.0, 2.0, 60)])
    left_early = sounding_roll(replace(notes, offset_s=np.array([1.0])), 90, FPS)
    held = sounding_roll(notes, 90, FPS)
    assert frame_score(left_early, FPS, notes).recall == pytest.approx(0.5)
    for pressed in (left_early, held):
        assert frame_score(pressed, FPS, notes, pedal((0.9, 2.1))).f1 == 1.0
    too_early = sounding_roll(replace(notes, offset_s=np.array([0.45])), 90, FPS)
    assert frame_score(too_early, FPS, notes, pedal((0.9, 2.1))).recall == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("hand", [LEFT, RIGHT])
def test_a_hand_that_leaps_lets_go_before_and_one_that_plays_on_does_not(hand: int) -> None:
    def release(interval: int) -> float:
        start = 60 if hand == RIGHT else 64
        key = start + interval if hand == RIGHT else start - interval
        played = finger_notes(notes_of([(0.0, 1.0, start), (1.0, 2.0, key)], hand))
        assert played.release_s is not None
        return float(played.release_s[0])

    assert release(2) == 1.0 and release(7) == 1.0
    leaps = [release(interval) for interval in (19, 26, 33)]
    assert leaps == sorted(leaps, reverse=True) and leaps[-1] >= 0.5 and leaps[0] < 0.95


def test_a_finger_stays_at_least_half_of_the_time_until_the_next_stroke() -> None:
    played = finger_notes(notes_of([(0.0, 3.0, 40), (0.1, 3.0, 90)]))
    assert played.release_s is not None and played.release_s[0] == pytest.approx(0.05)


def test_without_the_pedal_a_finger_holds_and_with_it_the_hand_moves_on() -> None:
    # A bass octave below a moving thumb: held where no pedal is, let go at the first stroke that wants a wide hand.
    rows = [(0.0, 2.0, 48), (0.5, 0.9, 64), (1.0, 1.4, 64)]
    held = finger_notes(notes_of(rows, LEFT)).release_s
    covered = replace(notes_of(rows, LEFT), needed_s=np.array([0.1, 0.9, 1.4]))
    moved = finger_notes(covered).release_s
    assert held is not None and moved is not None
    assert held[0] == 2.0 and moved[0] <= 0.5


def test_what_the_pedal_holds_gives_way_first() -> None:
    keys = (60, 62, 64, 65, 67)
    rows = [(0.2 * i, 4.0, key) for i, key in enumerate(keys)] + [(1.4, 2.0, 63)]
    notes = replace(notes_of(rows), needed_s=np.array([4.0, 4.0, 0.9, 4.0, 4.0, 2.0]))
    release = finger_notes(notes).release_s
    assert release is not None
    assert release[2] <= 1.4, "five fingers: the one that the pedal relieves goes"
    assert (release[[0, 1, 3, 4]] == 4.0).all()
