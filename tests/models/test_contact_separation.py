# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands never collide: whatever is generated, whatever is kept, and nothing moves that need not."""

import numpy as np
import pytest
from mirroring import mirror_hands
from numpy.typing import NDArray

from models.body import skeleton
from models.body.edit_mask import EditMask
from models.body.keyboard import key_surface, key_under
from models.body.kinematics import Joints, forward_kinematics, outside_limits
from models.body.motion import Motion
from models.body.notes import Notes
from models.contact import apply_contact
from models.contact.separation import CLEAR_M, _all_bones, _cost, _needs, separate_hands
from models.evaluation.biomechanics import fingers_touch, hands_collide

FPS = 30.0


def pose(motion: Motion, size: float = 1.0) -> Joints:
    return forward_kinematics(motion.euler, motion.wrist, size)


def colliding(motion: Motion, size: float = 1.0) -> NDArray[np.bool_]:
    return hands_collide(pose(motion, size))


def hands_at(x: NDArray[np.floating], seed: int = 0) -> Motion:
    """Half-bent hands whose wrists are at ``x`` (frames, 2) metres, each finger bent a little differently."""
    frames = len(x)
    rng = np.random.default_rng(seed)
    euler = np.zeros((frames, 2, 16, 3), np.float32)
    euler[..., 1:, 0] = 0.35 + 0.15 * rng.random((2, 15))
    wrist = np.zeros((frames, 2, 3), np.float32)
    wrist[..., 0] = x
    wrist[..., 1], wrist[..., 2] = -0.09, [0.062, 0.066]
    return Motion(euler, wrist, FPS)


def crossing(frames: int = 120, reach: float = 0.25) -> Motion:
    """The left hand wanders through the right one to its other side and back."""
    left = -reach * np.cos(np.linspace(0, 2 * np.pi, frames))
    return hands_at(np.stack([left, np.zeros(frames)], 1))


def everywhere(motion: Motion) -> EditMask:
    return EditMask.everything(motion.frames, motion.fps)


@pytest.mark.parametrize("middle", [0.023, 0.03, -0.05])
def test_a_hand_that_gives_way_has_no_fingertip_in_the_key_beside(middle: float) -> None:
    gap = 0.30 - 0.24 * np.exp(-(((np.arange(90) - 45) / 12) ** 2))
    motion = hands_at(np.stack([middle - gap / 2, middle + gap / 2], 1), seed=6)
    before = pose(motion).tips
    motion.wrist[..., 2] -= before[..., 2].min((0, 2)) - 0.001  # fingertips just over the white keys
    before = pose(motion).tips
    assert colliding(motion).any()
    moved = Motion(motion.euler, separate_hands(motion, everywhere(motion)), FPS)
    assert not colliding(moved).any()
    after = pose(moved).tips
    key = key_under(after)
    beside = (key >= 0) & (key != key_under(before)) & (key_surface(key + 21) - after[..., 2] > 0.0011)
    assert not beside.any()


def test_hands_that_cross_pass_without_touching() -> None:
    motion = crossing()
    assert colliding(motion).sum() > 20
    wrist = separate_hands(motion, everywhere(motion))
    moved = Motion(motion.euler, wrist, FPS)
    assert not colliding(moved).any()
    untouched = (wrist == motion.wrist).all((1, 2))
    assert untouched[:5].all() and untouched[-5:].all()


@pytest.mark.parametrize("hand", [skeleton.LEFT, skeleton.RIGHT])
def test_a_kept_hand_stays_where_it_is_and_the_other_gets_out_of_its_way(hand: int) -> None:
    motion = crossing()
    wrist = separate_hands(motion, EditMask.of_seconds(motion.frames, FPS, (hand,)))
    np.testing.assert_array_equal(wrist[:, 1 - hand], motion.wrist[:, 1 - hand])
    assert not colliding(Motion(motion.euler, wrist, FPS)).any()


def test_frames_outside_a_range_stay_and_those_inside_do_not_collide() -> None:
    motion = crossing()
    edits = EditMask.of_seconds(motion.frames, FPS, seconds=(40 / FPS, 75 / FPS))
    assert edits.span == (40, 75)
    wrist = separate_hands(motion, edits)
    np.testing.assert_array_equal(wrist[:40], motion.wrist[:40])
    np.testing.assert_array_equal(wrist[75:], motion.wrist[75:])
    after = colliding(Motion(motion.euler, wrist, FPS))
    assert after[:40].any() and not after[40:75].any()


def test_hands_apart_are_returned_as_they_are() -> None:
    motion = hands_at(np.tile([-0.3, 0.3], (30, 1)))
    assert separate_hands(motion, everywhere(motion)) is motion.wrist


def test_parting_is_smooth() -> None:
    """A short brush: hands go apart and come back without a jerk, however sudden the collision."""
    x = np.tile([-0.3, 0.3], (90, 1))
    x[44:47] = [-0.03, 0.03]
    motion = hands_at(x)
    assert colliding(motion)[44:47].all()
    shift = separate_hands(motion, everywhere(motion)) - motion.wrist
    largest = np.abs(shift).max()
    assert largest > 0.005
    assert np.abs(np.diff(shift, axis=0)).max() < 0.35 * largest
    assert np.abs(np.diff(shift, 2, axis=0)).max() < 0.12 * largest


def test_hands_part_quickly_where_they_hold_keys_before_and_after() -> None:
    gap = np.full(60, 0.17)
    gap[30] = 0.02
    motion = hands_at(np.stack([-gap / 2, gap / 2], 1), seed=6)
    before = pose(motion).tips
    motion.wrist[..., 2] -= before[..., 2].max((0, 2)) + 0.006  # all fingers in the keys
    assert colliding(motion)[30] and not colliding(motion)[np.r_[:28, 33:60]].any()
    moved = Motion(motion.euler, separate_hands(motion, everywhere(motion)), FPS)
    assert not colliding(moved).any()
    stays = np.abs(moved.wrist - motion.wrist).max((1, 2)) < 1e-6
    assert stays[: 30 - 6].all() and stays[30 + 7 :].all(), (
        "the gentle way would take ten frames to either side"
    )


