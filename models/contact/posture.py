# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fingertips of a pose have to keep to, and which of its bones are too near.

Axes: F frames, 2 hands, 5 fingers; P pairs of bones as in `models.body.bones`; K close pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.body.bones import FINGERS_CLOSER_M, LEAST, PAIRS
from models.body.pose import Pose

_FINGER_MARGIN, _HAND_MARGIN = 0.0016, 0.003  # metres beyond what counts as running through each other
MARGIN = np.where(LEAST > FINGERS_CLOSER_M + 1e-4, _HAND_MARGIN, _FINGER_MARGIN).astype(np.float32)
"""(P,) metres beyond the least distance that fingers and hands are kept at."""


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
        """The aims of some frames alone."""
        return Aims(self.points[frames], self.firm[frames], self.busy[frames])


@dataclass(frozen=True)
class Tangle:
    """A pair of bones that is too near."""

    frame: NDArray[np.int64]
    """(K,)"""
    slots: NDArray[np.int64]
    """(K, 2) hand * 5 + finger of both; -1 for a palm."""


def tangles(pose: Pose, margin: float = 0.0, fixed: NDArray[np.bool_] | None = None) -> Tangle:
    """The pairs of bones nearer than their least distance and ``margin`` metres more.

    Args:
        fixed: (F, 2) hands that stay where they are; what is wrong within and between them is left out.
    """
    frame, pair = pose.bones.near(margin)
    bones = PAIRS[pair]
    if fixed is not None:
        free = ~fixed[frame[:, None], bones // 20].all(1)
        frame, bones = frame[free], bones[free]
    return Tangle(frame, np.where(bones % 4 > 0, bones // 4, -1))
