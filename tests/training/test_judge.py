# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge sees what differs, says by which features, and cannot tell what does not differ."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from real_paths import write_real_file
from scipy.ndimage import gaussian_filter1d

from models.app.pipeline import Pipeline
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.take import Take
from models.evaluation.biomechanics import fingertips
from training.__main__ import main
from training.evaluation.judge import Windows, judge
from training.evaluation.judge_features import GROUPS, feature_names, window_features
from training.evaluation.paths import Paths, real_pieces, take_on

FPS = 20.0


@pytest.fixture(autouse=True)
def one_division(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten take as many times longer, and what is proved here does not need them."""
    monkeypatch.setattr("training.evaluation.judge.DIVISIONS", 1)


def wandering(rng: np.random.Generator, fidget: float = 1.0, seconds: float = 20.0) -> Paths:
    """Hands that wander; fingertips move about the wrist in proportion to ``fidget``."""
    frames = round(seconds * FPS)
    wrist = np.cumsum(rng.normal(0, 0.004, (frames, 2, 2)), 0) + [[-0.2, -0.08], [0.2, -0.08]]
    own = gaussian_filter1d(rng.normal(0, 0.02, (frames, 2, 5, 2)), 3.0, axis=0)
    spread = np.stack([np.linspace(-0.05, 0.05, 5), np.full(5, 0.12)], -1)
    return Paths(wrist, wrist[:, :, None] + spread + fidget * own)


def windows(fidget: float, seed: int, first: int = 0, excerpts: int = 12) -> Windows:
    rng = np.random.default_rng(seed)
    return Windows.of([window_features(wandering(rng, fidget)) for _ in range(excerpts)], first)


def test_hands_that_fidget_are_told_by_their_fingertips() -> None:
    verdict = judge(windows(1.5, seed=1), windows(1.0, seed=2))
    assert verdict.auc > 0.9 and verdict.windows == (120, 120)
    assert verdict.groups["speed of fingertips"] > 0.9 > verdict.groups["speed of wrists"]
    first = verdict.differences[0]
    assert first.group in ("speed of fingertips", "deviation of places") and first.made > first.real


def test_the_same_kind_of_hands_are_not_told_apart() -> None:
    verdict = judge(windows(1.0, seed=3, first=12), windows(1.0, seed=4))
    assert 0.35 < verdict.auc < 0.65


def test_excerpts_stay_together() -> None:
    """Who sees windows of an excerpt while learning knows it again by where its hands are."""
    rng = np.random.default_rng(5)

    def placed(index: int) -> np.ndarray:
        paths = wandering(rng)
        return window_features(Paths(paths.wrist, paths.tips + index * 0.01))

    made, real = ([placed(index) for index in rng.permutation(12)[:6]] for _ in range(2))
    together = judge(Windows.of(made, 6), Windows.of(real)).auc
    torn = [replace(Windows.of(part), excerpt=np.arange(60) + 60 * i) for i, part in enumerate((made, real))]
    assert judge(torn[0], torn[1]).auc > together + 0.15


def test_what_one_division_into_folds_says_by_chance_is_averaged(monkeypatch: pytest.MonkeyPatch) -> None:
    made, real = windows(1.1, seed=6, excerpts=7), windows(1.0, seed=7, excerpts=7)
    alone = [judge(made, real, seed).auc for seed in range(2)]
    monkeypatch.setattr("training.evaluation.judge.DIVISIONS", 2)
    verdict = judge(made, real)
    assert verdict.auc == pytest.approx(np.mean(alone)) and verdict.spread == pytest.approx(np.std(alone))
    assert verdict.spread > 0


def test_two_excerpts_are_needed_on_either_side() -> None:
    with pytest.raises(ValueError, match="at least two excerpts"):
        judge(windows(1.0, 0, excerpts=1), windows(1.0, 1))


def test_features_have_the_values_that_their_names_say() -> None:
    frames = np.arange(80)
    wrist = np.zeros((80, 2, 2))
    wrist[:, 1, 0] = 0.01 * frames  # 0.2 m/s
    tips = np.repeat(wrist[:, :, None], 5, 2) + 0.0
    tips[:, 1, 0, 0] += 0.03
    swing = 0.004 * (-1.0) ** frames
    tips[:, 1, 2, 1] += swing
    tips[:, 1, 3, 1] -= swing
    tips[:, 0, 4, 0] -= 0.02
    table = window_features(Paths(wrist, tips), smooth=0)
    names = [name for _, name in feature_names()]
    value = dict(zip(names, table[0], strict=True))
    assert table.shape == (2, len(names)) and len(set(names)) == len(names)
    assert {group for group, _ in feature_names()} == set(GROUPS)
    assert value["right thumb X mean m"] == pytest.approx(0.03)
    assert value["left pinky X mean m"] == pytest.approx(0.02)  # in the mirror: outward
    assert value["right middle Y deviation m"] == pytest.approx(0.004)
    assert value["right middle Y speed deviation m/s"] == pytest.approx(0.16, rel=0.01)
    assert value["right middle-ring Y correlation"] == pytest.approx(-1)
    assert value["right wrist speed m/s 50th percentile"] == pytest.approx(0.2)
    assert value["left wrist speed m/s 90th percentile"] == 0
    smoothed = window_features(Paths(wrist, tips))[0][names.index("right middle Y deviation m")]
    assert smoothed < 0.001
    assert len(window_features(Paths(wrist[:39], tips[:39]))) == 0


def test_a_takes_paths_are_those_of_its_fingertips() -> None:
    rng = np.random.default_rng(0)
    euler = gaussian_filter1d(rng.normal(0, 0.3, (61, 2, 16, 3)), 2, axis=0).astype(np.float32)
    wrist = gaussian_filter1d(rng.normal(0, 0.1, (61, 2, 3)), 2, axis=0).astype(np.float32)
    motion = Motion(euler, wrist, 30.0)
    paths = Paths.of_take(Take(motion, Notes.none()))
    assert len(paths) == 41
    tips = fingertips(motion)
    np.testing.assert_allclose(paths.tips[::2], tips[::3, ..., :2], atol=1e-6)
    np.testing.assert_allclose(paths.wrist[1], (wrist[1, :, :2] + wrist[2, :, :2]) / 2, atol=1e-6)


def test_takes_on_real_notes_stay_in_their_folder(tmp_path: Path) -> None:
    write_real_file(tmp_path / "fingertips.npz", excerpts=12)
    pieces = real_pieces(tmp_path / "fingertips.npz", 2, seed=0, seconds=11.0)
    assert len(pieces) == 2 and all(len(piece.paths) == 220 for piece in pieces)
    assert all(piece.excerpt.notes.offset_s.max() <= 11 for piece in pieces)
    options = {"seed": 0, "preset": "default"}
    takes = [
        take_on(Pipeline(), pieces[0].excerpt, "synthesiser", tmp_path / "takes", options) for _ in range(2)
    ]
    np.testing.assert_array_equal(takes[0].motion.euler, takes[1].motion.euler)
    assert abs(len(Paths.of_take(takes[0])) - 220) <= 1
    assert [path.suffix for path in (tmp_path / "takes").iterdir()] == [".npz"]


def test_the_command_prints_groups_and_writes_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = tmp_path / "fingertips.npz"
    write_real_file(real, excerpts=16)
    base = ["judge", "--real", str(real), "--excerpts", "2"]
    assert (
        main([*base, "--what", "synthesiser", "--takes", str(tmp_path), "--json", str(tmp_path / "j.json")])
        == 0
    )
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "j.json").read_text())
    assert f"**{found['auc']:.3f}**" in said and set(found["groups"]) == set(GROUPS)
    assert main([*base, "--what", "real"]) == 0
    assert "real against real hands" in capsys.readouterr().out
    assert main(["judge", "--real", str(tmp_path / "nothing.npz")]) == 2
