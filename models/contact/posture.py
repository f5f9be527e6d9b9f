# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands of some frames as angles and places, what their fingertips have to keep to, and which bones are too near.

Axes: F frames, 2 hands, 5 fingers; 20 bones a hand as in `models.contact.hand_avoidance`; K close pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.body.bones import FINGERS_CLOSER_M, HANDS_CLOSER_M, segment_distance
from models.body.kinematics import rest_tensors
from models.body.skeleton import FINGER_JOINTS
from models.contact.chain import Fingers, finger_points, hand_rotation, to_piano

_FINGER_MARGIN, _HAND_MARGIN = 0.0016, 0.003  # metres beyond what counts as running through each other
_BLOCK = 256


@dataclass(frozen=True)
class Posture:
    """Hands of some frames."""

    angles: Tensor
    """(F, 2, 5, 4) of the fingers: flexion, middle joint, last joint, abduction, radians."""
    turn: Tensor
    """(F, 2, 3) Euler angles of the wrists, radians."""
    place: Tensor
    """(F, 2, 3) wrists, metres."""

    @classmethod
    def of(cls, fingers: Fingers, turn: Tensor, place: Tensor) -> Posture:
        parts = (fingers.flexion, fingers.middle, fingers.last, fingers.abduction)
        return cls(torch.stack(parts, -1), turn, place)

    @property
    def fingers(self) -> Fingers:
        return Fingers(*self.angles.unbind(-1))

    def bones(self, size: float) -> Tensor:
        """Heads of the finger bones and contact points (F, 2, 5, 4, 3) in the piano frame, metres."""
        points = finger_points(self.fingers).flatten(2, 3)
        return to_piano(points, hand_rotation(self.turn), self.place, size).unflatten(2, (5, 4))

    def at(self, frames: NDArray[np.int64]) -> Posture:
        return Posture(self.angles[frames], self.turn[frames], self.place[frames])

    def carried(self, before: Posture, after: Posture) -> Posture:
        """The same correction of ``after`` that this posture is of ``before``, inside the joint limits."""
        joints = rest_tensors(self.place.dtype, self.place.device).limits[:, torch.as_tensor(FINGER_JOINTS)]
        low, high = joints[:, :, [0, 1, 2, 0], [0, 0, 0, 2]].unbind(-1)  # (2, 5, 4)
        return Posture(
            torch.minimum(torch.maximum(self.angles + (after.angles - before.angles), low), high),
            self.turn + (after.turn - before.turn),
            self.place + (after.place - before.place),
        )

    def replaced(self, frames: NDArray[np.int64], part: Posture) -> Posture:
        """With the posture of some frames in their place."""

        def joined(whole: Tensor, piece: Tensor) -> Tensor:
            whole = whole.clone()
            whole[frames] = piece
            return whole

        return Posture(
            joined(self.angles, part.angles), joined(self.turn, part.turn), joined(self.place, part.place)
        )


@dataclass(frozen=True)
class Aims:
    """What fingertips have to keep to."""

    points: Tensor
    """(F, 2, 5, 3) metres."""
    firm: NDArray[np.float32]
    """(F, 2, 5) 1 for a finger that must be at its point, 0 for one that may step aside."""
    busy: NDArray[np.bool_]
    """(F, 2, 5) whether the finger is above or in the key that it plays; others stay above the keys."""

    def at(self, frames: NDArray[np.int64]) -> Aims:
        return Aims(self.points[frames], self.firm[frames], self.busy[frames])


@dataclass(frozen=True)
class Tangle:
    """A pair of bones that is too near."""

    frame: NDArray[np.int64]
    """(K,)"""
    slots: NDArray[np.int64]
    """(K, 2) hand * 5 + finger of both; -1 for a palm."""


def _pair_table() -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pairs of bones (P, 2), numbered hand * 20 + finger * 4 + bone from the palm's, and their least distance."""
    pairs, least = [], []
    for one in range(40):
        for other in range(one + 1, 40):
            across = one // 20 != other // 20
            inside = one // 4 != other // 4 and one % 4 and other % 4
            if across or inside:
                pairs.append((one, other))
                least.append(HANDS_CLOSER_M if across else FINGERS_CLOSER_M)
    return np.array(pairs), np.array(least, np.float32)


