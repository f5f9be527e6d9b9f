# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact as a whole: keys are hit at every frame rate, what is given stays, what is idle stays off the keys."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from models.body import keyboard, skeleton
from models.body.edit_mask import EditMask
from models.body.kinematics import forward_kinematics, outside_limits
from models.body.motion import Motion
from models.body.notes import Notes
from models.contact import ContactResult, apply, apply_contact
from models.contact.solver import Problem
from models.contact.variables import Variables
from models.evaluation.biomechanics import biomechanics
from models.evaluation.scores import onset_score

_FLEXED = np.array([[0.1, 0.25, 0.15]] + 4 * [[0.35, 0.7, 0.42]])
"""Radians of the three joints, thumb to little finger."""


def relaxed_motion(seconds: float, fps: float, wander: float = 0.01, seed: int = 0) -> Motion:
    """Both hands hovering in playing posture, the wrists wandering about slowly."""
    frames = int(seconds * fps)
    wrist = np.tile([[-0.2, -0.1, 0.075], [0.15, -0.1, 0.075]], (frames, 1, 1))
    noise = np.random.default_rng(seed).normal(size=wrist.shape)
    wrist = wrist + wander * gaussian_filter1d(noise, fps / 2, axis=0) * np.sqrt(fps)
    euler = np.zeros((frames, 2, 16, 3))
    euler[:, :, skeleton.FINGER_JOINTS, 0] = _FLEXED
    return Motion(euler.astype(np.float32), wrist.astype(np.float32), fps)


def melody() -> Notes:
    """A right-hand scale with black keys, left-hand octaves and triads, a repeated note."""
    right = [
        (0.5 + 0.25 * i, 0.24, p) for i, p in enumerate((60, 62, 64, 66, 67, 69, 71, 73, 74, 74, 74, 72))
    ]
    left = [
        (0.5 + 0.5 * i, 0.45, p)
        for i, chord in enumerate(((36, 48), (43, 47, 50), (41, 53), (42, 46, 49)))
        for p in chord
    ]
    rows = sorted(
        [(t, t + d, p, 80.0, 1) for t, d, p in right] + [(t, t + d, p, 80.0, 0) for t, d, p in left]
    )
    table = np.array(rows)
    return Notes.from_arrays(table[:, :4], hand=table[:, 4].astype(np.int8))


def fingertips(result: ContactResult | Motion) -> NDArray[np.float64]:
    motion = result.motion if isinstance(result, ContactResult) else result
    return forward_kinematics(motion.euler.astype(np.float64), motion.wrist.astype(np.float64)).tips


def onsets(tips: NDArray[np.float64], fps: float) -> list[tuple[int, float]]:
    roll = keyboard.pressed_keys(tips)
    began = roll & ~np.vstack([np.zeros((1, 88), bool), roll[:-1]])
    return [(int(k) + 21, f / fps) for f, k in zip(*np.nonzero(began), strict=True)]


@pytest.mark.parametrize("fps", [24.0, 25.0, 29.97, 30.0, 60.0])
def test_every_note_is_struck_in_time_and_nothing_else(fps: float) -> None:
    notes = melody()
    result = apply_contact(relaxed_motion(5.0, fps), notes)
    struck = onsets(fingertips(result), fps)
    for time, pitch in zip(notes.onset_s, notes.pitch, strict=True):
        near = [t for p, t in struck if p == pitch and abs(t - time) <= 0.05]
        assert near, f"pitch {pitch} at {time} was not struck at {fps} fps"
        struck.remove((int(pitch), near[0]))
    assert len(struck) <= 1, f"struck too much: {struck}"


