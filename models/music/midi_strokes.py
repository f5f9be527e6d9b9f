# SPDX-License-Identifier: GPL-3.0-or-later
"""From strokes and releases of keys to notes."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEYS, LOWEST_PITCH
from models.body.notes import UNKNOWN, Notes
from models.music.midi_staves import Stave
from models.music.midi_track import Track
from models.music.notes import note_order

MIN_NOTE_S = 0.03
"""A shorter note (grace notes often have no length) lasts this long or until its key is struck again."""
UNRELEASED_S = 4.0
"""A note that is never released ends with its key or its track, or after this long: then a piano sounds no more than a
few notes of the bass."""
SAME_S = 1e-3
"""Strokes of one key within this time are one."""


@dataclass(frozen=True)
class Strokes:
    """The notes of staves, and what became of those that no piano could play so."""

    notes: Notes
    """Sorted by onset."""
    unreleased: int
    """How many are never released, and end sooner than their track."""
    doubled: int
    """How many were struck by both hands at once: they are one note, of no hand in particular."""


def strokes_of(
    tracks: list[Track], staves: list[Stave], seconds: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> Strokes:
    """The notes of staves."""
    found = [np.zeros((0, 6), np.int64)]
    by_track: defaultdict[int, list[Stave]] = defaultdict(list)
    for stave in staves:
        by_track[stave.track].append(stave)
    for number, own in by_track.items():
        hands = np.full(16, UNKNOWN)
        hands[[stave.channel for stave in own]] = [stave.hand for stave in own]
        found.append(_pairs(tracks[number], hands, np.array([stave.channel for stave in own])))
    start, end, pitch, velocity, hand, open_end = np.concatenate(found).T
    onset_s, offset_s = seconds(start), seconds(end)
    shortened = (open_end > 0) & (offset_s > onset_s + UNRELEASED_S)
    offset_s = np.where(shortened, onset_s + UNRELEASED_S, offset_s)
    notes = Notes.from_arrays(np.stack([onset_s, offset_s, pitch, velocity], 1), hand=hand)
    separate, doubled = _separate(notes)
    return Strokes(separate, int(np.count_nonzero(shortened)), doubled)


def _pairs(track: Track, hands: NDArray[np.int64], channels: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n, 6) start tick, end tick, pitch, velocity, hand and whether it is never released, of the keys of a piano.

    One never released ends with its key or its track.
    """
    ours = (
        (track.pitch >= LOWEST_PITCH) & (track.pitch < LOWEST_PITCH + KEYS) & np.isin(track.channel, channels)
    )
    down: defaultdict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
    last_off: dict[tuple[int, int], int] = {}
    notes: list[tuple[int, int, int, int, int, int]] = []
    columns = (track.tick, track.channel, track.pitch, track.velocity)
    hand_of = hands.tolist()
    for tick, channel, pitch, velocity in zip(*(column[ours].tolist() for column in columns), strict=True):
        key = (channel, pitch)
        if velocity:
            down[key].append((tick, velocity))
            continue
        last_off[key] = tick
        if down[key]:  # the first note down is the first up
            start, loudness = down[key].popleft()
            notes.append((start, tick, pitch, loudness, hand_of[channel], 0))
    for key, waiting in down.items():
        off = last_off.get(key, 0)
        notes.extend(
            (start, off if off > start else track.end, key[1], loudness, hand_of[key[0]], int(off <= start))
            for start, loudness in waiting
        )
    return np.array(notes, np.int64).reshape(-1, 6)


def _separate(notes: Notes) -> tuple[Notes, int]:
    """Notes in order, a key released before it is struck again; and how many both hands struck at once."""
    notes = notes.select(note_order(notes))
    onset, offset = notes.onset_s, notes.offset_s.copy()
    velocity, hand = notes.velocity.copy(), notes.hand.copy()
    keep = np.ones(len(notes), bool)
    last: dict[int, int] = {}
    doubled = 0
    for i, pitch in enumerate(notes.pitch.astype(int).tolist()):
        before = last.get(pitch)
        offset[i] = max(offset[i], onset[i] + MIN_NOTE_S)
        if before is not None and onset[i] - onset[before] < SAME_S:
            offset[before] = max(offset[before], offset[i])
            velocity[before] = max(velocity[before], velocity[i])
            keep[i] = False
            if hand[before] != notes.hand[i]:
                doubled += int({int(notes.hand[i]), int(notes.hand[before])} == {0, 1})
                hand[before] = (
                    UNKNOWN if hand[before] >= 0 and notes.hand[i] >= 0 else max(hand[before], notes.hand[i])
                )
            continue
        if before is not None:
            offset[before] = min(offset[before], onset[i])
        last[pitch] = i
    return replace(notes, offset_s=offset, velocity=velocity, hand=hand).select(keep), doubled
