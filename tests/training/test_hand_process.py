# SPDX-License-Identifier: GPL-3.0-or-later
"""The hand as a Gaussian process: its algebra against dense matrices, its moments, and what notes ask of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.body.keyboard import key_x
from models.body.notes import Notes
from models.body.player import Player, draw_player_scores
from models.body.skeleton import RIGHT
from models.evaluation.real_motion_distance import distance_to_real
from models.music.midi import write_midi
from training.__main__ import main
from training.commands import fit_hands
from training.commands.fit_hands import draw_excerpt, features, first_habits, matched, transport
from training.evaluation.excerpts import played_by_pianists
from training.synthesis.banded import BandedGaussian
from training.synthesis.contact_fit import played_scores
from training.synthesis.hand_notes import HandNotes, notes_of_hand
from training.synthesis.hand_process import HandHabits, HandPath, draw_hand, fitted_habits, leads
from training.synthesis.posture import MEMORY_S, SOFT_S, posture_varies
from training.synthesis.real_notes import REAL_FPS, RealExcerpt, played_notes, real_excerpts


def hand_of(rows: list[tuple[float, float, int, int]]) -> HandNotes:
    """Notes of a right hand: onset, offset, pitch, finger."""
    table = np.array(rows, float).reshape(-1, 4)
    notes = np.column_stack([table[:, :3], np.full(len(table), 70.0)])
    fingering = np.column_stack([np.full(len(table), RIGHT), table[:, 3].astype(int)])
    return notes_of_hand(Notes.from_arrays(notes, fingering), RIGHT)


def test_a_banded_gaussian_is_the_dense_one() -> None:
    rng = np.random.default_rng(0)
    banded, size = BandedGaussian(9, 3), 9
    dense, pull = np.zeros((size, size)), np.zeros(size)
    for _ in range(40):
        first = rng.integers(0, size - 3)
        variables = first + rng.permutation(4)[:3]
        factors, deviation, target = rng.standard_normal(3), rng.uniform(0.3, 2), rng.standard_normal()
        banded.state(variables[None], factors, np.array([deviation]), np.array([target]))
        row = np.zeros(size)
        row[variables] = factors
        dense += np.outer(row, row) / deviation**2
        pull += row * target / deviation**2
    banded.couple(np.array([4, 5]), np.array([3, 5]), np.array([-0.2, 1.5]))
    dense[4, 3] -= 0.2
    dense[3, 4] -= 0.2
    dense[5, 5] += 1.5
    covariance = np.linalg.inv(dense)
    assert np.allclose(banded.mean(), covariance @ pull)
    drawn = np.array([banded.draw(rng) for _ in range(6000)])
    assert np.allclose(drawn.mean(0), banded.mean(), atol=5 * np.sqrt(covariance.diagonal().max() / 6000))
    scale = np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()))
    assert np.abs((np.cov(drawn, rowvar=False) - covariance) / scale).max() < 0.08
    assert np.allclose(banded.draw(rng, spread=0.0), banded.mean())


@pytest.mark.parametrize("fps", [20.0, 30.0, 60.0])
def test_a_posture_has_the_covariance_it_is_given_at_any_frame_rate_and_is_kept_as_long(fps: float) -> None:
    covariance, frames = np.array([[4.0, 1.0], [1.0, 2.0]]), round(1.5 * fps)
    given = BandedGaussian(2 * frames, 5)
    posture_varies(given, 2 * np.arange(frames), covariance, RIGHT, np.ones(frames), fps)
    found = covariance_of(given).reshape(frames, 2, frames, 2)
    for frame in (0, 1, frames // 2, frames - 1):
        assert np.allclose(found[frame, :, frame], covariance, rtol=1e-4)
    half = round(0.5 * fps)
    kept, soft, lag = MEMORY_S[RIGHT], SOFT_S, half / fps
    continuous = (kept * np.exp(-lag / kept) - soft * np.exp(-lag / soft)) / (kept - soft)
    assert found[half, 0, 0, 0] / 4 == pytest.approx(continuous, abs=0.02)
    assert found[half, 0, 0, 1] / found[half, 0, 0, 0] == pytest.approx(0.25, rel=1e-4)


def test_the_posture_changes_where_its_steps_are_large_and_is_kept_where_they_are_small() -> None:
    frames = 60
    steps = np.where(np.arange(frames) < 30, 0.1, 2.0)
    given = BandedGaussian(frames, 2)
    posture_varies(given, np.arange(frames), np.eye(1), RIGHT, steps, 30.0)
    found = covariance_of(given)
    change = np.sqrt([found[k, k] + found[k + 1, k + 1] - 2 * found[k, k + 1] for k in range(frames - 1)])
    assert change[40:].mean() > 4 * change[5:25].mean()


def covariance_of(given: BandedGaussian) -> np.ndarray:
    """Of all variables, from the answers to unit pulls."""
    zero, columns = given.mean(), []
    for one in range(len(zero)):
        pulled = given.copy()
        pulled.state(np.array([[one]]), [1.0], 1e4, 1e8)
        columns.append(pulled.mean() - zero)
    return np.array(columns)


def test_a_hand_that_travels_moves_its_fingers_more_about_the_wrist_than_one_that_stays() -> None:
    near = [(0.5 + 0.3 * k, 0.75 + 0.3 * k, 60 + 2 * (k % 5), k % 5) for k in range(60)]
    far = [(0.5 + 0.3 * k, 0.75 + 0.3 * k, 48 + 24 * (k % 2), 2) for k in range(60)]
    lively = []
    for rows in (near, far):
        paths = [
            draw_hand(hand_of(rows), RIGHT, Player(), 570, 30.0, np.random.default_rng(seed))
            for seed in range(4)
        ]
        across = [np.diff(one.tips[..., 1] - one.wrist[:, None, 1], axis=0) for one in paths]
        lively.append(np.std(across))
    assert lively[1] > 3.5 * lively[0]  # 2.1 where the posture does not care


def test_a_hand_without_notes_lies_as_its_habits_say() -> None:
    habits = replace(fitted_habits(), lean=np.zeros((2, 10)))
    rng = np.random.default_rng(1)
    drawn = [
        draw_hand(hand_of([]), RIGHT, Player(scores=draw_player_scores(rng)), 1200, 20.0, rng, habits)
        for _ in range(12)
    ]
    offsets = np.concatenate([(one.tips - one.wrist[:, None]).reshape(-1, 10) for one in drawn])
    whole = habits.between + habits.within[RIGHT]
    assert np.allclose(offsets.mean(0), habits.mean[RIGHT], atol=4 * np.sqrt(whole.diagonal().max() / 12))


def test_hands_turn_outward_the_farther_out_they_play() -> None:
    fitted, lean = fitted_habits(), np.tile([0.0, 0.0] + 4 * [0.15, 0.0], (2, 1))
    habits = replace(fitted, lean=lean, within=1e-6 * np.tile(np.eye(10), (2, 1, 1)))
    found = {}
    for pitch in (60, 84):
        hand = hand_of([(1.0 + 0.5 * k, 1.4 + 0.5 * k, pitch + 2 * (k % 5), k % 5) for k in range(10)])
        path = draw_hand(hand, RIGHT, Player(), 200, 30.0, np.random.default_rng(4), habits)
        found[pitch] = path.wrist[30:180, 0].mean(), (path.tips - path.wrist[:, None])[30:180, 2, 0].mean()
    farther, outward = np.subtract(found[84], found[60])
    assert 0.2 < farther < 0.4 and outward == pytest.approx(0.15 * farther, rel=0.1)


def test_a_players_scores_say_where_the_fingertips_lie() -> None:
    habits = fitted_habits()
    scores = np.array([1.5, -1.0, 0.5])
    drawn = np.array([habits.lying(RIGHT, scores, np.random.default_rng(k)) for k in range(400)])
    directions = np.linalg.eigh(habits.between)[1][:, ::-1][:, :3]
    told = (drawn - habits.mean[RIGHT]) @ directions
    assert np.ptp(told, axis=0).max() < 1e-12  # the same for all draws
    spread = np.sqrt(np.einsum("ij,jk,ki->i", directions.T, habits.between, directions))
    assert np.allclose(np.abs(told[0]), np.abs(scores) * spread)
    rest = np.eye(10) - directions @ directions.T
    assert np.allclose(np.cov(drawn, rowvar=False), rest @ habits.between @ rest, atol=3e-6)
    with_both = np.array([draw_player_scores(np.random.default_rng(k)) for k in range(4000)])
    alike = np.corrcoef(with_both.reshape(-1, 6), rowvar=False)
    assert np.allclose(alike[:3, 3:], np.diag([0.0, 0.6, 0.0]), atol=0.06)


def test_fingers_are_at_their_keys_before_they_strike_and_until_they_let_go() -> None:
    rows = [(1.0, 1.5, 60, 0), (1.5, 2.0, 64, 2), (2.0, 3.0, 67, 4), (2.6, 3.0, 60, 0), (4.0, 4.5, 84, 4)]
    hand = hand_of(rows)
    path = draw_hand(hand, RIGHT, Player(), 180, 30.0, np.random.default_rng(2))
    for (onset, offset, pitch, finger), lead in zip(rows, leads(hand), strict=True):
        frames = slice(int(np.ceil((onset - lead) * 30)), int(offset * 30))
        assert np.abs(path.tips[frames, finger, 0] - key_x(pitch)).max() < 0.016
        struck = path.tips[round(onset * 30), finger]
        assert abs(struck[0] - key_x(pitch)) < 0.009 and -0.02 < struck[1] < 0.125
        held = path.tips[round(onset * 30) : int(offset * 30), finger, 1]
        assert np.ptp(held) < 0.008


def test_the_same_seed_draws_the_same_hand_and_hands_of_two_seeds_play_the_same_keys_differently() -> None:
    hand = hand_of([(0.5 + 0.3 * k, 0.8 + 0.3 * k, 60 + 2 * k, k % 5) for k in range(10)])
    one, again, other = (
        draw_hand(hand, RIGHT, Player(), 120, 30.0, np.random.default_rng(s)) for s in (3, 3, 4)
    )
    assert np.array_equal(one.tips, again.tips) and np.array_equal(one.wrist, again.wrist)
    assert np.median(np.linalg.norm(one.tips - other.tips, axis=-1)) > 0.005
    onsets = np.round(hand.onset * 30).astype(int)
    apart = one.tips[onsets, hand.finger, 0] - other.tips[onsets, hand.finger, 0]
    assert np.abs(apart).max() < 0.012


def test_the_wrist_is_calm_most_of_the_time_and_lively_within_bounds() -> None:
    hand = hand_of([(0.5 + 0.4 * k, 0.8 + 0.4 * k, 60 + 12 * (k % 3 == 0), k % 5) for k in range(30)])
    drawn = [draw_hand(hand, RIGHT, Player(), 450, 30.0, np.random.default_rng(seed)) for seed in range(8)]
    found = np.concatenate([np.linalg.norm(np.diff(one.wrist, 2, axis=0), axis=1) for one in drawn]) * 30**2
    assert 3 * np.median(found) < np.percentile(found, 90) and found.max() < 80


def test_a_hand_that_rests_for_long_waits_near_its_notes_and_does_not_drift_off_the_keyboard() -> None:
    rows = [(t + 0.5 * k, t + 0.5 * k + 0.4, 60 + k, k % 5) for t in (1.0, 61.0) for k in range(8)]
    drawn = [
        draw_hand(hand_of(rows), RIGHT, Player(), 1980, 30.0, np.random.default_rng(k)) for k in range(6)
    ]
    away = np.array([np.abs(path.wrist[180:1800, 0] - key_x(64)) for path in drawn])
    assert away.max() < 0.6 and 0.02 < np.median(away) < 0.25


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5])
def test_very_short_paths_are_drawn_too(frames: int) -> None:
    path = draw_hand(hand_of([(0.0, 0.1, 60, 1)]), RIGHT, Player(), frames, 30.0, np.random.default_rng(0))
    assert path.tips.shape == (frames, 5, 2) and np.isfinite(path.tips).all()


def test_transport_turns_one_covariance_into_another() -> None:
    rng = np.random.default_rng(5)
    one, other = (a @ a.T + 0.1 * np.eye(4) for a in rng.standard_normal((2, 4, 4)))
    change = transport(one, other)
    assert np.allclose(change, change.T) and np.allclose(change @ one @ change.T, other)


def real_file(folder: Path, excerpts: int = 4, seconds: int = 20) -> tuple[Path, HandHabits]:
    """A data set like PianoMime's, whose hands are drawn from habits that are not the fitted ones."""
    fitted = fitted_habits()
    habits = replace(
        fitted, mean=fitted.mean + 0.006, between=fitted.between * 0.5, within=fitted.within * 0.6
    )
    rng, points, ends = np.random.default_rng(6), [], []
    frames = int(seconds * REAL_FPS)
    for _ in range(excerpts):
        part = np.zeros((frames, 2, 6, 3))
        part[..., 2] = 0.045
        for hand, side in ((0, -1.0), (1, 1.0)):
            rows = [
                (0.5 * k, 0.5 * k + 0.4, 64 + int(rng.integers(-2, 3)) + 2 * (k % 5), k % 5)
                for k in range(1, 2 * seconds - 1)
            ]
            notes = hand_of(rows)
            path = draw_hand(
                notes, hand, Player(scores=draw_player_scores(rng)), frames, REAL_FPS, rng, habits
            )
            tips = path.tips.copy()
            for onset, offset, pitch, finger in rows:
                on = slice(round(onset * REAL_FPS), round(offset * REAL_FPS))
                tips[on, finger, 0] = key_x(pitch)
                part[on, hand, 1 + finger, 2] = 0.005
            part[:, hand, 0, :2], part[:, hand, 1:, :2] = path.wrist, tips
            part[:, hand, :, 0] *= side
        part[:10, ..., 2] = 0.2  # the rest pose at the start
        points.append(part)
        ends.append(frames * (len(ends) + 1))
    path = folder / "fingertips.npz"
    np.savez(
        path, points=np.concatenate(points).astype(np.float32), episode_ends=np.array(ends), fps=REAL_FPS
    )
    return path, habits


