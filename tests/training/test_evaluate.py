# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluation of a set: which excerpts it takes and how it sums up."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.midi import write_midi
from training.evaluate import as_markdown, by_turns, choose_excerpts, summary
from training.synthesis.scores import VALIDATION_COMPOSERS, Piece


def write_score(path: Path, seed: int, seconds: float = 40.0) -> None:
    """Two hands, four and two notes a second."""
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    onsets = [np.arange(0, seconds, step) for step in (0.5, 0.25)]
    rows = [
        np.stack([t, t + 0.2, low + rng.integers(0, 10, len(t)), np.full(len(t), 70)], 1)
        for t, low in zip(onsets, (45, 65), strict=True)
    ]
    hands = np.repeat([0, 1], [len(row) for row in rows])
    table = np.concatenate(rows)
    order = np.argsort(table[:, 0], kind="stable")
    write_midi(path, table[order], hands[order])


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    held_out = sorted(VALIDATION_COMPOSERS)[:2]
    for index, composer in enumerate((*held_out, "abt_franz")):
        for number in range(2):
            write_score(tmp_path / "lieder" / composer / f"piece_{number}.mid", 10 * index + number)
    return tmp_path


@pytest.mark.parametrize("timing", ["score", "performed"])
def test_excerpts_are_of_held_out_composers_in_turns(scores: Path, timing: str) -> None:
    excerpts = choose_excerpts(scores, "validation", 3, 10.0, timing, seed=0)
    composers = [excerpt.name.split("~")[1] for excerpt in excerpts]
    assert len(excerpts) == 3
    assert set(composers) <= VALIDATION_COMPOSERS and composers[0] != composers[1]
    for excerpt in excerpts:
        assert set(excerpt.hands.tolist()) == {0, 1}
        assert excerpt.seconds <= 10
        assert 0 <= excerpt.notes[:, 0].min() <= 0.51 and excerpt.notes[:, 1].max() <= 10
        assert (np.diff(excerpt.notes[:, 0]) >= 0).all()
    again = choose_excerpts(scores, "validation", 3, 10.0, timing, seed=0)
    assert all(np.array_equal(a.notes, b.notes) for a, b in zip(excerpts, again, strict=True))
    other = choose_excerpts(scores, "validation", 3, 10.0, timing, seed=1)
    assert [e.notes.tobytes() for e in other] != [e.notes.tobytes() for e in excerpts]


def test_every_piece_has_its_turn() -> None:
    pieces = [
        Piece(Path(name), name, name[0], "validation", True) for name in ("a1", "a2", "a3", "b1", "c1", "c2")
    ]
    turns = [piece.name for piece in by_turns(pieces, np.random.default_rng(0))]
    assert sorted(turns) == sorted(piece.name for piece in pieces)
    assert [name[0] for name in turns] == ["a", "b", "c", "a", "c", "a"]


def test_summary_pools_and_averages() -> None:
    base: dict[str, Any] = {
        "contact": 1.0,
        "music_s": 10.0,
        "notes": 10,
        "onset_precision": 1.0,
        "onset_recall": 1.0,
        "frame_f1": 0.5,
        "outside_limits": 0.0,
        "fingers_closer_3mm": 0.0,
        "hands_colliding": 0.0,
        "wrist_speed_p99": 1.0,
        "transcription_onset_f1": 1.0,
    }
    rows: list[dict[str, Any]] = [
        {**base, "onset_f1": 1.0, "onset_hits": 30, "onset_false": 0, "onset_missed": 0, "real_motion_distance": None,
         "seconds": {"sample": 2.0, "contact": 1.0}},
        {**base, "onset_f1": 0.0, "onset_hits": 0, "onset_false": 10, "onset_missed": 10, "real_motion_distance": 4.0,
         "seconds": {"sample": 4.0}},
    ]  # fmt: skip
    one = summary(rows)
    assert one["onset_f1"] == 0.5 and one["onset_f1_worst"] == 0.0
    assert one["onset_f1_pooled"] == pytest.approx(60 / 80)
    assert one["real_motion_distance"] == 4.0
    assert one["sample_real_time_factor"] == pytest.approx(0.3)
    assert one["contact_real_time_factor"] == pytest.approx(0.05)
    table = as_markdown([one]).splitlines()
    assert len(table) == 3 and len({line.count("|") for line in table}) == 1
