# SPDX-License-Identifier: GPL-3.0-or-later
"""Could a body do this: joint limits, fingers and hands that pass through each other, speeds (docs/definitions.md).

Axis letters: F frames, 2 hands, 15 finger bones a hand (thumb first, base to tip), P pairs of bones.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.body.bones import (
    BLOCK_FRAMES,
    FINGERS_CLOSER_M,
    HANDS_CLOSER_M,
    finger_bones,
    hand_bones,
    segment_distance,
)
from models.body.kinematics import HandPose, forward_kinematics, outside_limits
from models.body.take import Motion


@dataclass(frozen=True)
class Biomechanics:
    """Figures of one take."""

    outside_limits: float
    """Share of frames in which any joint of either hand is outside its limits."""
    fingers_closer_3mm: float
    """Share of frames in which two fingers of one hand are closer than `FINGERS_CLOSER_M`."""
    hands_colliding: float
    """Share of frames in which the hands' bones are closer than `HANDS_CLOSER_M`."""
    wrist_speed_p50: float
    wrist_speed_p95: float
    wrist_speed_p99: float
    """Percentiles of the wrists' speed over both hands, m/s."""
    wrist_acceleration_p50: float
    wrist_acceleration_p95: float
    wrist_acceleration_p99: float
    """Percentiles of the wrists' acceleration, m/s²."""
    wrist_jerk_mean: float
    """Mean length of the wrists' third difference, m/s³; grows with fps: compare takes of one rate."""
    tip_jerk_mean: float
    """The same of all ten fingertips."""


_PAIRS = torch.tensor(
    [
        (3 * one + i, 3 * other + j)
        for one, other in combinations(range(5), 2)
        for i in range(3)
        for j in range(3)
    ]
)  # (90, 2) bones of different fingers


def fingers_touch(pose: HandPose) -> Tensor:
    """Bool (F, 2): whether two different fingers of the hand are closer than `FINGERS_CLOSER_M`."""
    heads, tails = (bones.flatten(-3, -2) for bones in finger_bones(pose))  # (F, 2, 15, 3)
    one, other = _PAIRS.unbind(-1)
    distance = segment_distance(
        heads[..., one, :], tails[..., one, :], heads[..., other, :], tails[..., other, :]
    )
    return (distance < FINGERS_CLOSER_M).any(-1)


def hands_collide(pose: HandPose) -> Tensor:
    """Bool (F,): whether the hands' bones (fingers, and palm from the wrist to each finger) come too close."""
    heads, tails = hand_bones(pose)
    points = torch.cat([heads, tails], dim=-2)
    low, high = points.amin(-2), points.amax(-2)  # (F, 2, 3) bounding boxes
    gap = torch.maximum(low[:, 1] - high[:, 0], low[:, 0] - high[:, 1]).amax(-1)
    near = torch.nonzero(gap < HANDS_CLOSER_M).flatten()
    result = torch.zeros(len(points), dtype=torch.bool)
    if len(near):
        left = (heads[near, 0, :, None], tails[near, 0, :, None])
        right = (heads[near, 1, None, :], tails[near, 1, None, :])
        shape = (len(near), 20, 20, 3)
        distance = segment_distance(*(end.expand(shape) for end in (*left, *right)))
        result[near] = (distance < HANDS_CLOSER_M).flatten(1).any(-1)
    return result


def _difference(points: NDArray[np.floating], order: int, fps: float) -> NDArray[np.floating]:
    """Lengths of the derivative of `order` along axis 0 of (F, ..., 3), in metres and seconds, flattened."""
    lengths = np.zeros((max(len(points) - order, 0), *points.shape[1:-1]), np.float32)
    for start in range(0, len(lengths), BLOCK_FRAMES):
        block = points[start : start + BLOCK_FRAMES + order].astype(np.float64)
        steps = np.diff(block, n=order, axis=0) * fps**order
        lengths[start : start + len(steps)] = np.linalg.norm(steps, axis=-1)
    return lengths.ravel()


def _percentiles(values: NDArray[np.floating]) -> tuple[float, float, float]:
    if not len(values):
        return 0.0, 0.0, 0.0
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return float(p50), float(p95), float(p99)


def _mean(values: NDArray[np.floating]) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else 0.0


@torch.no_grad()
def fingertips(motion: Motion, hand_size: float = 1.0) -> NDArray[np.float32]:
    """Contact points (F, 2, 5, 3) of a motion in the piano frame, metres."""
    tips = np.zeros((motion.frames, 2, 5, 3), np.float32)
    for start in range(0, motion.frames, BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        tips[block] = _pose(motion, block, hand_size).tips.numpy()
    return tips


def _pose(motion: Motion, block: slice, hand_size: float) -> HandPose:
    euler, wrist = (
        torch.as_tensor(part[block], dtype=torch.float32) for part in (motion.euler, motion.wrist)
    )
    return forward_kinematics(euler, wrist, hand_size)


@torch.no_grad()
def biomechanics(motion: Motion, tips: NDArray[np.floating], hand_size: float = 1.0) -> Biomechanics:
    """Figures of a motion with fingertips (F, 2, 5, 3), see `fingertips`."""
    limits, fingers, hands = (np.zeros(motion.frames, bool) for _ in range(3))
    for start in range(0, motion.frames, BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        pose = _pose(motion, block, hand_size)
        limits[block] = (
            outside_limits(torch.as_tensor(motion.euler[block], dtype=torch.float32)).any(-1).numpy()
        )
        fingers[block] = fingers_touch(pose).any(-1).numpy()
        hands[block] = hands_collide(pose).numpy()
    return Biomechanics(
        _mean(limits),
        _mean(fingers),
        _mean(hands),
        *_percentiles(_difference(motion.wrist, 1, motion.fps)),
        *_percentiles(_difference(motion.wrist, 2, motion.fps)),
        wrist_jerk_mean=_mean(_difference(motion.wrist, 3, motion.fps)),
        tip_jerk_mean=_mean(_difference(tips, 3, motion.fps)),
    )
