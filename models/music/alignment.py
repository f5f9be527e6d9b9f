# SPDX-License-Identifier: GPL-3.0-or-later
"""A MIDI file laid over a recording of the same music: which note was heard when, and the seconds between.

Both sides are notes: those of the file, and those that the transcriber heard. Chords of one are matched with chords of
the other by an optimal alignment with gaps (Needleman and Wunsch, 1970), whose gain is the keys that two chords share,
so tempo plays no part in it. Gaps at the ends cost nothing: the file may begin before the recording or end after it.

| symbol | code | meaning |
|---|---|---|
| i, j | | chord of the file; chord that was heard |
| s(i, j) | `gain` | keys that both have, less `UNLIKE` for each key that only one has |
| g | `GAP` | what leaving out one chord costs |
| D(i, j) | `best` | most gain of an alignment that ends with i and j |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from models.body.keyboard import KEYS, LOWEST_PITCH
from models.body.notes import Notes
from models.errors import Remark, UserError
from models.music.notes import chord_starts, match_onsets, note_order

UNLIKE = 0.4
GAP = 0.3
STEADY_S = 0.012
"""Where one straight line leaves half of the notes within this, file and recording are one performance."""
LOST = 0.1
"""Most notes of one performance that may be matched wrongly."""
ASTRAY_S = 0.15
"""A chord this far from where its neighbours place it is matched wrongly."""
NEIGHBOURS = 4
"""Chords before, or after, that say where a chord should be."""
OWN_S = 0.1
"""A note is one that was heard, if its key was heard within this of where the time map places it."""
SHORTEST_S = 0.03
SQUEEZED = 0.2
"""Where the file runs five times as fast as usual, it has music that the recording skips."""
LONE_S, LONE_NOTES = 5.0, 10
"""The recording has music that the file has not where it plays so many notes in a gap this long."""
FITS = 0.6
"""Share of the notes that have to be heard for the file to be this recording's."""
MOST_CELLS = 400_000_000
"""Of the table of chords; a byte each."""

_STOP, _MATCH, _SKIP_FILE, _SKIP_HEARD = 0, 1, 2, 3


