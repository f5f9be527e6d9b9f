# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror image of hands: left and right are one code path, and this is how tests say so."""

from array_api_compat import array_namespace

from models.body.kinematics import like
from models.body.rotations import Array


def mirror_hands(euler: Array, wrist: Array, mirror_x: float = 0.0) -> tuple[Array, Array]:
    """The mirror image about the plane ``x = mirror_x``: hands swapped, angles and wrists reflected.

    Args:
        euler: (..., 2, 16, 3) radians. wrist: (..., 2, 3) metres.
    """
    xp = array_namespace(euler)
    flipped = xp.flip(wrist, axis=-2) * like([-1.0, 1.0, 1.0], wrist) + like([2 * mirror_x, 0.0, 0.0], wrist)
    return mirror_euler(xp.flip(euler, axis=-3)), flipped


def mirror_euler(euler: Array) -> Array:
    """Angles ``(..., 3)`` of the mirror-image hand: ``(x, y, z)`` becomes ``(x, -y, -z)``."""
    return euler * like([1.0, -1.0, -1.0], euler)