def test_notes_are_read_off_pressing_fingertips() -> None:
    tips = np.zeros((40, 2, 5, 3))
    tips[..., 2] = 0.045
    for frames, hand, finger, pitch in (
        (slice(4, 10), 1, 2, 61),
        (slice(10, 16), 1, 2, 64),
        (slice(8, 40), 0, 4, 40),
    ):
        tips[frames, hand, finger, 0] = key_x(pitch)
        tips[frames, hand, finger, 2] = 0.005
    notes = played_notes(tips)
    assert notes.pitch.tolist() == [61, 40, 64] and notes.fingering.tolist() == [[1, 2], [0, 4], [1, 2]]
    assert np.allclose(notes.onset_s, [0.175, 0.375, 0.475])
    assert np.allclose(notes.offset_s, [0.475, 1.975, 0.775])
    assert len(played_notes(tips[:3])) == 0


def test_moment_matching_brings_drawn_hands_nearer_to_the_hands_they_are_fitted_to(tmp_path: Path) -> None:
    path, _ = real_file(tmp_path)
    excerpts = real_excerpts(path)
    assert len(excerpts) == 4 and all(len(one.wrist) == 390 for one in excerpts)
    assert {len(one.notes) for one in excerpts} <= set(range(70, 80))

    def apart(found: HandHabits) -> float:
        drawn = [draw_excerpt(one, found, [0, k]) for k, one in enumerate(excerpts)]
        mine = np.concatenate([(p.tips - p.wrist[:, None]).reshape(-1, 10) for both in drawn for p in both])
        real = np.concatenate([fit_hands.offsets(o.wrist, o.tips, h) for o in excerpts for h in (0, 1)])
        return float(np.abs(mine.mean(0) - real.mean(0)).mean() + np.abs(mine.std(0) - real.std(0)).mean())

    begun = fitted_habits()
    found = begun
    for _ in range(3):
        drawn = [draw_excerpt(one, found, [0, k]) for k, one in enumerate(excerpts)]
        found = matched(found, excerpts, drawn)
    assert apart(found) < 0.6 * apart(begun)
    assert np.allclose(found.within, found.within.swapaxes(1, 2))
    assert np.linalg.eigvalsh(found.within).min() > 0


