# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion synthesiser on small scores made here: playability, performance, base motion, shards."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models.body.keyboard import key_x
from models.body.kinematics import forward_kinematics, outside_limits
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.player import Player, Style
from models.body.skeleton import LEFT, RIGHT
from models.music.midi import write_midi
from models.planning.fingering import finger_notes
from training.synthesis.calibration import figures, of_shards
from training.synthesis.dataset import SynthesisConfig, build, move_hands, synthesise
from training.synthesis.motion import base_motion
from training.synthesis.performance import MAX_TEMPO_FACTOR, MIN_TEMPO_FACTOR, perform, tempo_curve
from training.synthesis.scores import (
    REACH_M,
    VALIDATION_COMPOSERS,
    Score,
    composer_of,
    index_pieces,
    is_held_out,
    load_score,
    make_playable,
    span,
)
from training.synthesis.smooth import smooth_path


def song(beats: int = 24) -> Score:
    """A right-hand melody in eighths over left-hand chords, two beats a second."""
    rows, hands = [], []
    scale = (60, 62, 64, 66, 67, 69, 71, 72, 71, 69, 67, 66)
    for k in range(2 * beats):
        rows.append((0.25 * k, 0.25 * k + 0.25, scale[k % len(scale)] + 5, 64))
        hands.append(RIGHT)
    for k in range(beats // 2):
        for pitch in ((43, 50, 55), (48, 52, 55))[k % 2]:
            rows.append((float(k), k + 1.0, pitch, 64))
            hands.append(LEFT)
    return make_playable(Notes.from_arrays(np.array(rows, np.float32), hand=np.array(hands)))


def sample_of(seed: int):
    return synthesise(song(), np.random.default_rng(seed))


def wrist_heights(style: Style):
    """(F, 2) metres, after key contact."""
    notes = perform(song(), np.random.default_rng(3)).shifted(1.0)
    duration = float(notes.offset_s.max()) + 1
    return move_hands(notes, Player(style=style), duration, np.random.default_rng(3)).motion.wrist[..., 2]


def base(style: Style, seed: int = 3):
    notes = finger_notes(perform(song(), np.random.default_rng(seed)).shifted(1.0))
    duration = float(notes.offset_s.max()) + 1
    return base_motion(notes, Player(style=style), duration, np.random.default_rng(seed)), notes


def test_the_same_seed_gives_the_same_sample_and_another_seed_another() -> None:
    one, again, other = sample_of(1), sample_of(1), sample_of(2)
    assert np.array_equal(one.motion.euler, again.motion.euler) and np.array_equal(
        one.motion.wrist, again.motion.wrist
    )
    assert one.notes.same_strokes(again.notes)
    assert len(one.notes) != len(other.notes) or not np.allclose(
        one.notes.onset_s, other.notes.onset_s, atol=1e-3
    )


def test_too_many_notes_and_too_wide_chords_are_thinned_and_crossed_chords_parted() -> None:
    cluster = [(0.0, 1.0, pitch, 64) for pitch in (60, 61, 62, 63, 64, 65, 66)]
    wide = [(2.0, 3.0, pitch, 64) for pitch in (40, 76)]
    crossed = [(4.0, 5.0, pitch, 64) for pitch in (55, 60, 64, 67)]
    hands = np.array([RIGHT] * 9 + [RIGHT, LEFT, RIGHT, LEFT], np.int8)
    score = make_playable(Notes.from_arrays(np.array(cluster + wide + crossed, np.float32), hand=hands))
    at = score.notes.onset_s
    assert (at == 0).sum() == 5 and score.notes.pitch[at == 0].max() == 66
    assert score.notes.pitch[at == 2].tolist() == [76]
    assert score.notes.hand[at == 4].tolist() == [LEFT, LEFT, RIGHT, RIGHT]
    assert score.dropped == pytest.approx(3 / 13)


def test_a_held_note_is_released_when_the_hand_has_to_go_too_far() -> None:
    notes = np.array([[0, 4, 48, 64], [1, 2, 55, 64], [2, 3, 72, 64]], np.float32)
    score = make_playable(Notes.from_arrays(notes, hand=LEFT))
    assert score.notes.offset_s[0] < 2 and score.notes.offset_s[1] <= 2
    assert span([48, 72]) > REACH_M


def test_a_performance_keeps_the_order_of_chords_and_lets_a_key_up_before_it_is_struck_again() -> None:
    score = song()
    for seed in range(5):
        notes = perform(score, np.random.default_rng(seed))
        assert (np.diff(notes.onset_s) >= 0).all() and (notes.offset_s > notes.onset_s).all()
        assert notes.velocity.min() >= 15 and notes.velocity.max() <= 120
        melody = notes.pitch[notes.hand == RIGHT]
        assert melody.tolist() == score.notes.pitch[score.notes.hand == RIGHT].tolist()
        for pitch in np.unique(notes.pitch):
            same = notes.select(notes.pitch == pitch)
            assert (same.offset_s[:-1] < same.onset_s[1:]).all()


def test_the_tempo_bends_within_bounds_and_slows_at_the_end() -> None:
    endings = []
    for seed in range(20):
        curve = tempo_curve(60.0, np.array([0.0, 20, 40, 61]), np.random.default_rng(seed))
        assert curve.min() >= MIN_TEMPO_FACTOR and curve.max() <= MAX_TEMPO_FACTOR
        endings.append(curve[595] / np.median(curve))
    assert np.mean(endings) < 0.9


def test_a_leap_is_given_time_and_the_hand_leaves_before_it() -> None:
    rows = [(0.12 * k, 0.12 * k + 0.12, 40 if k % 2 else 88, 64) for k in range(30)]
    score = Score(Notes.from_arrays(np.array(rows, np.float32), hand=RIGHT), 0.0)
    notes = perform(score, np.random.default_rng(0))
    travel = abs(key_x(88) - key_x(40)) - 0.07
    free = notes.onset_s[1:] - notes.offset_s[:-1]
    assert (np.diff(notes.onset_s) > travel / 1.5).all()
    assert (free > 0.5 * np.diff(notes.onset_s)).all()


def test_hands_stay_inside_their_limits_and_strike_the_right_keys() -> None:
    sample = sample_of(4)
    euler, wrist = (
        torch.from_numpy(a.astype(np.float64)) for a in (sample.motion.euler, sample.motion.wrist)
    )
    assert not outside_limits(euler).any()
    tips = forward_kinematics(euler, wrist, sample.player.hand_size).tips.numpy()
    frame = np.round(sample.notes.onset_s * sample.motion.fps).astype(int) + 1
    hand, finger = sample.notes.fingering.T
    error = np.abs(tips[frame, hand, finger, 0] - key_x(sample.notes.pitch.astype(int)))
    assert np.mean(error < 0.008) > 0.97


def test_the_hand_is_over_a_distant_key_before_it_strikes() -> None:
    rows = np.array(
        [[1.0, 1.4, 60, 70], [1.5, 1.9, 62, 70], [3.5, 4.0, 84, 70], [4.1, 4.6, 86, 70]], np.float32
    )
    notes = Notes.from_arrays(rows, np.array([[1, 1], [1, 2], [1, 1], [1, 2]]))
    motion = base_motion(notes, Player(), 6.0, np.random.default_rng(0))
    x = motion.wrist[:, RIGHT, 0]
    there = x[round(3.5 * 30)]
    assert abs(x[round(3.4 * 30)] - there) < 0.01
    assert abs(x[round(3.1 * 30)] - there) < 0.5 * abs(x[round(1.5 * 30)] - there)
    speed = np.abs(np.diff(x)).max() * 30
    assert 0.1 < speed < 2.2


def highest_tips(motion: Motion) -> float:
    """90th percentile of the fingertips' height, metres."""
    tips = forward_kinematics(torch.from_numpy(motion.euler), torch.from_numpy(motion.wrist)).tips
    return float(np.percentile(tips.numpy()[..., 2], 90))


def median_speed(motion: Motion) -> float:
    """Of the wrists in X and Y, m/s."""
    return float(np.median(np.linalg.norm(np.diff(motion.wrist[..., :2], axis=0), axis=-1))) * motion.fps


def tip_reach(motion: Motion, size: float) -> float:
    """Median distance of the right middle fingertip from the wrist in X and Y, metres."""
    tips = forward_kinematics(
        torch.from_numpy(motion.euler), torch.from_numpy(motion.wrist), size
    ).tips.numpy()
    return float(np.median(np.linalg.norm(tips[:, RIGHT, 2, :2] - motion.wrist[:, RIGHT, :2], axis=-1)))


def test_style_moves_what_it_should() -> None:
    low, high = (wrist_heights(Style(wrist_height=one)) for one in (-1.0, 1.0))
    assert np.median(high - low) > 0.010
    calm, lively = (wrist_heights(Style(energy=one)) for one in (-1.0, 1.0))
    assert np.diff(lively, axis=0).std() > 1.5 * np.diff(calm, axis=0).std()
    flat, _ = base(Style(curl=-1))
    curled, _ = base(Style(curl=1))
    assert np.median(curled.euler[:, :, [2, 5, 8, 11], 0] - flat.euler[:, :, [2, 5, 8, 11], 0]) > 0.05
    calm, _ = base(Style(energy=-1))
    lively, _ = base(Style(energy=1))
    assert highest_tips(lively) - highest_tips(calm) > 0.003
    still, _ = base(Style(looseness=-1))
    loose, _ = base(Style(looseness=1))
    assert median_speed(loose) > 1.15 * median_speed(still)
    small, large = (tip_reach(base(Style(hand_size=size))[0], 1 + 0.1 * size) for size in (-1.0, 1.0))
    assert large > 1.1 * small
    assert Style(looseness=0.5).vector().tolist() == [0, 0, 0, 0, 0.5]
    with pytest.raises(ValueError, match="curl"):
        Style(curl=5.0)


def test_a_smooth_path_keeps_what_has_no_jerk_and_is_the_least_squares_solution() -> None:
    t = np.arange(60.0)
    parabola = np.stack([0.3 + 0.01 * t - 0.002 * t**2, t], 1)
    assert np.allclose(smooth_path(parabola, 50.0), parabola, atol=1e-8)
    noisy = np.random.default_rng(0).standard_normal((60, 1))
    jerk = np.diff(np.eye(60), 3, axis=0)
    assert np.allclose(smooth_path(noisy, 7.0), np.linalg.solve(np.eye(60) + 7.0 * jerk.T @ jerk, noisy))
    assert np.allclose(smooth_path(noisy[:3], 7.0), noisy[:3].mean())


def write_scores(folder: Path) -> None:
    score = song()
    for name in (
        "lieder/somebody/a",
        "lieder/satie_erik/b",
        "lieder/joplin_scott/c",
        "polish/x-1_elsner-jozef--d",
    ):
        path = folder / f"{name}.mid"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_midi(path, score.notes)


def test_the_split_is_by_composer_and_held_out_works_are_left_out(tmp_path: Path) -> None:
    write_scores(tmp_path)
    pieces = index_pieces(tmp_path)
    by_split = {split: {p.composer for p in pieces if p.split == split} for split in ("train", "validation")}
    assert by_split == {"train": {"somebody", "elsner_jozef"}, "validation": {"satie_erik"}}
    assert "satie_erik" in VALIDATION_COMPOSERS
    assert is_held_out("chopin/010-1b-Sm-003.mid") and not is_held_out("chopin/010-1b-Sm-004.mid")
    assert (
        is_held_out("chopin/028-1-BH-011.mid") and composer_of("chopin/028-1-BH-012.mid") == "chopin_fr_d_ric"
    )
    assert load_score(pieces[0].path) is not None
    with pytest.raises(FileNotFoundError, match="two-track"):
        index_pieces(tmp_path / "nothing")


def test_shards_are_made_again_the_same_and_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    scores, out = tmp_path / "scores", tmp_path / "out"
    write_scores(scores)
    config = SynthesisConfig(hours=0.004, seed=3)
    index = json.loads(build(scores, out, config, say=False).read_text())
    assert {e["split"] for e in index["shards"]} == {"train", "validation"}
    assert sum(index["hours"].values()) >= 0.004
    first, second = (out / e["file"] for e in index["shards"][:2])
    with np.load(first) as data:
        before = {name: data[name] for name in data.files}
    assert before["euler"].dtype == np.float16 and before["euler"].shape[1:] == (2, 16, 3)
    assert before["style"][:, -1].tolist() == [-1.0, -1.0]  # drawn, not tracked
    kept = second.stat().st_mtime_ns
    first.unlink()
    again = json.loads(build(scores, out, config, say=False).read_text())
    assert again == index and second.stat().st_mtime_ns == kept
    with np.load(first) as data:
        assert all(np.array_equal(data[name], before[name]) for name in before)
    with pytest.raises(ValueError, match="seed"):
        build(scores, out, SynthesisConfig(hours=0.004, seed=4), say=False)
    older = tmp_path / "older"
    older.mkdir()
    (older / "index.json").write_text(json.dumps({**index, "format": 1}))
    with pytest.raises(ValueError, match="earlier version"):
        build(scores, older, config, say=False)
    made = of_shards(out, 10)
    assert made.distance is not None and made.distance < 200 and 0.5 < made.early <= 1
    found = figures(made.body)
    assert found.shares.sum() == pytest.approx(1) and found.speed[0] < found.speed[2] < 3
    assert -0.10 < found.offsets[0, 0] < 0 < found.offsets[4, 0] < 0.11
