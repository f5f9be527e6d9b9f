# SPDX-License-Identifier: GPL-3.0-or-later
"""The arm as bones: at rest, from places to rotations and back, and angles that follow one another."""

import numpy as np
import pytest

from s2c_blender.core import skeleton
from s2c_blender.core.arm_chain import ArmPlaces, ChainRest, built_in_chain, to_bones, to_places
from s2c_blender.core.euler import euler_angles, unwrapped
from s2c_blender.core.natural_arms import natural_arms

FRAMES = 400
PLACES = ("shoulder", "elbow", "wrist", "hand")


def random_arm(rest: ChainRest, seed: int = 0) -> ArmPlaces:
    """Places that bones of these lengths can have, most of them stranger than any pianist's."""
    random = np.random.default_rng(seed)
    turns = skeleton.euler_matrices(random.uniform(-0.9, 0.9, (FRAMES, 4, 3)))
    return to_places(rest, random.uniform(-0.1, 0.1, (FRAMES, 3)), turns)


def swing_and_twist(turn: np.ndarray) -> np.ndarray:
    """How far rotations (n, 3, 3) twist about Y, radians."""
    return 2 * np.arctan2(turn[:, 0, 2] - turn[:, 2, 0], 1 + np.trace(turn, axis1=1, axis2=2))