def test_a_stroke_that_is_missed_costs_more_than_a_key_that_is_let_go() -> None:
    motion = hands_at(np.tile([-0.2, 0.2], (12, 1)), seed=6)
    motion.wrist[..., 2] -= pose(motion).tips[..., 2].max((0, 2)) + 0.006
    motion.wrist[:4, :, 2] += 0.03  # the fingers go down in frame 4
    bones = _all_bones(motion.euler, motion.wrist, 1.0, skeleton.STANDARD_HANDS)

    def cost(frame: int) -> float:
        up = np.zeros((12, 2, 3), np.float32)
        up[frame, :, 2] = 0.03
        return _cost(bones, bones.moved(up), 0.03)

    assert cost(4) > cost(8) > cost(2)


@pytest.mark.parametrize("seed", range(4))
def test_mirrored_hands_part_in_the_mirror(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.stack([rng.uniform(-0.2, 0.1) + 0.2 * np.sin(np.linspace(0, 4, 60)), np.full(60, 0.03)], 1)
    motion = hands_at(x, seed)
    euler, wrist = mirror_hands(motion.euler, motion.wrist)
    edits = everywhere(motion)
    one = Motion(motion.euler, separate_hands(motion, edits), FPS)
    other = Motion(euler, separate_hands(Motion(euler, wrist, FPS), edits), FPS)
    back = mirror_hands(one.euler, one.wrist)[1]
    np.testing.assert_allclose(other.wrist, back, atol=1e-5)


def test_hands_stay_clear_however_much_farther_they_move() -> None:
    motion = crossing()
    bones = _all_bones(motion.euler, motion.wrist, 1.0, skeleton.STANDARD_HANDS).at(
        np.flatnonzero(colliding(motion))[::6]
    )
    rng = np.random.default_rng(0)
    for _ in range(5):
        unit = rng.normal(size=(2, 3)).astype(np.float32)
        need = _needs(bones, unit)
        assert (need > 0).all()
        short = bones.moved((need - 1e-3)[:, None, None] * unit)  # and with a millimetre less they are not
        assert (short.between_hands().min((0, 1)) < CLEAR_M).all()
        for beyond in np.linspace(0, 0.3, 60):
            moved = bones.moved((need + beyond)[:, None, None] * unit)
            assert float(moved.between_hands().min()) > CLEAR_M - 1e-5


def duet(kind: str) -> Notes:
    """Notes that bring the hands into each other's way."""
    right = [(0.6 + 0.3 * i, 0.28, 60 + (0, 2, 4, 5, 7, 5, 4, 2)[i % 8], 1) for i in range(7)]
    if kind == "same keys":  # both hands take turns on the same notes
        left = [(0.75 + 0.3 * i, 0.25, 60 + (2, 4, 5, 7, 5, 4, 2, 0)[i % 8], 0) for i in range(7)]
    elif kind == "crossed":  # the left hand goes to and fro over the right one
        left = [(0.6 + 0.6 * i, 0.35, (48, 76, 45, 79, 50, 74)[i], 0) for i in range(4)]
    else:  # interlocked: both hold notes of one chord
        left = [(0.6 + 0.9 * i, 0.85, pitch, 0) for i in range(2) for pitch in (59, 62, 65)]
        right = [(0.6 + 0.9 * i, 0.85, pitch, 1) for i in range(2) for pitch in (60, 64, 67)]
    rows = sorted((t, t + d, p, 80.0, h) for t, d, p, h in left + right)
    table = np.array(rows)
    return Notes.from_arrays(table[:, :4], hand=table[:, 4].astype(np.int8))


@pytest.mark.parametrize("kind", ["same keys", "crossed", "interlocked"])
def test_no_frame_collides_after_contact_whatever_is_redone(kind: str) -> None:
    notes = duet(kind)
    x = np.tile([-0.04, 0.04], (90, 1)) + 0.02 * np.sin(np.linspace(0, 9, 90))[:, None] * [1, -1]
    raw = hands_at(x)
    assert colliding(raw).any()
    whole = apply_contact(raw, notes).motion
    given = Motion(
        np.stack([raw.euler[:, 0], whole.euler[:, 1]], 1),
        np.stack([raw.wrist[:, 0], whole.wrist[:, 1]], 1),
        FPS,
    )
    left = EditMask.of_seconds(given.frames, FPS, (skeleton.LEFT,))
    redone = apply_contact(given, notes, edits=left).motion
    np.testing.assert_array_equal(redone.euler[:, 1], whole.euler[:, 1])
    np.testing.assert_array_equal(redone.wrist[:, 1], whole.wrist[:, 1])
    spoiled = Motion(whole.euler.copy(), whole.wrist.copy(), FPS)
    spoiled.euler[30:60], spoiled.wrist[30:60] = raw.euler[30:60], raw.wrist[30:60]
    middle = EditMask.of_seconds(spoiled.frames, FPS, seconds=(1.0, 2.0))
    part = apply_contact(spoiled, notes, edits=middle).motion
    np.testing.assert_array_equal(part.wrist[:30], whole.wrist[:30])
    np.testing.assert_array_equal(part.euler[60:], whole.euler[60:])
    for motion in (whole, redone, part):
        assert not colliding(motion).any()
        assert not outside_limits(motion.euler).any()
        assert not fingers_touch(pose(motion)).any()
