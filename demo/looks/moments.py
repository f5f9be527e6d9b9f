# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames of a take are worth a look: onsets with most going on, and halfway to the next. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.body.notes import Notes

NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
TOGETHER_S = 0.03
"""Onsets this near are one stroke."""
PRESS_S = 0.02
"""A stroke is looked at this long after its last onset: keys that were just struck are down by then."""
WIDE_S = 1.0
"""A gap longer than this counts as this long: the hands are at rest in it, wherever one looks."""


@dataclass(frozen=True)
class Moment:
    """One picture's time."""

    frame: int
    """From 0, at the take's rate."""
    onset: bool | None
    """Whether notes begin; else it is halfway between two strokes. None for one of a strip."""
    sounding: tuple[int, ...]
    """MIDI pitches that are held, rising."""

    def caption(self, fps: float) -> str:
        """Second, kind and notes for the picture's foot."""
        notes = " ".join(pitch_name(pitch) for pitch in self.sounding) or "rest"
        kind = {True: "onset  ", False: "between  ", None: ""}[self.onset]
        return f"{self.frame / fps:.2f} s  {kind}{notes}"


def pitch_name(pitch: int) -> str:
    """``C4`` for 60."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


def strokes(onsets: NDArray[np.floating]) -> list[NDArray[np.int64]]:
    """Indices of notes (n,) that begin together, in time; ``onsets`` rises."""
    if len(onsets) == 0:
        return []
    cuts = np.flatnonzero(np.diff(onsets) > TOGETHER_S) + 1
    return np.split(np.arange(len(onsets)), cuts)


def choose(notes: Notes, fps: float, frames: int, pairs: int) -> list[Moment]:
    """Onset and halfway moments, ``2 * pairs`` of them in time order (fewer where the music is shorter).

    The take is cut into ``pairs`` equal shares of its strokes, so that all of it is seen; of each share the stroke is
    chosen whose notes are most and lie farthest from those before it: there a hand has most to do.

    Args:
        notes: sorted by onset. frames: length of the take.
    """
    if pairs < 1 or not fps > 0:
        raise ValueError(f"{pairs} pairs at {fps} fps: both must be above 0")
    groups = strokes(notes.onset_s)
    if not groups:
        return []
    found: list[Moment] = []
    for share in np.array_split(np.arange(len(groups)), min(pairs, len(groups))):
        best = max(share, key=lambda k: _much(notes, groups, int(k)))
        last = float(notes.onset_s[groups[best]].max())
        following = float(notes.onset_s[groups[best + 1][0]]) if best + 1 < len(groups) else last + WIDE_S
        for second, onset in ((last + PRESS_S, True), ((last + min(following, last + WIDE_S)) / 2, False)):
            frame = int(np.clip(np.ceil(second * fps), 0, frames - 1))
            if all(frame != other.frame for other in found):
                found.append(Moment(frame, onset, held(notes, frame / fps)))
    return sorted(found, key=lambda moment: moment.frame)


def strip(notes: Notes, fps: float, frames: list[int]) -> list[Moment]:
    """Moments one after another."""
    return [Moment(frame, None, held(notes, frame / fps)) for frame in frames]


def held(notes: Notes, second: float) -> tuple[int, ...]:
    """Pitches whose notes last over ``second``, rising, each once."""
    inside = (notes.onset_s <= second) & (notes.offset_s > second)
    return tuple(int(pitch) for pitch in np.unique(notes.pitch[inside]))


def _much(notes: Notes, groups: list[NDArray[np.int64]], k: int) -> float:
    """How much goes on at a stroke: its notes, and octaves from the middle of the stroke before."""
    pitch = notes.pitch[groups[k]].mean()
    before = notes.pitch[groups[k - 1]].mean() if k else pitch
    return len(groups[k]) + abs(pitch - before) / 12
