# SPDX-License-Identifier: GPL-3.0-or-later
"""How hands are carried: height of the wrists, their rise at rests, how far they move within a stroke.

Axis letters: n notes, E moments of a `FineMotion`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import is_black
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.evaluation.fine_motion import FineMotion
from models.music.notes import chord_starts

REST_S = 0.5
"""A hand that is silent for so long rests."""
RISE_M = 0.012
"""A wrist that goes so far above its height at the last note rises."""
CYCLE_S = (0.15, 1.0)
"""Strokes of a hand that follow each other within these times are a cycle."""


@dataclass(frozen=True)
class Carriage:
    """Of one take; None where there was nothing to look at."""

    wrist_height_range_mm: float | None
    """From the 5th to the 95th percentile while the hand plays, the mean of the hands that play."""
    wrist_height_white_mm: float | None
    """Median at the onsets on white keys, above the white keys' tops."""
    wrist_height_black_mm: float | None
    rests: int
    """Times at which a hand is silent for `REST_S` or more."""
    rises_at_rests: float | None
    """Share of them in which the wrist goes `RISE_M` above its height at the last onset."""
    wrist_stroke_mm: float | None
    """Median of how far the wrist goes up and down from stroke to stroke (`stroke_range_mm`)."""
    knuckles_stroke_mm: float | None
    wrist_bend_range_deg: float | None
    """Bend against the forearm, 5th to 95th percentile while the hand plays, the mean of the hands that play."""
    wrist_bend_stroke_deg: float | None
    """Median of the bend's range between strokes that follow each other within `CYCLE_S`."""


def carriage(fine: FineMotion, notes: Notes) -> Carriage:
    """How the hands of a motion are carried; notes with their hands, in any order."""
    notes = notes.select(notes.played & (notes.hand >= 0))
    notes = notes.select(np.argsort(notes.onset_s, kind="stable")).astype(np.float64)
    height = fine.wrist[..., 2]
    at_onset = height[_moments(fine, notes.onset_s), notes.hand] if len(fine) else np.zeros(len(notes))
    black = is_black(notes.pitch.astype(int))
    rises = np.array(list(_rises(fine, notes)))
    bend = None if fine.bend is None else np.degrees(fine.bend)
    cycles = [] if bend is None else list(_cycle_ranges(fine, notes, bend))
    return Carriage(
        _scaled(_usual_range(fine, notes, height), 1000),
        _scaled(_median(at_onset[~black]), 1000),
        _scaled(_median(at_onset[black]), 1000),
        len(rises),
        float((rises >= RISE_M).mean()) if len(rises) else None,
        *stroke_range_mm(fine, notes),
        None if bend is None else _usual_range(fine, notes, bend),
        _median(np.array(cycles)),
    )


def stroke_range_mm(fine: FineMotion, notes: Notes) -> tuple[float | None, float | None]:
    """How far a hand goes up and down from stroke to stroke: median range of the height of wrist and knuckles.

    Made for a passage, octaves say, so that one loudness can be compared with another. None without two strokes.
    """
    notes = notes.select(np.argsort(notes.onset_s, kind="stable")).astype(np.float64)
    wrist, knuckles = (
        _scaled(_median(np.array(list(_cycle_ranges(fine, notes, height)))), 1000)
        for height in (fine.wrist[..., 2], fine.knuckles)
    )
    return wrist, knuckles


def _usual_range(fine: FineMotion, notes: Notes, values: NDArray[np.floating[Any]]) -> float | None:
    """Mean over the hands that play of the 5th to the 95th percentile of values (E, 2) from first to last note."""
    ranges = []
    for hand in (LEFT, RIGHT):
        mine = notes.select(notes.hand == hand)
        if len(mine) and len(fine):
            first, last = _moments(fine, np.array([mine.onset_s.min(), mine.offset_s.max()]))
            ranges.append(np.ptp(np.percentile(values[first : last + 1, hand], (5, 95))))
    return float(np.mean(ranges)) if ranges else None


def _rises(fine: FineMotion, notes: Notes) -> Iterator[float]:
    """How far the wrist goes up in each rest, metres above its height at the last onset before it."""
    end_s = (len(fine) - 1) / fine.rate
    for hand in (LEFT, RIGHT):
        mine = notes.select(notes.hand == hand)
        if not len(mine):
            continue
        silent_from = np.maximum.accumulate(mine.leaves_s)
        until = np.append(mine.onset_s[1:], end_s)
        for i in np.flatnonzero(until - silent_from >= REST_S):
            last, begin, end = _moments(fine, np.array([mine.onset_s[i], silent_from[i], until[i]]))
            yield float(fine.wrist[begin : end + 1, hand, 2].max() - fine.wrist[last, hand, 2])


def _cycle_ranges(fine: FineMotion, notes: Notes, values: NDArray[np.floating[Any]]) -> Iterator[float]:
    """Range of values (E, 2) of a hand between two strokes; a chord is one stroke."""
    for hand in (LEFT, RIGHT):
        onsets = notes.onset_s[notes.hand == hand]
        onsets = onsets[chord_starts(onsets)]
        moments = _moments(fine, onsets)
        for i in np.flatnonzero((np.diff(onsets) >= CYCLE_S[0]) & (np.diff(onsets) <= CYCLE_S[1])):
            yield float(np.ptp(values[moments[i] : moments[i + 1] + 1, hand]))


def _moments(fine: FineMotion, seconds: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """The moment nearest to each time."""
    nearest: NDArray[np.int64] = np.clip(np.rint(seconds * fine.rate), 0, max(len(fine) - 1, 0)).astype(int)
    return nearest


def _median(values: NDArray[np.floating[Any]]) -> float | None:
    return float(np.median(values)) if len(values) else None


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