PAIRS, LEAST = _pair_table()
MARGIN = np.where(LEAST > FINGERS_CLOSER_M + 1e-4, _HAND_MARGIN, _FINGER_MARGIN).astype(np.float32)
"""(P,) metres beyond the least distance that fingers and hands are kept at."""
_WITHIN = np.flatnonzero(PAIRS[:, 0] // 20 == PAIRS[:, 1] // 20)
_ACROSS = np.flatnonzero(PAIRS[:, 0] // 20 != PAIRS[:, 1] // 20)


def tangles(
    posture: Posture, size: float, margin: float = 0.0, fixed: NDArray[np.bool_] | None = None
) -> Tangle:
    """The pairs of bones nearer than their least distance and ``margin`` metres more.

    Args:
        fixed: (F, 2) hands that stay where they are; what is wrong within and between them is left out.
    """
    frame, pair = near_pairs(posture.bones(size), posture.place, margin)
    bones = PAIRS[pair]
    if fixed is not None:
        free = ~fixed[frame[:, None], bones // 20].all(1)
        frame, bones = frame[free], bones[free]
    return Tangle(frame, np.where(bones % 4 > 0, bones // 4, -1))


def near_pairs(bones: Tensor, wrist: Tensor, margin: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frame and index in `PAIRS` (K,) of the pairs within ``margin`` of their least distance."""
    frames, pairs = [], []
    for begin in range(0, len(bones), _BLOCK):
        block, places = bones[begin : begin + _BLOCK], wrist[begin : begin + _BLOCK]
        heads = torch.cat([places[:, :, None, None].expand(-1, -1, 5, 1, 3), block[..., :-1, :]], 3)
        heads, tails = heads.flatten(1, 3), block.flatten(1, 3)
        meet = torch.nonzero(_boxes_meet(block, places, HANDS_CLOSER_M + margin)).flatten()
        for chosen, table in ((torch.arange(len(block)), _WITHIN), (meet, _ACROSS)):
            frame, pair = _close(heads[chosen], tails[chosen], table, margin)
            frames.append(chosen[frame].numpy() + begin)
            pairs.append(pair)
    frame, pair = np.concatenate(frames), np.concatenate(pairs)
    in_time = np.argsort(frame, kind="stable")
    return frame[in_time], pair[in_time]


def _boxes_meet(bones: Tensor, wrist: Tensor, gap: float) -> Tensor:
    """Bool (F,): whether the boxes around the two hands are nearer than ``gap``."""
    points = torch.cat([bones.flatten(2, 3), wrist[:, :, None]], 2)
    low, high = points.amin(2), points.amax(2)
    return torch.maximum(low[:, 1] - high[:, 0], low[:, 0] - high[:, 1]).amax(-1) < gap


def _close(
    heads: Tensor, tails: Tensor, table: NDArray[np.int64], margin: float
) -> tuple[Tensor, NDArray[np.int64]]:
    """Frame and pair (K,) of those of ``table`` among bones (F, 40, 3) within ``margin`` of their least distance."""
    one, other = torch.from_numpy(PAIRS[table]).unbind(-1)
    least = torch.from_numpy(LEAST[table]) + margin
    middle = ((heads + tails) / 2).permute(2, 1, 0).contiguous()  # (3, 40, F): long rows
    half = ((heads - tails).norm(dim=-1) / 2).T.contiguous()
    # Bones whose middles are farther apart than both their halves reach cannot be near.
    gap = (middle[:, one] - middle[:, other]).square_().sum(0)
    reach = half[one] + half[other] + least[:, None]
    pair, frame = torch.nonzero(gap < reach.square_(), as_tuple=True)
    near = segment_distance(
        heads[frame, one[pair]], tails[frame, one[pair]], heads[frame, other[pair]], tails[frame, other[pair]]
    )
    keep = near < least[pair]
    return frame[keep], table[pair[keep].numpy()]
