# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingering as pianists know it: positions, scales, chords, held keys, and what no hand can play."""

import numpy as np
import pytest

from models.body import skeleton
from models.body.notes import Notes
from models.planning.fingering import FingeringCosts, finger_notes


def line(pitches: list[int], step_s: float = 0.2) -> Notes:
    return Notes.from_arrays([[i * step_s, (i + 1) * step_s, pitch, 80.0] for i, pitch in enumerate(pitches)])


def chord(pitches: list[int], start: float = 0.0) -> Notes:
    return Notes.from_arrays([[start, start + 1, pitch, 80.0] for pitch in pitches])


def fingers(notes: Notes, hand: int) -> list[int]:
    return finger_notes(notes.with_hands(hand)).finger.tolist()


def test_five_finger_position_and_its_mirror_image() -> None:
    up = [60, 62, 64, 65, 67]
    assert fingers(line(up), skeleton.RIGHT) == [0, 1, 2, 3, 4]
    assert fingers(line(up), skeleton.LEFT) == [4, 3, 2, 1, 0]


def test_left_hand_fingering_is_the_mirrored_right_hand() -> None:
    pitches = np.random.default_rng(0).integers(50, 75, 60).tolist()
    mirrored = [124 - pitch for pitch in pitches]
    assert fingers(line(pitches), skeleton.RIGHT) == fingers(line(mirrored), skeleton.LEFT)


def test_scale_crosses_the_thumb_and_keeps_it_off_black_keys() -> None:
    notes = line([62, 64, 66, 67, 69, 71, 73, 74])  # D major
    used = fingers(notes, skeleton.RIGHT)
    assert used.count(0) >= 2
    assert all(finger != 0 for finger, pitch in zip(used, notes.pitch, strict=True) if pitch in (66, 73))


def test_chords_use_different_fingers_in_order() -> None:
    for pitches in ([60, 64, 67], [60, 64, 67, 72], [60, 63, 66, 69, 72]):
        right = fingers(chord(pitches), skeleton.RIGHT)
        assert right == sorted(set(right)) and -1 not in right
    assert fingers(chord([60, 72]), skeleton.RIGHT) == [0, 4]


def test_held_note_keeps_its_finger_busy() -> None:
    notes = Notes.from_arrays(
        [[0.0, 2.0, 60, 80], [0.5, 0.9, 64, 80], [1.0, 1.4, 65, 80], [1.5, 1.9, 67, 80]]
    )
    used = fingers(notes, skeleton.RIGHT)
    assert used[0] not in used[1:]


def test_what_no_hand_can_play_is_left_out_and_far_held_notes_are_released() -> None:
    too_wide = chord([40, 60, 64, 80])
    used = fingers(too_wide, skeleton.RIGHT)
    assert -1 in used and any(finger >= 0 for finger in used)
    assert fingers(chord([60, 62, 64, 65, 67, 69]), skeleton.RIGHT).count(-1) == 1
    notes = Notes.from_arrays([[0.0, 4.0, 36, 80], [1.0, 1.5, 60, 80]], hand=skeleton.LEFT)
    fingered = finger_notes(notes)
    assert fingered.played.all()
    assert fingered.release_s is not None and fingered.release_s[0] <= 1.0


def test_generated_motion_draws_the_fingering() -> None:
    notes = line([64]).with_hands(skeleton.RIGHT)
    tips = np.zeros((1, 2, 5))
    for finger in range(5):
        tips[0, 1] = 0.3
        tips[0, 1, finger] = -0.01
        assert finger_notes(notes, tips).finger[0] == finger


def test_costs_are_checked() -> None:
    with pytest.raises(ValueError, match="negative"):
        FingeringCosts(crossing=-1)
