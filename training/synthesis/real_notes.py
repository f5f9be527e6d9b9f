# SPDX-License-Identifier: GPL-3.0-or-later
"""What real pianists play in the tracked excerpts, and with which finger: notes read off their fingertips.

A finger plays a key from the frame in which it is marked as pressing until it is not, or is over another key: where
fingers press, their X was snapped to the key's middle (PianoMime).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEYS, LOWEST_PITCH, key_x
from models.body.notes import Notes

REAL_FPS = 20.0
PRESS_M, REST_M = 0.02, 0.1
"""Heights in the data set: below the first a finger presses, above the second it is in the rest pose at the start."""
HELD_OUT = 4
"""Every so-manieth excerpt, in the data set's own order, is for measuring alone: no model learns from it."""
_LOUDNESS = 70.0
_SHORTEST_S = 10.0


@dataclass(frozen=True)
class RealExcerpt:
    """Some seconds of a real pianist's playing."""

    wrist: NDArray[np.float64]
    """(F, 2, 2) metres, at ``REAL_FPS``."""
    tips: NDArray[np.float64]
    """(F, 2, 5, 2) metres."""
    notes: Notes
    """Sorted by onset, with their fingers; the velocity, not known, is the same for all."""


def real_excerpts(path: Path) -> list[RealExcerpt]:
    """The excerpts of the PianoMime fingertips, without the rest pose at their start; very short ones are left out."""
    with np.load(path, allow_pickle=False) as data:
        points, ends = data["points"], data["episode_ends"]
    found = []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        part = points[start:end].astype(np.float64)
        playing = np.flatnonzero((part[:, :, 1:, 2] < REST_M).all((1, 2)))
        if len(playing) < _SHORTEST_S * REAL_FPS:
            continue
        part = part[playing[0] : playing[-1] + 1]
        found.append(RealExcerpt(part[:, :, 0, :2], part[:, :, 1:, :2], played_notes(part[:, :, 1:])))
    return found


def is_held_out(index: int) -> bool:
    """Whether the excerpt of this number is for measuring alone."""
    return index % HELD_OUT == 0


def excerpts_to_learn(path: Path) -> dict[int, RealExcerpt]:
    """The excerpts that models may learn from, by their number. Raises as `real_excerpts` does."""
    return {index: one for index, one in enumerate(real_excerpts(path)) if not is_held_out(index)}


def excerpts_to_measure(path: Path) -> dict[int, RealExcerpt]:
    """The other excerpts, by their number."""
    return {index: one for index, one in enumerate(real_excerpts(path)) if is_held_out(index)}


def played_notes(tips: NDArray[np.floating[Any]]) -> Notes:
    """The notes of fingertips (F, 2, 5, 3) that are marked as pressing."""
    middles = key_x(np.arange(KEYS) + LOWEST_PITCH)
    key = np.abs(tips[..., :1] - middles).argmin(-1)  # (F, 2, 5)
    key = np.where(tips[..., 2] < PRESS_M, key, -1)
    none = np.full((1, 2, 5), -1)
    before, after = np.concatenate([none, key]), np.concatenate([key, none])
    rows = []
    for hand in range(2):
        for finger in range(5):
            changes = np.flatnonzero(before[:, hand, finger] != after[:, hand, finger])
            for begin, stop in zip(changes[:-1], changes[1:], strict=True):
                if key[begin, hand, finger] >= 0:
                    pitch = key[begin, hand, finger] + LOWEST_PITCH
                    # A press that shows in a frame began some time since the frame before; so did its end.
                    rows.append(((begin - 0.5) / REAL_FPS, (stop - 0.5) / REAL_FPS, pitch, hand, finger))
    onset, offset, pitch, hand_of, finger_of = np.array(sorted(rows)).reshape(-1, 5).T
    table = np.stack([np.maximum(onset, 0.0), offset, pitch, np.full(len(rows), _LOUDNESS)], 1)
    return Notes.from_arrays(table, np.stack([hand_of, finger_of], 1).astype(np.int64))
