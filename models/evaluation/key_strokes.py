# SPDX-License-Identifier: GPL-3.0-or-later
"""How each note's fingertip goes down into its key and comes out of it.

The depth of a fingertip is its share of the dip of its own key where it is, whatever it is over; 0 at the surface, 1
at the bottom. Only notes count whose finger strikes its key within `TOLERANCE_S` of the onset. Axis letters: n notes,
E moments.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import (
    LOWEST_PITCH,
    RELEASED_SHARE,
    STRUCK_SHARE,
    bottom_depth,
    key_surface,
    key_under,
)
from models.body.notes import Notes
from models.evaluation.fine_motion import FineMotion

Array = NDArray[np.float64]

TOLERANCE_S = 0.05
SPEED_BEFORE_S, SPEED_AFTER_S = 0.080, 0.015
"""The fastest descent is looked for from so long before the onset until so long after it."""
START_SHARE, BOTTOM_SHARE = 0.04, 0.96
"""A stroke starts at the first share of the dip, and is at the bottom at the second share of the deepest it gets."""
LET_GO_SHARE, UP_SHARE = 0.85, 0.10
"""A release goes from the first share of the dip to the second."""
_BEFORE_S, _BOTTOM_S, _AFTER_S = 0.5, 0.15, 2.0
"""A stroke is looked for so long before the onset, its bottom so long after the key is struck, its release so long
after the note's end."""
_FASTEST_SHARE = 0.98
"""Moments with so much of the peak speed are the fastest part: between two frames the speed is nearly the same."""


@dataclass(frozen=True, eq=False)
class KeyStrokes:
    """Columns (n,) of notes that are hit; NaN where a stroke has no such moment."""

    velocity: Array
    """0 to 127."""
    pitch: Array
    speed: Array
    """Peak speed of the descent, m/s."""
    speed_depth: Array
    """Depth at which the descent is fastest."""
    down_s: Array
    """From start to bottom, seconds."""
    onset_depth: Array
    """Depth at the onset."""
    release_s: Array
    """From 85 % to 10 % of the dip, seconds."""

    def __len__(self) -> int:
        """Number of notes."""
        return len(self.velocity)

    @classmethod
    def joined(cls, parts: list[KeyStrokes]) -> KeyStrokes:
        """The strokes of several takes together."""
        return cls(
            *(np.concatenate([getattr(part, field.name) for part in parts] or [[]]) for field in fields(cls))
        )


