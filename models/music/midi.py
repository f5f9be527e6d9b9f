# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes from MIDI files (`models.music.midi_events`) and back.

Read: formats 0 and 1, tempo changes anywhere, SMPTE time, running status, note-ons of velocity 0, notes that
are never released. An offset is the moment the finger leaves the key; what the pedals do stands apart. The drum
channel and pitches off the keyboard are left out. Hands come from track names (left, right, l.h., RH, ...).
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import mido
import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEYS, LOWEST_PITCH
from models.body.notes import UNKNOWN, Notes
from models.errors import UserError, quoted
from models.music.midi_events import SUSTAIN, BadMidi, Events, Track, read_events
from models.music.notes import MAX_NOTES, note_order
from models.music.pedal import Pedal
from models.whole_file import whole_file

MAX_FILE_BYTES = 16 * 2**20
"""A piano piece has some ten thousand notes and, pedals and all, less than a megabyte."""
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

    notes: Notes
    """Sorted by onset, in single precision; hand -1 where the file does not say."""
    duration_s: float
    """Until the last event of any track."""
    pedal: Pedal = field(default_factory=Pedal.none)
    """The sustain pedal of the channels that play."""


def hand_of_name(name: str) -> int:
    """0 or 1 where a track's name speaks of the left or the right hand, -1 where of neither or both."""
    spaced = name.replace("_", " ")
    left, right = bool(_LEFT.search(spaced)), bool(_RIGHT.search(spaced))
    return -1 if left == right else int(right)


def read_midi(path: str | Path) -> MidiNotes:
    """Read a MIDI file.

    Raises:
        UserError: the file is missing, no readable MIDI file, larger than `MAX_FILE_BYTES`, longer than `MAX_SECONDS`
            or of more than `MAX_NOTES` notes.
    """
    path = Path(path)
    events = _open(path)
    tracks = [_of_piano(track) for track in events.tracks if len(track.tick)]
    strokes = sum(int(np.count_nonzero(track.velocity)) for track in tracks)
    if strokes > MAX_NOTES:
        raise UserError(
            "too_many_notes",
            f"The MIDI file {quoted(path)} has {strokes} notes; cut it into parts of at most {MAX_NOTES}.",
            str(path),
        )
    seconds = _clock(events, path)
    duration_s = float(seconds(np.array([max((track.end for track in events.tracks), default=0)]))[0])
    if duration_s > MAX_SECONDS:
        raise UserError(
            "midi_too_long",
            f"The MIDI file {quoted(path)} lasts {_minutes(duration_s)}; choose one of at most "
            f"{MAX_SECONDS / 60:.0f} minutes.",
            str(path),
        )
    hands = np.array([hand_of_name(track.name) for track in tracks], np.int8)
    found = [_notes(track) for track in tracks]
    start, end, pitch, velocity = np.concatenate([np.zeros((0, 4), np.int64), *found]).T
    table = np.stack([seconds(start), seconds(end), pitch, velocity], 1)
    notes = _separate(Notes.from_arrays(table, hand=np.repeat(hands, [len(part) for part in found])))
    pedal = _sustain(events, tracks, seconds)
    return MidiNotes(notes.astype(np.float32), max(duration_s, float(notes.offset_s.max(initial=0.0))), pedal)


def _sustain(
    events: Events, tracks: list[Track], seconds: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> Pedal:
    """The sustain pedal of all channels that have notes; it is as far down as the channel that has it lowest."""
    channels = {int(channel) for track in tracks for channel in np.unique(track.channel)}
    tick = np.concatenate([np.zeros(0, np.int64), *(track.pedal_tick for track in events.tracks)])
    pedal = np.concatenate([np.zeros((0, 3), np.uint8), *(track.pedal for track in events.tracks)])
    ours = (pedal[:, 1] == SUSTAIN) & np.isin(pedal[:, 0], list(channels))
    order = np.flatnonzero(ours)[np.argsort(tick[ours], kind="stable")]
    now = dict.fromkeys(channels, 0)
    depth = []
    for channel, _, value in pedal[order].tolist():
        now[channel] = value
        depth.append(max(now.values()))
    return Pedal(seconds(tick[order]), np.array(depth, np.float32) / 127)


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 1e5 else "months or more"


def _of_piano(track: Track) -> Track:
    """The track without drums and pitches off the keyboard."""
    keys = (
        (track.pitch >= LOWEST_PITCH) & (track.pitch < LOWEST_PITCH + KEYS) & (track.channel != DRUM_CHANNEL)
    )
    parts = {name: getattr(track, name)[keys] for name in ("tick", "channel", "pitch", "velocity")}
    return replace(track, **parts)


def _notes(track: Track) -> NDArray[np.int64]:
    """(n, 4) start tick, end tick, pitch, velocity of each note; one never released ends with its key or its track."""
    down: defaultdict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)
    last_off: dict[tuple[int, int], int] = {}
    notes: list[tuple[int, int, int, int]] = []
    columns = (track.tick, track.channel, track.pitch, track.velocity)
    for tick, channel, pitch, velocity in zip(*(column.tolist() for column in columns), strict=True):
        key = (channel, pitch)
        if velocity:
            down[key].append((tick, velocity))
            continue
        last_off[key] = tick
        if down[key]:  # the first note down is the first up
            start, loudness = down[key].popleft()
            notes.append((start, tick, pitch, loudness))
    for key, waiting in down.items():
        off = last_off.get(key, 0)
        notes.extend(
            (start, off if off > start else track.end, key[1], loudness) for start, loudness in waiting
        )
    return np.array(notes, np.int64).reshape(-1, 4)


