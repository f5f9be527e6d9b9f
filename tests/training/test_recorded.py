# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracked performances as training motion: what is real stays, what is drawn differs, none is learned and measured."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from real_paths import write_real_file

from models.body.kinematics import forward_kinematics
from models.body.player import Player
from models.body.skeleton import LEFT, RIGHT
from models.contact.apply import ContactResult
from training.__main__ import main
from training.data.shards import read_pieces
from training.evaluation.excerpts import played_by_pianists
from training.evaluation.paths import real_pieces
from training.synthesis import recorded as module
from training.synthesis.hand_process import fitted_habits
from training.synthesis.real_notes import (
    REAL_FPS,
    RealExcerpt,
    excerpts_to_learn,
    excerpts_to_measure,
    real_excerpts,
)
from training.synthesis.recorded import (
    LEAVES_S,
    SHORTEST_S,
    SIDE,
    average_lying,
    recorded,
    resampled,
    scores_of,
    with_loudness,
)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("real") / "fingertips.npz"
    write_real_file(path, excerpts=6, seconds=14)
    return path


def test_what_is_measured_is_not_learned(real: Path) -> None:
    learned, measured = excerpts_to_learn(real), excerpts_to_measure(real)
    assert not set(learned) & set(measured)
    assert sorted([*learned, *measured]) == list(range(len(real_excerpts(real))))
    names = {f"pianist {index}" for index in measured}
    assert {one.name for one in played_by_pianists(real, 9, 0)} <= names
    assert {one.excerpt.name for one in real_pieces(real, 9, 0)} <= names


def test_wrists_and_fingertips_go_where_they_were_tracked(
    real: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before key contact, as far as our fingers reach; heights and angles are made."""
    monkeypatch.setattr(module, "apply_contact", lambda motion, notes, **_: ContactResult(motion, notes))
    excerpts = excerpts_to_learn(real)
    one = excerpts[1]
    sample = recorded(one, average_lying(excerpts.values()), np.random.default_rng(0))
    frames = sample.motion.frames
    assert frames == int((len(one.wrist) - 1) / REAL_FPS * 30.0) + 1
    there = forward_kinematics(sample.motion.euler.astype(float), sample.motion.wrist.astype(float))
    off = np.abs(sample.motion.wrist[..., :2] - resampled(one.wrist, frames, 30.0))
    assert off.max() < 1e-6
    tips = np.linalg.norm(there.tips[..., :2] - resampled(one.tips, frames, 30.0), axis=-1)
    assert np.median(tips) < 0.002 and np.isfinite(sample.motion.euler).all()
    assert np.array_equal(sample.notes.fingering, one.notes.fingering)


def test_paths_keep_their_places_at_another_rate() -> None:
    time = np.arange(200) / REAL_FPS
    path = np.sin(2 * np.pi * 0.5 * time)[:, None] * np.array([0.1, 0.02])
    found = resampled(path, 250, 30.0)
    expected = np.sin(2 * np.pi * 0.5 * np.arange(250) / 30.0)[:, None] * np.array([0.1, 0.02])
    assert np.abs(found - expected)[15:-15].max() < 0.001


def test_a_pianists_scores_are_those_that_a_drawn_player_would_have(real: Path) -> None:
    """The inverse of how habits are drawn: fingertips moved along a direction are told as that score."""
    habits, one = fitted_habits(), excerpts_to_learn(real)[1]
    variances, directions = np.linalg.eigh(habits.between)
    widest = directions[:, -1] * np.sign(directions[:, -1].sum()) * np.sqrt(variances[-1])
    rest = average_lying([one])

    def moved(steps: float) -> RealExcerpt:
        tips = one.tips.copy()
        for hand in (LEFT, RIGHT):
            tips[:, hand] += (steps * widest).reshape(5, 2) * SIDE[hand]
        return replace(one, tips=tips)

    change = scores_of(moved(1.2), rest) - scores_of(moved(0.6), rest)
    assert np.allclose(change, [[0.6, 0.0, 0.0]] * 2, atol=1e-6)
    assert Player(scores=scores_of(one, rest)).vector().shape == (2, 10)


def test_loudness_is_drawn_and_fingers_let_go_before_their_notes_end(real: Path) -> None:
    notes = excerpts_to_learn(real)[1].notes
    first, again, other = (with_loudness(notes, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.velocity, again.velocity) and not np.array_equal(
        first.velocity, other.velocity
    )
    assert first.velocity.std() > 3 and (first.velocity >= 15).all() and (first.velocity <= 115).all()
    assert np.array_equal(first.onset_s, notes.onset_s) and np.array_equal(first.pitch, notes.pitch)
    assert first.release_s is not None and np.array_equal(first.offset_s, notes.offset_s)
    early, held = notes.offset_s - first.release_s, first.release_s - notes.onset_s
    assert (early >= 0).all() and (early <= LEAVES_S + 1e-6).all() and early.max() > 0.9 * LEAVES_S
    assert (held >= np.minimum(SHORTEST_S, notes.offset_s - notes.onset_s) - 1e-6).all()


def test_shards_are_made_and_can_be_learned_from(real: Path, tmp_path: Path) -> None:
    out = tmp_path / "recorded"
    command = ["recorded", "--real", str(real), "--out", str(out), "--performances", "2", "--seed", "3"]
    assert main(command) == 0
    index = json.loads((out / "index.json").read_text())
    learned = set(excerpts_to_learn(real))
    assert {entry["piece"] for entry in index["shards"]} == {f"pianist-{number:03d}" for number in learned}
    assert len(index["shards"]) == 2 * len(learned) and index["hours"]["train"] > 0
    pieces = read_pieces(out, "train", fps=30.0)
    assert len(pieces) == 2 * len(learned)
    by_name = {piece.name: piece for piece in pieces}
    one, other = by_name["pianist-001~0"], by_name["pianist-001~1"]
    assert not np.array_equal(one.euler, other.euler) and np.array_equal(one.style[:, 5:], other.style[:, 5:])
    assert one.style[:, -1].tolist() == [1.0, 1.0]  # tracked


def test_a_file_without_anything_to_learn_from_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_real_file(tmp_path / "one.npz", excerpts=1)
    command = ["recorded", "--out", str(tmp_path / "out"), "--real"]
    assert main([*command, str(tmp_path / "one.npz")]) == 2 == main([*command, str(tmp_path / "none.npz")])
    said = capsys.readouterr().err
    assert "nothing" in said or "no excerpt" in said
    assert isinstance(excerpts_to_measure(tmp_path / "one.npz")[0], RealExcerpt)
