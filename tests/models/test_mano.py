# SPDX-License-Identifier: GPL-3.0-or-later
"""MANO's poses and ours: there and back, mirrored, and anatomically where they should be."""

import numpy as np
import pytest
import torch

from models import skeleton
from models.keyboard import key_x
from models.kinematics import forward_kinematics
from models.mano import (
    MEAN_POSE,
    camera_from_piano,
    euler_from_mano,
    keyboard_shift,
    mano_from_euler,
    piano_from_camera,
    read_mean_pose,
)

FLAT = torch.tensor([-1.2091996, -1.2091996, 1.2091996], dtype=torch.float64)
"""The global orientation of a hand that lies flat under the camera, fingers away from the player: 120 degrees."""


def lying(frames: int = 1) -> torch.Tensor:
    """Poses (F, 2, 48) of two flat hands; the mean pose is not added to them."""
    pose = torch.zeros(frames, 2, 48, dtype=torch.float64)
    pose[..., :3] = FLAT
    return pose


def test_a_flat_hand_under_the_camera_is_our_rest_pose() -> None:
    assert euler_from_mano(lying(), mean_pose=None).abs().max() < 1e-6


def test_poses_come_back() -> None:
    rng = np.random.default_rng(0)
    euler = torch.from_numpy(rng.uniform(-0.9, 0.9, (50, 2, 16, 3)))
    again = euler_from_mano(mano_from_euler(euler))
    torch.testing.assert_close(again, euler, atol=1e-7, rtol=0)
    pose = mano_from_euler(euler)
    torch.testing.assert_close(mano_from_euler(euler_from_mano(pose)), pose, atol=1e-7, rtol=0)
    single = pose.float()
    torch.testing.assert_close(mano_from_euler(euler_from_mano(single)), single, atol=1e-5, rtol=0)


def test_a_stored_left_hand_is_a_right_hand_in_a_mirror() -> None:
    rng = np.random.default_rng(1)
    one = torch.from_numpy(rng.uniform(-0.5, 0.5, (8, 48)))
    pose = torch.stack([one, one], 1)
    transl = torch.tensor([0.2, 0.38, 23.0], dtype=torch.float64).expand(8, 2, 3)
    hands = forward_kinematics(euler_from_mano(pose), piano_from_camera(transl))
    mirrored = hands.tips[:, 0] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored, hands.tips[:, 1], atol=1e-9, rtol=0)


@pytest.mark.parametrize("finger", range(1, 5))
def test_turning_about_plus_z_closes_a_finger(finger: int) -> None:
    pose = lying()
    joints = skeleton.FINGER_JOINTS[finger]
    for joint in joints:
        pose[:, :, 3 * joint + 2] = 0.6
    euler = euler_from_mano(pose, mean_pose=None)
    assert (euler[:, :, joints, 0] > 0.5).all()  # +X flexes
    wrist = torch.zeros(1, 2, 3, dtype=torch.float64)
    open_tips = forward_kinematics(torch.zeros_like(euler), wrist).tips
    tips = forward_kinematics(euler, wrist).tips
    assert (tips[:, :, finger, 2] < open_tips[:, :, finger, 2] - 0.03).all()  # down, toward the palm
    others = [f for f in range(5) if f != finger]
    torch.testing.assert_close(tips[:, :, others], open_tips[:, :, others], atol=1e-7, rtol=0)


def test_the_mean_pose_is_a_gently_curled_hand() -> None:
    euler = euler_from_mano(lying())
    fingers = euler[0, :, skeleton.FINGER_JOINTS[1:].ravel(), 0]
    assert (fingers > 0).float().mean() > 0.9 and 0.2 < float(fingers.mean()) < 0.8


def test_a_hand_of_the_data_set_points_away_from_the_player() -> None:
    """A right hand's usual orientation in the published data: (-0.6, -1.68, 0.5)."""
    pose = lying()
    pose[:, :, :3] = torch.tensor([-0.6, -1.68, 0.5])
    wrist = torch.zeros(1, 2, 3, dtype=torch.float64)
    frames = forward_kinematics(euler_from_mano(pose), wrist).frames[0, :, 0]
    assert (frames[:, 1, 1] > 0.6).all()  # the hand's long axis looks away from the player
    assert (frames[:, 2, 2].abs() > 0.6).all()  # its back looks up or its palm down, not sideways


def test_positions_come_back_and_lie_at_the_keys() -> None:
    stored = torch.tensor([[[-0.25, 0.37, 23.0], [0.02, 0.39, 24.0]]], dtype=torch.float64)
    wrist = piano_from_camera(stored)
    torch.testing.assert_close(camera_from_piano(wrist), stored, atol=1e-9, rtol=0)
    assert -0.2 < float(wrist[0, 1, 1]) < 0.0 and 0.0 < float(wrist[0, 1, 2]) < 0.12
    nearer = stored + torch.tensor([0.0, 0.1, 0.0], dtype=torch.float64)
    assert (piano_from_camera(nearer)[..., 1] < wrist[..., 1]).all()


def test_hands_are_shifted_over_the_keys_that_they_play() -> None:
    rng = np.random.default_rng(2)
    pitches = rng.integers(40, 80, 60)
    onsets = np.arange(60) / 10
    notes = np.stack([onsets, onsets + 0.1, pitches, np.full(60, 80)], 1)
    wrist = np.zeros((200, 2, 3))
    wrist[:, 0, 0], wrist[:, 1, 0] = -0.5, 0.0
    frames = np.round(onsets * 30).astype(int)
    wrist[frames, 1, 0] = key_x(pitches) - 0.04 + rng.normal(0, 0.01, 60)
    assert keyboard_shift(wrist, notes, 30.0) == pytest.approx(0.04, abs=0.01)
    assert keyboard_shift(wrist, notes[:0], 30.0) == 0.0


def test_a_users_own_mean_pose_is_read_from_safe_files_only(tmp_path) -> None:
    np.savez(tmp_path / "mano.npz", hands_mean=MEAN_POSE * 0.5)
    np.testing.assert_allclose(read_mean_pose(tmp_path / "mano.npz"), MEAN_POSE * 0.5)
    np.savez(tmp_path / "other.npz", hands_mean=np.zeros(3))
    with pytest.raises(ValueError, match="hands_mean"):
        read_mean_pose(tmp_path / "other.npz")
    with pytest.raises(ValueError, match="pickles"):
        read_mean_pose(tmp_path / "MANO_RIGHT.pkl")
