# SPDX-License-Identifier: GPL-3.0-or-later
"""Which second of the music a tick of a MIDI file is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.music.midi_events import SMPTE, Events

BEAT_US = 500_000
"""A beat of a file that says nothing about its tempo."""


class Clock:
    """The time of a file, by the tempo changes of all its tracks; a tempo of 0 is none."""

    def __init__(self, events: Events) -> None:
        at, tempo = np.zeros(1, np.int64), np.full(1, BEAT_US, np.int64)
        if events.division >= SMPTE:  # frames a second (negated) and ticks a frame, in two bytes
            frames, ticks = 256 - (events.division >> 8), events.division & 0xFF
            per_tick = np.array([1 / ((30000 / 1001 if frames == 29 else frames) * ticks)])
        else:
            at = np.concatenate([at, *(track.tempo_tick for track in events.tracks if len(track.tempo_tick))])
            tempo = np.concatenate(
                [tempo, *(track.tempo_us for track in events.tracks if len(track.tempo_us))]
            )
            at, tempo = at[tempo > 0], tempo[tempo > 0]
            order = np.argsort(at, kind="stable")
            at, tempo = at[order], tempo[order]
            last = np.diff(at, append=at[-1] + 1) > 0  # of several changes at one tick
            at, per_tick = at[last], tempo[last] * 1e-6 / events.division
        self._tick = at.astype(np.float64)
        self._per_tick = per_tick
        self._since = np.concatenate([[0.0], np.cumsum(np.diff(self._tick) * per_tick[:-1])])

    def seconds(self, tick: NDArray[np.int64]) -> NDArray[np.float64]:
        """The seconds of ticks (n,)."""
        part = np.searchsorted(self._tick, tick, "right") - 1
        return self._since[part] + (tick - self._tick[part]) * self._per_tick[part]

    def second(self, tick: int) -> float:
        """The second of one tick."""
        return float(self.seconds(np.array([tick]))[0])
