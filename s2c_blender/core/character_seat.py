# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a piano stands for a character that sits there already. No bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError
from .character_arms import player_arms

Array = NDArray[np.float64]

UP = np.array([0.0, 0.0, 1.0])


def piano_for(shoulders: ArrayLike, lengths: ArrayLike, metres: float) -> Array:
    """4 x 4, world to piano frame, of a piano in front of a character, with keys at the height of hanging elbows.

    Args:
        shoulders: (2, 3) left and right shoulder joint in the world, whose up is +Z. lengths: (2 hands, 2) of upper
        arms and forearms in metres. metres: in a unit of the world.

    The shoulders get where a player's of that size are. Raises UserError where they do not say which way is front.
    """
    left, right = np.asarray(shoulders, float)
    across = (right - left) * (1.0 - UP)
    if np.linalg.norm(across) < 0.2 * np.linalg.norm(right - left) or not np.linalg.norm(across) > 0:
        raise UserError(
            "character_lies",
            "The character's shoulders lie above each other: let it sit or stand upright in the frame that is shown.",
        )
    x = across / np.linalg.norm(across)
    axes = np.stack([x, np.cross(UP, x), UP])  # rows: piano axes in the world
    geometry, size = player_arms(lengths)
    wanted = (geometry.wrist + size * (geometry.shoulder - geometry.wrist)).mean(0)
    matrix = np.eye(4)
    matrix[:3, :3] = metres * axes
    matrix[:3, 3] = wanted - matrix[:3, :3] @ ((left + right) / 2)
    return matrix
