# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of hand-made takes whose answer is known."""

import json

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from models.body.bones import segment_distance
from models.body.keyboard import key_x
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import FINGER_JOINTS, RIGHT, STANDARD_HANDS
from models.body.take import Take
from models.evaluation.biomechanics import Biomechanics, biomechanics, fingertips
from models.evaluation.real_motion_distance import (
    Statistics,
    frechet_distance,
    real_motion_distance,
    real_statistics,
)
from models.evaluation.scores import ONSET_TOLERANCE_S, evaluate_take, note_score, sounding_roll
from models.music.notes import match_onsets

FPS = 300.0
"""So many that figures look at the frames alone."""
MIDDLE_C = 60


def resting_motion(frames: int, fps: float = FPS) -> Motion:
    """Both hands flat in the air, apart from each other."""
    wrist = np.zeros((frames, 2, 3), np.float32)
    wrist[:, 0] = (-0.2, -0.1, 0.1)
    wrist[:, 1] = (0.3, -0.1, 0.1)
    return Motion(np.zeros((frames, 2, 16, 3), np.float32), wrist, fps)


def pressing_take(presses_s: list[tuple[float, float]], seconds: float = 3.0) -> Take:
    """The right middle fingertip goes 9 mm into middle C during the given spans; the others stay up."""
    frames = round(seconds * FPS)
    motion = resting_motion(frames)
    # A fist but for the middle finger, so that only its tip comes near a key.
    motion.euler[:, RIGHT, FINGER_JOINTS[[1, 3, 4], 0], 0] = -0.4
    motion.euler[:, RIGHT, FINGER_JOINTS[0, 0], 0] = -0.8
    tip = forward_kinematics(motion.euler[:1], motion.wrist[:1]).tips[0, RIGHT, 2]
    target = np.array([key_x(MIDDLE_C), 0.03, 0.02])
    motion.wrist[:, RIGHT] += target - tip
    times = np.arange(frames) / FPS
    for start, end in presses_s:
        motion.wrist[(times >= start - 1e-6) & (times < end - 1e-6), RIGHT, 2] -= 0.029
    return Take(motion, Notes.none())


def notes(*spans: tuple[float, float], pitch: int = MIDDLE_C) -> Notes:
    table = [(start, end, pitch, 80) for start, end in spans]
    return Notes.from_arrays(np.array(table, np.float32).reshape(-1, 4))


def both(one: Notes, other: Notes) -> Notes:
    return Notes.from_arrays(np.concatenate([one.table, other.table]))


def test_perfect_press_scores_one() -> None:
    figures = evaluate_take(pressing_take([(0.5, 1.0)]), notes((0.5, 1.0)))
    assert figures["onset_f1"] == figures["frame_f1"] == 1.0
    assert figures["onset_late_ms_mean"] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("late_s", "f1"), [(0.04, 1.0), (-0.04, 1.0), (0.05, 1.0), (0.06, 0.0), (-0.06, 0.0)]
)
def test_fifty_milliseconds_decide(late_s: float, f1: float) -> None:
    figures = evaluate_take(pressing_take([(0.5 + late_s, 1.0)]), notes((0.5, 1.0)))
    assert figures["onset_f1"] == f1
    if f1 == 0:
        assert (figures["onset_false"], figures["onset_missed"]) == (1, 1)
    else:
        assert figures["onset_late_ms_mean"] == pytest.approx(late_s * 1000, abs=0.01)


def test_an_extra_press_costs_precision() -> None:
    figures = evaluate_take(pressing_take([(0.5, 1.0), (2.0, 2.5)]), notes((0.5, 1.0)))
    assert (figures["onset_precision"], figures["onset_recall"]) == (0.5, 1.0)
    assert figures["onset_f1"] == pytest.approx(2 / 3)
    assert figures["frame_precision"] == 0.5 and figures["frame_recall"] == 1.0


def test_a_repeated_note_needs_a_lift() -> None:
    wanted = notes((0.5, 1.0), (1.0, 1.5))
    held = evaluate_take(pressing_take([(0.5, 1.5)]), wanted)
    assert (held["onset_hits"], held["onset_missed"], held["onset_false"]) == (1, 1, 0)
    assert held["frame_f1"] == 1.0
    lifted = evaluate_take(pressing_take([(0.5, 0.99), (1.0, 1.5)]), wanted)
    assert lifted["onset_f1"] == 1.0


def test_one_press_serves_one_note_and_a_unison_is_one_press() -> None:
    close = evaluate_take(pressing_take([(0.5, 1.0)]), notes((0.48, 0.5), (0.52, 1.0)))
    assert (close["onset_hits"], close["onset_missed"]) == (1, 1)
    unison = evaluate_take(pressing_take([(0.5, 1.0)]), notes((0.5, 1.0), (0.505, 0.8)))
    assert unison["onset_f1"] == 1.0


def test_frame_f1_counts_frames() -> None:
    figures = evaluate_take(pressing_take([(0.5, 1.0)]), notes((0.5, 1.5)))
    assert figures["frame_precision"] == 1.0
    assert figures["frame_recall"] == pytest.approx(0.5)
    assert figures["frame_f1"] == pytest.approx(2 / 3)


def test_wrong_key_and_silence() -> None:
    figures = evaluate_take(pressing_take([(0.5, 1.0)]), notes((0.5, 1.0), pitch=62))
    assert figures["onset_f1"] == figures["frame_f1"] == 0.0
    nothing = evaluate_take(pressing_take([]), notes())
    assert nothing["onset_f1"] == nothing["frame_f1"] == 1.0


