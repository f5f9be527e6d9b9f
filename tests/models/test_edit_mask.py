# SPDX-License-Identifier: GPL-3.0-or-later
"""What may change: from hands and seconds to frames, at its edges, at two rates, and what splicing makes of it."""

import numpy as np
import pytest

from models.body.edit_mask import EditMask
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.resampling import frame_count, splice
from models.contact import apply_contact
from models.errors import UserError

RATES = [23.976, 24.0, 25.0, 30000 / 1001, 30.0, 60.0, 119.88, 240.0]


def test_everything_and_all_seconds_are_the_same():
    for mask in (EditMask.everything(7, 30.0), EditMask.of_seconds(7, 30.0)):
        assert mask.free.shape == (7, 2) and mask.free.all() and not mask.fixed.any()
        assert mask.whole and mask.hands == (0, 1) and mask.span == (0, 7) and mask.frames == 7
        assert mask.runs(0) == mask.runs(1) == [(0, 7)]


@pytest.mark.parametrize("hand", [0, 1])
def test_one_hand_in_a_range(hand):
    mask = EditMask.of_seconds(90, 30.0, (hand,), (1.0, 2.0))
    assert mask.free[30:60, hand].all() and mask.free.sum() == 30
    assert np.array_equal(mask.fixed, ~mask.free)
    assert not mask.whole and mask.hands == (hand,) and mask.span == (30, 60)
    assert mask.runs(hand) == [(30, 60)] and mask.runs(1 - hand) == []


def test_a_frame_belongs_to_a_range_when_its_instant_does():
    def span(start_s, end_s):
        return EditMask.of_seconds(10, 10.0, seconds=(start_s, end_s)).span

    assert span(0.2, 0.5) == (2, 5)
    assert span(0.21, 0.51) == (3, 6)
    assert span(0.19, 0.49) == (2, 5)
    assert span(-3.0, 0.05) == (0, 1)
    assert span(0.85, 99.0) == (9, 10)


@pytest.mark.parametrize("seconds", [(0.5, 0.5), (0.6, 0.4), (1.0, 2.0), (-2.0, 0.0), (0.41, 0.49)])
def test_a_range_without_a_frame_of_the_take_is_refused(seconds):
    with pytest.raises(UserError) as caught:
        EditMask.of_seconds(10, 10.0, seconds=seconds)
    assert caught.value.code == "empty_range"


@pytest.mark.parametrize("fps", RATES)
def test_frames_that_became_seconds_are_the_same_frames_again(fps):
    """Blender sends seconds of whole frames; one frame more or less would change what should stay."""
    frames = 20_000
    for start in (0, 1, 7, 1001, 12_345, 19_999):
        for stop in (start + 1, start + 3, frames):
            stop = min(stop, frames)
            assert EditMask.of_seconds(frames, fps, seconds=(start / fps, stop / fps)).span == (start, stop)


@pytest.mark.parametrize("fps", RATES)
def test_two_rates_agree_to_a_frame(fps):
    """The model's rate and the take's: what is free at an instant at the one is free at it at the other."""
    seconds = (1.234, 5.678)
    take = EditMask.of_seconds(frame_count(8.0, fps), fps, (1,), seconds)
    model = EditMask.of_seconds(frame_count(8.0, 30.0), 30.0, (1,), seconds)
    assert take.hands == model.hands == (1,)
    for mask in (take, model):
        start, stop = mask.span
        assert start / mask.fps >= seconds[0] - 1e-6 and (start - 1) / mask.fps < seconds[0]
        assert (stop - 1) / mask.fps < seconds[1] and stop / mask.fps >= seconds[1] - 1e-6


def test_a_part_has_what_lies_beyond_the_ends_fixed():
    mask = EditMask.of_seconds(10, 10.0, (0,), (0.2, 1.0))
    part = mask.part(-2, 14)
    assert part.frames == 16 and part.fps == 10.0 and part.runs(0) == [(4, 12)] and part.runs(1) == []
    assert mask.part(3, 6).free.tolist() == [[True, False]] * 3
    assert mask.part(20, 25).fixed.all() and mask.part(4, 4).frames == 0


