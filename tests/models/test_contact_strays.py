# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers stay above keys that they do not play."""

from dataclasses import replace

import numpy as np
import torch

from models.body import keyboard
from models.body.pose import Pose
from models.contact.single_frame_ik import solve_fingers
from models.contact.wrong_keys import lift_off_wrong_keys

FRAMES, FPS = 30, 30.0
PITCH = 60
NOBODY = np.zeros((FRAMES, 2), bool)  # is kept


def held_down(y: float = 0.02) -> tuple[Pose, np.ndarray, float]:
    """Both hands at rest over the keys; the right index finger presses middle C from frame 10 to 19 and hovers else."""
    euler = torch.zeros(FRAMES, 2, 16, 3)
    euler[..., [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 0] = 0.5
    wrist = torch.zeros(FRAMES, 2, 3)
    x = float(keyboard.key_x(PITCH))
    wrist[..., 0] = torch.tensor([x - 0.5, x + 0.02])
    wrist[..., 1], wrist[..., 2] = y - 0.145, 0.06
    start = Pose.of_euler(euler, wrist)
    targets = start.points[..., 3, :].clone()
    targets[..., 2] = targets[..., 2].clamp_min(0.03)
    targets[:, 1, 1] = torch.tensor([x, y, 0.012])
    targets[10:20, 1, 1, 2] = -0.008
    solved = solve_fingers(euler, wrist, targets)
    return Pose.of_euler(solved, wrist), np.zeros((FRAMES, 2, 5), int), x


def tips_of(posture: Pose) -> np.ndarray:
    return posture.points[..., 3, :].numpy()


def test_a_finger_in_a_wrong_key_is_raised_and_nothing_else_moves() -> None:
    posture, pitch, _ = held_down()
    assert keyboard.pressed_keys(tips_of(posture))[10:20, PITCH - 21].all()
    lifted = lift_off_wrong_keys(posture, pitch, FPS, NOBODY)
    tips = tips_of(lifted)
    assert not keyboard.pressed_keys(tips).any()
    assert np.abs(tips[:, 1, 1, :2] - tips_of(posture)[:, 1, 1, :2]).max() < 0.001
    others = np.ones((2, 5), bool)
    others[1, 1] = False
    assert np.array_equal(tips[:, others], tips_of(posture)[:, others])
    assert np.array_equal(tips[:3], tips_of(posture)[:3])
    rise = tips[:, 1, 1, 2] - tips_of(posture)[:, 1, 1, 2]
    assert 0 < rise[9] < rise[10] and np.abs(np.diff(rise)).max() < 0.6 * rise.max()


def test_a_finger_in_its_own_key_stays_down() -> None:
    posture, pitch, _ = held_down()
    pitch[8:22, 1, 1] = PITCH
    assert lift_off_wrong_keys(posture, pitch, FPS, NOBODY) is posture


def test_a_key_that_is_rightly_held_is_not_let_go_for_a_stray_before_it() -> None:
    posture, pitch, _ = held_down()
    pitch[13:22, 1, 1] = PITCH
    pressed = keyboard.pressed_keys(tips_of(lift_off_wrong_keys(posture, pitch, FPS, NOBODY)))[:, PITCH - 21]
    assert not pressed[:13].any() and pressed[13:20].all()


def test_hands_that_are_kept_and_strength_are_respected() -> None:
    posture, pitch, _ = held_down()
    fixed = np.zeros((FRAMES, 2), bool)
    fixed[:, 1] = True
    assert lift_off_wrong_keys(posture, pitch, FPS, fixed) is posture
    whole, half = (
        tips_of(lift_off_wrong_keys(posture, pitch, FPS, NOBODY, s))[15, 1, 1, 2] for s in (1.0, 0.5)
    )
    before = tips_of(posture)[15, 1, 1, 2]
    assert abs((half - before) - 0.5 * (whole - before)) < 2e-4


def test_a_finger_beside_its_black_key_is_raised_above_the_black_key_it_is_over() -> None:
    posture, pitch, x = held_down(y=0.07)
    shift = torch.zeros(3)
    shift[0] = float(keyboard.key_x(PITCH + 1)) - x
    over_black = replace(posture, wrist=posture.wrist + shift)
    pitch[:, 1, 1] = PITCH
    assert keyboard.pressed_keys(tips_of(over_black))[12:18, PITCH + 1 - 21].all()
    assert not keyboard.pressed_keys(tips_of(lift_off_wrong_keys(over_black, pitch, FPS, NOBODY))).any()


def low_hand() -> tuple[Pose, np.ndarray]:
    """The right hand so low over the black keys that its index finger cannot leave one, while its thumb plays D."""
    posture, pitch, _ = held_down()
    wrist = posture.wrist.clone()
    wrist[:, 1] = torch.tensor([float(keyboard.key_x(66)) + 0.02, -0.075, 0.028])
    euler = torch.zeros(FRAMES, 2, 16, 3)
    targets = Pose.of_euler(euler, wrist).points[..., 3, :].clone()
    targets[..., 2] = targets[..., 2].clamp_min(0.035)
    targets[:, 1, 1] = torch.tensor([float(keyboard.key_x(66)), 0.06, 0.0145])
    targets[:15, 1, 1, 1] = 0.09  # farther in, its finger clears the key
    targets[:, 1, 0] = torch.tensor([float(keyboard.key_x(62)), 0.03, -0.008])
    solved = solve_fingers(euler, wrist, targets)
    pitch[:, 1, 0] = 62
    return Pose.of_euler(solved, wrist), pitch


def test_a_hand_too_low_to_lift_its_finger_rises_and_keeps_its_own_key_down() -> None:
    posture, pitch = low_hand()
    assert (keyboard.pressed_keys(tips_of(posture)).sum(0)[[62 - 21, 66 - 21]] == [FRAMES, FRAMES - 15]).all()
    lifted = lift_off_wrong_keys(posture, pitch, FPS, NOBODY)
    pressed = keyboard.pressed_keys(tips_of(lifted))
    assert pressed[:, 62 - 21].all() and pressed.sum() == FRAMES
    rise = (lifted.wrist - posture.wrist).numpy()
    assert not rise[:, 0].any() and not rise[..., :2].any() and not rise[:5].any()
    assert 0 < rise[12, 1, 2] < rise[15, 1, 2] <= 0.03 and np.diff(rise[:, 1, 2]).max() < 0.006
