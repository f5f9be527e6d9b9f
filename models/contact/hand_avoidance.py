# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that meet make room: idle fingers draw back, idle hands leave, of two playing hands one goes over the other.

Axes: F frames, 2 hands, 5 fingers; 20 bones a hand as in `models.body.bones`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from models.body.pose import Pose
from models.contact.wrist_smoothing import smooth_correction

SAFE = 0.016
"""Metres between the bones of two hands, about the thickness of a finger."""
_BLOCK = 128  # frames at a time: 400 pairs of bones each
_BUSY_S = 0.35  # a hand that plays within this time does not leave
_EPISODE_S = 1.5
_LEAVE = np.array([0.8, 0.0, 0.6])  # a hand: away from the other one, and up
_DRAW_BACK = np.array([[0.8, 0.35, 0.2]] + 4 * [[0.7, -0.3, 0.8]])
"""Fingers: the same, and towards their wrist; the thumb swings in beside its index finger: drawn back, it stands up."""
_UPPER, _LOWER = np.array([0.0, 0.2, 0.9]), np.array([0.0, -0.2, 0.0])
_GAIN, _WEIGHT, _SMOOTH_S = 1.6, 12.0, 0.09
_APART = 1.0
"""Weight of staying where nothing is near: without it the spline goes on past a meeting in a straight line."""
_HELPS = 0.2  # how much of what idle fingers lack the wrists do


@dataclass(frozen=True)
class Room:
    """Displacements that make room, to be added to what was there before, metres."""

    wrists: NDArray[np.float64]
    """(F, 2, 3)"""
    fingers: NDArray[np.float32]
    """(F, 2, 5, 3) of the targets of fingers that may step aside."""


def avoid_other_hand(
    pose: Pose,
    firm: NDArray[np.floating[Any]],
    fps: float,
    fixed: NDArray[np.bool_],
) -> Room | None:
    """Displacements that take the hands apart where they are too near each other; None where they never are.

    Args:
        pose: F frames of both hands.
        firm: (F, 2, 5) 1 for fingers that must stay, 0 for those that may step aside.
        fixed: (F, 2) what has to stay where it is (`EditMask.fixed`).
    """
    near, lack, hard = _lacks(pose, firm)
    if not len(near):
        return None
    frames = len(pose)
    side = np.array([-1.0, 1.0])[:, None] * np.array([1.0, 0.0, 0.0])
    leave = side * _LEAVE[0] + _LEAVE * [0, 1, 1]  # (2, 3)
    back = side[:, None] * _DRAW_BACK[:, :1] + _DRAW_BACK * [0, 1, 1]  # (2, 5, 3)
    free = 1 - firm[near]
    aside = np.zeros((frames, 2, 5, 3))
    aside[near] = _GAIN * (lack * free)[..., None] * back
    need, whole = np.zeros((frames, 1, 1)), np.zeros((frames, 1, 1))
    need[near, 0, 0], whole[near, 0, 0] = np.maximum(hard, _HELPS * lack.max((1, 2))), lack.max((1, 2))
    reach = 2 * round(_BUSY_S * fps) + 1
    busy = maximum_filter1d(firm.max(2), reach, axis=0)[..., None]  # (F, 2, 1)
    above = pose.wrist[..., 1:].sum(-1).numpy()
    left_over = uniform_filter1d(above[:, 0] - above[:, 1], 2 * round(_EPISODE_S * fps / 2) + 1) > -0.005
    over = np.stack([left_over, ~left_over], 1)[..., None]
    # A hand that plays makes room for one that plays; one that does not leaves.
    wanted = busy * busy[:, ::-1] * need * np.where(over, _UPPER, _LOWER) + (1 - busy) * whole * leave
    wanted *= _GAIN
    room = Room(np.zeros((frames, 2, 3)), np.zeros((frames, 2, 5, 3), np.float32))
    for hand in (0, 1):
        weight = np.where(whole[:, 0, 0] > 0, _WEIGHT, _APART)
        both = np.concatenate([wanted[:, hand], aside[:, hand].reshape(frames, 15)], 1)
        weight = np.where(fixed[:, hand], 1e4, weight)
        both = np.where(fixed[:, hand, None], 0.0, both)
        smoothed = smooth_correction(both, weight, fps, _SMOOTH_S)
        room.wrists[:, hand] = smoothed[:, :3]
        room.fingers[:, hand] = smoothed[:, 3:].reshape(frames, 5, 3)
    return room


def _lacks(
    pose: Pose, firm: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Frames (n,) in which hands are too near, and the room they lack, metres.

    For each finger (n, 2, 5), and what neither hand's idle fingers can give (n,).
    """
    bones = pose.bones
    # Every other frame will do: displacements are smooth.
    candidates = 2 * torch.nonzero(bones.gap_between_hands()[::2] < SAFE).flatten()
    near, lacks, hards = [], [], []
    for index in candidates.split(_BLOCK):
        distance = bones.at(index).between_hands()
        lack = (SAFE - distance).clamp_min(0).unflatten(2, (5, 4)).unflatten(1, (5, 4)).numpy()
        close = lack.any((1, 2, 3, 4))
        lack, mine = lack[close], firm[index.numpy()[close]]
        near.append(index.numpy()[close])
        stiff = np.repeat(mine[..., None], 4, -1)
        stiff[..., 0] = 1.0  # the palm does not step aside
        both = stiff[:, 0, :, :, None, None] * stiff[:, 1, None, None]
        hards.append((lack * both).max((1, 2, 3, 4)))
        lacks.append(np.stack([lack.max((2, 3, 4)), lack.max((1, 2, 4))], 1))
    if not near:
        return np.zeros(0, int), np.zeros((0, 2, 5)), np.zeros(0)
    return np.concatenate(near), np.concatenate(lacks), np.concatenate(hards)
