# SPDX-License-Identifier: GPL-3.0-or-later
"""Poses, bones and the geometry of hands: round trips, one order of bones, agreement with forward kinematics."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from models.body.bones import FINGERS_CLOSER_M, HANDS_CLOSER_M, LEAST, PAIRS, Bones, segment_distance
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.pose import Pose, rest_tensors
from models.body.skeleton import ABDUCTION, FINGER_JOINTS, LEFT, RIGHT, STANDARD_HANDS, HandGeometry
from models.contact.chain import solve_chains

FRAMES = 30


def other_hands() -> HandGeometry:
    """Somebody else's hands: a left one that is longer than the right one, with fingers that start elsewhere."""
    lengths, bases = STANDARD_HANDS.lengths.copy(), STANDARD_HANDS.finger_bases.copy()
    lengths[LEFT] *= 1.3
    bases[:, 1:] += [0.0, 0.004, 0.002]
    return replace(STANDARD_HANDS, lengths=lengths, finger_bases=bases)


def random_pose(
    seed: int = 0, size: float = 1.0, geometry: HandGeometry = STANDARD_HANDS, apart: float = 0.05
) -> Pose:
    """Fingers anywhere inside their limits, 64 bit; wrists about twice `apart` metres from each other."""
    dice = torch.Generator().manual_seed(seed)
    limits = torch.as_tensor(geometry.finger_limits)
    share = torch.rand(FRAMES, 2, 5, 4, generator=dice, dtype=torch.float64)
    wrist = 0.02 * torch.randn(FRAMES, 2, 3, generator=dice, dtype=torch.float64)
    wrist[..., 0] += torch.tensor([-apart, apart])
    euler = 0.3 * torch.randn(FRAMES, 2, 3, generator=dice, dtype=torch.float64)
    return Pose(limits[..., 0] + share * (limits[..., 1] - limits[..., 0]), euler, wrist, size, geometry)


def test_angles_survive_the_way_to_euler_angles_and_back() -> None:
    pose = random_pose()
    back = Pose.of_euler(pose.euler, pose.wrist)
    assert torch.equal(back.fingers, pose.fingers) and torch.equal(back.wrist_euler, pose.wrist_euler)
    assert torch.equal(Pose.of_euler(back.euler, back.wrist).euler, pose.euler)
    used = (pose.euler != 0).all((0, 1)).sum()
    assert used == 3 + 5 * 4  # of 48 angles, the joint limits leave these


def test_a_motion_survives_the_way_through_a_pose() -> None:
    pose = random_pose()
    motion = Motion(pose.euler.float().numpy(), pose.wrist.float().numpy(), 24.0)
    back = Pose.of_motion(motion, 1.1).to_motion(24.0)
    assert np.array_equal(back.euler, motion.euler) and np.array_equal(back.wrist, motion.wrist)
    assert back.fps == 24.0 and Pose.of_motion(motion, 1.1).size == 1.1
    assert back.euler.dtype == back.wrist.dtype == np.float32


@pytest.mark.parametrize("size", [0.9, 1.2])
@pytest.mark.parametrize("geometry", [STANDARD_HANDS, other_hands()])
def test_points_are_where_forward_kinematics_has_them(size: float, geometry: HandGeometry) -> None:
    pose = random_pose(1, size, geometry)
    joints = forward_kinematics(pose.euler, pose.wrist, size, geometry)
    heads = joints.position[..., torch.as_tensor(FINGER_JOINTS), :]
    torch.testing.assert_close(pose.points[..., :3, :], heads, atol=1e-12, rtol=0)
    torch.testing.assert_close(pose.points[..., 3, :], joints.tips, atol=1e-12, rtol=0)
    torch.testing.assert_close(pose.tips, joints.tips, atol=1e-12, rtol=0)
    torch.testing.assert_close(pose.to_hand(pose.tips), pose.tips_in_hand, atol=1e-12, rtol=0)


def test_both_ways_to_bones_give_the_same_ones() -> None:
    pose = random_pose(2)
    one = pose.bones
    other = Bones.of_joints(forward_kinematics(pose.euler, pose.wrist))
    torch.testing.assert_close(one.heads, other.heads, atol=1e-12, rtol=0)
    torch.testing.assert_close(one.tails, other.tails, atol=1e-12, rtol=0)
    assert len(one) == FRAMES and torch.equal(one.tips, pose.points[..., 3, :])


def test_bones_go_finger_by_finger_from_the_wrist_to_the_tip() -> None:
    pose = random_pose(3)
    bones = pose.bones
    for finger, bone in product(range(5), range(4)):
        number = 4 * finger + bone
        assert torch.equal(bones.tails[:, :, number], pose.points[:, :, finger, bone])
        before = pose.wrist if bone == 0 else pose.points[:, :, finger, bone - 1]
        assert torch.equal(bones.heads[:, :, number], before)
        if bone:
            length = (bones.tails[:, :, number] - bones.heads[:, :, number]).norm(dim=-1)
            wanted = torch.as_tensor(STANDARD_HANDS.lengths[:, finger, bone - 1]).expand_as(length)
            torch.testing.assert_close(length, wanted)


def test_pairs_are_those_of_two_hands_and_of_two_fingers() -> None:
    assert len(PAIRS) == 20 * 20 + 2 * 10 * 3 * 3
    for (one, other), least in zip(PAIRS.tolist(), LEAST.tolist(), strict=True):
        across = one // 20 != other // 20
        assert one < other and least == pytest.approx(HANDS_CLOSER_M if across else FINGERS_CLOSER_M)
        if not across:
            assert one // 4 != other // 4 and one % 4 and other % 4, "palms do not count within a hand"


