# SPDX-License-Identifier: GPL-3.0-or-later
"""One hand's notes as chords: what it strikes, what it holds on meanwhile, and when it lets go.

Holding is a resource of the hand: five fingers within its reach. A note wants to be held until its offset. What
cannot be held together with what has to be struck gives way: what the pedal holds anyway (`Notes.needed_s`), and what
was struck longest ago. By when a finger has to be gone exactly, `letting_go` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.notes import Notes
from models.music.holding import REACH_M
from models.music.notes import CHORD_WINDOW_S
from models.planning.fingering_costs import FINGERS

HELD_S = 0.1
"""A key still down this long after the next onset keeps its finger; a shorter overlap is legato."""
MAX_SPAN = REACH_M
"""Metres between the outer keys that one hand can hold."""
_OPEN_SPAN, _OPEN_REACH = 0.15, 0.185
"""Metres between the outer keys of a chord that opens the hand, as an octave does; and within which it then holds."""


@dataclass(frozen=True)
class Chords:
    """The chords of one hand; arrays of keys are (chords, 5), padded with -1 or False."""

    time: NDArray[np.float64]
    """(chords,) seconds."""
    member: NDArray[np.int64]
    """Index of the note of each key that is down, by X."""
    struck: NDArray[np.bool_]
    """Whether the key is struck in this chord."""
    release: NDArray[np.float64]
    """(notes,) when each finger has to leave its key, seconds."""


def group_chords(
    notes: Notes, pitch: NDArray[np.integer[Any]], x: NDArray[np.floating[Any]], fingers: int = FINGERS
) -> Chords:
    """Chords of one hand's notes, sorted by onset.

    Args:
        pitch: (n,) as the right hand sees it. x: (n,) metres, likewise, of a hand that reaches as far as ours.
        fingers: that the hand has.
    """
    hand = _Hand(notes, pitch.tolist(), x.tolist(), fingers)
    times: list[float] = []
    members: list[list[int]] = []
    strikes: list[list[bool]] = []
    start, count = 0, len(notes)
    while start < count:
        time = hand.onset[start]
        stop = start + 1
        while stop < count and hand.onset[stop] <= time + CHORD_WINDOW_S:
            stop += 1
        down = hand.strike(time, hand.playable(range(start, stop)))
        times.append(time)
        members.append(down + [-1] * (FINGERS - len(down)))
        strikes.append([i >= start for i in down] + [False] * (FINGERS - len(down)))
        start = stop
    return Chords(
        np.array(times),
        np.array(members).reshape(-1, FINGERS),
        np.array(strikes).reshape(-1, FINGERS),
        np.array(hand.ends, float),
    )


class _Hand:
    """What one hand holds as time goes on."""

    def __init__(self, notes: Notes, pitch: list[int], x: list[float], fingers: int) -> None:
        self._fingers = fingers
        self.onset: list[float] = notes.onset_s.tolist()
        self.ends: list[float] = notes.offset_s.tolist()
        self._needed: list[float] = self.ends if notes.needed_s is None else notes.needed_s.tolist()
        self._pitch, self._x = pitch, x
        self._held: list[int] = []

    def playable(self, chord: range) -> list[int]:
        """The notes of a chord that the hand can strike, by X."""
        if len(chord) == 1:
            return [chord[0]]
        x, pitch = self._x, self._pitch
        struck = sorted(chord, key=x.__getitem__)
        struck = [i for k, i in enumerate(struck) if k == 0 or pitch[i] != pitch[struck[k - 1]]]
        while len(struck) > self._fingers or x[struck[-1]] - x[struck[0]] > MAX_SPAN:
            struck.pop(_least_needed([x[i] for i in struck]))
        return struck

    def strike(self, time: float, struck: list[int]) -> list[int]:
        """Strike notes (by X) and let go what cannot stay down with them; all that is down, by X."""
        x, ends, needed = self._x, self.ends, self._needed
        kept: list[int] = []
        first, last = x[struck[0]], x[struck[-1]]
        lowest, highest = first, last
        for i in sorted(self._held, reverse=True):  # the latest first
            if ends[i] <= time + HELD_S:
                continue
            low, high = min(lowest, x[i]), max(highest, x[i])
            if (
                needed[i] <= time
                or len(struck) + len(kept) >= self._fingers
                or high - low > (_OPEN_REACH if last - first > _OPEN_SPAN else MAX_SPAN)
                or any(self._pitch[i] == self._pitch[j] for j in struck)
            ):
                ends[i] = max(time, self.onset[i])
            else:
                kept.append(i)
                lowest, highest = low, high
        self._held = sorted(struck + kept, key=x.__getitem__) if kept else struck
        return self._held


def _least_needed(x: list[float]) -> int:
    """Which note of an unplayable chord to leave out: an outer one if the span is too wide, else an inner one."""
    if x[-1] - x[0] > MAX_SPAN:
        return 0 if x[1] - x[0] > x[-1] - x[-2] else len(x) - 1
    return 1 + min(range(len(x) - 2), key=lambda i: x[i + 2] - x[i])
