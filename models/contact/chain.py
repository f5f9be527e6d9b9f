# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers as planar chains: the angles that bring their tips to their targets, in the hand's own axes.

Where a finger's tip is for its angles stands in `models.body.pose`, with the axes of tensors. From there abduction c
follows from the target's direction, the middle joint's flexion p from its distance (which falls monotonically as the
finger curls) and the first joint's a from what is left. The last joint is coupled to the middle one,
``d = d0 + coupling (p - p0)`` around the given pose, so a target at the present tip returns the present pose.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.body.pose import RestTensors, lifted
from models.body.skeleton import ABDUCTION, FLEXION, LAST, MIDDLE
from models.contact.finger_crossing import keep_fingers_from_crossing

COUPLING = 0.6
"""How many radians the last joint follows for each radian of the middle joint."""
_BISECTIONS, _NEWTON = (
    4,
    4,
)  # 1.9 rad / 2^4, then quadratic: far below a thousandth of a millimetre at the tip


def step_aside(targets: Tensor, yielding: Tensor, rest: RestTensors) -> Tensor:
    """Targets (..., 2, 5, 3) in the hand's axes moved sideways so that long fingers keep their order.

    Args:
        yielding: (..., 2, 5) 0 for fingers that must get where they are wanted, 1 for fingers that give way.
        rest: the hands' geometry.
    """
    local = ((targets - rest.finger_bases)[..., None, :] @ rest.finger_frames)[..., 0, :]
    x, y, w = local.unbind(-1)
    c, reach = torch.atan2(-x, y.clamp_min(1e-6)), torch.hypot(x, y)
    moved = lifted(reach, w, keep_fingers_from_crossing(c, reach, yielding, rest))
    aside = (rest.finger_frames @ moved[..., None])[..., 0] + rest.finger_bases
    return torch.where(y[..., None] > 1e-6, aside, targets)


def solve_chains(targets: Tensor, given: Tensor, rest: RestTensors, yielding: Tensor | None = None) -> Tensor:
    """Angles (..., 2, 5, 4) that bring every fingertip as near its target as the joint limits allow.

    Args:
        targets: (..., 2, 5, 3) wanted contact points in the hand's axes.
        given: (..., 2, 5, 4) angles inside the limits; the fingers' coupling is taken from them.
        rest: the hands' geometry.
        yielding: as of `step_aside`; None lets every finger go where it is wanted.
    """
    low, high = rest.finger_limits.unbind(-1)
    offset = (targets - rest.finger_bases)[..., None, :]
    x, y, w = (offset @ rest.finger_frames)[..., 0, :].unbind(-1)
    c = torch.atan2(-x, y.clamp_min(1e-6))
    if yielding is not None:
        c = keep_fingers_from_crossing(c, torch.hypot(x, y), yielding, rest)
    c = torch.minimum(torch.maximum(c, low[..., ABDUCTION]), high[..., ABDUCTION])
    u = c.cos() * y - c.sin() * x
    p, d = _middle_and_last(u * u + w * w, given, rest)
    lengths = rest.lengths
    chain = torch.atan2(
        lengths[..., 1] * p.sin() + lengths[..., 2] * (p + d).sin(),
        lengths[..., 0] + lengths[..., 1] * p.cos() + lengths[..., 2] * (p + d).cos(),
    )
    a = torch.atan2(w, u) - chain
    a = torch.minimum(torch.maximum(a, low[..., FLEXION]), high[..., FLEXION])
    return torch.stack([a, p, d, c], -1)


def _middle_and_last(squared: Tensor, given: Tensor, rest: RestTensors) -> tuple[Tensor, Tensor]:
    """Flexions of the middle and last joint at which the tip is as far from the first joint as wanted.

    The squared distance falls as the finger curls: a few bisections, then Newton steps that stay in the bracket.
    """
    low, high = rest.finger_limits.unbind(-1)
    l1, l2, l3 = rest.lengths.unbind(-1)
    still, k12, k23, k13 = l1**2 + l2**2 + l3**2, 2 * l1 * l2, 2 * l2 * l3, 2 * l1 * l3
    want = squared - still
    from_d = given[..., LAST] - COUPLING * given[..., MIDDLE]
    low_d, high_d = low[..., LAST], high[..., LAST]

    def last_joint(p: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(from_d + COUPLING * p, low_d), high_d)

    curled, straight = high[..., MIDDLE].expand_as(squared), low[..., MIDDLE].expand_as(squared)
    p = (curled + straight) / 2
    for step in range(_BISECTIONS + _NEWTON):
        d = last_joint(p)
        value = k12 * p.cos() + k23 * d.cos() + k13 * (p + d).cos() - want
        too_short = value < 0
        curled = torch.where(too_short, p, curled)
        straight = torch.where(too_short, straight, p)
        if step < _BISECTIONS:
            p = (curled + straight) / 2
            continue
        follows = torch.where((d > low_d) & (d < high_d), COUPLING, 0.0)
        slope = k12 * p.sin() + k23 * follows * d.sin() + k13 * (1 + follows) * (p + d).sin()
        p = p + value / slope.clamp_min(1e-6)
        p = torch.minimum(torch.maximum(p, straight), curled)
    return p, last_joint(p)