def test_habits_make_up_for_what_key_contact_does_to_hands_that_play_scores(tmp_path: Path) -> None:
    path, _ = real_file(tmp_path, excerpts=2, seconds=14)
    rng = np.random.default_rng(8)
    for number in range(2):
        rows = [
            (0.3 * k, 0.3 * k + 0.25, 12 * (2 * hand) + 48 + int(rng.integers(0, 10)), 70.0, hand)
            for k in range(40)
            for hand in (0, 1)
        ]
        score = np.array(rows)
        (tmp_path / "scores" / "lieder" / "somebody").mkdir(parents=True, exist_ok=True)
        write_midi(
            tmp_path / "scores" / "lieder" / "somebody" / f"{number}.mid",
            Notes.from_arrays(score[:, :4], hand=score[:, 4].astype(int)),
        )
    excerpts = real_excerpts(path)
    real = np.concatenate([fit_hands.offsets(o.wrist, o.tips, h) for o in excerpts for h in (0, 1)]).mean(0)

    def played(habits: HandHabits) -> list[tuple[HandPath, HandPath]]:
        return played_scores(tmp_path / "scores", 2, habits, 0, 1)

    def mean_of(drawn: list[tuple[HandPath, HandPath]]) -> np.ndarray:
        return np.concatenate([(p.tips - p.wrist[:, None]).reshape(-1, 10) for b in drawn for p in b]).mean(0)

    begun = fitted_habits()
    before = played(begun)
    assert len(before) == 2 and all(path.tips.shape[1:] == (5, 2) for both in before for path in both)
    found = replace(begun, mean=matched(begun, excerpts, before).mean)
    after = mean_of(played(found))
    assert np.abs(after - real).mean() < 0.75 * np.abs(mean_of(before) - real).mean()


