# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers as planar chains: their angles, where their tips are, and the analytic inverse, in the hand's own axes.

A finger is a straight chain at rest whose first joint flexes (X) and abducts (Z) and whose other two joints only
flex. In the frame of the first joint at rest its tip is ``Rz(c) (0, u, w)`` with

    u + i w = exp(i a) (l1 + l2 exp(i p) + l3 exp(i (p + d)))

for abduction c and flexions a, p, d. So c follows from the target's direction, p from its distance (which falls
monotonically as the finger curls) and a from what is left. The last joint is coupled to the middle one,
``d = d0 + coupling (p - p0)`` around the given pose, so a target at the present tip returns the present pose.

The hand's own axes are the piano's, as they lie in the rest pose, with the wrist as origin; lengths are those of hand
size 1. Axes of tensors: ``...`` any batch, 2 hands, 5 fingers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.body import skeleton
from models.body.kinematics import rest_tensors
from models.body.rotations import euler_to_matrix
from models.contact.finger_crossing import keep_fingers_from_crossing

COUPLING = 0.6
"""How many radians the last joint follows for each radian of the middle joint."""
_BISECTIONS, _NEWTON = (
    4,
    4,
)  # 1.9 rad / 2^4, then quadratic: far below a thousandth of a millimetre at the tip


@dataclass(frozen=True)
class Fingers:
    """Joint angles of all fingers (..., 2, 5), radians."""

    flexion: Tensor
    middle: Tensor
    last: Tensor
    abduction: Tensor


def split_angles(euler: Tensor) -> Fingers:
    """The fingers' angles of a pose (..., 2, 16, 3) that lies inside the joint limits."""
    first, middle, last = euler[..., torch.as_tensor(skeleton.FINGER_JOINTS, device=euler.device), :].unbind(
        -2
    )
    return Fingers(first[..., 0], middle[..., 0], last[..., 0], first[..., 2])


def join_angles(fingers: Fingers, wrist: Tensor) -> Tensor:
    """The pose (..., 2, 16, 3) of fingers and wrists (..., 2, 3), radians."""
    joints = torch.as_tensor(skeleton.FINGER_JOINTS, device=wrist.device)
    euler = wrist.new_zeros(*wrist.shape[:-1], 16, 3)
    euler[..., 0, :] = wrist
    euler[..., joints[:, 0], 0] = fingers.flexion
    euler[..., joints[:, 0], 2] = fingers.abduction
    euler[..., joints[:, 1], 0] = fingers.middle
    euler[..., joints[:, 2], 0] = fingers.last
    return euler


def hand_rotation(wrist: Tensor) -> Tensor:
    """Matrices (..., 2, 3, 3) that turn the hand's own axes into the piano's, of wrist angles (..., 2, 3)."""
    frames = rest_tensors(wrist.dtype, wrist.device).wrist_frames
    return frames @ euler_to_matrix(wrist) @ frames.transpose(-1, -2)


def to_piano(points: Tensor, rotation: Tensor, wrist: Tensor, hand_size: float) -> Tensor:
    """Points (..., 2, k, 3) in the hand's axes to the piano frame, metres."""
    return wrist[..., None, :] + hand_size * (points @ rotation.transpose(-1, -2))


def to_hand(points: Tensor, rotation: Tensor, wrist: Tensor, hand_size: float) -> Tensor:
    """Inverse of `to_piano`."""
    return ((points - wrist[..., None, :]) @ rotation) / hand_size


def _chain(fingers: Fingers) -> tuple[Tensor, Tensor]:
    """In-plane coordinates along and down (..., 2, 5, 3) of the tails of the three bones."""
    lengths = rest_tensors(fingers.flexion.dtype, fingers.flexion.device).lengths
    angle = torch.stack([fingers.flexion, fingers.middle, fingers.last], -1).cumsum(-1)
    return (lengths * angle.cos()).cumsum(-1), (lengths * angle.sin()).cumsum(-1)


def finger_points(fingers: Fingers) -> Tensor:
    """Heads of the three bones and the contact point (..., 2, 5, 4, 3) in the hand's axes."""
    rest = rest_tensors(fingers.flexion.dtype, fingers.flexion.device)
    along, down = _chain(fingers)
    local = _lifted(along, down, fingers.abduction[..., None])
    tails = local @ rest.finger_frames.transpose(-1, -2) + rest.finger_bases[:, :, None]
    heads = rest.finger_bases[:, :, None].expand(*tails.shape[:-2], 1, 3)
    return torch.cat([heads, tails], -2)


