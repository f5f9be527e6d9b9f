# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward kinematics of both hands, batched in torch.

Axis letters: ``...`` any batch, 2 hands (0 left, 1 right), 16 joints, 5 fingers (0 thumb to 4 little finger).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from models.body.rotations import euler_to_matrix
from models.body.skeleton import FINGER_JOINTS, STANDARD_HANDS, HandGeometry


@dataclass(frozen=True, eq=False)
class Joints:
    """Where the joints of both hands are, in the piano frame."""

    position: Tensor
    """(..., 2, 16, 3) joints, that is heads of bones, metres."""
    tips: Tensor
    """(..., 2, 5, 3) contact points: the tails of the third bones, thumb first, metres."""
    rotation: Tensor
    """(..., 2, 16, 3, 3) bone frames, columns X, Y, Z."""


@dataclass(frozen=True, eq=False)
class RestTensors:
    """A `HandGeometry` as tensors of one dtype and device; its fields have the same shapes."""

    wrist_frames: Tensor
    finger_bases: Tensor
    finger_frames: Tensor
    lengths: Tensor
    limits: Tensor
    finger_limits: Tensor


@lru_cache(maxsize=8)
def rest_tensors(
    dtype: torch.dtype, device: torch.device, geometry: HandGeometry = STANDARD_HANDS
) -> RestTensors:
    """The hands' geometry for ``dtype`` and ``device``; cached."""

    def convert(array: object) -> Tensor:
        return torch.as_tensor(array, dtype=dtype, device=device)

    with torch.inference_mode(False):  # whoever asks first may not need gradients; the next one may
        return RestTensors(
            convert(geometry.wrist_frames),
            convert(geometry.finger_bases),
            convert(geometry.finger_frames),
            convert(geometry.lengths),
            convert(geometry.limits),
            convert(geometry.finger_limits),
        )


def forward_kinematics(
    euler: Tensor,
    wrist: Tensor,
    hand_size: float | Tensor = 1.0,
    geometry: HandGeometry = STANDARD_HANDS,
) -> Joints:
    """Joints of both hands.

    Args:
        euler: (..., 2, 16, 3) XYZ Euler angles relative to the rest pose, radians.
        wrist: (..., 2, 3) wrist joints in the piano frame, metres.
        hand_size: factor on all lengths of the hand, a number or a tensor that broadcasts to ``...``.
        geometry: the hands at size 1.
    """
    rest = rest_tensors(euler.dtype, euler.device, geometry)
    size = torch.as_tensor(hand_size, dtype=euler.dtype, device=euler.device)
    local = euler_to_matrix(euler)  # (..., 2, 16, 3, 3)
    wrist_frame = rest.wrist_frames @ local[..., 0, :, :]
    hand_rotation = wrist_frame @ rest.wrist_frames.transpose(-1, -2)  # rest to posed, piano axes
    frame = hand_rotation[..., None, :, :] @ rest.finger_frames  # (..., 2, 5, 3, 3)
    head = wrist[..., None, :] + size[..., None, None, None] * torch.einsum(
        "...hij,hfj->...hfi", hand_rotation, rest.finger_bases
    )
    position = wrist.new_empty(*euler.shape[:-2], 16, 3)
    rotation = torch.empty_like(local)
    position[..., 0, :] = wrist
    rotation[..., 0, :, :] = wrist_frame
    for bone in range(3):
        index = torch.as_tensor(FINGER_JOINTS[:, bone], device=euler.device)
        frame = frame @ local[..., index, :, :]
        position[..., index, :] = head
        rotation[..., index, :, :] = frame
        length = size[..., None, None, None] * rest.lengths[:, :, bone, None]
        head = head + length * frame[..., :, 1]
    return Joints(position=position, tips=head, rotation=rotation)


def clamp_to_limits(euler: Tensor, geometry: HandGeometry = STANDARD_HANDS) -> Tensor:
    """Angles (..., 2, 16, 3) clamped to the joint limits of each hand."""
    limits = rest_tensors(euler.dtype, euler.device, geometry).limits
    return torch.minimum(torch.maximum(euler, limits[..., 0]), limits[..., 1])


def outside_limits(
    euler: Tensor, tolerance_rad: float = 1e-4, geometry: HandGeometry = STANDARD_HANDS
) -> Tensor:
    """Bool (..., 2): whether any angle of the hand lies outside its limits by more than the tolerance."""
    limits = rest_tensors(euler.dtype, euler.device, geometry).limits
    low, high = limits[..., 0] - tolerance_rad, limits[..., 1] + tolerance_rad
    return ((euler < low) | (euler > high)).flatten(-2).any(-1)
