# SPDX-License-Identifier: GPL-3.0-or-later
"""Forward kinematics of both hands, in batches of numpy arrays or torch tensors.

Axis letters: ``...`` any batch, 2 hands (0 left, 1 right), 16 joints, 5 fingers (0 thumb to 4 little finger).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from models.body.rotations import Array, euler_to_matrix, transposed
from models.body.skeleton import FINGER_JOINTS, STANDARD_HANDS, HandGeometry

_IN_ORDER = np.argsort([0, *FINGER_JOINTS.T.ravel()])
"""Where each joint stands in a list of the wrist, then all first joints of fingers, all second ones, all third ones."""


@dataclass(frozen=True, eq=False)
class Joints:
    """Where the joints of both hands are, in the piano frame."""

    position: Array
    """(..., 2, 16, 3) joints, that is heads of bones, metres."""
    tips: Array
    """(..., 2, 5, 3) contact points: the tails of the third bones, thumb first, metres."""
    rotation: Array
    """(..., 2, 16, 3, 3) bone frames, columns X, Y, Z."""


def like(values: object, array: Array) -> Array:
    """The values as an array of ``array``'s kind, dtype and device."""
    return array_namespace(array).asarray(values, dtype=array.dtype, device=device(array))


def forward_kinematics(
    euler: Array,
    wrist: Array,
    hand_size: float | Array = 1.0,
    geometry: HandGeometry = STANDARD_HANDS,
) -> Joints:
    """Joints of both hands.

    Args:
        euler: (..., 2, 16, 3) XYZ Euler angles relative to the rest pose, radians.
        wrist: (..., 2, 3) wrist joints in the piano frame, metres.
        hand_size: factor on all lengths of the hand, a number or an array that broadcasts to ``...``.
        geometry: the hands at size 1.
    """
    xp = array_namespace(euler)
    size = like(hand_size, euler)[..., None, None, None]
    wrist_frames, finger_frames = like(geometry.wrist_frames, euler), like(geometry.finger_frames, euler)
    bases, lengths = like(geometry.finger_bases, euler), like(geometry.lengths, euler)
    local = euler_to_matrix(euler)  # (..., 2, 16, 3, 3)
    wrist_frame = wrist_frames @ local[..., 0, :, :]
    hand_rotation = wrist_frame @ transposed(wrist_frames)  # rest to posed, piano axes
    frame = hand_rotation[..., None, :, :] @ finger_frames  # (..., 2, 5, 3, 3)
    head = wrist[..., None, :] + size * (hand_rotation[..., None, :, :] @ bases[..., None])[..., 0]
    heads, frames = [wrist[..., None, :]], [wrist_frame[..., None, :, :]]
    for bone in range(3):
        frame = frame @ local[..., FINGER_JOINTS[:, bone], :, :]
        heads.append(head)
        frames.append(frame)
        head = head + size * lengths[:, :, bone, None] * frame[..., :, 1]
    return Joints(
        position=xp.concat(heads, axis=-2)[..., _IN_ORDER, :],
        tips=head,
        rotation=xp.concat(frames, axis=-3)[..., _IN_ORDER, :, :],
    )


def clamp_to_limits(euler: Array, geometry: HandGeometry = STANDARD_HANDS) -> Array:
    """Angles (..., 2, 16, 3) clamped to the joint limits of each hand."""
    xp, limits = array_namespace(euler), like(geometry.limits, euler)
    return xp.minimum(xp.maximum(euler, limits[..., 0]), limits[..., 1])


def outside_limits(
    euler: Array, tolerance_rad: float = 1e-4, geometry: HandGeometry = STANDARD_HANDS
) -> Array:
    """Bool (..., 2): whether any angle of the hand lies outside its limits by more than the tolerance."""
    xp, limits = array_namespace(euler), like(geometry.limits, euler)
    outside = (euler < limits[..., 0] - tolerance_rad) | (euler > limits[..., 1] + tolerance_rad)
    return xp.any(outside, axis=(-2, -1))
