# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of dynamics of strokes, wrists and joints that were made by hand, so that each answer is known."""

from dataclasses import replace

import numpy as np
import pytest

from models.body.arms import Arms
from models.body.keyboard import BLACK_HEIGHT, KEY_X, bottom_depth, key_x, struck_keys
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.body.take import Take
from models.evaluation.carriage import carriage, stroke_range_mm
from models.evaluation.dynamics import dynamics, finger_bends, joint_figures, with_velocities
from models.evaluation.fine_motion import fine_motion
from models.evaluation.key_strokes import key_strokes, spearman
from models.evaluation.scores import evaluate_take, onset_score, shown, take_onsets

FPS = 30.0
PITCH, Y = 60, 0.03
DIP = float(bottom_depth(PITCH, Y))
MIDDLE = 2


def playing(strokes: list[tuple[float, int, int, int]], gap: int = 45, lift: float = 0.0) -> Take:
    """The right middle finger plays middle C; it goes down and comes up in straight lines.

    Args:
        strokes: of each, velocity, frames of the way down, frames held, frames of the way up.
        gap: frames between two strokes. lift: height above the key between strokes, metres.
    """
    depth, rows = [-lift] * 30, []
    for velocity, down, held, up in strokes:
        top = np.linspace(-lift, DIP, down + 1)[1:]
        # The onset is where three quarters of the dip are passed.
        passed = len(depth) - 1 + down * (0.75 * DIP + lift) / (DIP + lift)
        depth += [*top, *[DIP] * held, *np.linspace(DIP, -lift, up + 1)[1:], *[-lift] * gap]
        rows.append((passed / FPS, passed / FPS + held / FPS, PITCH, velocity))
    motion = resting(len(depth))
    tip = forward_kinematics(motion.euler[:1], motion.wrist[:1]).tips[0, RIGHT, MIDDLE]
    motion.wrist[:, RIGHT] += np.array([key_x(PITCH), Y, 0.0]) - tip
    motion.wrist[:, RIGHT, 2] -= np.array(depth)
    fingering = np.tile([RIGHT, MIDDLE], (len(rows), 1))
    return Take(motion, Notes.from_arrays(np.array(rows), fingering))


def resting(frames: int) -> Motion:
    """Both hands in the air, all fingers of the right one but the middle finger raised."""
    euler, wrist = np.zeros((frames, 2, 16, 3), np.float32), np.zeros((frames, 2, 3), np.float32)
    wrist[:, LEFT], wrist[:, RIGHT] = (-0.4, -0.1, 0.1), (0.0, -0.1, 0.1)
    for joint in (1, 7, 10, 13):
        euler[:, RIGHT, joint, 0] = -0.6
    return Motion(euler, wrist, FPS)


def figures(take: Take) -> dict:
    return dynamics(take, shown(take))


@pytest.mark.parametrize(("frames", "velocity"), [(2, 80), (4, 30), (7, 48)])
def test_speed_and_time_of_a_stroke_are_those_that_it_was_made_with(frames: int, velocity: int) -> None:
    found = figures(playing([(velocity, frames, 15, 3)]))
    near = str(velocity)
    assert found["strokes"] == 1
    assert found["speed_m_s"][near] == pytest.approx(DIP / frames * FPS, rel=1e-3)
    assert found["start_to_bottom_ms"][near] == pytest.approx(0.92 * frames / FPS * 1000, rel=1e-3)
    assert found["onset_depth"] == pytest.approx(0.75, abs=1e-3)
    assert {key for key, value in found["speed_m_s"].items() if value is None} == {"30", "48", "64", "80"} - {
        near
    }


def test_a_stroke_from_above_is_fastest_where_it_is_fastest() -> None:
    take = playing([(64, 2, 15, 3)], lift=0.01)
    found = figures(take)
    assert found["speed_m_s"]["64"] == pytest.approx((DIP + 0.01) / 2 * FPS, rel=1e-3)
    assert found["start_to_bottom_ms"]["64"] == pytest.approx(
        0.92 * DIP / (DIP + 0.01) * 2 / FPS * 1000, rel=1e-2
    )
    # The first frame of the way down now takes only a tenth of it, the second one the rest: it is fastest low.
    low = round(take.notes.onset_s[0] * FPS)
    take.motion.wrist[low - 1, RIGHT, 2] = take.motion.wrist[low - 2, RIGHT, 2] - 0.002
    found = figures(take)
    assert found["speed_m_s"]["64"] == pytest.approx((DIP + 0.008) * FPS, rel=1e-2)
    assert found["speed_depth"] == pytest.approx((DIP - 0.008) / 2 / DIP, abs=0.03)