def test_fit_hands_prints_its_rounds_and_says_what_is_wrong_with_a_file(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    path, _ = real_file(tmp_path, excerpts=2, seconds=14)
    out = tmp_path / "habits.json"
    monkeypatch.setattr(fit_hands, "FITTED_PATH", out)
    assert main(["fit-hands", "--real", str(path), "--rounds", "1", "--every", "1", "--write"]) == 0
    assert capsys.readouterr().out.count("round") == 2
    written = json.loads(out.read_text())
    assert np.array(written["within"]).shape == (2, 10, 10) and "PianoMime" in written["about"]
    assert main(["fit-hands", "--real", str(tmp_path / "none.npz")]) == 2
    assert "none.npz" in capsys.readouterr().err
    excerpts = real_excerpts(path)
    drawn = features(draw_excerpt(excerpts[0], first_habits(excerpts), [1, 0]))
    assert drawn.shape[1] == 25 and distance_to_real(drawn) is not None
    assert isinstance(excerpts[0], RealExcerpt)


def test_what_pianists_played_can_be_evaluated(tmp_path: Path, capsys) -> None:
    path, _ = real_file(tmp_path, excerpts=9, seconds=14)
    found = played_by_pianists(path, 2, seed=0)
    assert len(found) == 2 and len({one.name for one in found}) == 2
    for one, real in zip(
        found, (real_excerpts(path)[int(one.name.split()[1])] for one in found), strict=True
    ):
        assert np.allclose(one.notes.table, real.notes.table) and np.array_equal(
            one.notes.hand, real.notes.hand
        )
        assert one.seconds == pytest.approx(len(real.wrist) / REAL_FPS)
    assert [one.name for one in played_by_pianists(path, 2, seed=0)] == [one.name for one in found]
    assert main(["evaluate", "--real", str(tmp_path / "none.npz")]) == 2
    assert main(["evaluate"]) == 2 == main(["evaluate", "--real", str(path), "--scores", str(tmp_path)])
    assert "none.npz" in capsys.readouterr().err
