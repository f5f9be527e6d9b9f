# SPDX-License-Identifier: GPL-3.0-or-later
"""The points of the contact problem are those of forward kinematics, and move as their derivatives say."""

from dataclasses import replace

import numpy as np
import pytest
from contact_scenes import FPS, other_hands, random_motion

from models.body.bones import Bones
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.skeleton import FINGER_JOINTS, STANDARD_HANDS, HandGeometry
from models.contact.hand_points import find_points
from models.contact.variables import COUPLING, PLACE, Variables, limits_of

GEOMETRIES = pytest.mark.parametrize("geometry", [STANDARD_HANDS, other_hands()], ids=["own", "others"])
STEP = 1e-6


@GEOMETRIES
@pytest.mark.parametrize("size", [0.9, 1.2])
def test_points_are_where_forward_kinematics_has_them(geometry: HandGeometry, size: float) -> None:
    variables = Variables.of_motion(random_motion(geometry=geometry), geometry)
    points, motion = find_points(variables, geometry, size), variables.to_motion(FPS)
    joints = forward_kinematics(motion.euler, motion.wrist, size, geometry)
    bones = Bones.of_joints(joints)
    np.testing.assert_allclose(points.tips, joints.tips.transpose(3, 1, 2, 0), atol=3e-7)
    np.testing.assert_allclose(points.heads.reshape(3, 2, 20, -1), bones.tails, atol=3e-7)
    np.testing.assert_allclose(points.wrists, motion.wrist.transpose(2, 1, 0), atol=1e-8)


@GEOMETRIES
@pytest.mark.parametrize("variable", range(21))
def test_points_move_as_their_derivatives_say(geometry: HandGeometry, variable: int) -> None:
    size = 1.1
    variables = Variables.of_motion(random_motion(seed=1, geometry=geometry), geometry)
    ahead, behind = (
        find_points(variables.with_values(values), geometry, size)
        for values in (_stepped(variables.values, variable, sign * STEP) for sign in (1, -1))
    )
    measured = (ahead.heads - behind.heads) / (2 * STEP)
    points = find_points(variables, geometry, size)
    expected = np.zeros_like(measured)
    if variable < 15:
        finger, own = divmod(variable, 3)
        expected[:, :, finger] = points.by_finger[:, :, finger, :, own]
        by_tip = np.zeros_like(measured[:, :, :, 3])
        by_tip[:, :, finger] = points.tips_by_finger[:, :, finger, own]
    elif variable < 18:
        expected[variable - 15] = 1.0
        by_tip = expected[:, :, :, 3]
    else:
        arms = np.moveaxis(points.heads - points.wrists[:, :, None, None], 0, -1)
        axis = np.moveaxis(points.turn_axes[:, :, variable - 18], 0, -1)[:, None, None]
        expected = np.moveaxis(np.cross(np.broadcast_to(axis, arms.shape), arms), -1, 0)
        by_tip = points.tips_by_turn[:, :, :, variable - 18]
    np.testing.assert_allclose(measured, expected, atol=1e-8)
    np.testing.assert_allclose(measured[:, :, :, 3], by_tip, atol=1e-8)
    assert np.abs(measured[:, :, :, 3]).max() > 1e-3


def _stepped(values: np.ndarray, variable: int, step: float) -> np.ndarray:
    moved = values.copy()
    moved[:, variable] += step
    return moved


@GEOMETRIES
def test_a_motion_inside_the_limits_survives_the_way_through_the_variables(geometry: HandGeometry) -> None:
    motion = random_motion(seed=2, geometry=geometry)
    back = Variables.of_motion(motion, geometry).to_motion(FPS)
    np.testing.assert_array_equal(back.wrist, motion.wrist)
    last = FINGER_JOINTS[:, 2]
    others = np.setdiff1d(np.arange(16), last)
    np.testing.assert_array_equal(back.euler[:, :, others], motion.euler[:, :, others])
    np.testing.assert_allclose(back.euler[:, :, last], motion.euler[:, :, last], atol=1e-7)
    assert back.euler.dtype == back.wrist.dtype == np.float32 and back.fps == FPS


def test_angles_outside_the_limits_are_clamped() -> None:
    wild = np.random.default_rng(0).normal(0, 3, (12, 2, 16, 3)).astype(np.float32)
    variables = Variables.of_motion(Motion(wild, np.zeros((12, 2, 3), np.float32), FPS), STANDARD_HANDS)
    low, high = limits_of(STANDARD_HANDS, -1.0)
    assert ((variables.values >= low) & (variables.values <= high)).all()
    limits = STANDARD_HANDS.finger_limits[:, :, 2, :, None]
    assert ((variables.last >= limits[:, :, 0]) & (variables.last <= limits[:, :, 1])).all()


def test_the_last_joint_follows_the_middle_one_until_its_limit() -> None:
    variables = Variables.of_motion(random_motion(seed=3), STANDARD_HANDS)
    for bend in (0.01, 5.0):
        bent = variables.with_values(_stepped(variables.values, 4, bend))
        index = bent.last[:, 1] - variables.last[:, 1]
        most = STANDARD_HANDS.finger_limits[:, 1, 2, 1, None] - variables.last[:, 1]
        np.testing.assert_allclose(index, np.minimum(COUPLING * bend, most), atol=1e-12)
        np.testing.assert_array_equal(bent.last[:, 2:], variables.last[:, 2:])
    assert not bent.last_follows[:, 1].any()


def test_limits_leave_wrists_their_place_above_the_keys() -> None:
    low, high = limits_of(STANDARD_HANDS, 0.025)
    assert low.shape == high.shape == (2, 21, 1) and (low < high).all()
    assert (low[:, 17] == 0.025).all() and np.isinf(np.stack([low[:, 15:17], high[:, 15:17]])).all()
    assert np.isinf(high[:, PLACE]).all()
    longer = replace(STANDARD_HANDS, limits=STANDARD_HANDS.limits * 0.5)
    np.testing.assert_allclose(limits_of(longer, 0.025)[1][:, :15], 0.5 * high[:, :15])


def test_hooked_thumbs_are_stretched_in_the_frames_that_are_free_and_nothing_else() -> None:
    motion = random_motion(3, seed=4)
    root, middle = np.radians([-25.0, -25.0, 0.0]), np.radians([70.0, 45.0, 70.0])
    thumb = FINGER_JOINTS[0]
    motion.euler[:, :, thumb[0], 0], motion.euler[:, :, thumb[1], 0] = root[:, None], middle[:, None]
    hooked = Variables.of_motion(motion, STANDARD_HANDS)
    free = np.array([[True, True], [True, False], [True, True]])
    change = hooked.unhooked(free).values - hooked.values
    # Raised 15 degrees beyond 10, bent 30 or 5 beyond 40: the lesser of the two; what is not raised is not hooked.
    np.testing.assert_allclose(np.degrees(change[:, 1]), [[-15, -5, 0], [-15, 0, 0]], atol=1e-4)
    assert not np.delete(change, 1, axis=1).any()


def test_unhooking_has_no_jumps() -> None:
    turn = np.linspace(0.2, -0.8, 400)
    hands = Variables.of_motion(random_motion(400, seed=5), STANDARD_HANDS)
    values = hands.values.copy()
    values[:, 0], values[:, 1] = turn, 0.4 - turn
    eased = hands.with_values(values).unhooked(np.ones((400, 2), bool)).values
    assert np.abs(np.diff(eased[:, 1])).max() <= np.abs(np.diff(turn)).max() + 1e-9
