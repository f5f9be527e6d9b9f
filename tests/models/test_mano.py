# SPDX-License-Identifier: GPL-3.0-or-later
"""MANO's poses and our bone frames: there and back, mirrored hands, what bends where."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from models.body import mano, skeleton
from models.body.kinematics import forward_kinematics
from models.body.rotations import axis_angle_to_matrix
from models.errors import UserError

# A wrist turn after which the template (fingers -x, palm -y) points away from the player with the palm down.
AXES = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def flat_pose() -> np.ndarray:
    """(2, 48): straight fingers, each hand as a right hand at our rest orientation."""
    turn = np.diag([1.0, -1.0, -1.0]) @ AXES
    from models.body.rotations import matrix_to_axis_angle

    vector = matrix_to_axis_angle(torch.from_numpy(turn)).numpy()
    return np.tile(np.concatenate([vector, -np.array(mano.MEAN_POSE)]), (2, 1))


def tips(euler: np.ndarray) -> np.ndarray:
    return forward_kinematics(torch.from_numpy(euler), torch.zeros(2, 3, dtype=torch.float64)).tips.numpy()


def test_flat_hand_is_our_rest_pose() -> None:
    assert np.abs(mano.euler_from_mano(flat_pose())).max() < 1e-7


def test_there_and_back() -> None:
    rng = np.random.default_rng(0)
    euler = rng.uniform(-1.2, 1.2, (200, 2, 16, 3))
    assert np.allclose(mano.euler_from_mano(mano.mano_from_euler(euler)), euler, atol=1e-7)
    pose = mano.mano_from_euler(euler).astype(np.float32)
    again = mano.mano_from_euler(mano.euler_from_mano(torch.from_numpy(pose)))
    assert isinstance(again, torch.Tensor) and np.abs(again.numpy() - pose).max() < 1e-5


def test_equal_stored_hands_are_mirror_images() -> None:
    pose = np.tile(np.random.default_rng(1).normal(0, 0.4, (7, 1, 48)), (1, 2, 1))
    euler = mano.euler_from_mano(pose)
    assert np.allclose(euler[:, 0], euler[:, 1] * [1, -1, -1])
    assert np.allclose(tips(euler[0])[0], tips(euler[0])[1] * [-1, 1, 1])


@pytest.mark.parametrize("hand", [0, 1])
def test_positive_z_makes_a_fist(hand: int) -> None:
    pose = flat_pose()
    pose[:, 5:39:3] += 0.9  # z of the twelve joints of index to ring finger
    euler = mano.euler_from_mano(pose)
    fingers = skeleton.FINGER_JOINTS[1:].ravel()
    assert np.allclose(euler[hand, fingers], [0.9, 0.0, 0.0], atol=1e-6)
    before, after = tips(np.zeros((2, 16, 3)))[hand, 1:], tips(euler)[hand, 1:]
    assert (after[:, 2] < before[:, 2] - 0.02).all()  # towards the palm, which looks down
    assert (after[:, 1] < before[:, 1] - 0.04).all()  # and towards the wrist


def test_mean_pose_curls_every_finger() -> None:
    pose = flat_pose()
    pose[:, 3:] = 0.0
    euler = mano.euler_from_mano(pose)
    assert (euler[:, skeleton.FINGER_JOINTS[1:], 0] > 0).all()


def test_joint_turns_are_those_of_the_template() -> None:
    """Fingertip directions agree with a chain of MANO's own turns, taken to piano axes at the end."""
    pose = np.random.default_rng(2).normal(0, 0.3, (2, 48))
    turns = axis_angle_to_matrix(
        torch.from_numpy(
            pose[1].reshape(16, 3) + np.concatenate([np.zeros(3), mano.MEAN_POSE]).reshape(16, 3)
        )
    ).numpy()
    frames = forward_kinematics(
        torch.from_numpy(mano.euler_from_mano(pose)), torch.zeros(2, 3, dtype=torch.float64)
    ).rotation[1]
    for finger, joints in enumerate(skeleton.FINGER_JOINTS):
        world = np.diag([1.0, -1.0, -1.0]) @ turns[0]
        for joint in joints:
            world = world @ turns[joint]
            expected = world @ AXES.T @ skeleton.STANDARD_HANDS.finger_frames[1, finger]
            assert np.allclose(frames[joint], expected, atol=1e-9)


def test_camera_and_piano() -> None:
    view = mano.CameraView(scale=1.1, offset=(0.1, 0.2, 0.05), depth=24.0, depth_factor=0.05)
    wrist = np.random.default_rng(3).normal(0, 0.3, (9, 2, 3))
    assert np.allclose(mano.piano_from_camera(mano.camera_from_piano(wrist, view), view), wrist)
    stored = np.tile(np.array([0.1, 0.3, 25.0]), (2, 1))
    left, right = mano.piano_from_camera(stored)
    assert np.isclose(left[0], -right[0]) and np.allclose(left[1:], right[1:])
    nearer = mano.piano_from_camera(stored + [0, 0.1, 0])  # y of the picture goes towards the player
    assert (nearer[:, 1] < left[1]).all()


def test_mean_pose_of_the_users_own_mano(tmp_path) -> None:
    mean = np.linspace(-1, 1, 45)
    np.savez(tmp_path / "own.npz", hands_mean=mean)
    save_file({"hands_mean": mean}, tmp_path / "own.safetensors")
    for name in ("own.npz", "own.safetensors"):
        assert np.array_equal(mano.read_mean_pose(tmp_path / name), mean)
    (tmp_path / "MANO_RIGHT.pkl").write_bytes(b"\x80\x04.")
    for name, code in (("MANO_RIGHT.pkl", "mano_format"), ("none.npz", "mano_missing")):
        with pytest.raises(UserError) as caught:
            mano.read_mean_pose(tmp_path / name)
        assert caught.value.code == code