def test_stretches_of_one_hand_each():
    free = np.zeros((12, 2), bool)
    free[[0, 1, 5, 11], 0] = True
    free[3:6, 1] = True
    mask = EditMask(free, 30.0)
    assert mask.runs(0) == [(0, 2), (5, 6), (11, 12)] and mask.runs(1) == [(3, 6)] and mask.span == (0, 12)
    none = EditMask(np.zeros((12, 2), bool), 30.0)
    assert none.span == (0, 0) and none.hands == () and none.runs(0) == [] and not none.whole


def test_what_a_hand_does_at_a_second_is_covered_or_not():
    mask = EditMask.of_seconds(90, 30.0, (1,), (1.0, 2.0))
    hand = np.array([1, 1, 1, 1, 0, -1])
    second = np.float32([0.99, 1.0, 1.99, 2.0, 1.5, 1.5])
    assert mask.covers(hand, second).tolist() == [False, True, True, False, False, False]


@pytest.mark.parametrize("free", [np.ones((5, 3), bool), np.ones(5, bool), np.ones((5, 2), int)])
def test_other_arrays_are_refused(free):
    with pytest.raises(ValueError, match=r"bool \(frames, 2\)"):
        EditMask(free, 30.0)
    with pytest.raises(ValueError, match="fps"):
        EditMask(np.ones((5, 2), bool), 0.0)


def flat(value: float, frames: int = 60, fps: float = 30.0) -> Motion:
    euler = np.full((frames, 2, 16, 3), value, np.float32)
    return Motion(euler, np.full((frames, 2, 3), value, np.float32), fps)


def test_a_splice_takes_stretches_of_each_hand_by_themselves():
    free = np.zeros((60, 2), bool)
    free[10:20, 0] = free[40:60, 0] = free[15:45, 1] = True
    out = splice(flat(0.0), flat(1.0), EditMask(free, 30.0))
    assert not out.wrist[~free].any() and not out.euler[~free].any()
    alone = [
        splice(flat(0.0), flat(1.0), EditMask.of_seconds(60, 30.0, (hand,), (start / 30, stop / 30)))
        for hand, start, stop in ((0, 10, 20), (0, 40, 60), (1, 15, 45))
    ]
    np.testing.assert_array_equal(out.wrist, sum(one.wrist for one in alone))
    np.testing.assert_array_equal(out.euler, sum(one.euler for one in alone))


def test_a_mask_of_another_length_or_rate_is_refused():
    other_rate, other_length = EditMask.everything(60, 25.0), EditMask.everything(59, 30.0)
    nearly = EditMask.everything(60, 30.0 * (1 + 1e-12))
    np.testing.assert_array_equal(splice(flat(0.0), flat(1.0), nearly).wrist, flat(1.0).wrist)
    for mask in (other_rate, other_length):
        with pytest.raises(ValueError, match="frames at"):
            splice(flat(0.0), flat(1.0), mask)
        with pytest.raises(ValueError, match="frames at"):
            apply_contact(flat(0.0), Notes.none(), edits=mask)
    with pytest.raises(ValueError, match="frames at"):
        splice(flat(0.0), flat(1.0, 61), EditMask.everything(60, 30.0))


def test_contact_changes_stretches_of_each_hand_and_nothing_else():
    wrist = np.tile(np.float32([[-0.3, -0.1, 0.07], [0.3, -0.1, 0.07]]), (90, 1, 1))
    motion = Motion(np.zeros((90, 2, 16, 3), np.float32), wrist, 30.0)
    table = [[0.5 * i, 0.5 * i + 0.4, pitch, 80] for i in range(1, 5) for pitch in (48, 72)]
    notes = Notes.from_arrays(table, hand=np.tile(np.int8([0, 1]), 4))
    free = np.zeros((90, 2), bool)
    free[10:25, 0] = free[50:70, 0] = free[30:60, 1] = True
    out = apply_contact(motion, notes, edits=EditMask(free, 30.0)).motion
    for given, made in ((motion.euler, out.euler), (motion.wrist, out.wrist)):
        np.testing.assert_array_equal(made[~free], given[~free])
    for hand, start, stop in ((0, 10, 25), (0, 50, 70), (1, 30, 60)):
        assert np.abs(out.euler[start:stop, hand] - motion.euler[start:stop, hand]).max() > 0.05
    nothing = EditMask(np.zeros((90, 2), bool), 30.0)
    assert apply_contact(motion, notes, edits=nothing).motion is motion
