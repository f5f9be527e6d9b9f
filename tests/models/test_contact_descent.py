# SPDX-License-Identifier: GPL-3.0-or-later
"""The descent that takes hands apart: its gradient is that of its cost, its geometry that of the kinematics."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.body import skeleton
from models.body.kinematics import forward_kinematics
from models.body.pose import Pose
from models.contact.collision_descent import Descent
from models.contact.collision_solver import solve_collisions
from models.contact.posture import Aims, tangles

FPS = 30.0


def crossing_hands(frames: int = 12, kind: torch.dtype = torch.float64) -> tuple[Pose, torch.Tensor]:
    """Hands that reach through each other, every finger bent differently; and the same as Euler angles."""
    generator = torch.Generator().manual_seed(3)
    euler = torch.zeros(frames, 2, 16, 3, dtype=kind)
    joints = torch.as_tensor(skeleton.FINGER_JOINTS)
    drawn = torch.rand(frames, 2, 5, 4, generator=generator, dtype=kind)
    for bone in range(3):
        euler[..., joints[:, bone], 0] = 0.2 + 0.4 * drawn[..., bone]
    euler[..., joints[:, 0], 2] = 0.3 * (drawn[..., 3] - 0.5)
    euler[..., 0, :] = 0.3 * (torch.rand(frames, 2, 3, generator=generator, dtype=kind) - 0.5)
    place = torch.tensor([[-0.02, -0.09, 0.06], [0.02, -0.09, 0.075]], dtype=kind).repeat(frames, 1, 1)
    return Pose.of_euler(euler, place), euler


def problem(urgency: float = 1.0) -> Descent:
    posture, _ = crossing_hands()
    rng = np.random.default_rng(0)
    points = posture.points[..., 3, :] + 0.008 * torch.from_numpy(rng.normal(size=(12, 2, 5, 3)))
    firm = rng.random((12, 2, 5)).astype(np.float32)
    fade = torch.from_numpy(rng.random((12, 2)))
    descent = Descent(posture, Aims(points, firm, firm > 0.5), fade, FPS, urgency)
    return descent


def test_the_gradient_is_the_slope_of_the_cost() -> None:
    descent = problem(urgency=4.0)
    generator = torch.Generator().manual_seed(1)
    variables = torch.randn(2, 26, 12, generator=generator, dtype=torch.float64)
    descent.watch(variables)
    _, gradient = descent.cost(variables)
    step = 1e-5
    for _ in range(12):
        way = torch.randn(variables.shape, generator=generator, dtype=torch.float64)
        ahead, behind = (descent.cost(variables + sign * step * way)[0] for sign in (1, -1))
        slope = float(ahead - behind) / (2 * step)
        assert float((gradient * way).sum()) == pytest.approx(slope, rel=2e-4)


@pytest.mark.parametrize("row", [0, 5, 10, 15, 1, 2, 3, 20, 21, 22, 23, 24, 25])
def test_each_kind_of_variable_has_its_own_slope(row: int) -> None:
    descent = problem()
    variables = torch.zeros(2, 26, 12, dtype=torch.float64)
    descent.watch(variables)
    _, gradient = descent.cost(variables)
    for hand in (0, 1):
        way = torch.zeros_like(variables)
        way[hand, row] = 1e-5
        ahead, behind = (descent.cost(variables + sign * way)[0] for sign in (1, -1))
        slope = float(ahead - behind) / 2e-5
        assert float(gradient[hand, row].sum()) == pytest.approx(slope, rel=2e-4, abs=1e-4)


def test_bones_are_where_the_kinematics_has_them() -> None:
    posture, euler = crossing_hands()
    points = replace(posture, size=1.1).points
    joints = forward_kinematics(euler, posture.wrist, 1.1)
    torch.testing.assert_close(points[..., 3, :], joints.tips, atol=1e-9, rtol=0)
    heads = joints.position[..., torch.as_tensor(skeleton.FINGER_JOINTS), :]
    torch.testing.assert_close(points[..., :3, :], heads, atol=1e-9, rtol=0)


def test_fixed_hands_stay_and_the_others_come_apart() -> None:
    posture, _ = crossing_hands(40, torch.float32)
    posture = posture.at(np.zeros(40, int))
    points = posture.points[..., 3, :]
    aims = Aims(points, np.zeros((40, 2, 5), np.float32), np.zeros((40, 2, 5), bool))
    fixed = np.zeros((40, 2), bool)
    fixed[:, 1] = True
    with torch.no_grad():
        moved = solve_collisions(posture, aims, FPS, fixed, 1.0, urgency=16.0)
    for before, after in (
        (posture.fingers, moved.fingers),
        (posture.wrist_euler, moved.wrist_euler),
        (posture.wrist, moved.wrist),
    ):
        assert torch.equal(before[:, 1], after[:, 1])
        assert not torch.equal(before[:, 0], after[:, 0])
    assert len(tangles(moved).frame) < 0.5 * len(tangles(posture).frame)


def test_forty_steps_go_a_good_part_of_the_way() -> None:
    descent = problem(urgency=4.0)
    still = torch.zeros(2, 26, 12, dtype=torch.float64)
    descent.watch(still)
    before, _ = descent.cost(still)
    with torch.no_grad():
        found = descent.run()
    descent.watch(found)
    after, _ = descent.cost(found)
    assert float(after) < 0.55 * float(before)
    # Frames that fade out hardly move, however much they would like to.
    gone = Descent(
        crossing_hands()[0],
        Aims(torch.zeros(12, 2, 5, 3), np.zeros((12, 2, 5), np.float32), np.zeros((12, 2, 5), bool)),
        torch.zeros(12, 2, dtype=torch.float64),
        FPS,
        4.0,
    )
    with torch.no_grad():
        moved = gone.moved(gone.run())
    torch.testing.assert_close(moved.wrist, crossing_hands()[0].wrist)
    torch.testing.assert_close(moved.fingers, crossing_hands()[0].fingers)
