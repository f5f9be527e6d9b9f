# SPDX-License-Identifier: GPL-3.0-or-later
"""What planning knows of the hands that play: which fingers they have, and how far they reach beside ours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.body.kinematics import forward_kinematics
from models.body.skeleton import FINGER_JOINTS, STANDARD_HANDS, HandGeometry
from models.planning.fingering_costs import ALL_FINGERS


@dataclass(frozen=True, eq=False)
class PlayingHands:
    """Two hands, left and right."""

    present: NDArray[np.bool_]
    """(2, 5) the fingers that they have."""
    reach: tuple[float, float] = (1.0, 1.0)
    """How far apart the keys can be that a hand holds, as a factor on ours; larger hands do no more than ours."""

    @classmethod
    def of(cls, geometry: HandGeometry, size: float = 1.0) -> PlayingHands:
        """Those of a geometry, in a size."""
        left, right = (size * _stretch(geometry) / _our_stretch()).clip(max=1.0).tolist()
        return cls(geometry.present, (left, right))

    @property
    def fingers(self) -> tuple[int, int]:
        """How many fingers the left and the right hand have."""
        left, right = self.present.sum(1).tolist()
        return left, right


OUR_HANDS = PlayingHands(ALL_FINGERS)


@lru_cache(maxsize=1)
def _our_stretch() -> NDArray[np.float64]:
    return _stretch(STANDARD_HANDS)


def _stretch(geometry: HandGeometry) -> NDArray[np.float64]:
    """(2,) metres between the tips of each hand's outer fingers, flat and spread as wide as they go."""
    limits = geometry.limits[:, FINGER_JOINTS[:, 0], 2]  # (2, 5, 2)
    tips = []
    for end in range(2):
        euler = np.zeros((2, 16, 3))
        euler[:, FINGER_JOINTS[:, 0], 2] = limits[..., end]
        tips.append(forward_kinematics(euler, np.zeros((2, 3)), geometry=geometry).tips)
    widest = np.zeros(2)
    for hand in range(2):
        there = np.flatnonzero(geometry.present[hand])
        ends = [np.array([spread[hand, finger] for spread in tips]) for finger in (there[0], there[-1])]
        widest[hand] = np.linalg.norm(ends[0][:, None] - ends[1], axis=-1).max()
    return widest
