# SPDX-License-Identifier: GPL-3.0-or-later
"""Analytic, batched, joint-limited inverse kinematics of all ten fingers.

A finger is a straight chain at rest whose first joint flexes (X) and abducts (Z) and whose other two joints only
flex. In the frame of the first joint at rest its tip is ``Rz(c) (0, u, w)`` with

    u + i w = exp(i a) (l1 + l2 exp(i p) + l3 exp(i (p + d)))

for abduction c and flexions a, p, d. So c follows from the target's direction, p from its distance (which falls
monotonically as the finger curls) and a from what is left. The last joint is coupled to the middle one,
``d = d0 + coupling (p - p0)`` around the given pose, so a target at the present tip returns the present pose.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models import skeleton
from models.kinematics import clamp_to_limits, rest_tensors
from models.rotations import euler_to_matrix

COUPLING = 0.6
"""How many radians the last joint follows for each radian of the middle joint."""
_BISECTIONS = 22  # 1.9 rad / 2^22 is far below a thousandth of a millimetre at the tip


def _tip_radius(p: Tensor, d: Tensor, lengths: Tensor) -> Tensor:
    real = lengths[:, 0] + lengths[:, 1] * p.cos() + lengths[:, 2] * (p + d).cos()
    imaginary = lengths[:, 1] * p.sin() + lengths[:, 2] * (p + d).sin()
    return torch.hypot(real, imaginary)


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
    rest = rest_tensors(euler.dtype, euler.device)
    joints = torch.as_tensor(skeleton.FINGER_JOINTS, device=euler.device)
    clamped = clamp_to_limits(euler)
    rotation = rest.wrist_frames @ euler_to_matrix(clamped[..., 0, :]) @ rest.wrist_frames.transpose(-1, -2)
    local = torch.einsum("...hji,...hfj->...hfi", rotation, targets - wrist[..., None, :]) / hand_size
    local = torch.einsum("hfji,...hfj->...hfi", rest.finger_frames, local - rest.finger_bases)
    given = clamped[..., joints, :]  # (..., 2, 5, 3 bones, 3)
    limits = rest.limits[:, joints]  # (2, 5, 3 bones, 3, 2)

    low, high = limits.unbind(-1)
    c = torch.atan2(-local[..., 0], local[..., 1].clamp_min(1e-6))
    c = torch.minimum(torch.maximum(c, low[..., 0, 2]), high[..., 0, 2])
    u = c.cos() * local[..., 1] - c.sin() * local[..., 0]
    w = local[..., 2]
    radius = torch.hypot(u, w)

    p0, d0 = given[..., 1, 0], given[..., 2, 0]

    def last_joint(p: Tensor) -> Tensor:
        d = d0 + COUPLING * (p - p0)
        return torch.minimum(torch.maximum(d, low[..., 2, 0]), high[..., 2, 0])

    curled, straight = high[..., 1, 0].expand_as(p0), low[..., 1, 0].expand_as(p0)
    for _ in range(_BISECTIONS):
        middle = (curled + straight) / 2
        too_short = _tip_radius(middle, last_joint(middle), rest.lengths) < radius
        curled = torch.where(too_short, middle, curled)
        straight = torch.where(too_short, straight, middle)
    p = (curled + straight) / 2
    d = last_joint(p)
    chain = torch.atan2(
        rest.lengths[:, 1] * p.sin() + rest.lengths[:, 2] * (p + d).sin(),
        rest.lengths[:, 0] + rest.lengths[:, 1] * p.cos() + rest.lengths[:, 2] * (p + d).cos(),
    )
    a = torch.atan2(w, u) - chain
    a = torch.minimum(torch.maximum(a, low[..., 0, 0]), high[..., 0, 0])

    zero = torch.zeros_like(a)
    first = torch.stack([a, zero, c], -1)
    solved = torch.stack(
        [first, torch.stack([p, zero, zero], -1), torch.stack([d, zero, zero], -1)], -2
    )  # (..., 2, 5, 3, 3)
    result = clamped.clone()
    result[..., joints, :] = solved
    return result
