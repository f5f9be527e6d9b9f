# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of notes, and the piano rolls that the networks read. Frame `i` is the instant `i / fps`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEYS, LOWEST_PITCH
from models.body.notes import Notes

MAX_NOTES = 100_000
"""Of one take: fourteen a second for two hours."""
CHORD_WINDOW_S = 0.035
"""Onsets this close after the first belong to one chord."""
ONSET, SUSTAIN = 0, 1
"""Channels of a roll."""


def note_order(notes: Notes) -> NDArray[np.int64]:
    """Indices (n,) that sort notes by onset, then pitch, then offset; equal notes keep their order."""
    return np.lexsort((notes.offset_s, notes.pitch, notes.onset_s))


def trim_notes(notes: Notes, start_s: float, end_s: float) -> Notes:
    """The notes that sound between two seconds, cut to them, in the time from `start_s`."""
    inside = notes.select((notes.offset_s > start_s) & (notes.onset_s < end_s))
    onset_s, offset_s = (
        np.clip(time - start_s, 0.0, end_s - start_s) for time in (inside.onset_s, inside.offset_s)
    )
    return replace(inside, onset_s=onset_s, offset_s=offset_s)


def chord_starts(onsets: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Index of the first note of each chord, for sorted onsets (n,)."""
    starts: list[int] = []
    limit = -np.inf
    for i, onset in enumerate(onsets.tolist()):
        if onset > limit:
            starts.append(i)
            limit = onset + CHORD_WINDOW_S
    return np.array(starts, np.int64)


def held_frames(
    first: NDArray[np.integer[Any]],
    end: NDArray[np.integer[Any]],
    column: NDArray[np.integer[Any]],
    frames: int,
    columns: int,
) -> NDArray[np.bool_]:
    """Bool (frames, columns): whether any of n stretches first <= i < end in a column covers the frame.

    Work grows with stretches and frames, not with how long stretches are.
    """
    steps = np.zeros((frames + 1, columns), np.int32)
    np.add.at(steps, (first, column), 1)
    np.add.at(steps, (np.maximum(end, first), column), -1)
    return np.cumsum(steps, 0)[:frames] > 0


def match_onsets(
    true_s: NDArray[np.floating[Any]],
    played_s: NDArray[np.floating[Any]],
    tolerance_s: float,
) -> list[tuple[int, int]]:
    """One-to-one pairs (true, played) of ascending times of one key, as many as there can be.

    All windows are equally wide, so taking the earliest pair that fits is optimal.
    """
    pairs = []
    true = played = 0
    while true < len(true_s) and played < len(played_s):
        late = played_s[played] - true_s[true]
        if late < -tolerance_s - 1e-6:
            played += 1
        elif late > tolerance_s + 1e-6:
            true += 1
        else:
            pairs.append((true, played))
            true, played = true + 1, played + 1
    return pairs


def note_rolls(notes: Notes, fps: float, start_frame: int, frames: int) -> NDArray[np.float32]:
    """Rolls (frames, 88, 2) in 0..1 of the frames from `start_frame` on; key 0 is pitch 21.

    Channel 0, onset: velocity / 127 shared linearly between the two frames around the onset, so that the
    exact time can be read from two neighbouring values; where bumps meet, the larger one stays. Channel 1,
    sustain: the share of the frame's own time, half a frame to either side of its instant, in which the key
    is held.

    Args:
        notes: in any order; pitches off the keyboard are left out.
        start_frame: may be negative.
    """
    if not fps > 0 or frames < 0:
        raise ValueError(f"fps={fps} must be above 0 and frames={frames} not below")
    notes = notes.astype(np.float64)
    key = np.rint(notes.pitch).astype(np.int64) - LOWEST_PITCH
    known = (key >= 0) & (key < KEYS)
    notes, key = notes.select(known), key[known]
    rolls = np.zeros((frames, KEYS, 2), np.float32)
    onset, offset = (time * fps - start_frame for time in (notes.onset_s, notes.offset_s))

    frame = np.floor(onset).astype(np.int64)
    late = onset - frame
    loudness = np.clip(notes.velocity / 127, 0, 1)
    for at, share in ((frame, 1 - late), (frame + 1, late)):
        inside = (at >= 0) & (at < frames)
        np.maximum.at(rolls[:, :, ONSET], (at[inside], key[inside]), (share * loudness)[inside])

    # Held time of all notes at once: the running sum of each note's steps up and down, a step at a fraction
    # of a frame being shared by that frame and the next.
    steps = np.zeros((frames + 2, KEYS))
    for time, sign in ((onset, 1.0), (np.maximum(offset, onset), -1.0)):
        edge = np.clip(time + 0.5, 0, frames)
        frame = np.floor(edge).astype(np.int64)
        late = edge - frame
        np.add.at(steps, (frame, key), sign * (1 - late))
        np.add.at(steps, (frame + 1, key), sign * late)
    rolls[:, :, SUSTAIN] = np.clip(np.cumsum(steps, 0)[:frames], 0, 1)
    return rolls
