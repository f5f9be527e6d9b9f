# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrists are carried: low in the keys, up between strokes and at rests, the farther the louder; what is kept stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contact_scenes import presses_of
from numpy.typing import NDArray
from scipy.stats import spearmanr

from models.body.edit_mask import EditMask
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.player import Style
from models.body.skeleton import FINGER_JOINTS, LEFT, RIGHT
from models.contact import apply, apply_contact
from models.contact.carriage import BLACK_M, KNUCKLES_M, WHITE_M, carried
from models.contact.schedule import Presses, plan_presses
from models.planning.fingering import finger_notes

FPS = 30.0
SECONDS = 16.0
Array = NDArray[np.float64]


def still_hands(seconds: float = SECONDS, height: float = 0.05) -> Motion:
    """Hands that hang over the keys and do nothing."""
    frames = round(seconds * FPS)
    euler = np.zeros((frames, 2, 16, 3), np.float32)
    euler[:, :, FINGER_JOINTS, 0] = np.array([[0.1, 0.25, 0.15]] + 4 * [[0.35, 0.7, 0.42]])
    wrist = np.tile(np.array([[-0.2, -0.09, height], [0.15, -0.09, height]], np.float32), (frames, 1, 1))
    return Motion(euler, wrist, FPS)


def strokes(
    pitches: tuple[int, ...] = (64,),
    period_s: float = 0.4,
    velocity: float | Array = 64.0,
    hand: int = RIGHT,
    count: int = 34,
    held: float = 0.7,
) -> Presses:
    """A chord again and again from the first second on; held for a share of the time from one to the next."""
    down = np.repeat(1.0 + period_s * np.arange(count), len(pitches))
    slot = 5.0 * hand + np.tile(np.linspace(0, 4, len(pitches)).round(), count)
    up = down + held * period_s
    keys = np.tile(np.array(pitches, float), count)
    loudness = np.repeat(np.broadcast_to(np.asarray(velocity, float), count), len(pitches))
    return replace(presses_of(down, up, slot, keys), velocity=loudness)


def height(presses: Presses, motion: Motion | None = None, hand: int = RIGHT) -> Array:
    """(F,) metres of the wrist when it is carried through the strokes."""
    motion = still_hands() if motion is None else motion
    everything = EditMask.everything(motion.frames, motion.fps)
    return carried(motion, presses, everything, 1.0).wrist[:, hand, 2].astype(float)


def ranges(presses: Presses) -> Array:
    """(n - 1,) metres from lowest to highest between each stroke and the next."""
    found, frame = height(presses), np.unique(np.round(presses.down_s * FPS).astype(int))
    return np.array(
        [np.ptp(found[one : other + 1]) for one, other in zip(frame[:-1], frame[1:], strict=True)]
    )


def at_strokes(presses: Presses) -> Array:
    return height(presses)[np.round(np.unique(presses.down_s) * FPS).astype(int) + 1]


def test_wrists_are_low_over_white_keys_and_higher_over_black_ones() -> None:
    white, black = (np.median(at_strokes(strokes((pitch,)))) for pitch in (64, 66))
    assert 0.034 < white < WHITE_M + 0.001
    assert black - white == pytest.approx(BLACK_M, abs=0.001) and 0.004 < BLACK_M <= 0.010


def test_wrists_go_up_and_down_with_every_stroke() -> None:
    presses = strokes()
    found, frame = height(presses), np.round(presses.down_s * FPS).astype(int)
    for one, other in zip(frame[:-1], frame[1:], strict=True):
        middle = found[one + 3 : other - 1].max()
        assert middle > max(found[one + 1], found[other + 1]) + 0.004
    assert np.abs(np.diff(found)).max() * FPS < 0.5


def test_louder_octaves_move_hands_farther() -> None:
    soft, loud = (np.median(ranges(strokes((60, 72), velocity=v))) for v in (35.0, 105.0))
    assert loud > 2 * soft and loud < 0.06


def test_a_crescendo_grows() -> None:
    velocity = np.linspace(30, 110, 34)
    assert spearmanr(velocity[1:], ranges(strokes((60, 72), velocity=velocity)))[0] > 0.6


def test_chords_are_struck_with_more_arm_than_single_notes() -> None:
    one, four = (np.median(ranges(strokes(keys))) for keys in ((60,), (60, 64, 67, 72)))
    assert four > 1.2 * one


