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
from numpy.typing import NDArray

from models.body.kinematics import Joints
from models.body.skeleton import FINGER_JOINTS

Array = NDArray[np.floating[Any]]

FINGERS_CLOSER_M = 0.003
"""Two fingers of a hand closer than this along their bones count as passing through each other."""


HANDS_CLOSER_M = 0.008
"""The bones of two hands closer than this count as a collision: about one finger's radius, so that hands that
merely brush (two radii) do not count and hands that run through each other do."""


BLOCK_FRAMES = 512
"""Frames posed at a time; bounds memory whatever the length of the take."""


def closest_shares(p1: Array, q1: Array, p2: Array, q2: Array) -> tuple[Array, Array]:
    """Where segments p1 q1 and p2 q2, each end (3, ...), are nearest to each other: shares (...) of their lengths.

    Ericson, Real-Time Collision Detection (2005), section 5.1.9; bones have length, so no degenerate case.
    """
    d1, d2, r = q1 - p1, q2 - p2, p1 - p2
    a, e, b, c, f = ((x * y).sum(0) for x, y in ((d1, d1), (d2, d2), (d1, d2), (d1, r), (d2, r)))
    free = a * e - b * b
    # Below this the bones are parallel within rounding and any s serves.
    parallel = free <= 1e-6 * a * e
    s = np.where(parallel, 0.0, np.clip((b * f - c * e) / np.maximum(free, 1e-30), 0, 1))
    t_free = (b * s + f) / e
    t = np.clip(t_free, 0, 1)
    return np.where(t_free == t, s, np.clip((t * b - c) / a, 0, 1)), t


def segment_distance(p1: Array, q1: Array, p2: Array, q2: Array) -> Array:
    """Distance (...) between segments p1 q1 and p2 q2, each end (3, ...)."""
    s, t = closest_shares(p1, q1, p2, q2)
    between = p1 - p2 + s * (q1 - p1) - t * (q2 - p2)
    return np.sqrt((between * between).sum(0))


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
_FINGERS_OF_A_HAND = PAIRS[(PAIRS[:, 0] < 20) & (PAIRS[:, 1] < 20)].T  # (2, 90)


@dataclass(frozen=True, eq=False)
class Bones:
    """The bones of both hands in some frames, metres in the piano frame."""

    heads: Array
    """(3, 2, 20, F)"""
    tails: Array
    """(3, 2, 20, F)"""

    @classmethod
    def of_joints(cls, joints: Joints) -> Bones:
        """Of what forward kinematics found for F frames."""
        position = np.asarray(joints.position).transpose(3, 1, 2, 0)  # (3, 2, 16, F)
        tips = np.asarray(joints.tips).transpose(3, 1, 2, 0)
        points = np.concatenate([position[:, :, FINGER_JOINTS], tips[:, :, :, None]], 3)  # (3, 2, 5, 4, F)
        palm = np.broadcast_to(position[:, :, :1, None], points[:, :, :, :1].shape)
        heads = np.concatenate([palm, points[:, :, :, :-1]], 3)
        shape = (3, 2, 20, points.shape[-1])
        return cls(heads.reshape(shape), points.reshape(shape))

    def __len__(self) -> int:
        """Number of frames."""
        return self.heads.shape[-1]

    @property
    def tips(self) -> Array:
        """(F, 2, 5, 3) contact points."""
        return self.tails[:, :, 3::4].transpose(3, 1, 2, 0)

    def at(self, frames: NDArray[np.int64] | slice) -> Bones:
        """Those of some frames."""
        return Bones(self.heads[..., frames], self.tails[..., frames])

    def moved(self, shift: Array) -> Bones:
        """With hands displaced by (F, 2, 3) metres."""
        by = shift.transpose(2, 1, 0)[:, :, None]
        return Bones(self.heads + by, self.tails + by)

    def gap_between_hands(self) -> Array:
        """(F,) metres between boxes around the two hands, at most what is between them; negative where they meet."""
        low = np.minimum(self.heads, self.tails).min(2)
        high = np.maximum(self.heads, self.tails).max(2)
        return np.maximum(low[:, 1] - high[:, 0], low[:, 0] - high[:, 1]).max(0)

    def between_hands(self) -> Array:
        """Distances (20, 20, F) between the bones of the left and those of the right hand."""
        left = (end[:, 0, :, None] for end in (self.heads, self.tails))
        right = (end[:, 1, None] for end in (self.heads, self.tails))
        return segment_distance(*left, *right)

    def between_fingers(self) -> Array:
        """Distances (2, 90, F) between bones of different fingers of one hand."""
        one, other = ([end[:, :, bones] for end in (self.heads, self.tails)] for bones in _FINGERS_OF_A_HAND)
        return segment_distance(*one, *other)
