# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones of both hands as segments, and how near they are to each other.

Axis letters: F frames, 2 hands, 15 finger bones a hand (thumb first, base to tip).
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.body.kinematics import HandPose
from models.body.skeleton import FINGER_JOINTS

FINGERS_CLOSER_M = 0.003
"""Two fingers of a hand closer than this along their bones count as passing through each other."""


HANDS_CLOSER_M = 0.008
"""The bones of two hands closer than this count as a collision: about one finger's radius, so that hands that
merely brush (two radii) do not count and hands that run through each other do."""


BLOCK_FRAMES = 512
"""Frames posed at a time; bounds memory whatever the length of the take."""


def closest_shares(p1: Tensor, q1: Tensor, p2: Tensor, q2: Tensor) -> tuple[Tensor, Tensor]:
    """Where segments p1 q1 and p2 q2, each end (..., 3), are nearest to each other: shares (...) of their lengths.

    Ericson, Real-Time Collision Detection (2005), section 5.1.9; bones have length, so no degenerate case.
    """
    d1, d2, r = q1 - p1, q2 - p2, p1 - p2
    a, e, b = (d1 * d1).sum(-1), (d2 * d2).sum(-1), (d1 * d2).sum(-1)
    c, f = (d1 * r).sum(-1), (d2 * r).sum(-1)
    # Below this the bones are parallel within rounding and any s serves.
    parallel = a * e - b * b <= 1e-6 * a * e
    s = torch.where(parallel, torch.zeros_like(a), (b * f - c * e) / (a * e - b * b).clamp_min(1e-30)).clamp(
        0, 1
    )
    t_free = (b * s + f) / e
    t = t_free.clamp(0, 1)
    return torch.where(t_free == t, s, ((t * b - c) / a).clamp(0, 1)), t


def segment_distance(p1: Tensor, q1: Tensor, p2: Tensor, q2: Tensor) -> Tensor:
    """Distance (...) between segments p1 q1 and p2 q2, each end (..., 3)."""
    s, t = closest_shares(p1, q1, p2, q2)
    return (p1 - p2 + s[..., None] * (q1 - p1) - t[..., None] * (q2 - p2)).norm(dim=-1)


def finger_bones(pose: HandPose) -> tuple[Tensor, Tensor]:
    """Heads and tails (F, 2, 5, 3, 3) of the finger bones: finger, bone from base to tip, XYZ."""
    heads = pose.joints[..., torch.as_tensor(FINGER_JOINTS, device=pose.joints.device), :]
    tails = torch.cat([heads[..., 1:, :], pose.tips[..., None, :]], dim=-2)
    return heads, tails


def hand_bones(pose: HandPose) -> tuple[Tensor, Tensor]:
    """Heads and tails (F, 2, 20, 3) of all bones: five from the wrist to the fingers, then those of the fingers."""
    heads, tails = finger_bones(pose)
    wrist = pose.joints[..., :1, :].expand(*pose.joints.shape[:-2], 5, 3)
    return (
        torch.cat([wrist, heads.flatten(-3, -2)], dim=-2),
        torch.cat([heads[..., 0, :], tails.flatten(-3, -2)], dim=-2),
    )
