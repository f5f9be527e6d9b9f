# SPDX-License-Identifier: GPL-3.0-or-later
"""Piano sound to notes.

The network (`models.music.transcription.note_network`) hears 16 s at a time, neither more nor less: given 14.9 s
instead of 16 s with the same beginning it finds a quarter of the notes. A shorter sound is therefore filled up with
silence, a longer one cut into overlapping segments. Each segment says what happens up to the middle of its overlap
with the next one; a note that is still held there is the next segment's to end. The library lets segments overlap by
half and puts 8 s of silence before and after the sound; overlapping by a second at least and a second of silence need
half of its segments for a song, and find the same notes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from models.body.keyboard import KEYS
from models.body.notes import Notes
from models.errors import Progress, UserError, no_progress
from models.music.audio import Audio
from models.music.notes import note_order
from models.music.sample_rate import resampled
from models.music.transcription.note_network import NoteNetwork, SegmentNotes

SEGMENT_S = 16.0
OVERLAP_S = 1.0
MARGIN_S = 1.0
"""Silence before and after the sound, so that its first and last notes are not at a segment's edge."""
QUIET = 10 ** (-70 / 20)
"""A segment with no sample above this is not listened to: the network would amplify its noise."""
MIN_NOTE_S = 0.01
DOUBTFUL_SCORE = 2.0
"""A note whose interval scores less is doubtful: of the notes of pianos 0 to 5 in 100, of an orchestra's 92."""


@dataclass(frozen=True)
class Segments:
    """How a sound is cut; lengths in hops of the network."""

    margin: int
    length: int
    step: int
    count: int

    @classmethod
    def of(cls, hops: int, hops_per_s: float) -> Segments:
        """Segments that cover a sound of `hops` and the margins, evenly spread."""
        length = math.ceil(SEGMENT_S * hops_per_s)
        margin, overlap = round(MARGIN_S * hops_per_s), round(OVERLAP_S * hops_per_s)
        total = hops + 2 * margin
        if total <= length:
            return cls(margin, length, length, 1)
        count = math.ceil((total - overlap) / (length - overlap))
        return cls(margin, length, math.ceil((total - length) / (count - 1)), count)

    def first(self, index: int) -> int:
        """Where a segment begins, in the time of the sound; the first one is in the margin."""
        return index * self.step - self.margin

    def decides_before(self, index: int) -> float:
        """A segment's notes count if they begin before this frame of its own."""
        return math.inf if index == self.count - 1 else (self.length + self.step) / 2


@dataclass
class Key:
    """What has been heard of one key so far; times in hops from the start of the sound."""

    notes: list[tuple[float, float, int]] = field(default_factory=list)
    """Onset, offset, velocity, in order, not overlapping."""
    held: bool = False
    """The last note was still held at the end of its segment."""
    free_from: int = 0
    """The frame where the last finished note ends."""
    doubtful: int = 0
    """How many of the notes are."""

    def hear(self, found: SegmentNotes, first: int, decides_before: float, next_first: int) -> None:
        """Take in what the segment that begins at hop `first` says; the next one begins at `next_first`."""
        for i in range(len(found.begin)):
            if found.first[i] >= decides_before:
                break
            onset, offset = float(found.begin[i]) + first, float(found.end[i]) + first
            ends = bool(found.ends[i])
            if not found.begins[i]:
                if not (self.held and i == 0):
                    continue  # sounds on from before, where nobody heard it begin
                onset, before, velocity = self.notes.pop()
                offset = max(offset, before)
            else:
                velocity = int(found.velocity[i])
            if not ends and onset >= next_first:
                break  # the next segment hears all of it
            self.doubtful += bool(found.begins[i] and found.score[i] < DOUBTFUL_SCORE)
            self._add(onset, offset, velocity)
            self.held = not ends
            if ends:
                self.free_from = first + int(found.last[i])

    def _add(self, onset: float, offset: float, velocity: int) -> None:
        if self.notes and self.notes[-1][1] > onset:
            before = self.notes[-1]
            if self.held:  # struck again while it was thought to be held
                self.notes[-1] = (before[0], onset, before[2])
            else:
                onset = before[1]
        self.notes.append((onset, max(offset, onset), velocity))


@dataclass(frozen=True)
class Transcription:
    """The notes of a recording."""

    notes: Notes
    """Nobody's; an offset is the finger's, not the pedal's."""
    doubtful: int = 0
    """How many of them the network is not sure of."""


def transcribe(audio: Audio, network: NoteNetwork, progress: Progress | None = None) -> Transcription:
    """The notes of a piano recording.

    Memory does not grow with the length of the sound, but for the notes.

    Args:
        progress: told of stage "transcribe" several times a segment; may raise `Cancelled`.

    Raises:
        UserError: `no_notes` where the sound holds no piano.
        Cancelled: out of `progress`.
    """
    rate, hop = network.rate, network.hop
    samples = math.ceil(len(audio.samples) * rate / audio.rate)
    segments = Segments.of(math.ceil(samples / hop), rate / hop)
    keys = [Key() for _ in range(KEYS)]
    tick = _Ticker(progress or no_progress, segments.count * network.ticks)
    for index in range(segments.count):
        first, next_first = segments.first(index), segments.first(index + 1)
        sound = resampled(audio, rate, first * hop, segments.length * hop)
        if np.abs(sound).max() >= QUIET:
            start = np.array([max(key.free_from - first, 0) for key in keys])
            heard = network.hear(sound, start, tick)
            for key, found in zip(keys, heard, strict=True):
                key.hear(found, first, segments.decides_before(index), next_first)
        tick.to((index + 1) * network.ticks)
    notes = _table(keys, hop / rate, audio.duration_s)
    if not len(notes):
        raise UserError(
            "no_notes", "No piano notes were heard in the sound; choose a part where the piano plays."
        )
    return Transcription(notes, sum(key.doubtful for key in keys))


class _Ticker:
    """Counts steps and tells of them."""

    def __init__(self, progress: Progress, of: int) -> None:
        self._progress, self._of = progress, of
        self._step = -1
        self()

    def __call__(self) -> None:
        self.to(self._step + 1)

    def to(self, step: int) -> None:
        self._step = step
        self._progress("transcribe", step, self._of)


def _table(keys: list[Key], hop_s: float, duration_s: float) -> Notes:
    rows = [
        (max(onset * hop_s, 0), min(offset * hop_s, duration_s), pitch, min(max(velocity, 1), 127))
        for pitch, key in enumerate(keys, start=21)
        for onset, offset, velocity in key.notes
    ]
    long_enough = [row for row in rows if row[1] - row[0] >= MIN_NOTE_S]
    notes = Notes.from_arrays(np.array(long_enough, np.float32).reshape(-1, 4))
    return notes.select(note_order(notes))