@pytest.mark.parametrize("size", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("hand", [0, 1])
def test_the_chain_at_rest(hand: int, size: float) -> None:
    bones = skeleton.arm_bones(hand, size)
    assert [bone.name for bone in bones] == [f"{part}.{'LR'[hand]}" for part in skeleton.ARM]
    wrist = skeleton.rest_bones(hand, size)[0]
    for bone, following in zip(bones, [*bones[1:], wrist], strict=True):
        np.testing.assert_array_equal(bone.tail, following.head)
        np.testing.assert_allclose(bone.frame.T @ bone.frame, np.eye(3), atol=1e-12)
        assert np.linalg.det(bone.frame) == pytest.approx(1)
        length = np.linalg.norm(bone.tail - bone.head)
        np.testing.assert_allclose(bone.head + length * bone.frame[:, 1], bone.tail, atol=1e-12)
    plain = skeleton.arm_bones(hand)
    for bone, usual in zip(bones, plain, strict=True):
        np.testing.assert_allclose(bone.head - wrist.head, size * (usual.head - wrist.head), atol=1e-12)
    np.testing.assert_allclose(bones[1].frame[:, 0], bones[2].frame[:, 0], atol=1e-15)  # the elbow's hinge


def test_the_arms_are_mirror_images_and_bend_about_x() -> None:
    for left, right in zip(skeleton.arm_bones(0), skeleton.arm_bones(1), strict=True):
        np.testing.assert_allclose(left.head * (-1, 1, 1), right.head, atol=1e-15)
        np.testing.assert_allclose(
            left.frame * np.array([[-1], [1], [1]]) * (-1, 1, 1), right.frame, atol=1e-15
        )
    for hand in (0, 1):
        rest, turns = built_in_chain(hand), np.tile(np.eye(3), (1, 4, 1, 1))
        turns[0, 2] = skeleton.euler_matrices([0.5, 0.0, 0.0])
        moved = to_places(rest, np.zeros((1, 3)), turns)
        gap = np.linalg.norm(rest.heads[3] - rest.heads[1])
        assert np.linalg.norm(moved.wrist - moved.shoulder) < gap - 0.05  # the hand comes to the shoulder
        turns[0, 2], turns[0, 0] = np.eye(3), skeleton.euler_matrices([0.3, 0.0, 0.0])
        assert to_places(rest, np.zeros((1, 3)), turns).shoulder[0, 2] > rest.heads[1][2] + 0.03


@pytest.mark.parametrize("hand", [0, 1])
@pytest.mark.parametrize("size", [0.7, 1.0, 1.4])
def test_places_come_back_from_the_bones(hand: int, size: float) -> None:
    rest = built_in_chain(hand, size)
    places = random_arm(rest)
    again = to_places(rest, *to_bones(rest, places))
    for name in PLACES:
        np.testing.assert_allclose(getattr(again, name), getattr(places, name), atol=1e-9, err_msg=name)


def test_the_rest_pose_turns_no_bone() -> None:
    rest = built_in_chain(1)
    places = ArmPlaces(*(rest.heads[i][None] for i in (1, 2, 3)), np.eye(3)[None])
    sway, turns = to_bones(rest, places)
    np.testing.assert_allclose(sway, 0.0, atol=1e-15)
    np.testing.assert_allclose(turns[0], np.tile(np.eye(3), (4, 1, 1)), atol=1e-12)


def test_the_left_arm_is_the_mirror_image_of_the_right() -> None:
    mirror = np.array([-1.0, 1.0, 1.0])
    right = random_arm(built_in_chain(1))
    left = ArmPlaces(
        *(getattr(right, name) * mirror for name in PLACES[:3]),
        right.hand * np.outer((1, -1, -1), (1, -1, -1)),
    )
    sways, turns = zip(*(to_bones(built_in_chain(h), p) for h, p in ((0, left), (1, right))), strict=True)
    np.testing.assert_allclose(sways[0], sways[1] * mirror, atol=1e-12)
    angles = [euler_angles(found) for found in turns]
    np.testing.assert_allclose(angles[0], angles[1] * (1, -1, -1), atol=1e-9)


def test_the_forearm_takes_the_roll_and_the_wrist_does_not_twist() -> None:
    rest = built_in_chain(1)
    _, turns = to_bones(rest, random_arm(rest))
    against_forearm = rest.frames[2].T @ rest.frames[3]
    seen = against_forearm @ turns[:, 3] @ against_forearm.T  # the hand's own turn, in the forearm's axes
    np.testing.assert_allclose(swing_and_twist(seen), 0.0, atol=1e-9)
    places = ArmPlaces(*(np.tile(rest.heads[i], (5, 1)) for i in (1, 2, 3)), np.tile(np.eye(3), (5, 1, 1)))
    roll = np.linspace(-1.0, 1.0, 5)
    axis = rest.frames[2]
    about = skeleton.euler_matrices(np.stack([0 * roll, roll, 0 * roll], -1))
    rolled = rest.frames[3].T @ (axis @ about @ axis.T) @ rest.frames[3]
    _, turns = to_bones(rest, ArmPlaces(places.shoulder, places.elbow, places.wrist, rolled))
    np.testing.assert_allclose(euler_angles(turns[:, 2])[:, 1], roll, atol=1e-9)
    np.testing.assert_allclose(turns[:, 3], places.hand, atol=1e-9)


@pytest.mark.parametrize("distance", [0.0, 1e-12, 0.01, 0.3, 0.5549, 0.6, 5.0])
def test_the_wrist_is_met_wherever_it_is(distance: float) -> None:
    rest = built_in_chain(1)
    random = np.random.default_rng(1)
    way = random.normal(size=(FRAMES, 3))
    wrist = rest.heads[1] + distance * way / np.linalg.norm(way, axis=1, keepdims=True)
    hand = skeleton.euler_matrices(random.uniform(-0.9, 0.9, (FRAMES, 3)))
    places = ArmPlaces(np.tile(rest.heads[1], (FRAMES, 1)), random.normal(size=(FRAMES, 3)), wrist, hand)
    sway, turns = to_bones(rest, places)
    assert np.isfinite(sway).all() and np.isfinite(turns).all()
    again = to_places(rest, sway, turns)
    np.testing.assert_allclose(again.wrist, wrist, atol=1e-9)
    np.testing.assert_allclose(again.hand, hand, atol=1e-9)
    if 0.1 < distance < rest.lengths.sum():
        np.testing.assert_allclose(sway, 0.0, atol=1e-12)
    else:  # the shoulder goes no farther than it must
        assert np.linalg.norm(sway, axis=1).max() <= max(0.06, distance - rest.lengths.sum() + 1e-5)


def test_an_elbow_of_wrong_lengths_goes_to_the_nearest_place() -> None:
    rest = built_in_chain(1)
    places = random_arm(rest)
    off = ArmPlaces(places.shoulder, places.elbow + 0.01, places.wrist, places.hand)
    elbow = to_places(rest, *to_bones(rest, off)).elbow
    assert np.linalg.norm(elbow - off.elbow, axis=1).max() < 0.03
    np.testing.assert_allclose(np.linalg.norm(elbow - places.wrist, axis=1), rest.lengths[1], atol=1e-9)


def test_an_arm_that_is_stretched_and_bent_again_does_not_spin() -> None:
    rest = built_in_chain(1)
    out = np.array([0.3, 0.9, -0.3]) / np.linalg.norm([0.3, 0.9, -0.3])
    reach = rest.lengths.sum() * (1 - 0.02 * np.abs(np.linspace(-1, 1, 201)) - 1e-9)
    shoulder = np.tile(rest.heads[1], (201, 1))
    wrist = shoulder + reach[:, None] * out
    side = np.where(
        np.arange(201)[:, None] < 100, (0.2, 0.0, -1.0), (-0.2, 0.0, -1.0)
    )  # the elbow's side changes
    places = ArmPlaces(shoulder, shoulder + 0.3 * out + 0.1 * side, wrist, np.tile(np.eye(3), (201, 1, 1)))
    _, turns = to_bones(rest, places)
    steps = np.linalg.norm(np.diff(unwrapped(euler_angles(turns[:, 1])), axis=0), axis=1)
    assert steps.max() < 0.2


def test_no_bone_comes_near_the_lock_anywhere_on_the_keyboard() -> None:
    """Where Y is a quarter turn, angles jump; both hands go to both ends, reach in and out, bend, roll and turn."""
    time = np.arange(6000) / 30
    waves = [
        np.sin(time * rate + phase)
        for rate, phase in ((0.21, 0), (0.37, 1), (0.5, 2), (0.9, 3), (1.3, 4), (0.7, 5))
    ]
    middle, span = np.array([0.0, -0.08, 0.07]), np.array([0.45, 0.08, 0.04])
    places = middle + span * np.stack(waves[:3], -1)
    wrist = np.stack([places - (0.15, 0.0, 0.0), places + (0.15, 0.0, 0.0)], 1)
    euler = np.stack([np.array([0.4, 0.4, 0.3]) * np.stack(waves[3:], -1)] * 2, 1)
    shoulder, elbow = natural_arms(wrist, euler, 30.0, 1.0, skeleton.STANDARD_ARMS)
    for hand in (0, 1):
        turned = skeleton.euler_matrices(euler[:, hand])
        placed = ArmPlaces(shoulder[:, hand], elbow[:, hand], wrist[:, hand], turned)
        _, turns = to_bones(built_in_chain(hand), placed)
        angles = euler_angles(turns)
        assert np.degrees(np.abs(angles[..., 1]).max()) < 70
        assert np.degrees(np.abs(np.diff(angles, axis=0)).max()) < 10


def test_bones_without_a_length_are_refused() -> None:
    rest = built_in_chain(0)
    heads = rest.heads.copy()
    heads[2] = heads[1]
    with pytest.raises(ValueError, match="must have a length"):
        ChainRest(heads, rest.frames)
    with pytest.raises(ValueError, match="four bones"):
        ChainRest(rest.heads[:3], rest.frames)


# -- angles ------------------------------------------------------------------------------------------------


def test_angles_are_those_of_the_matrices() -> None:
    random = np.random.default_rng(2)
    angles = random.uniform((-3, -1.5, -3), (3, 1.5, 3), (1000, 3))
    np.testing.assert_allclose(euler_angles(skeleton.euler_matrices(angles)), angles, atol=1e-9)
    locked = skeleton.euler_matrices([0.4, np.pi / 2, 0.1])
    np.testing.assert_allclose(skeleton.euler_matrices(euler_angles(locked)), locked, atol=1e-6)


def test_angles_follow_one_another_through_whole_turns_and_the_lock() -> None:
    time = np.linspace(0, 30, 3000)
    angles = np.stack([time, 2.0 * np.sin(0.7 * time), -0.5 * time], -1)  # Y goes beyond a quarter turn
    matrices = skeleton.euler_matrices(angles)
    found = unwrapped(euler_angles(matrices))
    np.testing.assert_allclose(found, angles, atol=1e-6)
    assert np.abs(np.diff(euler_angles(matrices), axis=0)).max() > 3.0


@pytest.mark.parametrize("turns", [(0, 0, 0), (1, 0, -2)])
@pytest.mark.parametrize("other", [False, True])
def test_angles_begin_near_to_those_that_are_there(turns: tuple[int, int, int], other: bool) -> None:
    time = np.linspace(0, 3, 90)
    plain = np.stack([0.5 * np.sin(time), 0.3 * time, 0.2 * np.cos(time)], -1)
    there = (plain * (1, -1, 1) + np.pi if other else plain) + 2 * np.pi * np.array(turns)
    found = unwrapped(euler_angles(skeleton.euler_matrices(plain)), near=(40, there[40] + 0.01))
    np.testing.assert_allclose(found, there, atol=1e-9)


@pytest.mark.parametrize("hand", [0, 1])
def test_elbow_and_wrist_share_a_roll_without_a_jump(hand: int) -> None:
    rest = built_in_chain(hand)
    still = to_places(rest, np.zeros((FRAMES, 3)), np.broadcast_to(np.eye(3), (FRAMES, 4, 3, 3)))
    roll = np.linspace(-1.0, 2.5, FRAMES)  # beyond a quarter turn, through half a turn of the sum
    along = rest.frames[2][:, 1]
    axis = rest.frames[3].T @ along  # the forearm's line in the hand's own axes
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turns = np.array([np.eye(3) + np.sin(r) * skew + (1 - np.cos(r)) * skew @ skew for r in roll])
    places = ArmPlaces(still.shoulder, still.elbow, still.wrist, turns)
    _, whole = to_bones(rest, places)
    sway, shared = to_bones(rest, places, 0.5)
    got = to_places(rest, sway, shared)
    np.testing.assert_allclose(got.hand, turns, atol=1e-9)
    np.testing.assert_allclose(got.wrist, still.wrist, atol=1e-9)
    forearm = np.unwrap(swing_and_twist(shared[:, 2]))
    np.testing.assert_allclose(np.diff(forearm), 0.5 * np.diff(roll), atol=1e-6)
    np.testing.assert_allclose(np.diff(np.unwrap(swing_and_twist(whole[:, 2]))), np.diff(roll), atol=1e-6)


def test_a_straight_arm_bends_the_way_that_it_is_told() -> None:
    heads = np.array([[0.0, 0, 0], [0.15, 0, 0], [0.4, 0, 0], [0.65, 0, 0]])
    frames = np.broadcast_to(np.eye(3), (4, 3, 3))
    for hinge in ([0, 0, 1.0], [0, 0, -1.0]):
        rest = ChainRest(heads, frames, np.array(hinge))
        elbow = heads[2] + np.array([[0, -0.1 * hinge[2], 0]])
        places = ArmPlaces(heads[1:2], elbow, heads[1:2] + (0.3, 0, 0), np.eye(3)[None])
        _, turns = to_bones(rest, places)
        # A turn about the hinge alone bends it: the upper arm out, the forearm back in.
        assert np.allclose(turns[0, 2] @ hinge, hinge, atol=1e-9)
        assert np.trace(turns[0, 1]) > 1.5
