# SPDX-License-Identifier: GPL-3.0-or-later
"""What a transcription network is asked, and what it answers: the notes of each key in one segment of sound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import LOWEST_PITCH
from models.music.transcription.decoding import IntervalScores

FINDINGS_SQUEEZE = 0.99
"""By so much training squeezed the exact ends about the middle of their frame."""
SMALL_LOGIT = 0.05
"""Below it the mean is taken from its series: the formula subtracts two large numbers there."""


@dataclass(frozen=True)
class SegmentNotes:
    """Notes of one key in one segment, in frames of the network (fractional) from the segment's start."""

    pitch: int
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    """(n,)"""
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    """(n,) the whole frames that were scored."""
    velocity: NDArray[np.int64]
    begins: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    """(n,) False where the note comes from before or goes on after the segment."""
    score: NDArray[np.float32]
    """(n,) the interval's: how much better it explains the sound than no note does."""


class NoteNetwork(Protocol):
    """Sound to intervals on 88 keys, with velocities and exact ends."""

    rate: int
    """Samples a second of the sound that it hears."""
    hop: int
    """Samples a frame."""
    ticks: int
    """How often `hear` calls `tick` for one segment."""

    def hear(
        self, sound: NDArray[np.float32], start: NDArray[np.int64], tick: Callable[[], None]
    ) -> list[SegmentNotes]:
        """Notes of each key in one segment of sound (channels, samples) at the network's rate.

        Args:
            start: (88,) frame from which each key's notes are looked for.
            tick: called `ticks` times in the course of the work; may raise.
        """


@dataclass(frozen=True)
class Findings:
    """What the network says of chosen intervals; one row each."""

    velocity: NDArray[np.int64]
    """(n,)"""
    shift_logit: NDArray[np.float32]
    """(n, 2) of the exact begin and end within their frames."""
    presence: NDArray[np.float32]
    """(n, 2) above 0 where the begin, the end is in the segment."""


def segment_notes(
    paths: list[NDArray[np.int64]], scores: IntervalScores, findings: Findings, last_frame: int
) -> list[SegmentNotes]:
    """Notes of each key, from its chosen intervals (n, 2) and what the network says of all of them, key by key."""
    track = np.repeat(np.arange(len(paths)), [len(path) for path in paths])
    first, last = np.concatenate(paths).T
    shift = np.clip((mean_of_logit(findings.shift_logit) - 0.5) / FINDINGS_SQUEEZE, -0.5, 0.5)
    present = findings.presence > 0
    begins, ends = (first > 0) | present[:, 0], (last < last_frame) | present[:, 1]
    score = scores.of(track, first, last)
    edges = np.searchsorted(track, np.arange(len(paths) + 1))
    parts = [slice(edges[key], edges[key + 1]) for key in range(len(paths))]
    begin, end = first + shift[:, 0], last + shift[:, 1]
    return [
        SegmentNotes(
            LOWEST_PITCH + key,
            begin[part],
            end[part],
            first[part],
            last[part],
            findings.velocity[part],
            begins[part],
            ends[part],
            score[part],
        )
        for key, part in enumerate(parts)
    ]


def mean_of_logit(logit: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean of a continuous Bernoulli distribution of that logit: 1 / 2 + coth(logit / 2) / 2 - 1 / logit."""
    small = np.abs(logit) < SMALL_LOGIT
    large = np.where(small, 1.0, logit).astype(np.float64)
    return np.where(small, 0.5 + logit / 12, 0.5 + 0.5 / np.tanh(large / 2) - 1 / large)