@pytest.mark.parametrize("off", [(0.3, 0.0, 0.0), (-0.2, 0.1, 0.1), (0.0, -0.3, 0.0)])
def test_hands_that_are_far_from_their_keys_get_there(off: tuple[float, float, float]) -> None:
    """Other models, and whoever moved the hands by hand, may put them anywhere."""
    notes, near = melody(), relaxed_motion(5.0, 30.0)
    far = Motion(near.euler, near.wrist + np.float32(off), 30.0)
    struck = onsets(fingertips(apply_contact(far, notes)), 30.0)
    for time, pitch in zip(notes.onset_s, notes.pitch, strict=True):
        assert any(p == pitch and abs(t - time) <= 0.05 for p, t in struck), (time, pitch)


def test_angles_stay_inside_the_limits_and_idle_fingers_above_the_keys() -> None:
    notes = melody()
    result = apply_contact(relaxed_motion(5.0, 30.0), notes)
    assert not outside_limits(result.motion.euler).any()
    before = keyboard.pressed_keys(fingertips(result)[: int(0.4 * 30)])
    assert not before.any()


def test_strength_zero_is_the_generated_motion_and_a_half_lies_between() -> None:
    notes = melody()
    motion = relaxed_motion(5.0, 30.0)
    nothing = apply_contact(motion, notes, strength=0.0).motion
    np.testing.assert_array_equal(nothing.euler, motion.euler)
    np.testing.assert_array_equal(nothing.wrist, motion.wrist)
    free, full = fingertips(motion), fingertips(apply_contact(motion, notes))
    half = fingertips(apply_contact(motion, notes, strength=0.5))
    assert np.linalg.norm(half - free, axis=-1).mean() < np.linalg.norm(full - free, axis=-1).mean()
    assert np.linalg.norm(half - free, axis=-1).mean() > 0


@pytest.mark.parametrize("hand", [skeleton.LEFT, skeleton.RIGHT])
def test_one_hand_alone_leaves_the_other_bit_identical(hand: int) -> None:
    notes = melody()
    motion = relaxed_motion(5.0, 30.0)
    edits = EditMask.of_seconds(motion.frames, motion.fps, (hand,))
    result = apply_contact(motion, notes, edits=edits).motion
    other = 1 - hand
    np.testing.assert_array_equal(result.euler[:, other], motion.euler[:, other])
    np.testing.assert_array_equal(result.wrist[:, other], motion.wrist[:, other])
    assert np.abs(result.euler[:, hand] - motion.euler[:, hand]).max() > 0.05


def test_a_range_changes_only_its_frames_and_joins_smoothly() -> None:
    notes = melody()
    whole = apply_contact(relaxed_motion(5.0, 30.0), notes).motion
    start, stop = 45, 90
    wrist = whole.wrist.copy()
    wrist[start:stop] += 0.01 * np.sin(np.linspace(0, np.pi, stop - start))[:, None, None]
    edits = EditMask.of_seconds(whole.frames, 30.0, seconds=(start / 30.0, stop / 30.0))
    assert edits.span == (start, stop)
    redone = apply_contact(Motion(whole.euler, wrist.astype(np.float32), 30.0), notes, edits=edits).motion
    for given, out in ((whole.euler, redone.euler), (whole.wrist, redone.wrist)):
        np.testing.assert_array_equal(out[:start], given[:start])
        np.testing.assert_array_equal(out[stop:], given[stop:])
        assert not np.array_equal(out[start:stop], given[start:stop])
    speed = np.linalg.norm(np.diff(redone.wrist, axis=0), axis=-1)
    assert speed[[start - 1, stop - 1]].max() <= 1.5 * np.percentile(speed, 99)


def long_study(turns: int) -> Notes:
    """The melody again and again, every four seconds."""
    notes = melody()
    later = [notes.shifted(4.0 * turn).table for turn in range(turns)]
    return Notes.from_arrays(np.concatenate(later), hand=np.tile(notes.hand, turns))