def test_bound_tones_make_one_gesture_detached_ones_each_its_own() -> None:
    bound, detached = (np.median(ranges(strokes(period_s=0.3, held=share))) for share in (1.0, 0.4))
    assert detached > 1.4 * bound > 0.003


@pytest.mark.parametrize("rest_s", [0.5, 1.0, 3.0])
def test_hands_rise_at_rests(rest_s: float) -> None:
    before, after = strokes(count=5, held=0.9), strokes(count=5)
    starts = before.up_s[-1] + rest_s
    columns = {
        name: np.concatenate([getattr(before, name), getattr(after, name) + shift])
        for name, shift in (("down_s", starts - 1.0), ("up_s", starts - 1.0), ("slot", 0), ("pitch", 0))
    }
    presses = presses_of(**columns)
    found = height(presses)
    rest = found[round(before.up_s[-1] * FPS) : round(starts * FPS)]
    assert rest.max() - at_strokes(presses)[4:6].max() > 0.012


def test_leaps_are_arcs() -> None:
    down = 1.0 + 0.3 * np.arange(20)
    near, far = (
        presses_of(down, down + 0.25, np.full(20, 6.0), np.where(np.arange(20) % 2, other, 55))
        for other in (57, 79)
    )
    assert np.median(ranges(far)) > np.median(ranges(near)) + 0.010


def test_a_hand_that_rises_hangs() -> None:
    presses = strokes()
    motion = carried(still_hands(), presses, EditMask.everything(480, FPS), 1.0)
    bend, z = motion.euler[:, RIGHT, 0, 0].astype(float), motion.wrist[:, RIGHT, 2].astype(float)
    np.testing.assert_allclose(np.polyfit(z, bend, 1)[0], 1 / KNUCKLES_M, rtol=1e-3)
    # So its knuckles stay about as high as they are.
    hands = forward_kinematics(motion.euler.astype(float), motion.wrist.astype(float))
    knuckles = hands.position[:, RIGHT, FINGER_JOINTS[2, 0], 2]
    assert np.ptp(knuckles) < 0.3 * np.ptp(z)


def test_both_hands_are_carried_alike_each_by_its_own_notes() -> None:
    right = strokes()
    left = replace(right, slot=right.slot - 5)
    np.testing.assert_array_equal(height(right), height(left, hand=LEFT))
    np.testing.assert_array_equal(height(right, hand=LEFT), still_hands().wrist[:, LEFT, 2])


def test_larger_hands_are_carried_higher() -> None:
    everything = EditMask.everything(480, FPS)
    small, large = (
        carried(still_hands(), strokes(), everything, size).wrist[:, RIGHT, 2] for size in (0.9, 1.1)
    )
    np.testing.assert_allclose(large / small, 1.1 / 0.9, rtol=1e-5)


def test_style_is_seen_in_the_wrists() -> None:
    """Energy: how far they go; wrist height: where they are; looseness: how much strokes differ."""
    everything, presses = EditMask.everything(480, FPS), strokes()

    def of(**style: float) -> Array:
        found = carried(still_hands(), presses, everything, 1.0, Style.of(style))
        return found.wrist[:, RIGHT, 2].astype(float)

    assert np.ptp(of(energy=1.0)) > 2 * np.ptp(of(energy=-1.0)) > 0
    assert np.median(of(wrist_height=1.0) - of(wrist_height=-1.0)) == pytest.approx(0.018, abs=0.001)
    plain = of()
    assert np.abs(of(looseness=1.0) - plain).max() > 0.001
    np.testing.assert_array_equal(of(curl=1.0), plain)


def test_the_slow_rise_and_fall_of_a_generated_wrist_stays() -> None:
    motion = still_hands()
    sway = 0.010 * np.sin(2 * np.pi * 0.1 * np.arange(motion.frames) / FPS)
    motion.wrist[:, RIGHT, 2] += sway.astype(np.float32)
    assert np.corrcoef(height(strokes(), motion) - height(strokes()), sway)[0, 1] > 0.98


