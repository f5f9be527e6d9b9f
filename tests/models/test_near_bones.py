# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones: one order of them everywhere, and those near each other are those that trying all pairs finds."""

from itertools import product

import numpy as np
import pytest
from contact_scenes import arched_hands, random_motion

from models.body.bones import FINGERS_CLOSER_M, HANDS_CLOSER_M, LEAST, PAIRS, Bones, segment_distance
from models.body.kinematics import forward_kinematics
from models.body.skeleton import FINGER_JOINTS, RIGHT, STANDARD_HANDS
from models.contact.hand_points import HandPoints, find_points
from models.contact.near_bones import distances_to_keep, near_bones, too_near
from models.contact.variables import Variables
from models.contact.weights import ContactWeights

FRAMES = 30


WEIGHTS = ContactWeights()
WANTED = distances_to_keep(WEIGHTS)


def entangled(seed: int = 0) -> tuple[HandPoints, Bones]:
    """Hands in each other's way, as points of the contact problem and as bones."""
    motion = random_motion(FRAMES, seed, apart=0.03)
    joints = forward_kinematics(motion.euler.astype(float), motion.wrist.astype(float))
    return find_points(Variables.of_motion(motion, STANDARD_HANDS), STANDARD_HANDS, 1.0), Bones.of_joints(
        joints
    )


def all_distances(bones: Bones) -> np.ndarray:
    """(P, F) of all pairs."""
    heads, tails = (end.reshape(3, 40, -1) for end in (bones.heads, bones.tails))
    one, other = PAIRS.T
    return segment_distance(heads[:, one], tails[:, one], heads[:, other], tails[:, other])


def test_bones_go_finger_by_finger_from_the_wrist_to_the_tip() -> None:
    motion = random_motion(FRAMES, 3)
    joints = forward_kinematics(motion.euler.astype(float), motion.wrist.astype(float))
    bones = Bones.of_joints(joints)
    for finger, bone in product(range(5), range(4)):
        number = 4 * finger + bone
        tail = joints.position[:, :, FINGER_JOINTS[finger, bone]] if bone < 3 else joints.tips[:, :, finger]
        head = joints.position[:, :, FINGER_JOINTS[finger, bone - 1] if bone else 0]
        np.testing.assert_array_equal(bones.tails[:, :, number], tail.transpose(2, 1, 0))
        np.testing.assert_array_equal(bones.heads[:, :, number], head.transpose(2, 1, 0))
        if bone:
            length = np.linalg.norm(bones.tails[:, :, number] - bones.heads[:, :, number], axis=0)
            wanted = np.broadcast_to(STANDARD_HANDS.lengths[:, finger, bone - 1, None], length.shape)
            np.testing.assert_allclose(length, wanted)
    np.testing.assert_array_equal(bones.tips, joints.tips)
    assert len(bones) == FRAMES


def test_pairs_are_those_of_two_hands_and_of_two_fingers() -> None:
    assert len(PAIRS) == 20 * 20 + 2 * 10 * 3 * 3
    for (one, other), least, wanted in zip(PAIRS.tolist(), LEAST.tolist(), WANTED.tolist(), strict=True):
        across = one // 20 != other // 20
        assert one < other and least == pytest.approx(HANDS_CLOSER_M if across else FINGERS_CLOSER_M)
        assert wanted > least + 0.001
        if not across:
            assert one // 4 != other // 4 and one % 4 and other % 4, "palms do not count within a hand"


def test_distances_between_hands_and_fingers_are_those_of_the_pairs() -> None:
    _, bones = entangled(5)
    distance = all_distances(bones)
    across, within = bones.between_hands(), bones.between_fingers()
    for left, right in ((0, 0), (7, 12), (19, 3)):
        pair = PAIRS.tolist().index([left, 20 + right])
        np.testing.assert_allclose(across[left, right], distance[pair], atol=1e-12)
    closest = distance[PAIRS[:, 0] >= 20].min(0)
    np.testing.assert_allclose(within[RIGHT].min(0), closest, atol=1e-12)
    assert (bones.gap_between_hands() <= across.min((0, 1)) + 1e-12).all()


def test_moved_bones_are_those_of_moved_wrists() -> None:
    motion = random_motion(FRAMES, 6)
    euler, wrist = motion.euler.astype(float), motion.wrist.astype(float)
    shift = np.random.default_rng(0).normal(size=(FRAMES, 2, 3))
    bones = Bones.of_joints(forward_kinematics(euler, wrist)).moved(shift)
    moved = Bones.of_joints(forward_kinematics(euler, wrist + shift))
    np.testing.assert_allclose(bones.heads, moved.heads, atol=1e-12)
    np.testing.assert_allclose(bones.tips, moved.tips, atol=1e-12)


@pytest.mark.parametrize("margin", [0.0, 0.004, 0.012])
def test_near_bones_are_those_that_trying_all_pairs_finds(margin: float) -> None:
    points, bones = entangled()
    near = near_bones(points, WEIGHTS, np.ones((2, FRAMES), bool), margin)
    pair, frame = np.nonzero(all_distances(bones) < WANTED[:, None] + margin)
    assert set(zip(near.frame.tolist(), near.pair.tolist(), strict=True)) == set(
        zip(frame.tolist(), pair.tolist(), strict=True)
    )
    assert len(near.frame) == len(frame) > 50


def test_too_near_are_those_nearer_than_they_may_be_by_frame_with_what_they_lack() -> None:
    points, bones = entangled()
    frame, pair, lack = too_near(points, np.ones((2, FRAMES), bool))
    distance = all_distances(bones)
    found = np.zeros_like(distance, bool)
    found[pair, frame] = True
    # What counts as too near is a little more than the least distance: for rounding's sake, and of hands for `CLEAR_M`.
    assert found[distance < LEAST[:, None]].all() and not found[distance > LEAST[:, None] + 0.0005].any()
    assert (np.diff(frame) >= 0).all() and (lack > 0).all()
    over = lack - (LEAST[pair] - distance[pair, frame])
    assert (over > 0).all() and over.max() < 0.0005


def test_what_is_wrong_between_hands_that_are_kept_is_nobodys_to_mend() -> None:
    hands = arched_hands(4)
    values = hands.values.copy()
    values[0, 15:18, 2] = values[1, 15:18, 2]  # one inside the other, in one frame
    points = find_points(hands.with_values(values), STANDARD_HANDS, 1.0)
    for kept, found in (
        ((False, False), {2}),
        ((True, True), set()),
        ((True, False), {2}),
        ((False, True), {2}),
    ):
        free = ~np.tile(np.array(kept)[:, None], (1, 4))
        assert set(too_near(points, free)[0].tolist()) == found
        assert set(near_bones(points, WEIGHTS, free, 0.0).frame.tolist()) == found
    tangled, _ = entangled()
    one_free = np.array([True, False])[:, None] & np.ones(FRAMES, bool)
    kept_pairs = PAIRS[near_bones(tangled, WEIGHTS, one_free, 0.004).pair]
    assert (kept_pairs[:, 0] < 20).all() and (kept_pairs[:, 1] >= 20).any()
