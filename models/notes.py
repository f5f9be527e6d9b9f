# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes as arrays, and the piano rolls that the networks see.

A notes array is float32 (n, 4), sorted by onset then pitch: onset seconds, offset seconds, MIDI pitch, velocity
0 to 127.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.keyboard import KEYS, LOWEST_PITCH

ROLL_CHANNELS = 2
"""Channel 0: onset, channel 1: sustain."""


def as_notes(rows: ArrayLike) -> NDArray[np.float32]:
    """A sorted notes array from rows of onset, offset, pitch, velocity.

    Raises:
        ValueError: when the rows are not (n, 4), not finite, off the keyboard, or end before they begin.
    """
    notes = np.asarray(rows, np.float32).reshape(-1, 4) if np.size(rows) else np.zeros((0, 4), np.float32)
    if not np.isfinite(notes).all():
        raise ValueError("notes hold numbers that are not finite")
    pitch = notes[:, 2]
    if ((pitch < LOWEST_PITCH) | (pitch >= LOWEST_PITCH + KEYS)).any():
        raise ValueError(f"pitches must be {LOWEST_PITCH} to {LOWEST_PITCH + KEYS - 1}, got {pitch.min()} to {pitch.max()}")
    if (notes[:, 1] < notes[:, 0]).any():
        raise ValueError("a note ends before it begins")
    return notes[np.lexsort((pitch, notes[:, 0]))]


def note_rolls(notes: NDArray[np.floating], fps: float, start_frame: int, frames: int) -> NDArray[np.float32]:
    """Piano rolls of ``frames`` frames from ``start_frame`` on; frame i stands for second i / fps.

    Args:
        notes: (n, 4) sorted by onset.

    Returns:
        (frames, 88, 2). Channel 0: each onset's velocity (127 is 1), shared between the two nearest frames in
        proportion, so that onsets between frames keep their time. Channel 1: the share of the frame, from half a
        frame before to half a frame after, in which the key is held.
    """
    rolls = np.zeros((frames, KEYS, ROLL_CHANNELS), np.float32)
    if not len(notes) or frames <= 0:
        return rolls
    begin = notes[:, 0].astype(np.float64) * fps - start_frame
    end = notes[:, 1].astype(np.float64) * fps - start_frame
    inside = (end > -1) & (begin < frames)
    begin, end = begin[inside], end[inside]
    key = notes[inside, 2].astype(int) - LOWEST_PITCH
    loudness = (notes[inside, 3] / 127.0).astype(np.float32)

    lower = np.floor(begin).astype(int)
    for frame, share in ((lower, 1 - (begin - lower)), (lower + 1, begin - lower)):
        seen = (frame >= 0) & (frame < frames)
        np.add.at(rolls[..., 0], (frame[seen], key[seen]), loudness[seen] * share[seen].astype(np.float32))
    np.minimum(rolls[..., 0], 1.0, out=rolls[..., 0])

    # Sustain: the overlap of [begin, end] with each frame's span, as a difference of clipped ramps.
    first = np.clip(np.floor(begin + 0.5), 0, frames - 1).astype(int)
    last = np.clip(np.floor(end + 0.5), 0, frames - 1).astype(int)
    for k, a, b, start, stop in zip(key, first, last, begin, end, strict=True):
        centres = np.arange(a, b + 1)
        overlap = np.minimum(centres + 0.5, stop) - np.maximum(centres - 0.5, start)
        rolls[a : b + 1, k, 1] += np.maximum(overlap, 0.0)
    np.minimum(rolls[..., 1], 1.0, out=rolls[..., 1])
    return rolls
