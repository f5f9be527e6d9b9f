# SPDX-License-Identifier: GPL-3.0-or-later
"""Could a body do this: joint limits, fingers and hands that pass through each other, speeds (docs/definitions.md).

Axis letter: F frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.bones import BLOCK_FRAMES, FINGERS_CLOSER_M, HANDS_CLOSER_M, Bones
from models.body.kinematics import Joints, forward_kinematics, outside_limits
from models.body.motion import Motion
from models.body.skeleton import STANDARD_HANDS, HandGeometry


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


def fingers_touch(joints: Joints) -> NDArray[np.bool_]:
    """Bool (F, 2): whether two different fingers of the hand are closer than `FINGERS_CLOSER_M`."""
    return (Bones.of_joints(joints).between_fingers() < FINGERS_CLOSER_M).any(1).T


def hands_collide(joints: Joints) -> NDArray[np.bool_]:
    """Bool (F,): whether the hands' bones (fingers, and palm from the wrist to each finger) come too close."""
    bones = Bones.of_joints(joints)
    near = np.flatnonzero(bones.gap_between_hands() < HANDS_CLOSER_M)
    result = np.zeros(len(bones), bool)
    result[near] = (bones.at(near).between_hands() < HANDS_CLOSER_M).any((0, 1))
    return result


def _difference(points: NDArray[np.floating[Any]], order: int, fps: float) -> NDArray[np.floating[Any]]:
    """Lengths of the derivative of `order` along axis 0 of (F, ..., 3), in metres and seconds, flattened."""
    lengths = np.zeros((max(len(points) - order, 0), *points.shape[1:-1]), np.float32)
    for start in range(0, len(lengths), BLOCK_FRAMES):
        block = points[start : start + BLOCK_FRAMES + order].astype(np.float64)
        steps = np.diff(block, n=order, axis=0) * fps**order
        lengths[start : start + len(steps)] = np.linalg.norm(steps, axis=-1)
    return lengths.ravel()


def _percentiles(values: NDArray[np.floating[Any]]) -> tuple[float, float, float]:
    if not len(values):
        return 0.0, 0.0, 0.0
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return float(p50), float(p95), float(p99)


def _mean(values: NDArray[np.floating[Any]]) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else 0.0


def fingertips(
    motion: Motion, hand_size: float = 1.0, geometry: HandGeometry = STANDARD_HANDS
) -> NDArray[np.float32]:
    """Contact points (F, 2, 5, 3) of a motion in the piano frame, metres."""
    tips = np.zeros((motion.frames, 2, 5, 3), np.float32)
    for start in range(0, motion.frames, BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        tips[block] = _joints(motion, block, hand_size, geometry).tips
    return tips


def _joints(motion: Motion, block: slice, hand_size: float, geometry: HandGeometry) -> Joints:
    euler, wrist = (np.asarray(part[block], np.float32) for part in (motion.euler, motion.wrist))
    return forward_kinematics(euler, wrist, hand_size, geometry)


def biomechanics(
    motion: Motion,
    tips: NDArray[np.floating[Any]],
    hand_size: float = 1.0,
    geometry: HandGeometry = STANDARD_HANDS,
) -> Biomechanics:
    """Figures of a motion with fingertips (F, 2, 5, 3), see `fingertips`."""
    limits, fingers, hands = (np.zeros(motion.frames, bool) for _ in range(3))
    for start in range(0, motion.frames, BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        joints = _joints(motion, block, hand_size, geometry)
        euler = np.asarray(motion.euler[block], np.float32)
        limits[block] = outside_limits(euler, geometry=geometry).any(-1)
        fingers[block] = fingers_touch(joints).any(-1)
        hands[block] = hands_collide(joints)
    return Biomechanics(
        _mean(limits),
        _mean(fingers),
        _mean(hands),
        *_percentiles(_difference(motion.wrist, 1, motion.fps)),
        *_percentiles(_difference(motion.wrist, 2, motion.fps)),
        wrist_jerk_mean=_mean(_difference(motion.wrist, 3, motion.fps)),
        tip_jerk_mean=_mean(_difference(tips, 3, motion.fps)),
    )