def finger_tips(fingers: Fingers) -> Tensor:
    """Contact points (..., 2, 5, 3) in the hand's axes."""
    rest = rest_tensors(fingers.flexion.dtype, fingers.flexion.device)
    along, down = _chain(fingers)
    local = _lifted(along[..., -1], down[..., -1], fingers.abduction)
    return (rest.finger_frames @ local[..., None])[..., 0] + rest.finger_bases


def _lifted(along: Tensor, down: Tensor, abduction: Tensor) -> Tensor:
    return torch.stack([-abduction.sin() * along, abduction.cos() * along, down], -1)


def step_aside(targets: Tensor, yielding: Tensor) -> Tensor:
    """Targets (..., 2, 5, 3) in the hand's axes moved sideways so that long fingers keep their order.

    Args:
        yielding: (..., 2, 5) 0 for fingers that must get where they are wanted, 1 for fingers that give way.
    """
    rest = rest_tensors(targets.dtype, targets.device)
    local = ((targets - rest.finger_bases)[..., None, :] @ rest.finger_frames)[..., 0, :]
    x, y, w = local.unbind(-1)
    c, reach = torch.atan2(-x, y.clamp_min(1e-6)), torch.hypot(x, y)
    moved = _lifted(reach, w, keep_fingers_from_crossing(c, reach, yielding))
    aside = (rest.finger_frames @ moved[..., None])[..., 0] + rest.finger_bases
    return torch.where(y[..., None] > 1e-6, aside, targets)


def solve_chains(targets: Tensor, given: Fingers, yielding: Tensor | None = None) -> Fingers:
    """Angles that bring every fingertip as near its target as the joint limits allow.

    Args:
        targets: (..., 2, 5, 3) wanted contact points in the hand's axes.
        given: pose inside the limits; the fingers' coupling is taken from it.
        yielding: as of `step_aside`; None lets every finger go where it is wanted.
    """
    rest = rest_tensors(targets.dtype, targets.device)
    low, high = rest.limits[:, torch.as_tensor(skeleton.FINGER_JOINTS, device=targets.device)].unbind(-1)
    offset = (targets - rest.finger_bases)[..., None, :]
    x, y, w = (offset @ rest.finger_frames)[..., 0, :].unbind(-1)
    c = torch.atan2(-x, y.clamp_min(1e-6))
    if yielding is not None:
        c = keep_fingers_from_crossing(c, torch.hypot(x, y), yielding)
    c = torch.minimum(torch.maximum(c, low[..., 0, 2]), high[..., 0, 2])
    u = c.cos() * y - c.sin() * x
    p, d = _middle_and_last(u * u + w * w, given, low, high)
    lengths = rest.lengths
    chain = torch.atan2(
        lengths[:, 1] * p.sin() + lengths[:, 2] * (p + d).sin(),
        lengths[:, 0] + lengths[:, 1] * p.cos() + lengths[:, 2] * (p + d).cos(),
    )
    a = torch.atan2(w, u) - chain
    return Fingers(torch.minimum(torch.maximum(a, low[..., 0, 0]), high[..., 0, 0]), p, d, c)


def _middle_and_last(squared: Tensor, given: Fingers, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Flexions of the middle and last joint at which the tip is as far from the first joint as wanted.

    The squared distance falls as the finger curls: a few bisections, then Newton steps that stay in the bracket.
    """
    lengths = rest_tensors(squared.dtype, squared.device).lengths
    l1, l2, l3 = lengths.unbind(-1)
    still, k12, k23, k13 = l1**2 + l2**2 + l3**2, 2 * l1 * l2, 2 * l2 * l3, 2 * l1 * l3
    want = squared - still
    from_d = given.last - COUPLING * given.middle
    low_d, high_d = low[..., 2, 0], high[..., 2, 0]

    def last_joint(p: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(from_d + COUPLING * p, low_d), high_d)

    curled, straight = high[..., 1, 0].expand_as(squared), low[..., 1, 0].expand_as(squared)
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
