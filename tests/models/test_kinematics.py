# SPDX-License-Identifier: GPL-3.0-or-later
"""The skeleton's conventions (docs/definitions.md) and forward kinematics."""

import numpy as np
import pytest
import torch
from mirroring import mirror_hands

from models.body import skeleton
from models.body.kinematics import clamp_to_limits, forward_kinematics, outside_limits


def random_pose(count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    limits = torch.as_tensor(skeleton.STANDARD_HANDS.limits)
    share = torch.rand(count, 2, 16, 3, generator=generator, dtype=torch.float64)
    euler = limits[..., 0] + share * (limits[..., 1] - limits[..., 0])
    return euler, torch.randn(count, 2, 3, generator=generator, dtype=torch.float64) * 0.2


def test_joint_order() -> None:
    assert skeleton.JOINTS[:4] == ("wrist", "index1", "index2", "index3")
    assert skeleton.JOINTS[-3:] == ("thumb1", "thumb2", "thumb3")


def test_rest_pose_is_a_flat_hand_with_fingers_away_from_the_player() -> None:
    pose = forward_kinematics(
        torch.zeros(2, 16, 3, dtype=torch.float64), torch.as_tensor(skeleton.REST_WRIST)
    )
    for finger in range(1, 5):
        chain = pose.position[:, skeleton.FINGER_JOINTS[finger]]
        along = pose.tips[:, finger] - chain[:, 0]
        np.testing.assert_allclose(along / along.norm(dim=-1, keepdim=True), [[0, 1, 0]] * 2, atol=1e-12)
    thumb = pose.tips[:, 0] - pose.position[:, 0]
    assert thumb[skeleton.RIGHT, 0] < -0.05 and thumb[skeleton.LEFT, 0] > 0.05
    np.testing.assert_allclose(torch.linalg.det(pose.rotation), 1.0, atol=1e-9)


@pytest.mark.parametrize("hand", [skeleton.LEFT, skeleton.RIGHT])
@pytest.mark.parametrize("finger", range(5))
@pytest.mark.parametrize("bone", range(3))
def test_positive_x_flexes_towards_the_palm(hand: int, finger: int, bone: int) -> None:
    euler = torch.zeros(2, 16, 3, dtype=torch.float64)
    wrist = torch.as_tensor(skeleton.REST_WRIST)
    before = forward_kinematics(euler, wrist).tips[hand, finger]
    euler[hand, skeleton.FINGER_JOINTS[finger, bone], 0] = 0.35
    after = forward_kinematics(euler, wrist).tips[hand, finger]
    assert after[2] < before[2] - 1e-3


def test_bone_lengths_are_kept_and_scale_with_hand_size() -> None:
    euler, wrist = random_pose(20)
    for size in (0.9, 1.0, 1.15):
        pose = forward_kinematics(euler, wrist, size)
        for finger in range(5):
            chain = torch.cat(
                [pose.position[..., skeleton.FINGER_JOINTS[finger], :], pose.tips[..., finger, None, :]], -2
            )
            lengths = chain.diff(dim=-2).norm(dim=-1)
            np.testing.assert_allclose(
                lengths, np.broadcast_to(size * skeleton.STANDARD_HANDS.lengths[:, finger], lengths.shape)
            )


def test_mirrored_pose_has_mirrored_fingertips() -> None:
    euler, wrist = random_pose(50)
    pose = forward_kinematics(euler, wrist)
    mirrored = forward_kinematics(*mirror_hands(euler, wrist, 0.03))
    expected = pose.tips.flip(-3) * torch.tensor([-1.0, 1.0, 1.0]) + torch.tensor(
        [0.06, 0, 0], dtype=torch.float64
    )
    np.testing.assert_allclose(mirrored.tips, expected, atol=1e-12)


def test_mirroring_twice_is_nothing_and_keeps_the_limits() -> None:
    euler, wrist = random_pose(10)
    there_euler, there_wrist = mirror_hands(euler, wrist, -0.03)
    assert not outside_limits(there_euler).any()
    back_euler, back_wrist = mirror_hands(there_euler, there_wrist, -0.03)
    assert torch.equal(back_euler, euler)
    np.testing.assert_allclose(back_wrist, wrist, atol=1e-15)


def test_arrays_and_tensors_have_the_same_joints() -> None:
    euler, wrist = random_pose(10)
    tensors, arrays = (
        forward_kinematics(euler, wrist, 1.1),
        forward_kinematics(euler.numpy(), wrist.numpy(), 1.1),
    )
    assert isinstance(arrays.tips, np.ndarray) and isinstance(tensors.tips, torch.Tensor)
    for name in ("position", "tips", "rotation"):
        np.testing.assert_allclose(getattr(arrays, name), getattr(tensors, name), atol=1e-14)
    single = forward_kinematics(euler.numpy().astype(np.float32), wrist.numpy().astype(np.float32))
    assert single.tips.dtype == np.float32


def test_clamped_angles_lie_inside_the_limits() -> None:
    wild = torch.randn(100, 2, 16, 3, generator=torch.Generator().manual_seed(3)) * 3
    assert outside_limits(wild).all()
    assert not outside_limits(clamp_to_limits(wild)).any()


def test_gradients_flow_through_forward_kinematics() -> None:
    euler, wrist = random_pose(2)
    euler.requires_grad_(True)
    forward_kinematics(euler, wrist).tips.sum().backward()
    assert euler.grad is not None and euler.grad[:, :, 0].abs().sum() > 0


def test_gradients_flow_after_a_first_call_in_inference_mode() -> None:
    euler, wrist = random_pose(2)
    with torch.inference_mode():
        forward_kinematics(euler, wrist)
    wrist.requires_grad_(True)
    euler.requires_grad_(True)
    forward_kinematics(euler, wrist).tips.sum().backward()
    assert euler.grad is not None and wrist.grad is not None
