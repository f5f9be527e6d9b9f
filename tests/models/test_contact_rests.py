# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands at rest: calm between what they play, and their own while they play."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.contact.apply import apply_contact
from models.contact.rests import calmed

FPS = 30.0
STRAYS = np.array([0.02, 0.1])


def wandering(frames: int = 180) -> NDArray[np.float64]:
    """(frames, 2) to and fro by a tenth."""
    time = np.arange(frames) / FPS
    return np.stack([0.1 * np.sin(9 * time), 0.1 * np.cos(7 * time) + 0.02 * time], 1)


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_a_silence_is_crossed_calmly_and_what_is_played_stays(fps: float) -> None:
    time = np.arange(round(6 * fps)) / fps
    values = np.stack([0.1 * np.sin(9 * time), 0.1 * np.cos(7 * time)], 1)
    strikes, ends = np.array([0.5, 4.0, 5.0]), np.array([1.5, 4.8, 5.9])
    calm = calmed(values, strikes, ends, fps, STRAYS)
    plays = ((time > 0.36) & (time < 1.54)) | (time > 3.86)
    assert (calm[plays & (time < 5.9)] == values[plays & (time < 5.9)]).all()
    rest = (time > 1.8) & (time < 3.6)
    own, now = (np.abs(np.diff(part[rest], axis=0)).max(0) * fps for part in (values, calm))
    assert (now < 0.45 * own).all()
    # Without a jump where the silence begins and ends.
    steps = np.abs(np.diff(calm, axis=0)).max() * fps
    assert steps < 1.05 * np.abs(np.diff(values, axis=0)).max() * fps


def test_a_hand_in_a_silence_stays_near_its_way_and_is_not_parked() -> None:
    values = wandering()
    calm = calmed(values, np.array([0.5, 5.0]), np.array([1.5, 5.9]), FPS, STRAYS)
    rest = slice(60, 140)
    share = np.linspace(0, 1, 80)[:, None]
    straight = values[47] + share * (values[145] - values[47])
    assert (np.abs(calm[rest] - straight) < 0.045 + STRAYS).all()
    assert (np.abs(np.diff(calm[rest], axis=0)).max(0) > 1e-4).all()


def test_a_hand_waits_near_its_first_key_and_stays_near_its_last_one() -> None:
    values = wandering()
    calm = calmed(values, np.array([2.0]), np.array([3.0]), FPS, 0.1 * STRAYS)
    assert np.abs(calm[:50] - values[55]).max() < 0.05 < np.abs(values[:50] - values[55]).max()
    assert np.abs(calm[100:] - values[92]).max() < 0.05 < np.abs(values[100:] - values[92]).max()


def test_a_hand_that_plays_nothing_stays_near_one_place() -> None:
    values = wandering()
    calm = calmed(values, np.zeros(0), np.zeros(0), FPS, 0.1 * STRAYS)
    assert (np.ptp(calm, axis=0) < 0.3 * np.ptp(values, axis=0)).all()


def test_short_rests_are_the_hands_own() -> None:
    values = wandering()
    calm = calmed(values, np.array([1.0, 2.0]), np.array([1.6, 5.9]), FPS, STRAYS)
    assert (calm[32:170] == values[32:170]).all()


def test_contact_calms_a_hand_that_wanders_in_a_rest_and_its_fingers_go_along() -> None:
    frames = 180
    euler = np.zeros((frames, 2, 16, 3), np.float32)
    wrist = np.zeros((frames, 2, 3), np.float32) + np.array(
        [[-0.2, -0.09, 0.07], [0.2, -0.09, 0.07]], np.float32
    )
    wrist[70:100, :, 0] += 0.12 * np.sin(np.linspace(0, 2 * np.pi, 30, dtype=np.float32))[:, None]
    table = [[second, second + 0.5, pitch, 70.0] for second in (1.0, 4.0) for pitch in (50, 77)]
    notes = Notes.from_arrays(table, hand=np.array([LEFT, RIGHT] * 2))
    result = apply_contact(Motion(euler, wrist, FPS), notes).motion
    for hand in (LEFT, RIGHT):
        assert np.ptp(result.wrist[60:110, hand, 0]) < 0.07 < np.ptp(wrist[60:110, hand, 0])
        spread = np.abs(np.diff(result.euler[60:110, hand], axis=0)).max() * FPS
        assert spread < 3.0  # fingers that stayed behind would have to turn
