# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingertips and the keys that are shown: how far off their keys, and in which keys."""

import numpy as np
import pytest

from models.body import keyboard
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.take import Take
from models.evaluation.fine_motion import FineMotion
from models.evaluation.key_touch import key_touch, off_key_m

FRAMES, FPS, RATE = 61, 30.0, 240.0
KEYS = np.array([[60, 0.9, 0], [60, 1.0, 1], [60, 1.5, 1], [60, 1.6, 0]], np.float32)


def take_of(keys: np.ndarray = KEYS, pitch: int = 60) -> Take:
    notes = Notes.from_arrays(np.array([[1.0, 1.5, pitch, 70]]), fingering=np.array([[1, 2]], np.int8))
    motion = Motion(np.zeros((FRAMES, 2, 16, 3), np.float32), np.zeros((FRAMES, 2, 3), np.float32), FPS)
    return Take(motion, notes, {}, keys=keys)


def fine_of(where: tuple[float, float, float], finger: int = 2) -> FineMotion:
    """All fingertips far above the keys but one, which stays at a place beside the bottom of middle C at y = 40 mm."""
    count = int((FRAMES - 1) * RATE / FPS) + 1
    tips = np.full((count, 2, 5, 3), 0.1, np.float32)
    bottom = -keyboard.bottom_depth(60, 0.04)
    tips[:, 1, finger] = np.array([keyboard.key_x(60), 0.04, bottom]) + where
    return FineMotion(RATE, tips, np.zeros((count, 2, 3), np.float32), np.zeros((count, 2), np.float32), None)


@pytest.mark.parametrize(
    ("where", "off"),
    [
        ((0, 0, 0), 0.0),
        ((0.004, 0.005, 0), 0.0),  # elsewhere on the same surface, but a little higher there
        ((0, 0, 0.003), 3.0),
        ((0, 0, -0.003), 3.0),
        ((0.0075, 0, 0), 3.0),  # beyond the width in which it surely plays this key
        ((-0.0075, 0, 0.004), 5.0),
        ((0, -0.039, 0), 4.0),  # nearer to the edge than strokes are asked for
    ],
)
def test_how_far_a_finger_is_off_its_key(where: tuple[float, float, float], off: float) -> None:
    found = 1000 * off_key_m(take_of(), fine_of(where))
    assert found == pytest.approx([off], abs=0.5)


@pytest.mark.parametrize(
    ("pitch", "beside", "y", "off"),
    [
        (60, 0.0, 0.10, 0.0),  # between the black keys
        (60, 0.0, 0.14, 0.0),
        (61, 0.0, 0.12, 0.0),
        (61, 0.0, 0.14, 0.0),
        (60, 0.0, 0.16, 17.0),  # over the fallboard
        (61, 0.0, 0.16, 17.0),
        (60, 0.0, -0.005, 10.0),  # before the keys
        (61, 0.0, 0.045, 14.0),  # before the black key
        (62, 0.0235, 0.10, 19.0),  # on the white key beside it
        (61, -0.009, 0.10, 7.0),
    ],
)
def test_a_finger_is_on_its_key_as_far_as_the_fallboard(
    pitch: int, beside: float, y: float, off: float
) -> None:
    take = take_of(KEYS + [pitch - 60, 0, 0], pitch)
    surface = keyboard.key_surface(pitch) - keyboard.bottom_depth(pitch, y)
    fine = fine_of((0, 0, 0))
    fine.tips[:, 1, 2] = keyboard.key_x(pitch) + beside, y, surface
    assert 1000 * off_key_m(take, fine) == pytest.approx([off], abs=0.6)


def test_another_finger_on_the_key_does_not_count() -> None:
    assert off_key_m(take_of(), fine_of((0, 0, 0), finger=1))[0] > 0.05


def test_keys_that_do_not_move_say_nothing() -> None:
    for keys in (np.zeros((0, 3), np.float32), KEYS * [1, 1, 0.9], KEYS + [0, 0.3, 0]):
        assert not len(off_key_m(take_of(keys.astype(np.float32)), fine_of((0, 0, 0))))
    found = key_touch(take_of(np.zeros((0, 3), np.float32)), fine_of((0, 0, 0)))
    assert found.off_key_mm_p50 is None and found.off_key_mm_p95 is None


def test_a_finger_is_in_a_key_while_that_is_not_as_low() -> None:
    rested = key_touch(take_of(), fine_of((0, 0, 0)))
    lowered = 0.5 + 2 * 0.1 * 0.2  # of two seconds: all the way down, and nearly so
    assert rested.in_keys == pytest.approx(1 - lowered / 2, abs=0.03)
    assert rested.in_keys_between == pytest.approx(rested.in_keys, abs=0.03)
    assert key_touch(take_of(), fine_of((0, 0, 0.0085))).in_keys == 0.0


def test_between_two_frames_counts_apart() -> None:
    fine = fine_of((0, 0, 0.05))
    fine.tips[84, 1, 2, 2] = -0.005
    found = key_touch(take_of(np.zeros((0, 3), np.float32)), fine)
    assert found.in_keys == 0.0 and found.in_keys_between == pytest.approx(1 / len(fine))