def test_hands_that_meet_stay_over_and_under_each_other() -> None:
    """Where they were generated: carried to one height, they would be in each other's way."""
    motion = still_hands()
    motion.wrist[200:320, LEFT] = motion.wrist[200:320, RIGHT] + np.array([-0.05, 0.0, 0.04], np.float32)
    found = height(strokes(), motion)
    np.testing.assert_allclose(found[210:310], 0.05, atol=1e-6)
    apart = np.r_[0:150, 370:480]
    np.testing.assert_allclose(found[apart], height(strokes())[apart], atol=1e-6)
    assert np.abs(np.diff(found)).max() * FPS < 0.5


def test_without_notes_nothing_is_carried() -> None:
    motion, none = still_hands(), presses_of(*(np.zeros(0),) * 4)
    found = carried(motion, none, EditMask.everything(480, FPS), 1.0)
    np.testing.assert_array_equal(found.wrist, motion.wrist)
    np.testing.assert_array_equal(found.euler, motion.euler)


def test_it_is_always_the_same() -> None:
    np.testing.assert_array_equal(height(strokes()), height(strokes()))


def test_what_is_kept_stays_and_what_is_redone_joins_it() -> None:
    presses = strokes((60, 72), velocity=100.0)
    whole = carried(still_hands(), presses, EditMask.everything(480, FPS), 1.0)
    edits = EditMask.of_seconds(480, FPS, (RIGHT,), (5.0, 9.0))
    wrist = whole.wrist.copy()
    wrist[edits.free[:, RIGHT], RIGHT, 2] = 0.05
    given = Motion(whole.euler, wrist, FPS)
    found = carried(given, presses, edits, 1.0)
    np.testing.assert_array_equal(found.wrist[:, LEFT], given.wrist[:, LEFT])
    kept = ~edits.free[:, RIGHT]
    np.testing.assert_array_equal(found.wrist[kept], given.wrist[kept])
    np.testing.assert_array_equal(found.euler[kept], given.euler[kept])
    speed = np.abs(np.diff(found.wrist[:, RIGHT, 2])) * FPS
    inside = np.abs(np.diff(whole.wrist[:, RIGHT, 2])) * FPS
    first, last = edits.span
    assert speed[[first - 1, last - 1]].max() < 1.2 * inside.max()
    redone = found.wrist[first + 15 : last - 15, RIGHT, 2]
    assert np.ptp(redone) > 0.5 * np.ptp(whole.wrist[first + 15 : last - 15, RIGHT, 2])


def test_key_contact_carries_wrists(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only that lets wrists rise at rests: the hands given here lie still."""
    table = [[1.0 + t, 1.3 + t, pitch, 80] for t in (0.0, 0.4, 2.4, 2.8) for pitch in (64, 67)]
    notes = finger_notes(Notes.from_arrays(table, hand=RIGHT))
    rises = []
    for part in (carried, lambda motion, *rest: motion):
        monkeypatch.setattr(apply, "carried", part)
        z = apply_contact(still_hands(5.0, 0.04), notes).motion.wrist[:, RIGHT, 2]
        played = z[np.round(plan_presses(notes, FPS).down_s * FPS).astype(int)]
        rises.append(z[round(1.8 * FPS) : round(3.2 * FPS)].max() - np.median(played))
    assert rises[0] > 0.012 and rises[1] < 0.006


def test_idle_fingertips_stay_where_they_were_when_their_wrist_is_carried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ring and little finger play nothing; in the rest the wrist rises without them."""
    table = [[1.0 + t, 1.3 + t, pitch, 80] for t in (0.0, 0.4, 2.4, 2.8) for pitch in (64, 67)]
    notes = Notes.from_arrays(table, np.tile([[RIGHT, 0], [RIGHT, 2]], (4, 1)))
    notes = replace(notes, release_s=notes.offset_s)
    given = still_hands(5.0, 0.085)
    tips = forward_kinematics(given.euler.astype(float), given.wrist.astype(float)).tips
    off = []
    for part in (apply.reached, lambda variables, *rest: variables):
        monkeypatch.setattr(apply, "reached", part)
        found = apply_contact(given, notes).motion
        there = forward_kinematics(found.euler.astype(float), found.wrist.astype(float)).tips
        off.append(np.abs(there - tips)[round(2.4 * FPS) : round(3.2 * FPS), RIGHT, 3:, 2].max())
    assert off[0] < 0.007 and off[1] > 0.010
