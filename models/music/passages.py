# SPDX-License-Identifier: GPL-3.0-or-later
"""Long silences: the music between them is made passage by passage, and in them the hands rest.

Work is then as long as the music, not as the take. Music without a long silence is one passage, the whole take.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.body.motion import Motion
from models.body.notes import Notes

LONG_SILENCE_S = 30.0
"""A silence longer than this is not generated. A key held longer than this counts as let go; its finger rests on it."""
AROUND_S = 8.0
"""Seconds before the first onset and after the last release of a passage that belong to it."""
REACHES_S = 4.0
"""Hands that rested are on their way to the next passage for this long before it begins."""

Span = tuple[int, int]
"""Frames start <= i < stop."""


def passages(notes: Notes, duration_s: float) -> list[tuple[float, float]]:
    """The seconds, start and stop, of each passage of a take.

    Args:
        notes: sorted by onset.
        duration_s: length of the take.
    """
    onset = notes.onset_s.astype(np.float64)
    inside = (onset >= 0) & (onset < duration_s)
    onset = onset[inside]
    if not len(onset):
        return [(0.0, duration_s)]
    heard = np.minimum(notes.offset_s[inside].astype(np.float64), onset + LONG_SILENCE_S)
    silent_from = np.concatenate([[0.0], np.maximum.accumulate(heard)])
    silent_to = np.append(onset, duration_s)
    long = np.flatnonzero(silent_to - silent_from > LONG_SILENCE_S)
    edges = [0.0]
    for i in long.tolist():
        edges += [float(silent_from[i]) + AROUND_S, float(silent_to[i]) - AROUND_S]
    edges.append(duration_s)
    if len(long) and long[0] == 0:
        edges = edges[2:]
    if len(long) and long[-1] == len(onset):
        edges = edges[:-2]
    return list(zip(edges[0::2], edges[1::2], strict=True))


def frame_spans(parts: Sequence[tuple[float, float]], fps: float, frames: int) -> list[Span]:
    """The passages in frames of a take that has so many; the last one ends with the take where its seconds do."""
    last = len(parts) - 1
    spans = []
    for i, (start, stop) in enumerate(parts):
        ends = i == last and np.ceil(stop * fps) >= frames - 1
        spans.append((int(np.floor(start * fps)), frames if ends else min(int(np.ceil(stop * fps)), frames)))
    return spans


def seconds_of(parts: Sequence[tuple[float, float]]) -> float:
    """How long all passages are together."""
    return sum(stop - start for start, stop in parts)


def silences(spans: Sequence[Span], start: int, stop: int) -> list[Span]:
    """The frames between the spans, as far as they lie in start <= i < stop."""
    edges = [start, *(edge for span in spans for edge in span), stop]
    cut = [(max(low, start), min(high, stop)) for low, high in zip(edges[0::2], edges[1::2], strict=True)]
    return [(low, high) for low, high in cut if low < high]


def rest(motion: Motion, gaps: Sequence[Span], hands: Sequence[int] = (0, 1)) -> Motion:
    """The motion with hands at rest in the gaps: as the frame before has them, until they reach for the frame after."""
    if not gaps:
        return motion
    euler, wrist = motion.euler.copy(), motion.wrist.copy()
    for low, high in gaps:
        before, after = (low - 1 if low > 0 else high), (high if high < motion.frames else low - 1)
        reach = min(max(round(REACHES_S * motion.fps), 1), high - low)
        t = (np.arange(reach) + 1) / (reach + 1)
        share = (t * t * (3 - 2 * t)).astype(np.float32)
        for out in (euler, wrist):
            for hand in hands:
                out[low : high - reach, hand] = out[before, hand]
                way = share.reshape(-1, *[1] * (out.ndim - 2))
                out[high - reach : high, hand] = out[before, hand] + way * (
                    out[after, hand] - out[before, hand]
                )
    return Motion(euler, wrist, motion.fps)
