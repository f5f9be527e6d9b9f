# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluation of a set: which excerpts it takes and how it sums up."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.app.pipeline import Pipeline
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.take import Take
from models.evaluation.key_strokes import KeyStrokes
from models.evaluation.real_motion_distance import distance_to_real
from models.music.midi import write_midi
from training.evaluation.dynamics_table import calm_releases
from training.evaluation.excerpts import by_turns, choose_excerpts
from training.evaluation.figures import Row, as_markdown, measure, median_difference_mm, summary
from training.evaluation.takes import TakeOptions, make_takes, right_hand_kept, synthesised
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
    notes = Notes.from_arrays(np.concatenate(rows), hand=np.repeat([0, 1], [len(row) for row in rows]))
    write_midi(path, notes.select(np.argsort(notes.onset_s, kind="stable")))


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
        assert set(excerpt.notes.hand.tolist()) == {0, 1}
        assert excerpt.seconds <= 10
        assert 0 <= excerpt.notes.onset_s.min() <= 0.51 and excerpt.notes.offset_s.max() <= 10
        assert (np.diff(excerpt.notes.onset_s) >= 0).all()
    again = choose_excerpts(scores, "validation", 3, 10.0, timing, seed=0)
    assert all(a.notes.same_strokes(b.notes) for a, b in zip(excerpts, again, strict=True))
    other = choose_excerpts(scores, "validation", 3, 10.0, timing, seed=1)
    assert [e.notes.table.tobytes() for e in other] != [e.notes.table.tobytes() for e in excerpts]


def test_every_piece_has_its_turn() -> None:
    pieces = [
        Piece(Path(name), name, name[0], "validation", True) for name in ("a1", "a2", "a3", "b1", "c1", "c2")
    ]
    turns = [piece.name for piece in by_turns(pieces, np.random.default_rng(0))]
    assert sorted(turns) == sorted(piece.name for piece in pieces)
    assert [name[0] for name in turns] == ["a", "b", "c", "a", "c", "a"]


def wandering_take(seed: int = 0, frames: int = 240) -> Take:
    """Hands that drift, one note under the right index finger's way."""
    rng = np.random.default_rng(seed)
    wrist = np.cumsum(rng.normal(0, 0.003, (frames, 2, 3)), 0) + np.array(
        [[-0.2, -0.1, 0.06], [0.2, -0.1, 0.06]]
    )
    euler = np.zeros((frames, 2, 16, 3), np.float32)
    table = np.array([[2.0, 2.5, 64, 80], [3.0, 3.4, 67, 80]], np.float32)
    notes = Notes.from_arrays(table, np.array([[1, 1], [1, 3]]))
    return Take(Motion(euler, wrist.astype(np.float32), 30.0), notes, {"hand_size": 1.0})


def test_summary_pools_and_averages() -> None:
    takes = [wandering_take(seed) for seed in (0, 1)]
    rows = [measure("contact 1", take, take.notes, 8.0, {"sample": 2.0, "contact": 0.5}) for take in takes]
    rows[0].figures.update(onset_f1=1.0, onset_hits=30, onset_false=0, onset_missed=0)
    rows[1].figures.update(onset_f1=0.0, onset_hits=0, onset_false=10, onset_missed=10)
    one = summary(rows)
    assert one["onset_f1"] == 0.5 and one["onset_f1_worst"] == 0.0
    assert one["onset_f1_pooled"] == pytest.approx(60 / 80)
    assert one["sample_real_time_factor"] == pytest.approx(0.25)
    assert one["contact_real_time_factor"] == pytest.approx(1 / 16)
    wrists = np.concatenate([take.motion.wrist for take in takes])[..., :2]
    assert one["wrist_speed_p50"] < one["wrist_speed_p90"] < one["wrist_speed_p99"]
    fastest = np.linalg.norm(np.diff(wrists[:240], axis=0), axis=-1).max() * 30
    assert one["wrist_speed_p99"] < fastest
    # Two bodies of motion lie together at another distance than the mean of their distances.
    apart = [distance_to_real(row.features) for row in rows]
    assert one["real_motion_distance"] == pytest.approx(
        distance_to_real(np.concatenate([row.features for row in rows]))
    )
    assert one["real_motion_distance"] != pytest.approx(np.mean(apart))
    table = as_markdown([one]).splitlines()
    assert len(table) == 3 and len({line.count("|") for line in table}) == 1


def test_difference_between_takes_is_what_their_fingertips_are_apart() -> None:
    take = wandering_take()
    moved = Take(
        Motion(take.motion.euler, take.motion.wrist + np.float32([0.003, 0.0, 0.004]), 30.0),
        take.notes,
        take.meta,
    )
    assert median_difference_mm(take, moved) == pytest.approx(5.0, abs=0.01)
    assert median_difference_mm(take, take) == 0.0
    redone = Take(Motion(take.motion.euler, take.motion.wrist.copy(), 30.0), take.notes, take.meta)
    assert right_hand_kept(take, redone)
    redone.motion.wrist[7, 1, 2] = np.nextafter(redone.motion.wrist[7, 1, 2], np.float32(1))
    assert not right_hand_kept(take, redone)


def test_every_kind_of_take_is_made_of_an_excerpt(scores: Path, tmp_path: Path) -> None:
    excerpt = choose_excerpts(scores, "validation", 1, 6.0, "performed", seed=0)[0]
    folder = tmp_path / "takes"
    folder.mkdir()
    options = TakeOptions(other_seed=True, redo=True, synthesiser=True, steps=2)
    made = {one.kind: one.take for one in make_takes(Pipeline(), excerpt, folder, options)}
    assert list(made) == ["contact 1", "contact 0", "another seed", "redone left hand", "synthesiser"]
    assert right_hand_kept(made["contact 1"], made["redone left hand"])
    assert not np.array_equal(
        made["contact 1"].motion.euler[:, 0], made["redone left hand"].motion.euler[:, 0]
    )
    assert median_difference_mm(made["contact 1"], made["another seed"]) > 0
    row = measure("synthesiser", made["synthesiser"], excerpt.notes, excerpt.seconds, {})
    assert row.figures["onset_f1"] > 0.8


def test_every_excerpt_has_a_player_of_its_own_in_the_synthesisers_row(scores: Path, tmp_path: Path) -> None:
    excerpt = choose_excerpts(scores, "validation", 1, 6.0, "performed", seed=0)[0]
    names = (excerpt.name, excerpt.name, "somebody else's")
    takes = [synthesised(replace(excerpt, name=name), TakeOptions()).take for name in names]
    assert median_difference_mm(takes[0], takes[1]) == 0 < median_difference_mm(takes[0], takes[2])


@pytest.mark.parametrize("wrong", [{"source": "radio"}, {"hands": "four"}, {"contacts": ()}])
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TakeOptions(**wrong)


def piece_of(notes: int, seconds: float, release_s: float) -> Row:
    """A piece in which all keys come up equally fast."""
    strokes = KeyStrokes(*(np.full(notes, release_s) for _ in range(7)))
    return Row("contact 1", {"notes": notes, "music_s": seconds}, np.zeros((1, 25)), strokes)


def test_releases_are_told_apart_where_there_is_time_for_them() -> None:
    slow, at_the_edge, fast = piece_of(20, 10.0, 0.2), piece_of(70, 10.0, 0.1), piece_of(71, 10.0, 0.05)
    quartiles = calm_releases([slow, at_the_edge, fast])
    assert quartiles == pytest.approx([100, 100, 100])
    assert calm_releases([slow, fast]) == pytest.approx([200, 200, 200])
    assert calm_releases([fast]) is None
