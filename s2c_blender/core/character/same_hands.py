# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a take was made for the hands that are to play it. No bpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..skeleton import FINGERS, HANDS

SAME_M, SAME_AXIS = 2e-4, 2e-3
"""Hands are the same whose places and lengths differ by less than the first, and whose axes by less than the second."""
TOLERANCES = {"base": SAME_M, "lengths": SAME_M, "y_axis": SAME_AXIS, "z_axis": SAME_AXIS}


def same_hands(geometry: Mapping[str, Any], other: object) -> bool:
    """Whether a hand geometry that we made and one that a take says of itself, which may be odd, are the same hands."""
    try:
        return all(_same_hand(geometry[hand]["fingers"], other[hand]["fingers"]) for hand in HANDS)  # type: ignore[index]
    except (TypeError, KeyError, ValueError, IndexError):
        return False  # it is no geometry, so it is not this one


def _same_hand(own: Mapping[str, Any], other: Any) -> bool:
    for finger in FINGERS:
        one, two = own[finger], other[finger]
        if one is None or two is None:
            if one is not two:
                return False
            continue
        for key, tolerance in TOLERANCES.items():
            there = np.array(two[key], float)
            if there.shape != (3,) or not np.abs(np.array(one[key]) - there).max() < tolerance:
                return False
        if list(one["locked"]) != list(two["locked"]):
            return False
    return True