def test_releases_go_from_85_to_10_percent() -> None:
    found = figures(playing([(64, 2, 15, 2), (64, 2, 15, 5), (64, 2, 15, 10)]))
    assert found["releases"] == 3
    assert found["release_ms"][1] == pytest.approx(0.75 * 5 / FPS * 1000, rel=1e-3)
    assert found["release_fast"] == pytest.approx(1 / 3) and found["release_slow"] == pytest.approx(1 / 3)
    assert found["velocity_release_rho"] is None  # one velocity


def test_loud_strokes_that_are_fast_and_quiet_ones_that_are_slow_agree() -> None:
    frames = [7, 6, 5, 4, 3, 2]
    agree = figures(playing([(20 + 15 * i, frames[i], 15, 3) for i in range(6)]))
    against = figures(playing([(110 - 15 * i, frames[i], 15, 3) for i in range(6)]))
    assert agree["velocity_speed_rho"] == pytest.approx(1) and agree["velocity_time_rho"] == pytest.approx(-1)
    assert against["velocity_speed_rho"] == pytest.approx(-1)
    assert agree["speed_p95_p5"] == pytest.approx(
        np.divide(*np.percentile(1 / np.array(frames), (95, 5))), rel=1e-2
    )


def test_only_notes_that_are_hit_count() -> None:
    take = playing([(64, 3, 15, 3), (64, 3, 15, 3)])
    late = Notes.from_arrays(take.notes.table + [[0.06, 0.06, 0, 0], [0, 0, 0, 0]], take.notes.fingering)
    assert len(key_strokes(shown(take), late)) == 1
    other = Notes.from_arrays(take.notes.table + [[0, 0, 2, 0], [0, 0, 0, 0]], take.notes.fingering)
    assert len(key_strokes(shown(take), other)) == 1
    nobody = Notes.from_arrays(take.notes.table)
    assert len(key_strokes(shown(take), nobody)) == 0
    assert figures(Take(take.motion, nobody))["velocity_speed_rho"] is None


def test_a_stroke_that_stops_at_half_the_dip_is_no_stroke() -> None:
    take = playing([(64, 3, 15, 3)])
    assert evaluate_take(take, take.notes)["onset_f1"] == 1
    take.motion.wrist[:, RIGHT, 2] = take.motion.wrist[:, RIGHT, 2].max() - 0.5 * (
        take.motion.wrist[:, RIGHT, 2].max() - take.motion.wrist[:, RIGHT, 2]
    )
    found = evaluate_take(take, take.notes)
    assert found["onset_f1"] == 0 and found["onset_f1_90"] == 0 and found["onset_f1_3mm"] == 1


def path_of(*points: tuple[float, float, float]) -> np.ndarray:
    return np.array(points)[:, None]


def down(*points: tuple[float, float, float], pitch: int = PITCH) -> list[bool]:
    return struck_keys(path_of(*points))[:, pitch - 21].tolist()


def test_a_key_stays_down_until_it_is_half_up() -> None:
    x = float(key_x(PITCH))
    shares = [0.0, 0.7, 0.76, 0.6, 0.51, 0.6, 0.49, 0.6, 0.74, 0.8]
    found = down(*[(x, Y, -share * DIP) for share in shares])
    assert found == [False, False, True, True, True, True, False, False, False, True]


def test_the_dip_gets_smaller_toward_the_hinge() -> None:
    x = float(key_x(PITCH))
    front, back = (bool(down((x, y, 0.01), (x, y, -0.0060))[1]) for y in (0.01, 0.14))
    assert not front and back


def test_keys_that_are_entered_through_their_side_are_not_struck() -> None:
    white, black = float(KEY_X[PITCH - 21]), float(key_x(PITCH + 1))
    deep = -DIP
    assert down((white, 0.07, 0.0), (white, 0.07, deep), (black, 0.07, deep), pitch=PITCH + 1) == [False] * 3
    # From a white key to the next one, as in a glissando, it is.
    far = float(key_x(PITCH + 2))
    assert down((white, Y, 0.0), (white, Y, deep), (far, Y, deep), pitch=PITCH + 2) == [False, False, True]


def test_a_finger_that_stays_down_strikes_black_key_after_black_key() -> None:
    f, g, a, c = (float(key_x(pitch)) for pitch in (66, 68, 70, 73))
    y, low = 0.08, float(BLACK_HEIGHT - 0.9 * bottom_depth(66, 0.08))

    def row(*xs: float, height: float = low) -> list[tuple[float, float, float]]:
        return [(f, y, 0.03), (f, y, low), *((x, y, height) for x in xs), (g, y, low)]

    def struck(points: list[tuple[float, float, float]]) -> bool:
        return down(*points, pitch=68)[-1]

    assert struck(row((f + g) / 2)) and struck(row(f + 0.007, (f + g) / 2, g - 0.007))
    up = ((f + g) / 2, y, 0.011)
    assert not struck([*row()[:2], up, (g - 0.007, y, low), (g, y, low)]), "it came up between"
    assert not struck(row((f + g) / 2, height=-0.008)), "it was in the white key"
    assert not struck([(f, y, 0.03), (f, y, low), ((g + a) / 2, y, 0.03), ((g + a) / 2, y, low), (g, y, low)])
    far = [(f, y, 0.03), (f, y, low), ((f + g) / 2, y, low), (c, y, low)]
    assert not down(*far, pitch=73)[-1], "other keys lie between"


