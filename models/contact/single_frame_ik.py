# SPDX-License-Identifier: GPL-3.0-or-later
"""Analytic, batched, joint-limited inverse kinematics of whole poses; the mathematics is in `models.contact.chain`."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from models.body.kinematics import clamp_to_limits
from models.body.pose import Pose
from models.contact.chain import COUPLING, solve_chains

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
    pose = Pose.of_euler(clamp_to_limits(euler), wrist, hand_size)
    return replace(pose, fingers=solve_chains(pose.to_hand(targets), pose.fingers, pose.rest)).euler
