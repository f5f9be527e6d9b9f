# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms over frames: wrist bend, other frame rates, checks."""

import numpy as np
import pytest

from models.body.arm_geometry import fit_arms
from models.body.arms import (
    MOST_SWAY,
    Arms,
    natural_arms_of,
    resample_arms,
    splice_arms,
    sway_of_style,
    wrist_bend,
)
from models.body.edit_mask import EditMask
from models.body.motion import Motion
from models.body.resampling import resample_motion
from models.body.skeleton import STANDARD_ARMS


def moving(frames=120, fps=30.0):
    """Hands that go to and fro and turn."""
    t = np.arange(frames)[:, None] / fps
    wrist = np.repeat(STANDARD_ARMS.wrist[None].astype(np.float32), frames, 0)
    wrist[..., 0] += 0.15 * np.sin(2 * t + [0, 1])
    euler = np.zeros((frames, 2, 16, 3), np.float32)
    euler[:, :, 0] = 0.2 * np.sin(3 * t[..., None] + np.arange(3))
    return Motion(euler, wrist, fps)


def straight(hand, down=0.0, outward=0.0):
    """One frame of a hand that lies in line with its forearm, then bent; and its arms."""
    euler, side = np.zeros((1, 2, 16, 3), np.float32), (-1, 1)[hand]
    wrist = np.zeros((1, 2, 3), np.float32)
    elbow = wrist - np.float32([0.0, 0.255, 0.0])
    euler[0, hand, 0] = [down, 0.0, side * outward]
    return Motion(euler, wrist, 30.0), Arms(elbow, elbow + np.float32([0, 0, 0.3]))


@pytest.mark.parametrize("hand", [0, 1])
def test_wrist_bend_is_the_hand_against_its_forearm(hand):
    np.testing.assert_allclose(wrist_bend(*straight(hand)), 0, atol=1e-6)
    hanging, raised = (wrist_bend(*straight(hand, down=angle))[0, hand] for angle in (0.3, -0.2))
    np.testing.assert_allclose(hanging, [0.3, 0], atol=1e-6)
    np.testing.assert_allclose(raised, [-0.2, 0], atol=1e-6)
    motion, arms = straight(hand)
    lower = Arms(arms.elbow - np.float32([0, 0, 0.1]), arms.shoulder)
    assert wrist_bend(motion, lower)[0, hand, 0] == pytest.approx(np.arctan2(0.1, 0.255))


@pytest.mark.parametrize("hand", [0, 1])
def test_a_hand_that_turns_to_its_little_finger_is_bent_outward(hand):
    motion, arms = straight(hand)
    inward = np.zeros((1, 2, 3), np.float32)
    inward[..., 0] = np.array([-0.1, 0.1])  # elbows outward: forearms point to the middle
    bend = wrist_bend(motion, Arms(arms.elbow + inward, arms.shoulder))
    assert bend[0, hand, 1] == pytest.approx(np.arctan2(0.1, 0.255)) and abs(bend[0, hand, 0]) < 1e-6


@pytest.mark.parametrize("fps", [24.0, 29.97, 60.0])
def test_arms_at_another_rate_go_with_their_hands(fps):
    motion = moving()
    arms = natural_arms_of(motion, 1.2)
    brought = resample_motion(motion, fps, round(4 * fps))
    there = resample_arms(arms, motion.fps, brought, 1.2)
    own = natural_arms_of(brought, 1.2)
    assert there.frames == brought.frames
    assert np.abs(there.elbow - own.elbow).max() < 0.006
    for one, other, length in (
        (there.elbow, there.shoulder, STANDARD_ARMS.upper_arm),
        (there.elbow, brought.wrist, STANDARD_ARMS.forearm),
    ):
        found = np.linalg.norm(one.astype(float) - other, axis=-1)
        np.testing.assert_allclose(found, np.broadcast_to(1.2 * length, found.shape), atol=1e-6)
    assert resample_arms(arms, 30.0, motion, 1.2) is arms


@pytest.mark.parametrize("seconds", [(1.0, 2.0), (0.0, 2.0), (1.0, 4.0), (1.0, 1.8)])
def test_a_splice_goes_on_at_its_edges_and_keeps_the_rest_bit_for_bit(seconds):
    motion = moving()
    new, edits = natural_arms_of(motion), EditMask.of_seconds(120, 30.0, (1,), seconds)
    shoulder, elbow = fit_arms(
        new.shoulder + np.float32([0, 0.03, 0]), new.elbow, motion.wrist, 1.0, STANDARD_ARMS
    )
    kept = Arms(elbow, shoulder)
    spliced = splice_arms(kept, new, motion, edits)
    for part, most in (("elbow", 0.004), ("shoulder", 0.002)):
        values, old, wanted = (getattr(arms, part) for arms in (spliced, kept, new))
        assert np.array_equal(values[edits.fixed], old[edits.fixed])
        assert np.abs(np.diff(values.astype(float), n=2, axis=0)).max() < most
        middle = np.flatnonzero(edits.free[:, 1])
        if len(middle) > 25:
            inside = (
                middle[12:-12]
                if seconds == (1.0, 2.0)
                else middle[-12:]
                if seconds[1] == 4.0
                else middle[:12]
            )
            np.testing.assert_allclose(values[inside, 1], wanted[inside, 1], atol=1e-6)


def test_a_splice_of_the_same_arms_changes_nothing_that_is_seen():
    motion = moving()
    arms = natural_arms_of(motion)
    spliced = splice_arms(arms, arms, motion, EditMask.of_seconds(120, 30.0, (1,), (1.0, 2.0)))
    assert np.abs(spliced.elbow - arms.elbow).max() < 4e-3
    with pytest.raises(ValueError, match="may change"):
        splice_arms(arms, arms, motion, EditMask.everything(60, 30.0))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="shoulder"):
        Arms(np.zeros((4, 2, 3), np.float32), np.zeros((5, 2, 3), np.float32))


def test_the_sway_of_a_style_is_within_bounds_and_average_for_what_is_none():
    assert sway_of_style({}) == sway_of_style(None) == sway_of_style({"looseness": "much"}) == 1.0
    assert (
        0
        <= sway_of_style({"looseness": -1.5, "energy": -1.5})
        < 0.5
        < 1
        < sway_of_style({"looseness": 1})
        < MOST_SWAY
    )
    assert sway_of_style({"looseness": 1e9}) == MOST_SWAY
