# SPDX-License-Identifier: GPL-3.0-or-later
"""Anticipation on fingertips placed by hand."""

import numpy as np
import pytest

from models.body.keyboard import key_x
from models.body.notes import Notes
from models.evaluation.anticipation import anticipation, enough_time

FINGERING = np.array([[1, 0], [1, 2], [1, 1]], np.int8)
NOTES = Notes.from_arrays(
    np.array([[1.0, 1.4, 60, 70], [2.0, 2.4, 64, 70], [3.0, 3.4, 61, 70]], np.float32), FINGERING
)


def tips_that_come(early_s: float, y: float = 0.06) -> np.ndarray:
    """Every finger jumps to its key ``early_s`` before the onset, at 60 frames a second."""
    time = np.arange(240) / 60
    tips = np.zeros((240, 2, 5, 3))
    for (onset, _, pitch, _), (hand, finger) in zip(NOTES.table, FINGERING, strict=True):
        tips[:, hand, finger, 0] = np.where(time >= onset - early_s, key_x(int(pitch)), -0.5)
        tips[:, hand, finger, 1] = y
    return tips


def test_early_fingers_count_and_late_ones_do_not() -> None:
    assert anticipation(tips_that_come(0.15), NOTES, 60).share == 1
    late = anticipation(tips_that_come(0.04), NOTES, 60)
    assert late.share == 0 and late.counted == late.notes == 3


def test_a_finger_in_front_of_a_black_key_is_not_above_it() -> None:
    assert anticipation(tips_that_come(0.15, y=0.02), NOTES, 60).share == pytest.approx(2 / 3)


def test_notes_without_time_do_not_count() -> None:
    hasty = np.array([[1.0, 1.4, 60, 70], [1.06, 1.3, 62, 70], [2.0, 2.4, 64, 70]], np.float32)
    assert enough_time(Notes.from_arrays(hasty, FINGERING)).tolist() == [True, False, True]
    repeated = np.array([[1, 0], [1, 0], [-1, -1]], np.int8)
    held = np.array([[1.0, 1.95, 60, 70], [2.0, 2.4, 64, 70], [3.0, 3.4, 61, 70]], np.float32)
    assert enough_time(Notes.from_arrays(held, repeated)).tolist() == [True, False, False]
    assert anticipation(tips_that_come(0.1), NOTES.with_hands(-1), 60).counted == 0