@dataclass(frozen=True)
class TimeMap:
    """Seconds of the recording for seconds of the file: straight between knots, and beyond them as at the ends."""

    file_s: NDArray[np.float64]
    """(k,) rising, k at least 2."""
    heard_s: NDArray[np.float64]
    """(k,) rising."""

    def __call__(self, seconds: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Seconds of the recording, of the shape of `seconds`."""
        part = np.clip(np.searchsorted(self.file_s, seconds, "right") - 1, 0, len(self.file_s) - 2)
        slope = np.diff(self.heard_s) / np.diff(self.file_s)
        return self.heard_s[part] + (seconds - self.file_s[part]) * slope[part]


@dataclass(frozen=True)
class Fit:
    """How well a file fits a recording."""

    notes: int
    """Of the file, within the recording."""
    matched: int
    """That were heard."""
    median_ms: float
    """Half of the chords are heard within this of where the others place them; where the file is a recording of the
    same performance, half of the notes."""
    offset_s: float
    """Second of the recording at which the file begins."""

    @property
    def good(self) -> bool:
        """Whether the file is of this music."""
        return self.notes > 0 and self.matched >= FITS * self.notes

    @property
    def sentence(self) -> str:
        """For the animator."""
        heard = f"{self.matched} of {self.notes} notes of the MIDI file are heard in the recording"
        if self.good:
            return f"{heard}."
        return f"Only {heard}: it may be of other music; choose the MIDI file of this recording."


@dataclass(frozen=True)
class Aligned:
    """The file's notes in the recording's time."""

    notes: Notes
    """Sorted by onset; those outside the recording are not among them."""
    time_map: TimeMap
    fit: Fit
    remarks: tuple[Remark, ...]
    """What one of both has and the other has not."""


def align(notes: Notes, heard: Notes, duration_s: float) -> Aligned:
    """Lay a file's notes over what was heard of a recording.

    Args:
        notes: of the file, sorted by onset.
        heard: of the recording, sorted by onset.
        duration_s: length of the recording.

    Raises:
        UserError: nothing of the file was heard, or both are too long to be compared.
    """
    shared = _shared_notes(notes, heard, match_chords(notes, heard))
    anchors = _without_strays(_anchors(notes, heard, shared))
    if len(anchors) < 2:
        raise UserError(
            "midi_does_not_fit",
            "Nothing of the MIDI file is heard in the recording; choose the MIDI file of this recording, or none.",
            f"{len(shared)} notes matched, {len(anchors)} chords",
        )
    straight = _straight(notes, heard, shared)
    pairs = _near_notes(notes, heard, (straight or TimeMap(*anchors.T))(notes.onset_s))
    if straight is None:
        anchors = _without_strays(_anchors(notes, heard, pairs))
        time_map = TimeMap(*anchors.T)
        apart_s = _late_without_itself(anchors)
    else:
        time_map = straight
        apart_s = heard.onset_s[pairs[:, 1]] - time_map(notes.onset_s[pairs[:, 0]])
    onset_s = time_map(notes.onset_s)
    late_s = np.zeros(len(notes))
    if straight is None:  # the notes of a rolled chord, and hands that are apart, each to its own moment
        file, other = pairs.T
        late_s[file] = heard.onset_s[other] - onset_s[file]
        late_s[np.abs(late_s) > OWN_S] = 0.0
    offset_s = np.minimum(time_map(notes.offset_s) + late_s, duration_s)
    onset_s = onset_s + late_s
    inside = (onset_s >= 0) & (onset_s < duration_s - SHORTEST_S)
    heard_there = np.zeros(len(notes), bool)
    heard_there[pairs[:, 0]] = True
    skipped = inside & ~heard_there & _squeezed(time_map, notes.onset_s)
    moved = replace(notes, onset_s=onset_s, offset_s=np.maximum(offset_s, onset_s + SHORTEST_S))
    moved = moved.select(inside & ~skipped)
    fit = Fit(
        notes=len(moved),
        matched=int((inside & heard_there).sum()),
        median_ms=float(np.median(np.abs(apart_s)) * 1000) if len(apart_s) else 0.0,
        offset_s=float(time_map(np.zeros(1))[0]),
    )
    remarks = _remarks(notes, skipped, np.delete(heard.onset_s, pairs[:, 1]), heard.onset_s[pairs[:, 1]])
    return Aligned(moved.select(note_order(moved)).astype(np.float32), time_map, fit, remarks)


def _squeezed(time_map: TimeMap, file_s: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """(n,) whether the recording has no time for these seconds of the file, as for a repeat that was not played."""
    slope = np.diff(time_map.heard_s) / np.diff(time_map.file_s)
    part = np.clip(np.searchsorted(time_map.file_s, file_s, "right") - 1, 0, len(slope) - 1)
    return slope[part] < SQUEEZED * np.median(slope)


def _remarks(
    notes: Notes,
    skipped: NDArray[np.bool_],
    unmatched_s: NDArray[np.floating[Any]],
    matched_s: NDArray[np.floating[Any]],
) -> tuple[Remark, ...]:
    remarks = []
    if skipped.any():
        first, last = notes.onset_s[skipped][[0, -1]].tolist()
        sentence = (
            f"{skipped.sum()} notes of the MIDI file, between {clock_time(first)} and {clock_time(last)} of it, "
            "are left out: the recording does not play them."
        )
        remarks.append(Remark("midi_not_played", sentence))
    edges = np.concatenate([[0.0], np.sort(matched_s.astype(float))])
    widest = int(np.diff(edges).argmax()) if len(edges) > 1 else 0
    begin, end = edges[widest], edges[min(widest + 1, len(edges) - 1)]
    lone = int(((unmatched_s > begin) & (unmatched_s < end)).sum())
    if end - begin >= LONE_S and lone >= LONE_NOTES:
        sentence = (
            f"From {clock_time(begin)} to {clock_time(end)} the recording plays {lone} notes that the MIDI file "
            "has not; there the hands rest."
        )
        remarks.append(Remark("midi_has_not", sentence))
    return tuple(remarks)


def clock_time(seconds: float) -> str:
    """Minutes and seconds, `1:07`."""
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"


def match_chords(notes: Notes, heard: Notes) -> NDArray[np.int64]:
    """(m, 2) chords of `notes` and of `heard` that are the same, both rising.

    Raises:
        UserError: the two have more chords than can be compared.
    """
    left, right = _key_sets(notes), _key_sets(heard)
    if len(left) * len(right) > MOST_CELLS:
        raise UserError(
            "too_long_to_align",
            "The MIDI file and the recording are too long to be laid over each other; use a part of the music.",
            f"{len(left)} and {len(right)} chords",
        )
    step = np.zeros((len(left) + 1, len(right) + 1), np.uint8)
    best = np.zeros(len(right) + 1)
    size = right.sum(1)
    ramp = GAP * np.arange(len(right) + 1)
    ends: tuple[float, int, int] = (0.0, 0, 0)
    for i, keys in enumerate(left, 1):
        shared = right @ keys
        gain = shared - UNLIKE * (keys.sum() + size - 2 * shared)
        match, skip = best[:-1] + gain, best - GAP
        here = skip.copy()
        here[1:] = np.maximum(here[1:], match)
        here[0] = 0.0  # what comes before the first match is free
        # A run of gaps in the row: the largest of D(i, k) - g (j - k) over k <= j.
        filled = np.maximum(np.maximum.accumulate(here + ramp) - ramp, 0.0)
        row = step[i]
        near = filled[1:] - 1e-9  # what was added to and taken from a ramp is not the same to the bit
        row[1:] = np.where(near <= match, _MATCH, np.where(near <= skip[1:], _SKIP_FILE, _SKIP_HEARD))
        row[filled <= 0.0] = _STOP
        best = filled
        last = int(best.argmax())
        if best[last] > ends[0]:
            ends = (float(best[last]), i, last)
    return _walk_back(step, ends[1], ends[2])


def _walk_back(step: NDArray[np.uint8], i: int, j: int) -> NDArray[np.int64]:
    pairs: list[tuple[int, int]] = []
    while i > 0 and j > 0 and step[i, j] != _STOP:
        move = step[i, j]
        if move == _MATCH:
            pairs.append((i - 1, j - 1))
        i -= move != _SKIP_HEARD
        j -= move != _SKIP_FILE
    return np.array(pairs[::-1], np.int64).reshape(-1, 2)


def _chord_numbers(notes: Notes) -> NDArray[np.int64]:
    """(n,) which chord each note is of."""
    return np.searchsorted(chord_starts(notes.onset_s), np.arange(len(notes)), "right") - 1


def _key_sets(notes: Notes) -> NDArray[np.float32]:
    """(chords, 88) 1 for the keys that a chord strikes."""
    chord = _chord_numbers(notes)
    key = np.clip(notes.pitch.astype(int) - LOWEST_PITCH, 0, KEYS - 1)
    sets = np.zeros((int(chord[-1]) + 1 if len(chord) else 0, KEYS), np.float32)
    sets[chord, key] = 1.0
    return sets


def _shared_notes(notes: Notes, heard: Notes, chords: NDArray[np.int64]) -> NDArray[np.int64]:
    """(m, 2) notes of the file and notes that were heard which are the same key of chords that are matched."""
    of_heard = _chord_numbers(heard)
    found = dict(
        zip(zip(of_heard.tolist(), heard.pitch.tolist(), strict=True), range(len(heard)), strict=True)
    )
    other = dict(chords.tolist())
    keys = zip(_chord_numbers(notes).tolist(), notes.pitch.tolist(), strict=True)
    pairs = [
        (index, found.get((other.get(chord, -1), pitch), -1)) for index, (chord, pitch) in enumerate(keys)
    ]
    return np.array([pair for pair in pairs if pair[1] >= 0], np.int64).reshape(-1, 2)


def _near_notes(notes: Notes, heard: Notes, onset_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """(m, 2) notes of the file and notes that were heard, one to one: one key, within `OWN_S` of `onset_s` (n,)."""
    pairs = []
    for pitch in np.unique(notes.pitch):
        mine, theirs = np.flatnonzero(notes.pitch == pitch), np.flatnonzero(heard.pitch == pitch)
        mine = mine[np.argsort(onset_s[mine], kind="stable")]
        found = match_onsets(onset_s[mine], heard.onset_s[theirs].astype(float), OWN_S)
        pairs += [(int(mine[i]), int(theirs[j])) for i, j in found]
    return np.array(sorted(pairs), np.int64).reshape(-1, 2)


def _anchors(notes: Notes, heard: Notes, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """(k, 2) second of the file and of the recording of each chord of the file that was heard."""
    if not len(pairs):
        return np.zeros((0, 2))
    file, other = pairs.T
    chord = _chord_numbers(notes)[file]
    starts = np.flatnonzero(np.diff(chord, prepend=-1))
    both = np.stack([notes.onset_s[file], heard.onset_s[other]], 1).astype(float)
    return np.array([np.median(group, 0) for group in np.split(both, starts[1:])])


def _without_strays(anchors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The anchors that lie where their neighbours place them, and rise on both sides."""
    while len(anchors) > 2 * NEIGHBOURS:
        off = _off(anchors)
        # Only the worst of its neighbourhood goes at a time: it may be what makes its neighbours look wrong.
        stray = (off > ASTRAY_S) & (off >= maximum_filter1d(off, 2 * NEIGHBOURS + 1))
        if not stray.any():
            break
        anchors = anchors[~stray]
    while True:
        rising = (np.diff(anchors, axis=0, prepend=anchors[:1] - 1.0) > 1e-3).all(1)
        if rising.all():
            return anchors
        anchors = anchors[rising]


def _off(anchors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) seconds between each anchor and where the `NEIGHBOURS` before or after it place it, whichever is nearer.

    Where the recording skips a repeat, those before and those after do not agree, and both are right.
    """
    index = np.arange(len(anchors))
    before, after = (_off_line(anchors, side * (1 + np.arange(NEIGHBOURS))) for side in (-1, 1))
    before[index < NEIGHBOURS] = np.inf
    after[index >= len(anchors) - NEIGHBOURS] = np.inf
    return np.minimum(before, after)


def _off_line(anchors: NDArray[np.float64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """(k,) seconds between each anchor and the line through those that lie `others` from it.

    The line is Theil's and Sen's, of medians, so that a stray among them does not bend it.
    """
    x, y = anchors[np.clip(np.arange(len(anchors))[:, None] + others, 0, len(anchors) - 1)].transpose(2, 0, 1)
    first, second = np.triu_indices(len(others), 1)
    run = x[:, second] - x[:, first]
    slope = np.median((y[:, second] - y[:, first]) / np.where(np.abs(run) < 1e-6, 1e-6, run), 1)
    place = np.median(y - slope[:, None] * (x - anchors[:, :1]), 1)
    return np.abs(place - anchors[:, 1])


def _late_without_itself(anchors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k - 2,) seconds by which each chord is off the straight line between the one before and the one after."""
    (x0, y0), (x, y), (x1, y1) = anchors[:-2].T, anchors[1:-1].T, anchors[2:].T
    return y - (y0 + (y1 - y0) * (x - x0) / (x1 - x0))


def _straight(notes: Notes, heard: Notes, pairs: NDArray[np.int64]) -> TimeMap | None:
    """One offset and one rate, where these are enough: the file is a recording of the same performance."""
    file_s, heard_s = notes.onset_s[pairs[:, 0]].astype(float), heard.onset_s[pairs[:, 1]].astype(float)
    if len(pairs) < 8 or file_s[-1] - file_s[0] < 1.0:
        return None
    use = np.ones(len(pairs), bool)
    rate, offset = 1.0, 0.0
    for _ in range(4):
        rate, offset = np.polyfit(file_s[use], heard_s[use], 1)
        away = np.abs(heard_s - offset - rate * file_s)
        use = away <= max(3 * float(np.median(away)), 1e-3)
        if use.sum() < 8:
            return None
    away = np.abs(heard_s - offset - rate * file_s)
    if rate <= 0 or float(np.median(away)) > STEADY_S or float((away > ASTRAY_S).mean()) > LOST:
        return None
    ends = np.array([file_s[0], file_s[-1]])
    return TimeMap(ends, offset + rate * ends)