def largest_acceleration(tips: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F - 2,) metres a frame squared, of any fingertip."""
    return np.linalg.norm(np.diff(tips, 2, axis=0), axis=-1).max((1, 2))


def test_where_a_song_is_cut_into_stretches_does_not_show() -> None:
    notes, motion = long_study(7), relaxed_motion(30.0, 30.0)
    whole, cut = (fingertips(apply_contact(motion, notes, stretch_s=s)) for s in (60.0, 10.0))
    differs = np.linalg.norm(whole - cut, axis=-1).max((1, 2))
    cuts = np.array([300, 600])
    # The last frames before a cut are not solved again: for some frames a finger on its way takes a way of its own.
    assert differs.max() < 0.016
    since = np.arange(900) - np.array([0, *cuts])[np.searchsorted(cuts, np.arange(900), side="right")]
    assert differs[since >= 20].max() < 0.001
    # Two seconds after a cut, and until the next one, nothing is left of it.
    assert differs[since >= 60].max() < 2e-5 and differs[:300].max() < 1e-5
    # Fingers accelerate where they strike; where a cut is they do so no more than without it.
    accelerations = [largest_acceleration(tips) for tips in (whole, cut)]
    for at in cuts:
        around = slice(at - 4, at + 3)
        assert accelerations[1][around].max() < 1.1 * accelerations[0][around].max() + 1e-4
    assert max(accelerations[1][cuts - 1]) < np.percentile(accelerations[0], 99)


def test_a_stretch_goes_on_from_where_the_one_before_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one ends with its hands three centimetres farther out than anything asks for."""
    found = []

    def spoilt(problem: Problem, variables: Variables) -> tuple[Problem, Variables]:
        values = variables.values.copy()
        if not found:
            values[:, 17] += 0.03
        found.append(problem.fixed)
        return problem, variables.with_values(values)

    monkeypatch.setattr(apply, "settle", spoilt)
    wrist = apply_contact(relaxed_motion(8.0, 30.0), Notes.none(), stretch_s=4.0).motion.wrist
    rise = wrist[..., 2] - relaxed_motion(8.0, 30.0).wrist[..., 2]
    assert len(found) == 2 and (rise[:120] > 0.025).all()
    assert rise[120].min() > 0.02 and np.abs(np.diff(rise[119:], axis=0)).max() < 0.01


@pytest.mark.parametrize("fps", [24.0, 30.0])
def test_no_joint_is_faster_than_a_hands_where_the_music_leaps(fps: float) -> None:
    """Two octaves and a half within a quarter of a second, and fingers that are to play at once."""
    table = [[1.0 + 0.25 * i, 1.2 + 0.25 * i, pitch, 80] for i, pitch in enumerate((60, 90, 61, 86, 63, 88))]
    notes = Notes.from_arrays(table, hand=skeleton.RIGHT)
    result = apply_contact(relaxed_motion(3.5, fps), notes).motion
    speed = np.abs(np.diff(result.euler[:, :, 1:].astype(float), axis=0)).max() * fps
    assert speed < 17.0, speed
    struck = onsets(fingertips(result), fps)
    hit = [any(p == pitch and abs(t - time) <= 0.05 for p, t in struck) for time, _, pitch, _ in table]
    assert sum(hit) >= 4, struck


def test_the_hands_geometry_is_data() -> None:
    """Longer fingers strike as well, and hands that are not these ones do not with the angles found for them."""
    notes, motion = melody(), relaxed_motion(5.0, 30.0)
    longer = replace(skeleton.STANDARD_HANDS, lengths=1.15 * skeleton.STANDARD_HANDS.lengths)
    result = apply_contact(motion, notes, geometry=longer)
    own = forward_kinematics(result.motion.euler, result.motion.wrist, 1.0, longer).tips
    scores = [
        onset_score(keyboard.pressed_keys(tips), 30.0, notes).score for tips in (own, fingertips(result))
    ]
    assert scores[0].hits >= len(notes) - 1 and scores[0].false <= 1
    assert scores[1].hits + 3 <= scores[0].hits or scores[1].false >= scores[0].false + 3


