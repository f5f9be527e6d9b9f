# SPDX-License-Identifier: GPL-3.0-or-later
"""The blind page: both clips of a pair play the same notes, sides are hidden and drawn, and the score is right."""

import base64
import json
import re
import shutil
import subprocess
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from real_paths import write_real_file

from models.body.motion import Motion
from models.body.notes import Notes
from models.body.take import Take
from models.evaluation.biomechanics import fingertips
from training.__main__ import main
from training.evaluation.blind import NOW, REAL, Pair, cut, page
from training.evaluation.blind_clips import BONES, DOTS, LINES, PATHS, Clip, clip_of_paths, clip_of_take
from training.evaluation.paths import Paths


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def points_of(clip: dict[str, Any]) -> np.ndarray:
    whole = np.frombuffer(base64.b64decode(clip["data"]), "<i2").astype(float) / 10_000
    return whole.reshape(clip["frames"], 2, -1, clip["dims"])


def take(seed: int = 0, frames: int = 300) -> Take:
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(frames)[:, None, None, None] * 0.1 + rng.uniform(0, 6, (1, 2, 16, 3)))
    wrist = np.tile(np.array([[-0.2, -0.09, 0.05], [0.2, -0.09, 0.05]], np.float32), (frames, 1, 1))
    onsets = np.arange(0.5, 9, 0.5)
    table = np.stack([onsets, onsets + 0.4, 60 + onsets.astype(int), np.full(len(onsets), 70)], 1)
    notes = Notes.from_arrays(table.astype(np.float32), np.tile([1, 2], (len(onsets), 1)))
    return Take(Motion((0.2 * wave).astype(np.float32), wrist, 30.0), notes)


def still(kind: str, place: float, seconds: float = 10.0) -> Clip:
    points, dims = (22, 3) if kind == BONES else (6, 2)
    return Clip(kind, np.full((round(seconds * 20) + 1, 2, points, dims), place), 20.0)


def pairs(count: int) -> list[Pair]:
    """Pairs whose right clip lies at its own number of centimetres, the other one half a metre beside it."""
    notes = take().notes
    return [
        Pair(REAL, f"p{i}", still(PATHS, 0.01 * i), still(PATHS, 0.01 * i + 0.5), notes) for i in range(count)
    ]


def test_the_key_says_on_which_side_the_right_clip_is_and_pairs_are_shuffled() -> None:
    data = data_of(page(pairs(12), seed=3))
    sides = json.loads(base64.b64decode(data["key"]))
    for pair, side in zip(data["pairs"], sides, strict=True):
        places = [points_of(clip).mean() for clip in pair["clips"]]
        assert places[side] < places[1 - side]
        assert places[side] == pytest.approx(0.01 * int(pair["name"][1:]), abs=1e-4)
    assert 0 < sum(sides) < 12 and [pair["name"] for pair in data["pairs"]] != [f"p{i}" for i in range(12)]
    again, other = (data_of(page(pairs(12), seed=seed)) for seed in (3, 4))
    assert again == data and other["key"] != data["key"] and other["page"] != data["page"]


def test_clips_are_what_takes_and_paths_show() -> None:
    made = take()
    clip = clip_of_take(made)
    shown = points_of(clip.packed())
    tips = fingertips(made.motion)
    for finger, dot in enumerate(DOTS[BONES]):
        np.testing.assert_allclose(shown[:, :, dot], tips[:, :, finger], atol=6e-5)
    np.testing.assert_allclose(shown[:, :, 0], made.motion.wrist, atol=6e-5)
    np.testing.assert_allclose(shown[:, :, 21], made.arms.elbow, atol=6e-5)
    bones = [np.linalg.norm(shown[:, :, one] - shown[:, :, other], axis=-1) for one, other, _ in LINES[BONES]]
    assert len(bones) == 21 and all(np.ptp(length) < 2e-3 for length in bones)  # bones keep their lengths
    flat = clip_of_paths(Paths.of_take(made))
    assert flat.points.shape[2:] == (6, 2) and flat.fps == 20
    np.testing.assert_allclose(flat.points[50, :, 1:], tips[75, ..., :2], atol=5e-3)


