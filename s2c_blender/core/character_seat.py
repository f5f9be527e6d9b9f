# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a piano stands for a character that sits there already. No bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError
from .character_arms import player_arms
from .skeleton import STANDARD_ARMS

Array = NDArray[np.float64]

UP = np.array([0.0, 0.0, 1.0])
LEAST_LEVEL = 0.2
"""Shoulders are taken for upright when the way between them is at least this level, as a cosine."""


def piano_for(shoulders: ArrayLike, lengths: ArrayLike, metres: float) -> Array:
    """4 x 4, world to piano frame, of a piano in front of a character, with keys at the height of hanging elbows.

    Args:
        shoulders: (2, 3) left and right shoulder joint in the world, whose up is +Z. lengths: (2 hands, 2) of upper
        arms and forearms in metres. metres: in a unit of the world.

    The shoulders get where a player's of that size are. Raises UserError where they do not say which way is front.
    """
    geometry, size = player_arms(lengths)
    return _in_front(shoulders, geometry.wrist + size * (geometry.shoulder - geometry.wrist), metres)


def piano_under(wrists: ArrayLike, metres: float) -> Array:
    """The same for hands without arms: the middle between their wrists (2, 3) gets where a player's at rest is."""
    return _in_front(wrists, STANDARD_ARMS.wrist, metres)


def _in_front(places: ArrayLike, wanted: Array, metres: float) -> Array:
    """The frame whose X runs from the left to the right place (2, 3), and that has their middle where it is wanted."""
    left, right = np.asarray(places, float)
    across = (right - left) * (1.0 - UP)
    if np.linalg.norm(across) < LEAST_LEVEL * np.linalg.norm(right - left) or not np.linalg.norm(across) > 0:
        raise UserError(
            "character_lies",
            "Left and right of the character lie above each other, so that nobody can tell where its front is: let it "
            "sit or stand upright in the frame that is shown, or add a piano first.",
        )
    x = across / np.linalg.norm(across)
    matrix = np.eye(4)
    matrix[:3, :3] = metres * np.stack([x, np.cross(UP, x), UP])  # rows: piano axes in the world
    matrix[:3, 3] = wanted.mean(0) - matrix[:3, :3] @ ((left + right) / 2)
    return matrix
