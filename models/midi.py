# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes from MIDI files and back.

Read: formats 0 and 1, tempo changes anywhere, SMPTE time, running status, note-ons of velocity 0, notes that
are never released. The sustain pedal is ignored: an offset is the moment the finger leaves the key. The drum
channel and pitches off the keyboard are left out. Hands come from track names (left, right, l.h., RH, ...).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mido
import numpy as np
from numpy.typing import NDArray

from models.errors import UserError, quoted
from models.keyboard import KEYS, LOWEST_PITCH
from models.notes import note_order
from models.whole_file import whole_file

MAX_FILE_BYTES = 64 * 2**20
MAX_SECONDS = 2 * 3600.0
MIN_NOTE_S = 0.03
"""A shorter note (grace notes often have no length) lasts this long or until its key is struck again."""
DRUM_CHANNEL = 9
TICKS_PER_BEAT = 4800
BEAT_US = 500_000
"""Files are written at 120 beats a minute in ticks of about 0.1 ms."""

_LEFT = re.compile(r"\bleft\b|\bl\.? ?h\b", re.IGNORECASE)
_RIGHT = re.compile(r"\bright\b|\br\.? ?h\b", re.IGNORECASE)


@dataclass(frozen=True)
class MidiNotes:
    """What a MIDI file says about keys."""

    notes: NDArray[np.float32]
    """(n, 4) onset s, offset s, MIDI pitch, velocity; sorted by onset."""
    hands: NDArray[np.int8]
    """(n,) 0 left, 1 right, -1 the file does not say."""
    duration_s: float
    """Until the last event of any track."""


def hand_of_name(name: str) -> int:
    """0 or 1 where a track's name speaks of the left or the right hand, -1 where of neither or both."""
    spaced = name.replace("_", " ")
    left, right = bool(_LEFT.search(spaced)), bool(_RIGHT.search(spaced))
    return -1 if left == right else int(right)


def read_midi(path: str | Path) -> MidiNotes:
    """Read a MIDI file.

    Raises:
        UserError: the file is missing, no readable MIDI file, or longer than `MAX_SECONDS`.
    """
    path = Path(path)
    file = _open(path)
    seconds = _clock(file, path)
    found: list[tuple[float, float, float, float, int]] = []
    last_tick = 0
    for track in file.tracks:
        hand = hand_of_name(track.name)
        tick, sounding = 0, _Keys()
        for message in track:
            tick += message.time
            sounding.take(message, tick)
        last_tick = max(last_tick, tick)
        for start, end, pitch, velocity in sounding.notes(tick):
            found.append((seconds(start), seconds(end), pitch, velocity, hand))
    duration_s = seconds(last_tick)
    if duration_s > MAX_SECONDS:
        raise UserError(
            "midi_too_long",
            f"The MIDI file {quoted(path)} lasts {duration_s / 60:.0f} minutes; choose one of at most "
            f"{MAX_SECONDS / 60:.0f} minutes.",
            str(path),
        )
    table = np.array(found, np.float64).reshape(-1, 5)
    notes, hands = _separate(table[:, :4], table[:, 4].astype(np.int8))
    return MidiNotes(notes.astype(np.float32), hands, max(duration_s, float(notes[:, 1].max(initial=0.0))))


class _Keys:
    """Collects the notes of one track, in ticks."""

    def __init__(self) -> None:
        self._down: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
        self._last_off: dict[tuple[int, int], int] = {}
        self._notes: list[tuple[int, int, int, int]] = []

    def take(self, message: Any, tick: int) -> None:
        if message.type not in ("note_on", "note_off") or message.channel == DRUM_CHANNEL:
            return
        if not LOWEST_PITCH <= message.note < LOWEST_PITCH + KEYS:
            return
        key = (message.channel, message.note)
        if message.type == "note_on" and message.velocity > 0:
            self._down[key].append((tick, message.velocity))
            return
        self._last_off[key] = tick
        if self._down[key]:  # the first note down is the first up
            start, velocity = self._down[key].pop(0)
            self._notes.append((start, tick, message.note, velocity))

    def notes(self, end: int) -> list[tuple[int, int, int, int]]:
        """(start, end, pitch, velocity) of each note; one never released ends with its key or its track."""
        open_notes = []
        for key, waiting in self._down.items():
            for start, velocity in waiting:
                off = self._last_off.get(key, 0)
                open_notes.append((start, off if off > start else end, key[1], velocity))
        return self._notes + open_notes


