# SPDX-License-Identifier: GPL-3.0-or-later
"""Analytic, batched, joint-limited inverse kinematics of fingers: the angles that bring their tips to their targets.

A finger is a straight chain at rest whose first joint flexes (a) and abducts (c) and whose other two joints only flex
(p, d). In the frame of the first joint at rest its tip is ``Rz(c) (0, u, w)`` with

    u + i w = exp(i a) (l1 + l2 exp(i p) + l3 exp(i (p + d)))

so abduction follows from the target's direction, p from its distance (which falls monotonically as the finger curls)
and a from what is left. The last joint is coupled to the middle one, ``d = d0 + coupling (p - p0)`` around the given
pose.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.kinematics import clamp_to_limits
from models.body.rotations import euler_to_matrix
from models.body.skeleton import FINGER_JOINTS, STANDARD_HANDS, HandGeometry
from models.contact.variables import COUPLING

Array = NDArray[np.floating[Any]]

_BISECTIONS, _NEWTON = (
    4,
    4,
)  # 1.9 rad / 2^4, then quadratic: far below a thousandth of a millimetre at the tip
_AHEAD_M = 1e-6


def solve_fingers(
    euler: Array,
    wrist: Array,
    targets: Array,
    hand_size: float = 1.0,
    geometry: HandGeometry = STANDARD_HANDS,
) -> Array:
    """Angles that bring every fingertip as near its target as the joint limits allow.

    Args:
        euler: (..., 2, 16, 3) given pose; the wrist's angles are kept, the fingers' coupling is taken from it.
        wrist: (..., 2, 3) wrist joints, metres.
        targets: (..., 2, 5, 3) wanted contact points in the piano frame, metres.
        hand_size: factor on all lengths of the hand.
        geometry: the hands at size 1.

    Returns:
        (..., 2, 16, 3) angles inside the limits.
    """
    given = clamp_to_limits(euler, geometry)
    frames = geometry.wrist_frames
    rotation = frames @ euler_to_matrix(given[..., 0, :]) @ frames.swapaxes(-1, -2)
    in_hand = (targets - wrist[..., None, :]) @ rotation / hand_size
    x, y, w = np.moveaxis(
        ((in_hand - geometry.finger_bases)[..., None, :] @ geometry.finger_frames)[..., 0, :], -1, 0
    )
    limits = geometry.finger_limits
    c = np.clip(np.arctan2(-x, np.maximum(y, _AHEAD_M)), *_bounds(limits, 3))
    u = np.cos(c) * y - np.sin(c) * x
    p, d = _middle_and_last(u * u + w * w, given, geometry)
    l1, l2, l3 = np.moveaxis(geometry.lengths, -1, 0)
    chain = np.arctan2(l2 * np.sin(p) + l3 * np.sin(p + d), l1 + l2 * np.cos(p) + l3 * np.cos(p + d))
    a = np.clip(np.arctan2(w, u) - chain, *_bounds(limits, 0))
    solved = np.zeros_like(given)
    solved[..., 0, :] = given[..., 0, :]
    for bone, flexion in enumerate((a, p, d)):
        solved[..., FINGER_JOINTS[:, bone], 0] = flexion
    solved[..., FINGER_JOINTS[:, 0], 2] = c
    return solved


def _bounds(limits: NDArray[np.float64], which: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return limits[..., which, 0], limits[..., which, 1]


def _middle_and_last(squared: Array, given: Array, geometry: HandGeometry) -> tuple[Array, Array]:
    """Flexions of the middle and last joint at which the tip is as far from the first joint as wanted.

    The squared distance falls as the finger curls: a few bisections, then Newton steps that stay in the bracket.
    """
    l1, l2, l3 = np.moveaxis(geometry.lengths, -1, 0)
    k12, k23, k13 = 2 * l1 * l2, 2 * l2 * l3, 2 * l1 * l3
    want = squared - (l1**2 + l2**2 + l3**2)
    from_d = given[..., FINGER_JOINTS[:, 2], 0] - COUPLING * given[..., FINGER_JOINTS[:, 1], 0]
    low, high = _bounds(geometry.finger_limits, 1)
    low_d, high_d = _bounds(geometry.finger_limits, 2)
    curled, straight = np.broadcast_to(high, squared.shape), np.broadcast_to(low, squared.shape)
    p = (curled + straight) / 2
    for step in range(_BISECTIONS + _NEWTON):
        d = np.clip(from_d + COUPLING * p, low_d, high_d)
        value = k12 * np.cos(p) + k23 * np.cos(d) + k13 * np.cos(p + d) - want
        too_short = value < 0
        curled, straight = np.where(too_short, p, curled), np.where(too_short, straight, p)
        if step < _BISECTIONS:
            p = (curled + straight) / 2
            continue
        follows = np.where((d > low_d) & (d < high_d), COUPLING, 0.0)
        slope = k12 * np.sin(p) + k23 * follows * np.sin(d) + k13 * (1 + follows) * np.sin(p + d)
        p = np.clip(p + value / np.maximum(slope, 1e-6), straight, curled)
    return p, np.clip(from_d + COUPLING * p, low_d, high_d)
