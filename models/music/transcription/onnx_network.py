# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcription network as ONNX graphs, run by ONNX Runtime.

Tokens lie on a grid of time steps (8 frames each) by tracks (59 of frequency, then two pedals and 88 keys). Half a
layer lets the tracks of one time step see each other, the other half the time steps of one track. So each half is
done for a few rows of the grid at a time, each by one thread, with everything it makes still in the cache. Rows are
always cut at the same places, so the result is the same for any number of threads.

Before the last layer the tokens tell which keys sound anywhere in the segment, about a third. The last layer and the
scores of intervals are worked out for these alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEYS
from models.machine import allowed_threads, give_memory_back
from models.music.transcription.decoding import IntervalScores, best_intervals
from models.music.transcription.note_network import Findings, SegmentNotes, segment_notes
from models.music.transcription.onnx_files import LAYERS, open_stages
from models.music.transcription.spectrum import power_spectra
from models.thread_pool import ThreadPool, slices

Floats = NDArray[np.float32]

TOKENS_AT_ONCE = 1000
"""Their hidden features (1024 each) just fit in a core's share of the cache; much fewer or more are slower."""
KEYS_AT_ONCE = 4
FRAMES_A_TOKEN = 8
SOUNDS = -4.0
"""A key that sounds less surely than this does not sound. Of 640 sounding keys in 25 segments, each looked at with a
plane that was fitted without its piece, the least sure had -2.3; a third of the 88 keys are surer than -4."""


class OnnxNoteNetwork:
    """Sound to intervals on 88 keys by ONNX Runtime (`models.music.transcription.note_network.NoteNetwork`)."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """From the files of a folder; raises as `open_stages`."""
        self._threads = allowed_threads() if threads is None else threads
        self._stages = open_stages(folder, self._threads)
        self.ticks = 2 * LAYERS + 4
        self._windows, facts = self._run("spectrum")
        first, last, self.rate, self.hop = (int(fact) for fact in facts)
        self._heard = slice(first, last)
        self._places: Floats | None = None
        give_memory_back()

    def hear(self, sound: Floats, start: NDArray[np.int64], tick: Callable[[], None]) -> list[SegmentNotes]:
        """See `NoteNetwork`."""
        try:
            return self._hear(sound, start, tick)
        finally:
            # Each thread has a heap of its own, and what one has freed no other uses.
            give_memory_back()

    def _hear(self, sound: Floats, start: NDArray[np.int64], tick: Callable[[], None]) -> list[SegmentNotes]:
        with ThreadPool(self._threads) as pool:
            power = power_spectra(sound, self._windows, self.hop, self._heard, pool)
            frames = len(power)
            tick()
            grid = self._embedded(power)
            tick()
            tracks = np.arange(grid.shape[1])
            for number in range(LAYERS):
                if number == LAYERS - 1:
                    keys = self._sounding(grid)
                    tracks = grid.shape[1] - KEYS + keys
                grid = self._layer(number, grid, tracks, pool, tick)
                tick()
            tokens = np.ascontiguousarray(grid[1:].swapaxes(0, 1))  # (keys, steps, width)
            scores = self._scores(tokens, keys, frames, pool)
        tick()
        paths = best_intervals(scores, start)
        notes = segment_notes(paths, scores, self._findings(tokens, keys, paths), frames - 1)
        tick()
        return notes

    def _run(self, stage: str, **inputs: NDArray[Any]) -> list[Any]:
        return self._stages[stage].run(None, inputs)

    def _embedded(self, power: Floats) -> Floats:
        """The grid (steps, tracks, width) before the first layer."""
        if self._places is None:
            self._places = self._run("places")[0]
        found = self._run("embedding", power=power)[0]
        grid = self._places.copy()
        # A step before all others and a track below all others gather what concerns the whole; no sound in them.
        grid[1:, 1 : found.shape[1] + 1] += found
        return grid

    def _sounding(self, grid: Floats) -> NDArray[np.int64]:
        """The keys that sound."""
        surely = self._run("sounding", tokens=np.ascontiguousarray(grid[1:, -KEYS:]))[0]
        return np.flatnonzero(surely > SOUNDS)

    def _layer(
        self,
        number: int,
        grid: Floats,
        tracks: NDArray[np.int64],
        pool: ThreadPool,
        between: Callable[[], None],
    ) -> Floats:
        """Some tracks of a grid (steps, tracks, width) after one layer; `between` its halves may raise."""
        steps, every, width = grid.shape
        after = np.empty((steps, len(tracks), width), np.float32)

        def see_tracks(part: slice) -> None:
            memory = grid[part]
            after[part] = self._run(f"across{number}", rows=memory[:, tracks], memory=memory)[0]

        pool.each(see_tracks, slices(steps, max(TOKENS_AT_ONCE // every, 1)))
        between()

        def see_steps(part: slice) -> None:
            # Both halves look at what came into the layer.
            memory = np.ascontiguousarray(grid[:, tracks[part]].swapaxes(0, 1))
            rows = np.ascontiguousarray(after[:, part].swapaxes(0, 1))
            after[:, part] = self._run(f"along{number}", rows=rows, memory=memory)[0].swapaxes(0, 1)

        pool.each(see_steps, slices(len(tracks), max(TOKENS_AT_ONCE // steps, 1)))
        return after

    def _scores(
        self, tokens: Floats, keys: NDArray[np.int64], frames: int, pool: ThreadPool
    ) -> IntervalScores:
        """Positive interval scores of the keys that sound; the others' single frames score 0."""
        single = np.zeros((KEYS, frames), np.float32)
        parts = slices(len(keys), KEYS_AT_ONCE)
        found = pool.each(lambda part: self._run("scores", tokens=tokens[part]), parts)
        where, value = [np.zeros((3, 0), np.int64)], [np.zeros(0, np.float32)]
        for part, (at, score, alone) in zip(parts, found, strict=True):
            where.append(np.stack([keys[part][at[0]], at[1], at[2]]))
            value.append(score * (at[2] - at[1]))
            single[keys[part]] = alone
        track, begin, end = np.concatenate(where, 1)
        return IntervalScores(track, begin, end, np.concatenate(value).astype(np.float32), single)

    def _findings(self, tokens: Floats, keys: NDArray[np.int64], paths: list[NDArray[np.int64]]) -> Findings:
        """What the network says of the chosen intervals."""
        track = np.repeat(np.arange(len(paths)), [len(path) for path in paths])
        at = np.searchsorted(keys, track)
        asked: dict[str, NDArray[Any]] = {}
        for name, frame in zip(("begin", "end"), np.concatenate(paths).T, strict=True):
            asked[f"{name}_token"] = tokens[at, frame // FRAMES_A_TOKEN]
            asked[f"{name}_phase_index"] = frame[:, None] % FRAMES_A_TOKEN
        return Findings(*self._run("findings", **asked))
