# SPDX-License-Identifier: GPL-3.0-or-later
"""The pose of both hands that contact works on: four angles a finger, and wrists.

A finger is a straight chain at rest whose first joint flexes (X) and abducts (Z) and whose other two joints only
flex. In the frame of the first joint at rest its tip is ``Rz(c) (0, u, w)`` with

    u + i w = exp(i a) (l1 + l2 exp(i p) + l3 exp(i (p + d)))

for abduction c and flexions a, p, d; `models.contact.chain` solves it for the angles.

The hand's own axes are the piano's, as they lie in the rest pose, with the wrist as origin; lengths are those of hand
size 1. Axes of tensors: ``...`` any batch, most often frames, 2 hands, 5 fingers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.body.bones import Bones
from models.body.motion import Motion
from models.body.rotations import euler_to_matrix
from models.body.skeleton import ABDUCTION, FINGER_JOINTS, STANDARD_HANDS, HandGeometry


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


@dataclass(frozen=True, eq=False)
class Pose:
    """Both hands, in some frames."""

    fingers: Tensor
    """(..., 2, 5, 4) flexion, middle joint, last joint and abduction of each finger, radians."""
    wrist_euler: Tensor
    """(..., 2, 3) Euler angles of the wrists, radians."""
    wrist: Tensor
    """(..., 2, 3) wrists in the piano frame, metres."""
    size: float = 1.0
    """Factor on all lengths of the hands."""
    geometry: HandGeometry = STANDARD_HANDS

    @classmethod
    def of_euler(
        cls, euler: Tensor, wrist: Tensor, size: float = 1.0, geometry: HandGeometry = STANDARD_HANDS
    ) -> Pose:
        """Of Euler angles (..., 2, 16, 3) and wrists (..., 2, 3).

        Angles of the fingers that have no room between the joint limits are taken as 0.
        """
        joints = torch.as_tensor(FINGER_JOINTS, device=euler.device)
        first, middle, last = euler[..., joints, :].unbind(-2)
        fingers = torch.stack([first[..., 0], middle[..., 0], last[..., 0], first[..., 2]], -1)
        return cls(fingers, euler[..., 0, :], wrist, size, geometry)

    @classmethod
    def of_motion(cls, motion: Motion, size: float = 1.0, geometry: HandGeometry = STANDARD_HANDS) -> Pose:
        """Of all frames of a motion, 32 bit; see `of_euler`."""
        euler, wrist = (
            torch.from_numpy(np.asarray(part, np.float32)) for part in (motion.euler, motion.wrist)
        )
        return cls.of_euler(euler, wrist, size, geometry)

    @property
    def euler(self) -> Tensor:
        """(..., 2, 16, 3) Euler angles of all joints, radians."""
        joints = torch.as_tensor(FINGER_JOINTS, device=self.wrist_euler.device)
        flexion, middle, last, abduction = self.fingers.unbind(-1)
        euler = self.wrist_euler.new_zeros(*self.wrist_euler.shape[:-1], 16, 3)
        euler[..., 0, :] = self.wrist_euler
        euler[..., joints[:, 0], 0] = flexion
        euler[..., joints[:, 0], 2] = abduction
        euler[..., joints[:, 1], 0] = middle
        euler[..., joints[:, 2], 0] = last
        return euler

    def to_motion(self, fps: float) -> Motion:
        """The pose as a motion, its first axis being frames at ``fps`` a second."""
        return Motion(self.euler.float().numpy(), self.wrist.float().numpy(), fps)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.wrist)

    @property
    def rest(self) -> RestTensors:
        """The hands' geometry, as tensors like the wrists."""
        return rest_tensors(self.wrist.dtype, self.wrist.device, self.geometry)

    @cached_property
    def rotation(self) -> Tensor:
        """(..., 2, 3, 3) from the hand's axes to the piano's."""
        frames = self.rest.wrist_frames
        return frames @ euler_to_matrix(self.wrist_euler) @ frames.transpose(-1, -2)

    def to_piano(self, points: Tensor) -> Tensor:
        """Points (..., 2, k, 3) in the hand's axes to the piano frame, metres."""
        return self.wrist[..., None, :] + self.size * (points @ self.rotation.transpose(-1, -2))

    def to_hand(self, points: Tensor) -> Tensor:
        """Inverse of `to_piano`."""
        return ((points - self.wrist[..., None, :]) @ self.rotation) / self.size

    @property
    def points(self) -> Tensor:
        """Heads of the finger bones and contact points (..., 2, 5, 4, 3) in the piano frame, metres."""
        along, down = self._chain()
        local = lifted(along, down, self.fingers[..., ABDUCTION, None])
        tails = local @ self.rest.finger_frames.transpose(-1, -2) + self.rest.finger_bases[:, :, None]
        heads = self.rest.finger_bases[:, :, None].expand(*tails.shape[:-2], 1, 3)
        return self.to_piano(torch.cat([heads, tails], -2).flatten(-3, -2)).unflatten(-2, (5, 4))

    @property
    def tips_in_hand(self) -> Tensor:
        """Contact points (..., 2, 5, 3) in the hand's axes."""
        along, down = self._chain()
        local = lifted(along[..., -1], down[..., -1], self.fingers[..., ABDUCTION])
        return (self.rest.finger_frames @ local[..., None])[..., 0] + self.rest.finger_bases

    @property
    def tips(self) -> Tensor:
        """Contact points (..., 2, 5, 3) in the piano frame, metres."""
        return self.to_piano(self.tips_in_hand)

    @property
    def bones(self) -> Bones:
        """The bones, where the batch is frames."""
        return Bones.of_points(self.points, self.wrist)

    def _chain(self) -> tuple[Tensor, Tensor]:
        """In-plane coordinates along and down (..., 2, 5, 3) of the tails of the three bones."""
        angle = self.fingers[..., :ABDUCTION].cumsum(-1)
        lengths = self.rest.lengths
        return (lengths * angle.cos()).cumsum(-1), (lengths * angle.sin()).cumsum(-1)

    def at(self, frames: NDArray[np.int64]) -> Pose:
        """That of some frames."""
        return Pose(
            self.fingers[frames], self.wrist_euler[frames], self.wrist[frames], self.size, self.geometry
        )

    def replaced(self, frames: NDArray[np.int64], part: Pose) -> Pose:
        """With the pose of some frames in their place."""

        def joined(whole: Tensor, piece: Tensor) -> Tensor:
            whole = whole.clone()
            whole[frames] = piece
            return whole

        return Pose(
            joined(self.fingers, part.fingers),
            joined(self.wrist_euler, part.wrist_euler),
            joined(self.wrist, part.wrist),
            self.size,
            self.geometry,
        )

    def corrected_alike(self, before: Pose, after: Pose) -> Pose:
        """With the correction that ``after`` is of ``before``, the fingers inside their limits."""
        low, high = self.rest.finger_limits.unbind(-1)
        return Pose(
            torch.minimum(torch.maximum(self.fingers + (after.fingers - before.fingers), low), high),
            self.wrist_euler + (after.wrist_euler - before.wrist_euler),
            self.wrist + (after.wrist - before.wrist),
            self.size,
            self.geometry,
        )


def lifted(along: Tensor, down: Tensor, abduction: Tensor) -> Tensor:
    """Points (..., 3) in the frame of a finger's first joint, ``along`` and ``down`` in the plane that it bends in."""
    return torch.stack([-abduction.sin() * along, abduction.cos() * along, down], -1)