def _separate(notes: Notes) -> Notes:
    """Sort notes; within a hand a key that is struck again is released first, and doubles become one note."""
    notes = notes.select(note_order(notes))
    onset, offset, velocity = notes.onset_s, notes.offset_s.copy(), notes.velocity.copy()
    keep = np.ones(len(notes), bool)
    last: dict[tuple[int, int], int] = {}
    keys = zip(notes.hand.tolist(), notes.pitch.astype(int).tolist(), strict=True)
    for i, key in enumerate(keys):
        before = last.get(key)
        offset[i] = max(offset[i], onset[i] + MIN_NOTE_S)
        if before is not None and onset[i] - onset[before] < 1e-3:
            offset[before] = max(offset[before], offset[i])
            velocity[before] = max(velocity[before], velocity[i])
            keep[i] = False
            continue
        if before is not None:
            offset[before] = min(offset[before], onset[i])
        last[key] = i
    return replace(notes, offset_s=offset, velocity=velocity).select(keep)


def _open(path: Path) -> Events:
    if path.is_dir():
        raise UserError("not_a_file", f"{quoted(path)} is a folder; choose a MIDI file.", str(path))
    if not path.is_file():
        sentence = f"The MIDI file {quoted(path)} does not exist; choose another."
        raise UserError("midi_missing", sentence, str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            sentence = (
                f"The MIDI file {quoted(path)} is larger than {MAX_FILE_BYTES >> 20} MB; choose another, "
                "or leave out what is not notes."
            )
            raise UserError("midi_too_large", sentence, str(path))
        events = read_events(data)
        if events.kind == 2:
            raise BadMidi("format 2, independent patterns")
        if events.division == 0:
            raise BadMidi("no ticks in a beat")
        return events
    except OSError as error:
        sentence = f"The MIDI file {quoted(path)} may not be read; check its permissions."
        raise UserError("midi_unreadable", sentence, repr(error)) from error
    except BadMidi as error:
        raise _corrupt(path, str(error)) from error


def _corrupt(path: Path, detail: str) -> UserError:
    sentence = f"The file {quoted(path)} is not a readable MIDI file; export it again or choose another."
    return UserError("midi_corrupt", sentence, f"{path}: {detail}")


def _clock(events: Events, path: Path) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """The seconds of ticks (n,), by the tempo changes of all tracks."""
    if events.division >= 0x8000:  # SMPTE: frames a second (negated) and ticks a frame, in two bytes
        frames, ticks = 256 - (events.division >> 8), events.division & 0xFF
        if ticks == 0:
            raise _corrupt(path, f"SMPTE division {events.division:#x}")
        rate = (30000 / 1001 if frames == 29 else frames) * ticks
        return lambda tick: tick / rate
    tracks = [track for track in events.tracks if len(track.tempo_us)]
    at = np.concatenate([[0], *(track.tempo_tick for track in tracks)]).astype(np.int64)
    tempo = np.concatenate([[BEAT_US], *(track.tempo_us for track in tracks)])
    at, tempo = at[tempo > 0], tempo[tempo > 0]  # a beat that takes no time is no tempo
    order = np.argsort(at, kind="stable")
    at, tempo = at[order], tempo[order]
    last = np.diff(at, append=at[-1] + 1) > 0  # of several changes at one tick
    at, per_tick = at[last].astype(np.float64), tempo[last] * 1e-6 / events.division
    since = np.concatenate([[0.0], np.cumsum(np.diff(at) * per_tick[:-1])])

    def seconds(tick: NDArray[np.int64]) -> NDArray[np.float64]:
        part = np.searchsorted(at, tick, "right") - 1
        return since[part] + (tick - at[part]) * per_tick[part]

    return seconds


def write_midi(path: str | Path, notes: Notes) -> None:
    """Write notes as a MIDI file: tracks `right`, `left` and, for notes of no known hand, `piano`.

    Times are rounded to 0.1 ms; a note lasts at least one tick, velocities are limited to 1..127. The file
    appears whole or not at all.

    Raises:
        ValueError: negative times or pitches off the keyboard.
        UserError: the file cannot be written.
    """
    notes = notes.astype(np.float64)
    known = (notes.pitch >= LOWEST_PITCH) & (notes.pitch < LOWEST_PITCH + KEYS)
    if not np.isfinite(notes.table).all() or (notes.onset_s < 0).any() or not known.all():
        raise ValueError("notes need finite times from 0 on and pitches 21 to 108")
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    tempo = mido.MetaMessage("set_tempo", tempo=BEAT_US, time=0)
    file.tracks.append(mido.MidiTrack([tempo, mido.MetaMessage("end_of_track", time=0)]))
    for channel, (name, hand) in enumerate((("right", 1), ("left", 0), ("piano", UNKNOWN))):
        own = notes.hand == hand
        if own.any() or (hand == UNKNOWN and not len(notes)):
            file.tracks.append(_track(name, channel, notes.select(own)))
    path = Path(path)
    try:
        with whole_file(path) as part:
            file.save(part)
    except OSError as error:
        sentence = f"The MIDI file {quoted(path)} cannot be written; choose another folder."
        raise UserError("cannot_write", sentence, repr(error)) from error


def _track(name: str, channel: int, notes: Notes) -> mido.MidiTrack:
    per_second = TICKS_PER_BEAT * 1e6 / BEAT_US
    # tick, 0 for a release so that it comes before a stroke, pitch, velocity
    events: list[tuple[int, int, int, int]] = []
    for onset, offset, pitch, velocity in notes.table:
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