def test_long_motion_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    tips = np.stack(
        [rng.uniform(-0.05, 0.05, (500, 10)), np.full((500, 10), Y), rng.normal(0, 0.01, (500, 10))], -1
    )
    # And on black keys, with many slides.
    tips[:, :5, 1], tips[:, :5, 2] = 0.08, rng.uniform(-0.001, 0.008, (500, 5))
    whole = struck_keys(tips)
    monkeypatch.setattr("models.body.keyboard._BLOCK", 7)
    np.testing.assert_array_equal(struck_keys(tips), whole)
    assert whole.any()


def test_moments_lie_straight_between_frames() -> None:
    rng = np.random.default_rng(0)
    motion = Motion(
        rng.normal(0, 0.3, (150, 2, 16, 3)).astype(np.float32),
        rng.normal(0, 1, (150, 2, 3)).astype(np.float32),
        25.0,
    )
    fine = fine_motion(motion)
    assert fine.rate == 250 and len(fine) == 149 * 10 + 1
    np.testing.assert_array_equal(fine.wrist[::10], motion.wrist)
    for moment in (3, 637, 1489):
        frame, share = divmod(moment, 10)
        euler = motion.euler[frame] * (1 - share / 10) + motion.euler[frame + 1] * share / 10
        wrist = motion.wrist[frame] * (1 - share / 10) + motion.wrist[frame + 1] * share / 10
        np.testing.assert_allclose(fine.tips[moment], forward_kinematics(euler, wrist).tips, atol=1e-5)
    assert len(fine_motion(Motion(motion.euler[:1], motion.wrist[:1], 25.0))) == 1
    assert len(fine_motion(Motion(motion.euler[:0], motion.wrist[:0], 25.0))) == 0


def waving(height_mm: np.ndarray, notes: list[tuple[float, float, int]], fps: float = 240.0):  # type: ignore[no-untyped-def]
    """A right wrist that goes up and down, and its notes: onset, offset, pitch."""
    motion = resting(len(height_mm))
    motion.wrist[:, RIGHT, 2] = height_mm / 1000
    table = np.array([(*note, 64) for note in notes], float)
    fingering = np.tile([RIGHT, MIDDLE], (len(notes), 1))
    return fine_motion(Motion(motion.euler, motion.wrist, fps)), Notes.from_arrays(table, fingering)


def test_heights_at_onsets_and_range() -> None:
    fine, notes = waving(np.linspace(30, 70, 241), [(0.0, 0.1, 60), (0.25, 0.6, 61), (1.0, 1.0, 62)])
    found = carriage(fine, notes)
    assert found.wrist_height_white_mm == pytest.approx(50)
    assert found.wrist_height_black_mm == pytest.approx(40, abs=0.1)
    assert found.wrist_height_range_mm == pytest.approx(36, abs=0.5)
    assert carriage(fine, Notes.none()).wrist_height_range_mm is None


def test_a_wrist_rises_at_a_rest_or_does_not() -> None:
    time = np.arange(0, 4, 1 / 240)
    height = 40 + 13 * ((time > 1.2) & (time < 1.5)) + 5 * ((time > 2.6) & (time < 2.8)) + 30 * (time > 3.2)
    # Rests of 0.8 and 0.7 s; the gap of 0.3 s in the end is none.
    fine, notes = waving(height, [(0.5, 1.0, 60), (1.8, 2.2, 60), (2.9, 3.7, 60)])
    found = carriage(fine, notes)
    assert found.rests == 2 and found.rises_at_rests == 0.5
    early = replace(notes, release_s=np.array([1.0, 2.2, 3.3]))  # the last one is left before it ends
    assert carriage(fine, early).rests == 3


def test_strokes_of_wrist_and_bend_are_looked_at_one_by_one() -> None:
    time = np.arange(0, 3, 1 / 240)
    fine, notes = waving(40 + 10 * np.sin(2 * np.pi * time * 2), [(t / 2, t / 2 + 0.1, 60) for t in range(6)])
    assert stroke_range_mm(fine, notes)[0] == pytest.approx(20, abs=0.1)
    assert stroke_range_mm(fine, notes)[1] == pytest.approx(20, abs=0.1)
    assert carriage(fine, notes).wrist_stroke_mm == pytest.approx(20, abs=0.1)
    apart = notes.select(np.array([0, 5]))  # 2.5 s apart: no cycle
    assert stroke_range_mm(fine, apart) == (None, None)