@pytest.mark.parametrize("size", [0.9, 1.1])
def test_hands_of_every_size_strike(size: float) -> None:
    notes = melody()
    result = apply_contact(relaxed_motion(5.0, 30.0), notes, hand_size=size).motion
    tips = forward_kinematics(result.euler, result.wrist, size).tips
    score = onset_score(keyboard.pressed_keys(tips), 30.0, notes).score
    assert score.hits >= len(notes) - 1 and score.false <= 1


_CHILD = """
import sys
sys.path[:0] = sys.argv[1:3]
from test_contact import melody, relaxed_motion
from models.contact import apply_contact
motion = apply_contact(relaxed_motion(4.0, 30.0), melody()).motion
sys.stdout.buffer.write(motion.euler.tobytes() + motion.wrist.tobytes())
"""


def test_the_result_is_the_same_for_any_number_of_blas_threads(project_root: Path) -> None:
    found = []
    for threads in ("1", "2"):
        variables = os.environ | dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), threads)
        command = [sys.executable, "-c", _CHILD, str(Path(__file__).parent), str(project_root)]
        found.append(subprocess.run(command, env=variables, check=True, capture_output=True).stdout)
    assert len(found[0]) == 120 * 2 * (16 * 3 + 3) * 4
    assert found[0] == found[1]


def test_hands_on_the_same_keys_make_room_for_each_other() -> None:
    """Both hands idle at first, then the left one plays where the right one waits."""
    motion = relaxed_motion(5.0, 30.0, wander=0.0)
    wrist = motion.wrist.copy()
    wrist[:, 0, 0] = 0.09
    motion = Motion(motion.euler, wrist, 30.0)
    table = [[2.0 + 0.3 * i, 2.28 + 0.3 * i, pitch, 80] for i, pitch in enumerate((60, 62, 64, 65))]
    notes = Notes.from_arrays(table, hand=skeleton.LEFT)
    before = biomechanics(motion, fingertips(motion)).hands_colliding
    result = apply_contact(motion, notes).motion
    after = biomechanics(result, fingertips(result)).hands_colliding
    assert before > 0.9 and after == 0, (before, after)
    assert biomechanics(result, fingertips(result)).fingers_closer_3mm == 0


def test_where_there_is_no_music_nothing_is_touched() -> None:
    """The hands are in each other and hooked up in the silence: what follows contact lets them rest."""
    notes, motion = melody(), relaxed_motion(12.0, 30.0)
    motion.wrist[180:, 0] = motion.wrist[180:, 1]
    motion.euler[180:, :, skeleton.FINGER_JOINTS[0, 0], 0] = -0.4
    motion.euler[180:, :, skeleton.FINGER_JOINTS[0, 1], 0] = 1.0
    found = apply_contact(motion, notes, spans=[(0, 150), (330, 360)]).motion
    np.testing.assert_array_equal(found.euler[150:330], motion.euler[150:330])
    np.testing.assert_array_equal(found.wrist[150:330], motion.wrist[150:330])
    assert (found.euler[330:, :, 13:] != motion.euler[330:, :, 13:]).any()
    together = biomechanics(Motion(found.euler[330:], found.wrist[330:], 30.0), fingertips(found)[330:])
    assert together.hands_colliding == 0


def test_hands_are_found_when_not_given() -> None:
    notes = melody()
    result = apply_contact(relaxed_motion(5.0, 30.0), notes.with_hands(-1))
    assert (result.notes.hand == notes.hand).mean() > 0.9


def test_no_notes_and_no_frames_are_fine() -> None:
    motion = relaxed_motion(2.0, 30.0)
    assert len(apply_contact(motion, Notes.none()).notes) == 0
    nothing = Motion(np.zeros((0, 2, 16, 3), np.float32), np.zeros((0, 2, 3), np.float32), 30.0)
    assert apply_contact(nothing, melody()).motion.frames == 0


def test_progress_can_cancel() -> None:
    class Stop(Exception):
        pass

    def progress(stage: str, step: int, of: int) -> None:
        if step == 2:
            raise Stop

    with pytest.raises(Stop):
        apply_contact(relaxed_motion(3.0, 30.0), melody(), progress=progress)