def key_strokes(fine: FineMotion, notes: Notes, dip_factor: float = 1.0) -> KeyStrokes:
    """The strokes of those notes (with their fingers, in any order) that are hit.

    dip_factor: how deep the keys go, in dips of ours.
    """
    notes = notes.select(notes.played & (notes.hand >= 0))
    notes = notes.select(np.argsort(notes.onset_s, kind="stable")).astype(np.float64)
    rows: list[tuple[float, ...]] = []
    for slot in range(10):
        mine = notes.select(notes.slot == slot)
        tip = fine.tips[:, slot // 5, slot % 5].astype(np.float64)
        before = np.concatenate([[-np.inf], mine.onset_s[:-1]])
        after = np.concatenate([mine.onset_s[1:], [np.inf]])
        for i, pitch in enumerate(mine.pitch.astype(int)):
            onset = float(mine.onset_s[i])
            begin = max(onset - _BEFORE_S, float(before[i]), 0.0)
            end = min(float(mine.leaves_s[i]) + _AFTER_S, float(after[i]))
            span = slice(int(np.ceil(begin * fine.rate)), int(end * fine.rate) + 1)
            depth = _depth(tip[span], pitch) / dip_factor
            stroke = _stroke(tip[span], depth, pitch, onset * fine.rate - span.start, fine.rate)
            if stroke is not None:
                rows.append((float(mine.velocity[i]), float(pitch), *stroke))
    return KeyStrokes(*np.array(rows, np.float64).reshape(-1, len(fields(KeyStrokes))).T)


def _depth(tip: Array, pitch: int) -> Array:
    """(E,) of points (E, 3) below the surface of a key, as shares of our key's dip there."""
    depth: Array = (float(key_surface(pitch)) - tip[:, 2]) / bottom_depth(pitch, tip[:, 1])
    return depth


def _stroke(tip: Array, depth: Array, pitch: int, onset: float, rate: float) -> tuple[float, ...] | None:
    """Speed, depth at it, time down, depth at the onset, time of the release; None where the key is not struck.

    Args:
        tip: (E, 3) of one note, from the stroke before to the one after. depth: (E,) of it. onset: in moments of it.
    """
    crossings = _downward(depth, STRUCK_SHARE)
    crossings = crossings[np.abs(crossings - onset) <= TOLERANCE_S * rate]
    crossings = crossings[key_under(tip[crossings]) + LOWEST_PITCH == pitch]
    if not len(crossings):
        return None
    struck = int(crossings[0])
    released = np.flatnonzero(depth[struck:] < RELEASED_SHARE)
    let_go = struck + int(released[0]) if len(released) else len(depth)
    return (
        *_descent(tip[:, 2], depth, onset, rate),
        _time_down(depth, struck, min(let_go, struck + int(_BOTTOM_S * rate))) / rate,
        float(np.interp(onset, np.arange(len(depth)), depth)),
        _release(depth, struck, let_go) / rate,
    )


def _descent(height: Array, depth: Array, onset: float, rate: float) -> tuple[float, float]:
    """Peak speed about the onset, m/s, and the depth there; no depth where the finger does not go down."""
    first = max(int(np.ceil(onset - SPEED_BEFORE_S * rate)), 0)
    last = int(onset + SPEED_AFTER_S * rate)
    speed = -np.diff(height[first : last + 1]) * rate
    peak = float(speed.max(initial=0.0))
    if peak == 0.0:
        return 0.0, np.nan
    fastest = first + np.flatnonzero(speed >= _FASTEST_SHARE * peak)
    return peak, float((depth[fastest] + depth[fastest + 1]).mean() / 2)


def _time_down(depth: Array, struck: int, until: int) -> float:
    """Moments from start to bottom; NaN where the finger was down already when the stroke before ended."""
    start = _downward(depth[: struck + 1], START_SHARE)
    if not len(start):
        return np.nan
    low = BOTTOM_SHARE * float(depth[struck : until + 1].max())
    bottom = struck + int(np.argmax(depth[struck : until + 1] >= low))
    if bottom == struck:  # it may have been reached before the key counts as struck
        bottom = int(_downward(depth[: struck + 1], low)[-1])
    return _moment(depth, bottom, low) - _moment(depth, int(start[-1]), START_SHARE)


def _release(depth: Array, struck: int, let_go: int) -> float:
    """Moments from `LET_GO_SHARE` to `UP_SHARE`; NaN where the finger was never so deep or does not come up."""
    up = let_go + np.flatnonzero(depth[let_go:] < UP_SHARE)
    if not len(up):
        return np.nan
    deep = struck + np.flatnonzero(depth[struck : up[0]] >= LET_GO_SHARE)
    if not len(deep):
        return np.nan
    return _moment(depth, int(up[0]), UP_SHARE) - _moment(depth, int(deep[-1]) + 1, LET_GO_SHARE)


def _downward(depth: Array, level: float) -> NDArray[np.int64]:
    """Moments at which the level is reached and was not at the moment before."""
    return np.flatnonzero((depth[1:] >= level) & (depth[:-1] < level)) + 1


def _moment(depth: Array, after: int, level: float) -> float:
    """When, between the moment ``after`` and the one before it, the depth passes the level."""
    before: float = depth[after - 1]
    return float(after - 1 + (level - before) / (depth[after] - before))


def spearman(one: NDArray[Any], other: NDArray[Any]) -> float | None:
    """Rank correlation; None for fewer than three pairs or where either is the same throughout."""
    if len(one) < 3:
        return None
    first, second = _ranks(one), _ranks(other)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: NDArray[Any]) -> Array:
    """Ranks (n,), equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]
