# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones of both hands as segments, and how near they are to each other.

Bones are numbered in one way everywhere, ``hand * 20 + finger * 4 + bone``: finger by finger from thumb to little
finger, and of each finger the palm's bone (wrist to first joint), then its own three from base to tip.

Axis letters: F frames, 2 hands, 5 fingers, 20 bones a hand, P pairs of bones, K pairs that are near.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.body.kinematics import Joints
from models.body.skeleton import FINGER_JOINTS

FINGERS_CLOSER_M = 0.003
"""Two fingers of a hand closer than this along their bones count as passing through each other."""


HANDS_CLOSER_M = 0.008
"""The bones of two hands closer than this count as a collision: about one finger's radius, so that hands that
merely brush (two radii) do not count and hands that run through each other do."""


BLOCK_FRAMES = 512
"""Frames posed at a time; bounds memory whatever the length of the take."""
_BLOCK_OF_PAIRS = 256  # frames at a time, hundreds of pairs of bones each


def closest_shares(p1: Tensor, q1: Tensor, p2: Tensor, q2: Tensor) -> tuple[Tensor, Tensor]:
    """Where segments p1 q1 and p2 q2, each end (..., 3), are nearest to each other: shares (...) of their lengths.

    Ericson, Real-Time Collision Detection (2005), section 5.1.9; bones have length, so no degenerate case.
    """
    d1, d2, r = q1 - p1, q2 - p2, p1 - p2
    a, e, b = (d1 * d1).sum(-1), (d2 * d2).sum(-1), (d1 * d2).sum(-1)
    c, f = (d1 * r).sum(-1), (d2 * r).sum(-1)
    # Below this the bones are parallel within rounding and any s serves.
    parallel = a * e - b * b <= 1e-6 * a * e
    s = torch.where(parallel, torch.zeros_like(a), (b * f - c * e) / (a * e - b * b).clamp_min(1e-30)).clamp(
        0, 1
    )
    t_free = (b * s + f) / e
    t = t_free.clamp(0, 1)
    return torch.where(t_free == t, s, ((t * b - c) / a).clamp(0, 1)), t


def segment_distance(p1: Tensor, q1: Tensor, p2: Tensor, q2: Tensor) -> Tensor:
    """Distance (...) between segments p1 q1 and p2 q2, each end (..., 3)."""
    s, t = closest_shares(p1, q1, p2, q2)
    return (p1 - p2 + s[..., None] * (q1 - p1) - t[..., None] * (q2 - p2)).norm(dim=-1)


def _pair_table() -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pairs (P, 2) of bones that can meet, those of two hands and of two fingers, and their least distance."""
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
"""(P, 2) bones that can meet, and (P,) the metres nearer than which they pass through each other."""
_WITHIN = np.flatnonzero(PAIRS[:, 0] // 20 == PAIRS[:, 1] // 20)
_ACROSS = np.flatnonzero(PAIRS[:, 0] // 20 != PAIRS[:, 1] // 20)
_FINGERS_OF_A_HAND = torch.from_numpy(PAIRS[_WITHIN][PAIRS[_WITHIN, 1] < 20])  # (90, 2)


@dataclass(frozen=True, eq=False)
class Bones:
    """The bones of both hands in some frames, metres in the piano frame."""

    heads: Tensor
    """(F, 2, 20, 3)"""
    tails: Tensor
    """(F, 2, 20, 3)"""

    @classmethod
    def of_points(cls, points: Tensor, wrist: Tensor) -> Bones:
        """Of the heads of the finger bones and the contact points (F, 2, 5, 4, 3), and the wrists (F, 2, 3)."""
        palm = wrist[..., None, None, :].expand(*wrist.shape[:-1], 5, 1, 3)
        heads = torch.cat([palm, points[..., :-1, :]], -2)
        return cls(heads.flatten(-3, -2), points.flatten(-3, -2))

    @classmethod
    def of_joints(cls, joints: Joints) -> Bones:
        """Of what forward kinematics found."""
        index = torch.as_tensor(FINGER_JOINTS, device=joints.position.device)
        points = torch.cat([joints.position[..., index, :], joints.tips[..., None, :]], -2)
        return cls.of_points(points, joints.position[..., 0, :])

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.heads)

    @property
    def tips(self) -> Tensor:
        """(F, 2, 5, 3) contact points."""
        return self.tails[..., 3::4, :]

    def at(self, frames: NDArray[np.int64] | Tensor | slice) -> Bones:
        """Those of some frames."""
        return Bones(self.heads[frames], self.tails[frames])

    def moved(self, shift: NDArray[np.floating[Any]]) -> Bones:
        """With hands displaced by (F, 2, 3) metres."""
        by = torch.from_numpy(np.asarray(shift, np.float32))[:, :, None]
        return Bones(self.heads + by, self.tails + by)

    def gap_between_hands(self) -> Tensor:
        """(F,) metres between boxes around the two hands, at most what is between them; negative where they meet."""
        low = torch.minimum(self.heads, self.tails).amin(2)
        high = torch.maximum(self.heads, self.tails).amax(2)
        return torch.maximum(low[:, 1] - high[:, 0], low[:, 0] - high[:, 1]).amax(-1)

    def between_hands(self) -> Tensor:
        """Distances (F, 20, 20) between the bones of the left and those of the right hand."""
        heads, tails = self.heads, self.tails
        ends = (heads[:, 0, :, None], tails[:, 0, :, None], heads[:, 1, None], tails[:, 1, None])
        return segment_distance(*(end.expand(len(self), 20, 20, 3) for end in ends))

    def between_fingers(self) -> Tensor:
        """Distances (F, 2, 90) between bones of different fingers of one hand."""
        one, other = _FINGERS_OF_A_HAND.to(self.heads.device).unbind(-1)
        ends = (self.heads[..., one, :], self.tails[..., one, :])
        return segment_distance(*ends, self.heads[..., other, :], self.tails[..., other, :])

    def near(self, margin: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Frame and index in `PAIRS` (K,) of the pairs within ``margin`` metres of their least distance, by frame."""
        frames, pairs = [], []
        for begin in range(0, len(self), _BLOCK_OF_PAIRS):
            block = self.at(slice(begin, begin + _BLOCK_OF_PAIRS))
            meet = torch.nonzero(block.gap_between_hands() < HANDS_CLOSER_M + margin).flatten()
            for chosen, table in ((torch.arange(len(block)), _WITHIN), (meet, _ACROSS)):
                frame, pair = _close(block.at(chosen), table, margin)
                frames.append(chosen[frame].numpy() + begin)
                pairs.append(pair)
        frame, pair = np.concatenate(frames), np.concatenate(pairs)
        in_time = np.argsort(frame, kind="stable")
        return frame[in_time], pair[in_time]


def _close(bones: Bones, table: NDArray[np.int64], margin: float) -> tuple[Tensor, NDArray[np.int64]]:
    """Frame and index in `PAIRS` (K,) of those pairs in ``table`` within ``margin`` of their least distance."""
    heads, tails = bones.heads.flatten(1, 2), bones.tails.flatten(1, 2)  # (F, 40, 3)
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
