# SPDX-License-Identifier: GPL-3.0-or-later
"""Inverse kinematics of fingers: exact where a target can be reached, inside the limits everywhere."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import skeleton
from models.body.kinematics import forward_kinematics, outside_limits
from training.synthesis.finger_ik import solve_fingers

Array = NDArray[np.floating[Any]]


def reachable_pose(count: int) -> tuple[Array, Array]:
    """Angles (count, 2, 16, 3) well inside the limits, and wrists."""
    rng = np.random.default_rng(5)
    euler = np.zeros((count, 2, 16, 3))
    flexion = rng.random((count, 2, 5))
    for bone, (least, more) in enumerate(((0.1, 0.4), (0.2, 0.6), (0.1, 0.4))):
        euler[..., skeleton.FINGER_JOINTS[:, bone], 0] = least + more * flexion
    euler[..., skeleton.FINGER_JOINTS[:, 0], 2] = 0.6 * (rng.random((count, 2, 5)) - 0.5)
    euler[..., 0, :] = 0.4 * (rng.random((count, 2, 3)) - 0.5)
    return euler, 0.1 * rng.normal(size=(count, 2, 3))


def test_inverse_kinematics_of_the_present_tips_is_the_present_pose() -> None:
    euler, wrist = reachable_pose(100)
    solved = solve_fingers(euler, wrist, forward_kinematics(euler, wrist, 1.1).tips, 1.1)
    np.testing.assert_allclose(solved, euler, atol=1e-5)


def test_inverse_kinematics_reaches_what_can_be_reached_within_limits() -> None:
    euler, wrist = reachable_pose(200)
    targets = forward_kinematics(euler, wrist).tips
    other = euler.copy()
    other[..., 1:, 0] *= 0.7
    solved = solve_fingers(other, wrist, targets)
    assert not outside_limits(solved).any()
    miss = np.linalg.norm(forward_kinematics(solved, wrist).tips - targets, axis=-1)
    assert miss.max() < 1e-6


def test_unreachable_targets_stay_inside_the_limits() -> None:
    euler, wrist = reachable_pose(50)
    solved = solve_fingers(euler, wrist, forward_kinematics(euler, wrist).tips + 0.5)
    assert np.isfinite(solved).all() and not outside_limits(solved).any()


def test_other_hands_are_solved_for_their_own_lengths() -> None:
    euler, wrist = reachable_pose(50)
    longer = replace(skeleton.STANDARD_HANDS, lengths=1.2 * skeleton.STANDARD_HANDS.lengths)
    targets = forward_kinematics(euler, wrist, 1.0, longer).tips
    other = euler.copy()
    other[..., 1:, 0] *= 0.8
    solved = solve_fingers(other, wrist, targets, geometry=longer)
    reached = forward_kinematics(solved, wrist, 1.0, longer).tips
    assert np.linalg.norm(reached - targets, axis=-1).max() < 1e-6
    assert np.linalg.norm(forward_kinematics(solved, wrist).tips - targets, axis=-1).min() > 1e-3
