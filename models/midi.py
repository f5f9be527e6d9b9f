# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard MIDI files to notes arrays and back, with the hands where tracks are named after them."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np
from numpy.typing import NDArray

from models.errors import UserError
from models.keyboard import KEYS, LOWEST_PITCH
from models.notes import as_notes

DRUM_CHANNEL = 9
SHORTEST_NOTE_S = 0.02
TICKS_PER_BEAT = 960
MICROSECONDS_PER_BEAT = 500_000
_HAND_NAMES = (re.compile(r"\b(left|l\.?\s?h\.?|lh)\b", re.I), re.compile(r"\b(right|r\.?\s?h\.?|rh)\b", re.I))


@dataclass(frozen=True)
class MidiNotes:
    """Notes of a MIDI file."""

    notes: NDArray[np.float32]
    """(n, 4) onset s, offset s, pitch, velocity; sorted by onset."""
    hands: NDArray[np.int8]
    """(n,) 0 left, 1 right, -1 where the track's name does not say."""
    duration_s: float
    """End of the last note, seconds."""


def read_midi(path: str | Path) -> MidiNotes:
    """Read a MIDI file of any format.

    The sustain pedal does not lengthen notes: a finger leaves its key when the key goes up. Drums and pitches off
    the piano are dropped; a key struck again while it is down ends its first note.

    Raises:
        UserError: when the file is missing, is not MIDI or holds no notes.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError("midi_missing", f"The MIDI file {path.name} does not exist; choose another file.", str(path))
    try:
        file = mido.MidiFile(path, clip=True)
        rows = _rows(file)
    except (OSError, EOFError, ValueError, KeyError, IndexError, mido.KeySignatureError) as error:
        raise UserError(
            "midi_corrupt", f"The file {path.name} is not a readable MIDI file; export it again.", repr(error)
        ) from error
    if not rows:
        raise UserError("no_notes", f"The MIDI file {path.name} holds no piano notes; choose another file.", str(path))
    table = np.array(rows, np.float64)
    table = table[np.lexsort((table[:, 2], table[:, 0]))]
    return MidiNotes(as_notes(table[:, :4]), table[:, 4].astype(np.int8), float(table[:, 1].max()))


def _rows(file: mido.MidiFile) -> list[tuple[float, float, int, int, int]]:
    """Onset, offset, pitch, velocity, hand of every note."""
    rows: list[tuple[float, float, int, int, int]] = []
    shared = _TempoMap([file.tracks[0]] if file.type == 2 else file.tracks, file.ticks_per_beat)
    for track in file.tracks:
        tempo = _TempoMap([track], file.ticks_per_beat) if file.type == 2 else shared
        hand = _hand(track.name)
        sounding: dict[tuple[int, int], tuple[int, int]] = {}
        tick = 0

        def end(key: tuple[int, int], at: int, tempo: _TempoMap = tempo, hand: int = hand) -> None:
            start, velocity = sounding.pop(key)  # noqa: B023 - called within this iteration only
            onset, offset = tempo.seconds(start), tempo.seconds(at)
            rows.append((onset, max(offset, onset + SHORTEST_NOTE_S), key[1], velocity, hand))

        for message in track:
            tick += message.time
            if message.type not in ("note_on", "note_off"):
                continue
            if message.channel == DRUM_CHANNEL or not LOWEST_PITCH <= message.note < LOWEST_PITCH + KEYS:
                continue
            key = (message.channel, message.note)
            if key in sounding:
                end(key, tick)
            if message.type == "note_on" and message.velocity > 0:
                sounding[key] = (tick, message.velocity)
        for key in list(sounding):
            end(key, tick)
    return rows


def _hand(track_name: str) -> int:
    """0 or 1 if the name says left or right (and not both), else -1."""
    left, right = (bool(pattern.search(track_name or "")) for pattern in _HAND_NAMES)
    return -1 if left == right else int(right)


class _TempoMap:
    """Seconds of ticks under tempo changes."""

    def __init__(self, tracks: list[mido.MidiTrack], ticks_per_beat: int) -> None:
        changes: dict[int, int] = {0: MICROSECONDS_PER_BEAT}
        for track in tracks:
            tick = 0
            for message in track:
                tick += message.time
                if message.type == "set_tempo":
                    changes[tick] = message.tempo
        self._ticks = np.array(sorted(changes))
        self._rates = np.array([changes[int(t)] for t in self._ticks]) / (1e6 * ticks_per_beat)
        self._seconds = np.concatenate([[0.0], np.cumsum(np.diff(self._ticks) * self._rates[:-1])])

    def seconds(self, tick: int) -> float:
        index = int(np.searchsorted(self._ticks, tick, side="right")) - 1
        return float(self._seconds[index] + (tick - self._ticks[index]) * self._rates[index])


def write_midi(path: str | Path, notes: NDArray[np.floating], hands: NDArray[np.integer] | None = None) -> None:
    """Write notes (n, 4) as a MIDI file, one track for each hand that is given (``left``, ``right``, ``piano``)."""
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    tempo_track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=MICROSECONDS_PER_BEAT, time=0)])
    file.tracks.append(tempo_track)
    members: dict[int, list[int]] = defaultdict(list)
    for index in range(len(notes)):
        members[-1 if hands is None else int(hands[index])].append(index)
    for hand, name in ((0, "left"), (1, "right"), (-1, "piano")):
        if members[hand]:
            file.tracks.append(_track(name, notes[members[hand]]))
    file.save(str(path))


def _track(name: str, notes: NDArray[np.floating]) -> mido.MidiTrack:
    ticks_a_second = TICKS_PER_BEAT * 1e6 / MICROSECONDS_PER_BEAT
    events: list[tuple[int, int, int, int]] = []  # tick, 0 off or 1 on, pitch, velocity
    for onset, offset, pitch, velocity in notes:
        start = round(float(onset) * ticks_a_second)
        stop = max(round(float(offset) * ticks_a_second), start + 1)
        events.append((start, 1, int(pitch), min(max(round(float(velocity)), 1), 127)))
        events.append((stop, 0, int(pitch), 0))
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name, time=0)])
    before = 0
    for tick, on, pitch, velocity in sorted(events):
        track.append(mido.Message("note_on" if on else "note_off", note=pitch, velocity=velocity, time=tick - before))
        before = tick
    return track
