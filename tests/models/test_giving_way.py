# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that rest make room for those that play."""

import numpy as np
from contact_scenes import presses_of as make_presses

from models.body.edit_mask import EditMask
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.body.take import Take
from models.contact import apply_contact
from models.contact.giving_way import ROOM_M, given_way, plays
from models.contact.schedule import Presses
from models.evaluation.scores import evaluate_take
from models.planning.fingering import finger_notes

FPS = 30.0


def entangled(seconds: float = 4.0) -> Motion:
    """Both hands over the same keys."""
    frames = round(seconds * FPS)
    wrist = np.zeros((frames, 2, 3), np.float32)
    wrist[..., 0], wrist[..., 1], wrist[..., 2] = (-0.08, -0.05), -0.08, 0.05
    return Motion(np.zeros((frames, 2, 16, 3), np.float32), wrist, FPS)


def presses_of(rows: list[tuple[float, float, int, int]]) -> Presses:
    """Second down, second up, slot, pitch."""
    return make_presses(*(np.array(column) for column in zip(*rows, strict=True)))


def test_the_hand_that_rests_goes_aside_and_the_one_that_plays_stays() -> None:
    motion, presses = entangled(), presses_of([(0.5, 3.5, 2, 60)])
    found = given_way(motion, presses, EditMask.everything(motion.frames, FPS), 1.0).wrist
    inside = slice(30, 90)
    assert np.array_equal(found[inside, LEFT], motion.wrist[inside, LEFT])
    gap = found[inside, RIGHT, 0] - found[inside, LEFT, 0]
    assert (gap > ROOM_M - 1e-4).all()
    assert np.array_equal(found[..., 1:], motion.wrist[..., 1:])
    assert np.abs(np.diff(found[:, RIGHT, 0])).max() * FPS < 1.5, "no leap"


def test_where_both_play_they_meet_as_they_were_generated() -> None:
    motion, presses = entangled(), presses_of([(0.2, 3.8, 2, 60), (0.2, 3.8, 7, 62)])
    found = given_way(motion, presses, EditMask.everything(motion.frames, FPS), 1.0).wrist
    assert np.array_equal(found[30:90], motion.wrist[30:90])


def test_what_is_kept_stays() -> None:
    motion, presses = entangled(), presses_of([(0.5, 3.5, 2, 60)])
    kept = EditMask(np.tile([True, False], (motion.frames, 1)), FPS)
    assert np.array_equal(given_way(motion, presses, kept, 1.0).wrist[:, RIGHT], motion.wrist[:, RIGHT])


def test_a_hand_plays_from_before_it_strikes_until_after_it_lets_go() -> None:
    found = plays(presses_of([(1.0, 1.5, 2, 60)]), 90, FPS)
    assert not found[:, RIGHT].any()
    assert found[22:46, LEFT].all() and not found[:20, LEFT].any()
    assert not found[48:, LEFT].any()


def test_a_note_under_a_resting_hand_is_played() -> None:
    table = np.array([[0.5, 1.5, 60, 80], [1.5, 2.5, 62, 80]])
    notes = finger_notes(Notes.from_arrays(table, hand=LEFT))
    done = apply_contact(entangled(), notes)
    assert evaluate_take(Take(done.motion, done.notes, {"hand_size": 1.0}), done.notes)["onset_f1"] == 1.0


def test_a_short_rest_and_hands_that_have_crossed_far_are_left_alone() -> None:
    motion = entangled()
    short = presses_of([(0.2, 3.8, 2, 60), (0.6, 1.2, 7, 62), (1.9, 3.8, 7, 62)])
    found = given_way(motion, short, EditMask.everything(motion.frames, FPS), 1.0).wrist
    assert np.array_equal(found[30:90], motion.wrist[30:90])
    crossed = Motion(motion.euler, motion.wrist + np.float32([[[0.3, 0, 0], [-0.1, 0, 0]]]), FPS)
    presses = presses_of([(0.5, 3.5, 2, 60)])
    found = given_way(crossed, presses, EditMask.everything(motion.frames, FPS), 1.0).wrist
    assert np.array_equal(found, crossed.wrist)


def on_the_way(right: float, left: float, frames: int = 90) -> Motion:
    """The right hand goes up in the last moment, from one place to another; the left one does at 1 s."""
    wrist = entangled(frames / FPS).wrist
    wrist[:, RIGHT, 0], wrist[:, LEFT, 0] = -0.05, -0.4
    wrist[42:, RIGHT, 0], wrist[30:, LEFT, 0] = right, left
    return Motion(np.zeros((frames, 2, 16, 3), np.float32), wrist, FPS)


UPWARD = [(0.2, 0.6, 7, 60), (1.5, 2.8, 7, 84), (0.2, 0.6, 2, 45), (1.1, 2.8, 2, 65)]
"""The right hand strikes at 0.2 and 1.5 s, the left one at 0.2 and 1.1 s; both let go in between."""


def test_a_hand_that_goes_on_is_gone_before_the_other_one_comes() -> None:
    motion = on_the_way(right=0.25, left=0.05)
    found = given_way(motion, presses_of(UPWARD), EditMask.everything(motion.frames, FPS), 1.0).wrist
    assert motion.wrist[33, RIGHT, 0] < motion.wrist[33, LEFT, 0]
    assert found[33, RIGHT, 0] - found[33, LEFT, 0] > 0.9 * ROOM_M
    assert found[..., RIGHT, 0].max() < 0.25 + 1e-3, "no farther than where it goes"
    assert np.allclose(found[45:, RIGHT], motion.wrist[45:, RIGHT], atol=2e-3)
    assert np.array_equal(found[:18], motion.wrist[:18]), "it stays while it plays"


def test_a_hand_waits_for_the_other_one_to_leave() -> None:
    rows = [(0.2, 1.05, 7, 60), (1.5, 2.8, 7, 84), (0.2, 0.75, 2, 45), (1.4, 2.8, 2, 65)]
    motion = on_the_way(right=0.25, left=0.05)
    found = given_way(motion, presses_of(rows), EditMask.everything(motion.frames, FPS), 1.0).wrist
    assert np.array_equal(found[31, RIGHT], motion.wrist[31, RIGHT])
    assert found[31, LEFT, 0] < found[31, RIGHT, 0] - 0.5 * ROOM_M


def test_a_hand_that_does_not_go_on_beyond_the_other_one_is_crossed() -> None:
    motion = on_the_way(right=-0.05, left=0.3)
    rows = [(*UPWARD[0][:3], 60), (1.5, 2.8, 7, 60), *UPWARD[2:]]
    found = given_way(motion, presses_of(rows), EditMask.everything(motion.frames, FPS), 1.0).wrist
    assert np.array_equal(found[33:], motion.wrist[33:])
