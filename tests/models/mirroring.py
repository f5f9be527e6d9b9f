# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror image of hands: left and right are one code path, and this is how tests say so."""

from torch import Tensor


def mirror_hands(euler: Tensor, wrist: Tensor, mirror_x: float = 0.0) -> tuple[Tensor, Tensor]:
    """The mirror image about the plane ``x = mirror_x``: hands swapped, angles and wrists reflected.

    Args:
        euler: (..., 2, 16, 3) radians. wrist: (..., 2, 3) metres.
    """
    flipped = wrist.flip(-2) * wrist.new_tensor([-1.0, 1.0, 1.0]) + wrist.new_tensor([2 * mirror_x, 0.0, 0.0])
    return mirror_euler(euler.flip(-3)), flipped


def mirror_euler(euler: Tensor) -> Tensor:
    """Angles ``(..., 3)`` of the mirror-image hand: ``(x, y, z)`` becomes ``(x, -y, -z)``."""
    return euler * euler.new_tensor([1.0, -1.0, -1.0])