@pytest.mark.parametrize("degrees", [-30.0, 0.0, 25.0])
def test_a_hand_that_hangs_bends_by_its_angle(degrees: float) -> None:
    motion = resting(3)
    motion.euler[:, :, 0, 0] = np.radians(degrees)
    level, raised = (motion.wrist + np.float32([0.0, -0.25, height]) for height in (0.0, 0.1))
    bend = [fine_motion(motion, arms=Arms(elbow, elbow)).bend for elbow in (level, raised)]
    np.testing.assert_allclose(np.degrees(bend[0]), degrees, atol=1e-3)
    # An elbow that is higher bends the wrist back, as seen from the forearm.
    np.testing.assert_allclose(np.degrees(bend[1]), degrees - np.degrees(np.arctan(0.4)), atol=1e-3)


def test_bend_is_looked_at_where_there_are_arms() -> None:
    frames = 241
    motion = resting(frames)
    bend = np.radians(10 * np.sin(2 * np.pi * 2 * np.arange(frames) / 240))
    motion.euler[:, RIGHT, 0, 0] = bend
    elbow = motion.wrist + np.array([0.0, -0.25, 0.0], np.float32)
    fine = fine_motion(Motion(motion.euler, motion.wrist, 240.0), arms=Arms(elbow, elbow))
    notes = Notes.from_arrays(
        np.array([(t / 2, t / 2 + 0.1, 60, 64) for t in range(3)]), np.tile([1, 2], (3, 1))
    )
    found = carriage(fine, notes)
    assert found.wrist_bend_stroke_deg == pytest.approx(20, abs=0.1)
    assert found.wrist_bend_range_deg == pytest.approx(np.ptp(np.degrees(bend)), rel=0.03)
    assert carriage(fine_motion(motion), notes).wrist_bend_stroke_deg is None


def test_joint_speeds_and_bends() -> None:
    motion = resting(300)
    motion.euler[:] = 0
    motion.euler[150:, RIGHT, 5, 0] = np.radians(30)  # the middle finger's second joint, in one frame
    notes = Notes.from_arrays(np.array([(0.2, 9.0, 60, 64)]), np.array([[RIGHT, 2]]))
    found = joint_figures(motion, notes)
    assert (
        found.joint_speed_max == pytest.approx(np.radians(30) * 30, rel=1e-4) and found.joint_speed_p999 == 0
    )
    motion.euler[:, :, (2, 5, 11, 8), 0] = np.radians([10, 20, 30, 40])
    motion.euler[:, :, (1, 4, 10, 7), 2] = np.radians(-15)
    found = joint_figures(motion, notes)
    assert found.pip_deg == pytest.approx([10, 20, 30, 40], abs=0.01) and found.dip_deg == pytest.approx(
        [0] * 4, abs=0.05
    )
    assert finger_bends(motion).shape == (300, 2, 4, 3)
    assert found.mcp_deg is not None and found.mcp_deg[1] == pytest.approx(
        15, abs=2
    )  # sideways counts as well
    assert joint_figures(motion, Notes.none()).mcp_deg is None


def test_rank_correlation_shares_ranks() -> None:
    assert spearman(np.array([1, 2, 3, 4.0]), np.array([10, 20, 30, 1000.0])) == pytest.approx(1)
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
    assert spearman(np.array([1, 2, 2, 3.0]), np.arange(4.0)) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert spearman(np.ones(5), np.arange(5.0)) is None and spearman(np.arange(2.0), np.arange(2.0)) is None


def test_velocities_are_those_of_the_true_notes() -> None:
    take = playing([(40, 3, 15, 3), (60, 3, 15, 3), (80, 3, 15, 3)])
    table = take.notes.table.copy()
    table[:, 3] = (100, 20, 90)
    table[:, 0] += 0.03
    true = Notes.from_arrays(table[[2, 0]])  # the one in the middle was heard where nothing was
    heard = with_velocities(take.notes, true)
    assert heard.velocity.tolist() == [100, 90] and heard.finger.tolist() == [MIDDLE, MIDDLE]
    assert with_velocities(take.notes, take.notes) is take.notes
    assert evaluate_take(take, true)["dynamics"]["strokes"] == 2


def test_a_takes_strikes_are_found_block_by_block() -> None:
    take = playing([(64, 1 + i % 4, 4, 3) for i in range(30)], gap=4)
    heard: list[int] = []
    found = take_onsets(take, lambda: heard.append(1))
    whole = onset_score(struck_keys(shown(take).tips), 240.0, take.notes)
    assert found.score == whole.score and found.score.hits == 30
    np.testing.assert_array_equal(found.late_s, whole.late_s)
    assert len(heard) >= take.motion.frames / 64