def test_notes_outside_the_keyboard_are_left_out() -> None:
    figures = evaluate_take(pressing_take([(0.5, 1.0)]), both(notes((0.5, 1.0)), notes((1, 2), pitch=120)))
    assert figures["notes"] == 1 and figures["onset_f1"] == 1.0


def test_matching_is_as_large_as_possible() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        true, played = (np.sort(rng.uniform(0, 1, rng.integers(0, 9))) for _ in range(2))
        fits = [[abs(a - b) <= 0.05 for b in played] for a in true]

        def best(row: int, used: frozenset[int], fits: list[list[bool]] = fits) -> int:
            if row == len(fits):
                return 0
            options = [best(row + 1, used, fits)]
            options += [
                1 + best(row + 1, used | {j}, fits) for j, ok in enumerate(fits[row]) if ok and j not in used
            ]
            return max(options)

        assert len(match_onsets(true, played, ONSET_TOLERANCE_S)) == best(0, frozenset())


def test_transcribed_notes_are_scored_like_presses() -> None:
    true = notes((0.5, 1.0), (1.5, 2.0), (2.5, 2.7))
    found = both(notes((0.53, 0.9), (1.6, 2.0)), notes((2.5, 2.7), pitch=61))
    score = note_score(found, true)
    assert (score.hits, score.false, score.missed) == (1, 2, 2)
    assert note_score(true, true).f1 == 1.0


def test_sounding_roll_holds_half_open_spans() -> None:
    roll = sounding_roll(notes((0.1, 0.3)), 10, 10.0)
    assert np.flatnonzero(roll[:, MIDDLE_C - 21]).tolist() == [1, 2] and roll.sum() == 2


def test_segment_distance_against_a_grid() -> None:
    p1, q1, p2, q2 = np.random.default_rng(0).normal(size=(4, 3, 200))
    steps = np.linspace(0, 1, 201)[:, None, None]
    one, other = p1 + steps * (q1 - p1), p2 + steps * (q2 - p2)
    grid = np.array([cdist(one[..., pair], other[..., pair]).min() for pair in range(200)])
    found = segment_distance(p1, q1, p2, q2)
    assert (found <= grid + 1e-9).all() and (grid - found < 0.02).all()
    parallel = segment_distance(*np.array([[0.0, 0, 0], [1, 0, 0], [2, 3, 0], [5, 3, 0]]))
    assert parallel == pytest.approx(10**0.5)


def body(motion: Motion) -> Biomechanics:
    return biomechanics(motion, fingertips(motion))


def test_biomechanics_of_rest_and_of_faults() -> None:
    figures = body(resting_motion(700))
    assert fingertips(resting_motion(700)).shape == (700, 2, 5, 3)
    assert (figures.outside_limits, figures.fingers_closer_3mm, figures.hands_colliding) == (0, 0, 0)
    assert figures.wrist_speed_p99 == figures.wrist_jerk_mean == 0

    bent = resting_motion(10)
    bent.euler[:5, 0, FINGER_JOINTS[2, 1], 0] = STANDARD_HANDS.limits[0, FINGER_JOINTS[2, 1], 0, 1] + 0.1
    assert body(bent).outside_limits == 0.5

    crossed = resting_motion(10)
    crossed.euler[:2, 1, FINGER_JOINTS[1, 0], 2] = 0.45
    one, other = (body(Motion(sign * crossed.euler, crossed.wrist, FPS)) for sign in (1, -1))
    assert {one.fingers_closer_3mm, other.fingers_closer_3mm} == {0.0, 0.2}

    together = resting_motion(10)
    together.wrist[3:4, 0] = together.wrist[3:4, 1]
    assert body(together).hands_colliding == pytest.approx(0.1)


def test_wrist_speed_and_acceleration() -> None:
    motion = resting_motion(200, 100.0)
    times = np.arange(200) / 100.0
    motion.wrist[:, :, 0] += (0.5 * 2.0 * times**2)[:, None]
    figures = body(motion)
    assert figures.wrist_acceleration_p50 == pytest.approx(2.0, rel=0.02)
    assert figures.wrist_speed_p50 == pytest.approx(2.0, rel=0.02)


def test_frechet_distance_of_normal_distributions() -> None:
    rng = np.random.default_rng(0)
    a, b = (m @ m.T for m in rng.normal(size=(2, 6, 6)))
    zero = np.zeros(6)
    assert frechet_distance(Statistics(zero, a), Statistics(zero, a)) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(Statistics(zero, a), Statistics(zero + 2, a)) == pytest.approx(24)
    scaled = frechet_distance(Statistics(zero, a), Statistics(zero, 4 * a))
    assert scaled == pytest.approx(np.trace(a))  # (2 - 1)² tr a
    assert frechet_distance(Statistics(zero, a), Statistics(zero, b)) == pytest.approx(
        frechet_distance(Statistics(zero, b), Statistics(zero, a))
    )


def test_real_motion_distance_tells_a_still_hand_and_short_takes() -> None:
    real = real_statistics()
    assert real.mean.shape == (25,) and np.allclose(real.covariance, real.covariance.T)
    motion = resting_motion(600, 100.0)
    tips = fingertips(motion)
    still = real_motion_distance(motion, tips)
    assert still is not None and still > 20
    assert real_motion_distance(resting_motion(100, 100.0), tips[:100]) is None


def test_figures_are_plain_json() -> None:
    figures = evaluate_take(pressing_take([(0.5, 1.0)]), notes((0.5, 1.0)))
    assert json.loads(json.dumps(figures)) == figures