def _separate(
    notes: NDArray[np.float64], hands: NDArray[np.int8]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Sort notes; within a hand a key that is struck again is released first, and doubles become one note."""
    order = note_order(notes)
    notes, hands = notes[order].copy(), hands[order]
    keep = np.ones(len(notes), bool)
    last: dict[tuple[int, int], int] = {}
    for i, (hand, pitch) in enumerate(zip(hands.tolist(), notes[:, 2].astype(int).tolist(), strict=True)):
        before = last.get((hand, pitch))
        notes[i, 1] = max(notes[i, 1], notes[i, 0] + MIN_NOTE_S)
        if before is not None and notes[i, 0] - notes[before, 0] < 1e-3:
            notes[before, 1] = max(notes[before, 1], notes[i, 1])
            notes[before, 3] = max(notes[before, 3], notes[i, 3])
            keep[i] = False
            continue
        if before is not None:
            notes[before, 1] = min(notes[before, 1], notes[i, 0])
        last[hand, pitch] = i
    return notes[keep], hands[keep]


def _open(path: Path) -> mido.MidiFile:
    if path.is_dir():
        raise UserError("not_a_file", f"{quoted(path)} is a folder; choose a MIDI file.", str(path))
    if not path.is_file():
        sentence = f"The MIDI file {quoted(path)} does not exist; choose another."
        raise UserError("midi_missing", sentence, str(path))
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise ValueError(f"{size} bytes are more than any piano piece needs")
        file = mido.MidiFile(path, clip=True)
        if file.type == 2:
            raise ValueError("format 2, independent patterns")
        if file.ticks_per_beat == 0:
            raise ValueError("no ticks in a beat")
        return file
    except PermissionError as error:
        sentence = f"The MIDI file {quoted(path)} may not be read; check its permissions."
        raise UserError("midi_unreadable", sentence, repr(error)) from error
    except (OSError, EOFError, ValueError, LookupError, TypeError, mido.KeySignatureError) as error:
        raise _corrupt(path, repr(error)) from error


def _corrupt(path: Path, detail: str) -> UserError:
    sentence = f"The file {quoted(path)} is not a readable MIDI file; export it again or choose another."
    return UserError("midi_corrupt", sentence, f"{path}: {detail}")


def _clock(file: mido.MidiFile, path: Path) -> Callable[[int], float]:
    """The second of a tick, by the tempo changes of all tracks."""
    if file.ticks_per_beat < 0:  # SMPTE: frames a second (negated) and ticks a frame, in two bytes
        division = file.ticks_per_beat & 0xFFFF
        frames, ticks = 256 - (division >> 8), division & 0xFF
        if ticks == 0:
            raise _corrupt(path, f"SMPTE division {division:#x}")
        rate = (30000 / 1001 if frames == 29 else frames) * ticks
        return lambda tick: tick / rate
    changes: dict[int, float] = {0: BEAT_US}
    for track in file.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                changes[tick] = message.tempo
    at = np.array(sorted(changes), np.float64)
    per_tick = np.array([changes[int(tick)] for tick in at]) * 1e-6 / file.ticks_per_beat
    since = np.concatenate([[0.0], np.cumsum(np.diff(at) * per_tick[:-1])])

    def seconds(tick: int) -> float:
        part = int(np.searchsorted(at, tick, "right")) - 1
        return float(since[part] + (tick - at[part]) * per_tick[part])

    return seconds


def write_midi(
    path: str | Path, notes: NDArray[np.floating[Any]], hands: NDArray[np.integer[Any]] | None = None
) -> None:
    """Write notes (n, 4) as a MIDI file: tracks `right`, `left` and, for notes of no known hand, `piano`.

    Times are rounded to 0.1 ms; a note lasts at least one tick, velocities are limited to 1..127. The file
    appears whole or not at all.

    Raises:
        ValueError: shapes that do not fit, negative times or pitches off the keyboard.
        UserError: the file cannot be written.
    """
    notes = np.asarray(notes, np.float64).reshape(-1, 4)
    hands = np.full(len(notes), -1) if hands is None else np.asarray(hands)
    if len(hands) != len(notes):
        raise ValueError(f"{len(hands)} hands do not fit {len(notes)} notes")
    known = (notes[:, 2] >= LOWEST_PITCH) & (notes[:, 2] < LOWEST_PITCH + KEYS)
    if not np.isfinite(notes).all() or (notes[:, 0] < 0).any() or not known.all():
        raise ValueError("notes need finite times from 0 on and pitches 21 to 108")
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    tempo = mido.MetaMessage("set_tempo", tempo=BEAT_US, time=0)
    file.tracks.append(mido.MidiTrack([tempo, mido.MetaMessage("end_of_track", time=0)]))
    for channel, (name, hand) in enumerate((("right", 1), ("left", 0), ("piano", -1))):
        if (hands == hand).any() or (hand == -1 and not len(notes)):
            file.tracks.append(_track(name, channel, notes[hands == hand]))
    path = Path(path)
    try:
        with whole_file(path) as part:
            file.save(part)
    except OSError as error:
        sentence = f"The MIDI file {quoted(path)} cannot be written; choose another folder."
        raise UserError("cannot_write", sentence, repr(error)) from error


def _track(name: str, channel: int, notes: NDArray[np.float64]) -> mido.MidiTrack:
    per_second = TICKS_PER_BEAT * 1e6 / BEAT_US
    # tick, 0 for a release so that it comes before a stroke, pitch, velocity
    events: list[tuple[int, int, int, int]] = []
    for onset, offset, pitch, velocity in notes:
        start = round(onset * per_second)
        end = max(round(offset * per_second), start + 1)
        events.append((start, 1, round(pitch), min(max(round(velocity), 1), 127)))
        events.append((end, 0, round(pitch), 0))
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name, time=0)])
    now = 0
    for tick, down, pitch, velocity in sorted(events):
        kind = "note_on" if down else "note_off"
        track.append(mido.Message(kind, channel=channel, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=0))
    return track
