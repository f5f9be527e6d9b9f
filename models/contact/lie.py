# SPDX-License-Identifier: GPL-3.0-or-later
"""How hands of other proportions lie over the keys: each knuckle as high as its finger is long.

Our hands carry their knuckles at a height from which their fingers reach the keys well arched. A finger that is shorter
beside its palm would hang straight down from there. So the palm of another hand is bent and rolled against ours until
its knuckles are, as nearly as a palm can, as much lower as their fingers are shorter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.body.skeleton import STANDARD_HANDS, HandGeometry

Array = NDArray[np.float64]

WHITE_M = 0.038
"""Height of our wrists where white keys are played."""
LEVEL = -0.25
"""Radians of our hands' bend at `WHITE_M`: knuckles are a little above the wrist."""
_MOST = 0.35
"""Radians that a hand is bent, or rolled, against ours at most."""


def lie_of(geometry: HandGeometry) -> Array:
    """(2, 2) radians that are added to the bend (X) and to the roll (Y) of each wrist of our hands; 0 for ours."""
    return np.clip(_slopes(STANDARD_HANDS) - _slopes(geometry), -_MOST, _MOST)


def _slopes(geometry: HandGeometry) -> Array:
    """(2, 2) how steeply each palm rises forward and toward the treble (tangents, about radians)."""
    ours = STANDARD_HANDS
    height = WHITE_M + ours.finger_bases[..., 1] * np.sin(-LEVEL) + ours.finger_bases[..., 2] * np.cos(LEVEL)
    wanted = height * geometry.lengths.sum(-1) / ours.lengths.sum(-1)  # (2, 5) of the knuckles
    rise = wanted - geometry.proportion * WHITE_M - geometry.finger_bases[..., 2]
    slopes = np.zeros((2, 2))
    for hand in range(2):
        long = np.flatnonzero(geometry.present[hand, 1:]) + 1
        if len(long) > 1:
            places = geometry.finger_bases[hand, long][:, [1, 0]]
            slopes[hand] = np.linalg.lstsq(places, rise[hand, long], rcond=None)[0]
        else:
            slopes[hand] = _slopes(ours)[hand]
    return slopes
