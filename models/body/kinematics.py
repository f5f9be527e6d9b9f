# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward kinematics of both hands, batched in torch.

Axis letters: ``...`` any batch, 2 hands (0 left, 1 right), 16 joints, 5 fingers (0 thumb to 4 little finger).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from models.body import skeleton
from models.body.rotations import euler_to_matrix


@dataclass(frozen=True)
class HandPose:
    """World-space pose of both hands in the piano frame, metres."""

    joints: Tensor
    """(..., 2, 16, 3) joint positions (bone heads)."""
    tips: Tensor
    """(..., 2, 5, 3) contact points: the tails of the third bones, thumb first."""
    frames: Tensor
    """(..., 2, 16, 3, 3) bone frames, columns X, Y, Z."""


@dataclass(frozen=True)
class RestTensors:
    """Rest data of ``models.body.skeleton`` as tensors of one dtype and device."""

    wrist_frames: Tensor
    finger_bases: Tensor
    finger_frames: Tensor
    lengths: Tensor
    limits: Tensor


@lru_cache(maxsize=8)
def rest_tensors(dtype: torch.dtype, device: torch.device) -> RestTensors:
    """The rest data for ``dtype`` and ``device``; cached."""

    def convert(array: object) -> Tensor:
        return torch.as_tensor(array, dtype=dtype, device=device)

    with torch.inference_mode(False):  # whoever asks first may not need gradients; the next one may
        return RestTensors(
            convert(skeleton.WRIST_FRAMES),
            convert(skeleton.FINGER_BASES),
            convert(skeleton.FINGER_FRAMES),
            convert(skeleton.BONE_LENGTHS),
            convert(skeleton.HAND_LIMITS),
        )


def forward_kinematics(euler: Tensor, wrist: Tensor, hand_size: float | Tensor = 1.0) -> HandPose:
    """Pose of both hands.

    Args:
        euler: (..., 2, 16, 3) XYZ Euler angles relative to the rest pose, radians.
        wrist: (..., 2, 3) wrist joints in the piano frame, metres.
        hand_size: factor on all lengths of the hand, a number or a tensor that broadcasts to ``...``.
    """
    rest = rest_tensors(euler.dtype, euler.device)
    size = torch.as_tensor(hand_size, dtype=euler.dtype, device=euler.device)
    local = euler_to_matrix(euler)  # (..., 2, 16, 3, 3)
    wrist_frame = rest.wrist_frames @ local[..., 0, :, :]
    hand_rotation = wrist_frame @ rest.wrist_frames.transpose(-1, -2)  # rest to posed, piano axes
    frame = hand_rotation[..., None, :, :] @ rest.finger_frames  # (..., 2, 5, 3, 3)
    position = wrist[..., None, :] + size[..., None, None, None] * torch.einsum(
        "...hij,hfj->...hfi", hand_rotation, rest.finger_bases
    )
    joints = wrist.new_empty(*euler.shape[:-2], 16, 3)
    frames = torch.empty_like(local)
    joints[..., 0, :] = wrist
    frames[..., 0, :, :] = wrist_frame
    for bone in range(3):
        index = torch.as_tensor(skeleton.FINGER_JOINTS[:, bone], device=euler.device)
        frame = frame @ local[..., index, :, :]
        joints[..., index, :] = position
        frames[..., index, :, :] = frame
        reach = size[..., None, None, None] * rest.lengths[:, bone, None]
        position = position + reach * frame[..., :, 1]
    return HandPose(joints=joints, tips=position, frames=frames)


def clamp_to_limits(euler: Tensor) -> Tensor:
    """Angles (..., 2, 16, 3) clamped to the joint limits of each hand."""
    limits = rest_tensors(euler.dtype, euler.device).limits
    return torch.minimum(torch.maximum(euler, limits[..., 0]), limits[..., 1])


def outside_limits(euler: Tensor, tolerance_rad: float = 1e-4) -> Tensor:
    """Bool (..., 2): whether any angle of the hand lies outside its limits by more than the tolerance."""
    limits = rest_tensors(euler.dtype, euler.device).limits
    low, high = limits[..., 0] - tolerance_rad, limits[..., 1] + tolerance_rad
    return ((euler < low) | (euler > high)).flatten(-2).any(-1)