@pytest.mark.parametrize("margin", [0.0, 0.004])
def test_near_bones_are_those_that_one_finds_by_trying_all_pairs(margin: float) -> None:
    pose = random_pose(4, apart=0.03)
    bones = pose.bones
    heads, tails = bones.heads.flatten(1, 2), bones.tails.flatten(1, 2)
    one, other = torch.from_numpy(PAIRS).unbind(-1)
    distance = segment_distance(heads[:, one], tails[:, one], heads[:, other], tails[:, other])
    wanted = {tuple(found) for found in np.argwhere((distance < torch.from_numpy(LEAST) + margin).numpy())}
    frame, pair = bones.near(margin)
    assert set(zip(frame.tolist(), pair.tolist(), strict=True)) == wanted and len(frame) == len(wanted) > 20
    assert (np.diff(frame) >= 0).all()


def test_distances_between_hands_and_fingers_are_those_of_the_pairs() -> None:
    bones = random_pose(5).bones
    heads, tails = bones.heads.flatten(1, 2), bones.tails.flatten(1, 2)

    def between(one: int, other: int) -> torch.Tensor:
        return segment_distance(heads[:, one], tails[:, one], heads[:, other], tails[:, other])

    across, within = bones.between_hands(), bones.between_fingers()
    for left, right in ((0, 0), (7, 12), (19, 3)):
        torch.testing.assert_close(across[:, left, right], between(left, 20 + right), atol=1e-12, rtol=0)
    closest = torch.stack([between(*pair) for pair in PAIRS.tolist() if pair[0] >= 20]).amin(0)
    torch.testing.assert_close(within[:, RIGHT].amin(-1), closest, atol=1e-12, rtol=0)
    assert (bones.gap_between_hands() <= across.amin((1, 2)) + 1e-12).all()


def test_moved_bones_are_those_of_moved_wrists() -> None:
    pose = random_pose(6)
    shift = np.random.default_rng(0).normal(size=(FRAMES, 2, 3)).astype(np.float32)
    moved = replace(pose, wrist=pose.wrist + torch.from_numpy(shift)).bones
    torch.testing.assert_close(pose.bones.moved(shift).heads, moved.heads, atol=1e-12, rtol=0)
    torch.testing.assert_close(pose.bones.moved(shift).tips, moved.tips, atol=1e-12, rtol=0)


def test_some_frames_are_taken_and_put_back() -> None:
    pose, other = random_pose(7, 1.1, other_hands()), random_pose(8, 1.1, other_hands())
    frames = np.array([3, 4, 20])
    mixed = pose.replaced(frames, other.at(frames))
    kept = np.delete(np.arange(FRAMES), frames)
    for name in ("fingers", "wrist_euler", "wrist"):
        assert torch.equal(getattr(mixed, name)[frames], getattr(other, name)[frames])
        assert torch.equal(getattr(mixed, name)[kept], getattr(pose, name)[kept])
    assert (mixed.size, mixed.geometry, len(mixed)) == (1.1, pose.geometry, FRAMES)


def test_a_correction_is_carried_over_inside_the_limits() -> None:
    pose, before = random_pose(9), random_pose(10)
    after = replace(before, fingers=before.fingers + 0.2, wrist=before.wrist + 0.01)
    carried = pose.corrected_alike(before, after)
    low, high = pose.rest.finger_limits.unbind(-1)
    assert (carried.fingers >= low).all() and (carried.fingers <= high).all()
    free = (pose.fingers + 0.2 < high) & (pose.fingers + 0.2 > low)
    torch.testing.assert_close(carried.fingers[free], (pose.fingers + 0.2)[free])
    torch.testing.assert_close(carried.wrist, pose.wrist + 0.01)
    assert torch.equal(carried.wrist_euler, pose.wrist_euler)


def test_chains_of_other_hands_are_solved_for_their_own_lengths() -> None:
    pose = random_pose(11, 1.0, other_hands())
    arched = pose.rest.finger_limits.mean(-1).expand_as(pose.fingers)
    given = replace(pose, fingers=arched)
    targets = given.tips_in_hand + 0.003
    reached = replace(given, fingers=solve_chains(targets, arched, given.rest)).tips_in_hand
    assert (reached - targets)[:, :, 1:].norm(dim=-1).max() < 1e-5
    # The same angles on the project's own hands end elsewhere.
    assert (replace(given, geometry=STANDARD_HANDS).tips_in_hand - targets).norm(dim=-1).min() > 1e-3


def test_limits_of_fingers_are_those_of_their_joints() -> None:
    limits = STANDARD_HANDS.finger_limits
    assert limits.shape == (2, 5, 4, 2)
    for hand, finger in product(range(2), range(5)):
        joints = STANDARD_HANDS.limits[hand, FINGER_JOINTS[finger]]
        wanted = np.stack([*joints[:, 0], joints[0, 2]])
        assert np.array_equal(limits[hand, finger], wanted)
    np.testing.assert_array_equal(limits[LEFT, :, ABDUCTION], -limits[RIGHT, :, ABDUCTION, ::-1])
    rest = rest_tensors(torch.float64, torch.device("cpu"))
    assert np.array_equal(rest.finger_limits.numpy(), limits)


@pytest.mark.parametrize("name", ["lengths", "radii", "limits", "finger_bases"])
def test_hands_of_a_wrong_shape_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        replace(STANDARD_HANDS, **{name: getattr(STANDARD_HANDS, name)[0]})
