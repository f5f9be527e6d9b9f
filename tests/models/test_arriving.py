# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrists are where their hand's keys are when it strikes them."""

import numpy as np
import pytest
from contact_scenes import arched_hands
from contact_scenes import presses_of as make_presses

from models.body import keyboard
from models.body.edit_mask import EditMask
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.skeleton import LEFT, RIGHT
from models.contact.arriving import FINGERS_REACH_M, arrived
from models.contact.carriage import carried
from models.contact.schedule import Presses

FPS = 30.0
LOW, HIGH = 60, 84
"""Keys two octaves apart."""


def presses_of(rows: list[tuple[float, float, int, int]]) -> Presses:
    """Second down, second up, slot, pitch."""
    return make_presses(*(np.array(column) for column in zip(*rows, strict=True)))


def late_hand(leaps_s: float, frames: int = 120) -> Motion:
    """Both hands at rest; the right middle finger goes from one key to the other within a frame at a time."""
    motion = arched_hands(frames, (-0.4, 0.0)).to_motion(FPS)
    tip = forward_kinematics(motion.euler[:1], motion.wrist[:1]).tips[0, RIGHT, 2, 0]
    pitch = np.where(np.arange(frames) / FPS < leaps_s, LOW, HIGH)
    motion.wrist[:, RIGHT, 0] += keyboard.key_x(pitch) - tip
    return motion


def beyond(motion: Motion, second: float, pitch: int) -> float:
    """Metres from the right middle finger to a key, sideways."""
    frame = round(second * FPS)
    tips = forward_kinematics(motion.euler[frame : frame + 1], motion.wrist[frame : frame + 1]).tips
    return float(abs(tips[0, RIGHT, 2, 0] - keyboard.key_x(pitch)))


@pytest.fixture
def leap() -> Presses:
    return presses_of([(1.0, 1.5, 7, LOW), (2.0, 2.5, 7, HIGH)])


def test_a_hand_that_was_generated_late_is_there_when_it_strikes(leap: Presses) -> None:
    motion = late_hand(leaps_s=2.2)
    assert beyond(motion, 2.0, HIGH) > 0.3
    found = arrived(motion, leap, EditMask.everything(motion.frames, FPS))
    assert beyond(found, 2.0, HIGH) < FINGERS_REACH_M + 0.002
    assert beyond(found, 1.0, LOW) < 1e-6 and beyond(found, 1.5, LOW) < 1e-6
    late = motion.wrist[:, LEFT]
    assert np.array_equal(found.wrist[:, LEFT], late) and np.array_equal(
        found.wrist[..., 1:], motion.wrist[..., 1:]
    )
    assert np.abs(found.wrist[:30] - motion.wrist[:30]).max() == 0, "far from the leap nothing moves"
    assert np.abs(found.wrist[90:] - motion.wrist[90:]).max() < 1e-6


def test_wrists_are_carried_through_the_strokes_from_there(leap: Presses) -> None:
    motion = late_hand(leaps_s=2.2)
    found = carried(motion, leap, EditMask.everything(motion.frames, FPS), 1.0)
    assert beyond(found, 2.0, HIGH) < FINGERS_REACH_M + 0.01


def test_a_soft_stroke_that_takes_long_finds_its_hand_there_when_it_begins() -> None:
    rows = presses_of([(1.0, 1.3, 7, LOW), (2.2, 2.6, 7, HIGH)])
    soft = Presses(**{**vars(rows), "velocity": np.array([64.0, 10.0])})
    motion = late_hand(leaps_s=2.15)
    everything = EditMask.everything(motion.frames, FPS)
    assert beyond(arrived(motion, soft, everything), 2.0, HIGH) < FINGERS_REACH_M + 0.002
    assert beyond(arrived(motion, rows, everything), 2.0, HIGH) > 0.1, "a loud one begins later"


def test_what_fingers_reach_and_what_is_kept_stays(leap: Presses) -> None:
    motion = late_hand(leaps_s=1.8)
    motion.wrist[:, RIGHT, 0] += np.float32(0.9 * FINGERS_REACH_M)
    everything = EditMask.everything(motion.frames, FPS)
    assert np.array_equal(arrived(motion, leap, everything).wrist, motion.wrist)
    late, kept = late_hand(leaps_s=2.2), EditMask(np.tile([True, False], (motion.frames, 1)), FPS)
    assert np.array_equal(arrived(late, leap, kept).wrist, late.wrist)


def test_larger_hands_reach_farther(leap: Presses) -> None:
    motion = late_hand(leaps_s=2.2)
    everything = EditMask.everything(motion.frames, FPS)
    ours, large = (arrived(motion, leap, everything, size).wrist[60, RIGHT, 0] for size in (1.0, 1.2))
    assert large < ours