def test_both_clips_and_the_notes_are_cut_alike() -> None:
    made = take()
    whole = clip_of_take(made)
    pair = cut(Pair(NOW, "a", whole, whole, made.notes), np.random.default_rng(0), seconds=4.0)
    assert pair.seconds == pytest.approx(4.0) and len(pair.right.points) == 121
    np.testing.assert_array_equal(pair.right.points, pair.other.points)
    first = int(np.abs(whole.points - pair.right.points[0]).max((1, 2, 3)).argmin())
    early = made.notes.onset_s - first / 30
    assert pair.notes.onset_s.min() == pytest.approx(early[early > -1e-3].min(), abs=0.02)
    short = Pair(NOW, "a", whole.part(0, 3), whole.part(0, 3), made.notes)
    assert cut(short, np.random.default_rng(0)) is short


def test_the_page_needs_no_network() -> None:
    text = page(pairs(2), seed=0)
    assert "@DATA@" not in text
    assert not re.search(
        r"https?:|//[a-z]|src=|@import|url\(", text.replace("createObjectURL(", ""), re.IGNORECASE
    )


def test_the_page_counts_and_moves_as_it_says() -> None:
    """The page's own functions, run by Node where it is."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed here")
    text = page([Pair(NOW, "a", clip_of_take(take()), clip_of_take(take(1)), take().notes)], seed=0)
    script = re.search(r'<script id="figures">(.*?)</script>', text, re.DOTALL)
    assert script
    data = data_of(text)
    asked = """
        const clip = CLIP, values = unpacked(clip);
        const answers = [true, true, false, true].map((right) => ({ kind: "real", right }));
        answers.push({ kind: "now", right: false });
        console.log(JSON.stringify({
          guess: [[0, 10], [7, 10], [10, 10], [60, 100]].map(([right, count]) => guessersAsGood(right, count)),
          first: pointsAt(clip, values, 0), between: pointsAt(clip, values, 0.45 / 30 + 1),
          last: pointsAt(clip, values, 99), real: tally(answers, "real"), none: tally([], "real").guessers,
        }));
    """.replace("CLIP", json.dumps(data["pairs"][0]["clips"][0]))
    done = subprocess.run(
        [node, "-e", script[1] + asked], capture_output=True, text=True, check=True, timeout=60
    )
    found = json.loads(done.stdout)
    for (right, count), share in zip([(0, 10), (7, 10), (10, 10), (60, 100)], found["guess"], strict=True):
        expected = sum(comb(count, k) for k in range(right, count + 1)) / 2**count
        assert share == pytest.approx(expected, rel=1e-9)
    points = points_of(data["pairs"][0]["clips"][0])
    for name, expected in (
        ("first", points[0]),
        ("between", points[30] * 0.55 + points[31] * 0.45),
        ("last", points[-1]),
    ):
        np.testing.assert_allclose(np.array(found[name]), expected.reshape(-1, 3), atol=1e-6)
    assert found["real"]["right"] == 3 and found["real"]["count"] == 4 and found["none"] is None


def test_the_command_writes_both_kinds_of_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_real_file(tmp_path / "fingertips.npz", excerpts=12)
    for folder, seed in (("old", 0), ("new", 1)):
        (tmp_path / folder).mkdir()
        take(seed).save(tmp_path / folder / "piece.npz")
    other = take(2)
    Take(other.motion, other.notes.shifted(0.1)).save(tmp_path / "old" / "otherwise.npz")
    take(3).save(tmp_path / "new" / "otherwise.npz")
    command = ["blind", "-o", str(tmp_path / "page"), "--pairs", "2", "--seconds", "5"]
    real = ["--real", str(tmp_path / "fingertips.npz"), "--what", "synthesiser"]
    folders = ["--before", str(tmp_path / "old"), "--now", str(tmp_path / "new")]
    assert main([*command, *real, *folders]) == 0
    data = data_of((tmp_path / "page" / "index.html").read_text(encoding="utf-8"))
    assert sorted(pair["kind"] for pair in data["pairs"]) == [NOW, REAL, REAL]
    assert [pair["name"] for pair in data["pairs"] if pair["kind"] == NOW] == [
        "piece"
    ]  # the other plays other notes
    assert all(pair["seconds"] == pytest.approx(5) for pair in data["pairs"])
    assert main([*command, "--before", str(tmp_path / "old")]) == 2
    assert "needs --real" in capsys.readouterr().err
