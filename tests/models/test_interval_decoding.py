# SPDX-License-Identifier: GPL-3.0-or-later
"""The best path over intervals, against trying out all paths."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.typing import NDArray

from models.music.transcription.decoding import IntervalScores, best_intervals


def positive(score: NDArray[np.float32], single: NDArray[np.float32]) -> IntervalScores:
    """Of scores (tracks, begin, end), as the network gives them."""
    track, begin, end = np.nonzero(np.triu(score, 1) > 0)
    return IntervalScores(track, begin, end, score[track, begin, end], single)


def best_of_all(score: NDArray[np.float32], single: NDArray[np.float32], start: int) -> float:
    """The highest score of any path of one track, negative intervals included."""

    @functools.cache
    def value(frame: int) -> float:
        alone = max(float(single[frame]), 0.0)
        if frame == len(single) - 1:
            return alone
        held = [float(score[frame, end]) + value(end) for end in range(frame + 1, len(single))]
        return alone + max(value(frame + 1), *held)

    return value(start)


@pytest.mark.parametrize("seed", range(5))
def test_no_path_is_better(seed: int) -> None:
    generator = np.random.default_rng(seed)
    score = (generator.normal(-0.5, 1, (6, 14, 14)) * np.arange(1, 15)).astype(np.float32)
    single = generator.normal(-0.5, 1, (6, 14)).astype(np.float32)
    start = generator.integers(0, 14, 6)
    for track, path in enumerate(best_intervals(positive(score, single), start)):
        assert (path[:, 0] >= start[track]).all() and (path[1:, 0] >= path[:-1, 1]).all()
        scored = [single[track, a] if a == b else score[track, a, b] for a, b in path]
        assert sum(scored) == pytest.approx(
            best_of_all(score[track], single[track], int(start[track])), abs=1e-4
        )


def test_intervals_meet_and_single_frames_count() -> None:
    score = np.zeros((1, 6, 6), np.float32)
    score[0, 0, 2], score[0, 2, 4], score[0, 0, 4] = 2, 2, 3.5
    single = np.full((1, 6), -1, np.float32)
    single[0, 5] = 0.5
    assert best_intervals(positive(score, single), np.array([0]))[0].tolist() == [[0, 2], [2, 4], [5, 5]]
    assert best_intervals(positive(score, single), np.array([1]))[0].tolist() == [[2, 4], [5, 5]]


def test_nothing_above_zero_is_nothing() -> None:
    path = best_intervals(
        positive(np.full((2, 5, 5), -1, np.float32), np.full((2, 5), -1, np.float32)), np.zeros(2, int)
    )
    assert [len(part) for part in path] == [0, 0]


def test_scores_of_intervals_are_found_again() -> None:
    generator = np.random.default_rng(4)
    score = generator.normal(size=(3, 20, 20)).astype(np.float32)
    single = generator.normal(size=(3, 20)).astype(np.float32)
    scores = positive(score, single)
    chosen = generator.permutation(len(scores.score))[:40]
    track, begin, end = scores.track[chosen], scores.begin[chosen], scores.end[chosen]
    np.testing.assert_array_equal(scores.of(track, begin, end), scores.score[chosen])
    np.testing.assert_array_equal(scores.of(track, begin, begin), single[track, begin])
