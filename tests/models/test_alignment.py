# SPDX-License-Identifier: GPL-3.0-or-later
"""A MIDI file laid over a recording: known tempo curves are found again, other music is recognised as such."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.body.notes import Notes
from models.errors import UserError
from models.music.alignment import TimeMap, align, match_chords


def piece(seed: int, chords: int = 120) -> Notes:
    """Chords of one to four keys, some of them repeated notes, 0.15 to 0.6 s apart."""
    draw = np.random.default_rng(seed)
    rows, onset = [], 1.0
    for _ in range(chords):
        rows += [
            (onset, onset + 0.3, pitch, 64) for pitch in np.unique(draw.integers(40, 90, draw.integers(1, 5)))
        ]
        onset += draw.choice([0.15, 0.3, 0.6])
    return Notes.from_arrays(rows)


def in_a_row(parts: list[Notes]) -> Notes:
    """One after another, each from the end of the one before."""
    begin_s = np.cumsum([0.0, *(float(part.offset_s.max()) for part in parts)])
    return Notes.from_arrays(
        np.concatenate([p.shifted(b).table for p, b in zip(parts, begin_s, strict=False)])
    )


def rubato(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """A slower performance that begins 2 s later and breathes."""
    return 2.0 + 1.3 * seconds + 0.6 * np.sin(seconds / 3.0)


def performed(
    notes: Notes, seed: int, lost: float = 0.05, more: int = 5
) -> tuple[Notes, NDArray[np.float64]]:
    """What a transcriber hears of it: notes off by 10 ms, chords spread, some lost, some wrong ones more.

    Returns:
        What is heard, sorted, and the true onset of each of `notes`.
    """
    draw = np.random.default_rng(seed)
    onset_s = rubato(notes.onset_s) + draw.normal(0, 0.01, len(notes))
    heard = replace(notes, onset_s=onset_s, offset_s=onset_s + 0.3).select(draw.random(len(notes)) >= lost)
    wrong = [
        (t, t + 0.2, p, 40)
        for t, p in zip(draw.uniform(2, 50, more), draw.integers(40, 90, more), strict=True)
    ]
    both = Notes.from_arrays(np.concatenate([heard.table, np.array(wrong).reshape(-1, 4)]))
    return both.select(np.argsort(both.onset_s, kind="stable")), onset_s


@pytest.mark.parametrize("seed", range(4))
def test_a_score_is_laid_over_a_free_performance_of_it(seed: int) -> None:
    score = piece(seed)
    heard, true_s = performed(score, seed + 100)
    aligned = align(score, heard, 300.0)
    assert len(aligned.notes) == len(score)
    by_pitch = np.lexsort((true_s, score.pitch))
    found = np.lexsort((aligned.notes.onset_s, aligned.notes.pitch))
    off = np.abs(aligned.notes.onset_s[found] - true_s[by_pitch])
    assert np.median(off) < 0.005
    assert np.percentile(off, 95) < 0.05
    assert aligned.fit.good
    assert aligned.fit.matched >= 0.93 * len(score)
    assert aligned.remarks == ()


def test_a_file_of_the_same_performance_is_moved_as_a_whole() -> None:
    score = piece(1)
    jitter = np.random.default_rng(0).normal(0, 0.004, len(score))
    heard = replace(score, onset_s=3.2 + 0.999 * score.onset_s + jitter)
    heard = heard.select(np.argsort(heard.onset_s, kind="stable"))
    aligned = align(score, heard, 300.0)
    # The performance's own timing stays: one line for all notes, not the transcriber's error for each.
    assert len(aligned.time_map.file_s) == 2
    assert aligned.notes.onset_s == pytest.approx(np.sort(3.2 + 0.999 * score.onset_s), abs=0.003)
    assert aligned.fit.offset_s == pytest.approx(3.2, abs=0.003)


def test_the_recording_may_be_a_part_of_the_piece() -> None:
    score = piece(2)
    heard, true_s = performed(score, 5, lost=0.0, more=0)
    part = heard.select((heard.onset_s > 20.0) & (heard.onset_s < 40.0)).shifted(-20.0)
    aligned = align(score, part, 20.0)
    inside = (true_s > 20.0) & (true_s < 40.0)
    assert len(aligned.notes) == pytest.approx(inside.sum(), abs=3)
    assert aligned.fit.matched >= 0.95 * inside.sum()
    assert aligned.notes.onset_s.min() >= 0
    assert aligned.notes.offset_s.max() <= 20.0


def test_a_repeat_that_is_not_played_is_left_out_and_said() -> None:
    parts = [piece(12, 20), piece(3, 60), piece(3, 60), piece(4, 60)]
    written, heard = in_a_row(parts), in_a_row([parts[0], *parts[2:]])
    aligned = align(written, heard, 300.0)
    assert [remark.code for remark in aligned.remarks] == ["midi_not_played"]
    assert f"{len(parts[1])} notes" in aligned.remarks[0].sentence
    assert len(aligned.notes) == len(heard)
    assert np.sort(aligned.notes.onset_s) == pytest.approx(np.sort(heard.onset_s), abs=0.02)


def test_what_the_file_has_not_is_said() -> None:
    parts = [piece(seed, 40) for seed in (5, 6, 7)]
    aligned = align(in_a_row([parts[0], parts[2]]), in_a_row(parts), 300.0)
    assert [remark.code for remark in aligned.remarks] == ["midi_has_not"]


def test_other_music_does_not_fit() -> None:
    heard, _ = performed(piece(9), 9)
    fit = align(piece(8), heard, 300.0).fit
    assert not fit.good
    assert "other music" in fit.sentence
    with pytest.raises(UserError, match="Nothing of the MIDI file"):
        align(piece(8), Notes.none(), 10.0)


def test_no_alignment_of_chords_has_more_gain() -> None:
    """Against a plain search over all alignments of short pieces."""
    from models.music.alignment import GAP, UNLIKE

    def keys(notes: Notes) -> list[frozenset[int]]:
        return [
            frozenset(notes.pitch[notes.onset_s == onset].astype(int)) for onset in np.unique(notes.onset_s)
        ]

    draw = np.random.default_rng(11)
    for _ in range(20):
        sides = []
        for _ in range(2):
            rows = [
                (t, t + 0.3, p, 64) for t in range(4) for p in draw.choice([60, 62, 64], 2, replace=False)
            ]
            sides.append(Notes.from_arrays(np.array(rows, float)))
        file, heard = (keys(notes) for notes in sides)

        def gain(
            i: int, j: int, file: list[frozenset[int]] = file, heard: list[frozenset[int]] = heard
        ) -> float:
            return len(file[i] & heard[j]) - UNLIKE * len(file[i] ^ heard[j])

        def best(i: int, j: int) -> float:
            if i < 0 or j < 0:
                return 0.0
            return max(0.0, best(i - 1, j - 1) + gain(i, j), best(i - 1, j) - GAP, best(i, j - 1) - GAP)

        pairs = match_chords(*sides)
        found = sum(gain(i, j) for i, j in pairs.tolist())
        if len(pairs):
            steps = np.diff(pairs, axis=0) - 1
            found -= GAP * float(steps.sum())
        assert found == pytest.approx(max(best(i, j) for i in range(4) for j in range(4)), abs=1e-5)


def test_a_time_map_goes_on_as_it_began_and_ended() -> None:
    time_map = TimeMap(np.array([1.0, 2.0, 4.0]), np.array([10.0, 11.0, 15.0]))
    assert time_map(np.array([0.0, 1.5, 3.0, 5.0])) == pytest.approx([9.0, 10.5, 13.0, 17.0])
