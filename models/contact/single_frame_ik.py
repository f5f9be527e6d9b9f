# SPDX-License-Identifier: GPL-3.0-or-later
"""Analytic, batched, joint-limited inverse kinematics of whole poses; the mathematics is in `models.contact.chain`."""

from __future__ import annotations

from torch import Tensor

from models.body.kinematics import clamp_to_limits
from models.contact.chain import COUPLING, hand_rotation, join_angles, solve_chains, split_angles, to_hand

__all__ = ["COUPLING", "solve_fingers"]


def solve_fingers(euler: Tensor, wrist: Tensor, targets: Tensor, hand_size: float = 1.0) -> Tensor:
    """Angles that bring every fingertip as near its target as the joint limits allow.

    Args:
        euler: (..., 2, 16, 3) given pose; the wrist's angles are kept, the fingers' coupling is taken from it.
        wrist: (..., 2, 3) wrist joints, metres.
        targets: (..., 2, 5, 3) wanted contact points in the piano frame, metres.
        hand_size: factor on all lengths of the hand.

    Returns:
        (..., 2, 16, 3) angles inside the limits.
    """
    clamped = clamp_to_limits(euler)
    turn = clamped[..., 0, :]
    local = to_hand(targets, hand_rotation(turn), wrist, hand_size)
    return join_angles(solve_chains(local, split_angles(clamped)), turn)
