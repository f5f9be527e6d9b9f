# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes from MIDI files and back.

A file is read as far as it can be: `models.music.midi_events` reads the bytes, `models.music.midi_parts` finds the
piano, `models.music.midi_strokes` makes notes of strokes and releases. An offset is the moment the finger leaves the
key; what the pedals do stands apart. What was mended or left out is told in remarks (`models.music.midi_remarks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from models.body.keyboard import KEYS, LOWEST_PITCH
from models.body.notes import UNKNOWN, Notes
from models.errors import Remark, UserError, quoted
from models.music.midi_clock import BEAT_US, Clock
from models.music.midi_events import BadMidi, Events, read_events
from models.music.midi_parts import Part, listed, parts_of
from models.music.midi_remarks import remarks_of
from models.music.midi_staves import staves_of
from models.music.midi_strokes import strokes_of
from models.music.midi_track import SUSTAIN
from models.music.notes import MAX_NOTES
from models.music.pedal import Pedal
from models.whole_file import whole_file

MAX_FILE_BYTES = 16 * 2**20
"""A piano piece has some ten thousand notes and, pedals and all, less than a megabyte."""
MAX_SECONDS = 2 * 3600.0
TICKS_PER_BEAT = 4800
"""Files are written at 120 beats a minute in ticks of about 0.1 ms."""


@dataclass(frozen=True)
class MidiNotes:
    """What a MIDI file says about keys."""

    notes: Notes
    """Sorted by onset, in single precision; hand -1 where the file does not say."""
    duration_s: float
    """Until the last event of any track."""
    pedal: Pedal
    """The sustain pedal of the channels that play."""
    parts: tuple[Part, ...]
    """All that has notes, in the order of the file."""
    remarks: tuple[Remark, ...]
    """What was mended, left out or doubtful; where there are no notes, why."""


def read_midi(path: str | Path, part: str | None = None) -> MidiNotes:
    """Read a MIDI file.

    Args:
        path: of the file.
        part: number or name of the part that is played; None for the piano's.

    Raises:
        UserError: the file is missing, no MIDI file, larger than `MAX_FILE_BYTES`, longer than `MAX_SECONDS`, of more
            than `MAX_NOTES` notes, or has no such part.
    """
    path = Path(path)
    events = _open(path)
    parts = parts_of(staves_of(events), part)
    if part is not None and not any(one.chosen for one in parts):
        raise _no_such_part(path, parts, part)
    strokes = sum(one.notes for one in parts if one.chosen)
    if strokes > MAX_NOTES:
        raise UserError(
            "too_many_notes",
            f"The MIDI file {quoted(path)} has {strokes} notes; cut it into parts of at most {MAX_NOTES}.",
            str(path),
        )
    clock = Clock(events)
    duration_s = clock.second(max((track.end for track in events.tracks), default=0))
    if duration_s > MAX_SECONDS:
        raise UserError(
            "midi_too_long",
            f"The MIDI file {quoted(path)} lasts {_minutes(duration_s)}; choose one of at most "
            f"{MAX_SECONDS / 60:.0f} minutes.",
            str(path),
        )
    staves = [stave for one in parts if one.chosen for stave in one.staves]
    found = strokes_of(events.tracks, staves, clock.seconds)
    return MidiNotes(
        found.notes.astype(np.float32),
        max(duration_s, float(found.notes.offset_s.max(initial=0.0))),
        _sustain(events, clock, {stave.channel for stave in staves}),
        tuple(parts),
        remarks_of(events, clock, parts, found, chosen=part is not None),
    )


def list_parts(path: str | Path) -> list[Part]:
    """The parts of a MIDI file, with those chosen that are played if nobody chooses.

    Raises:
        UserError: the file is missing, no MIDI file or larger than `MAX_FILE_BYTES`.
    """
    return parts_of(staves_of(_open(Path(path))))


def _no_such_part(path: Path, parts: list[Part], part: str) -> UserError:
    have = f"its parts are {listed(parts)}" if parts else "it has no notes at all"
    sentence = f"The MIDI file {quoted(path)} has no part {quoted(part)}; {have}."
    return UserError("bad_part", sentence, str(path))


def _minutes(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.0f} minutes" if minutes < 1e5 else "months or more"


def _sustain(events: Events, clock: Clock, channels: set[int]) -> Pedal:
    """The sustain pedal of these channels; it is as far down as the channel that has it lowest."""
    tick = np.concatenate([np.zeros(0, np.int64), *(track.pedal_tick for track in events.tracks)])
    pedal = np.concatenate([np.zeros((0, 3), np.uint8), *(track.pedal for track in events.tracks)])
    ours = (pedal[:, 1] == SUSTAIN) & np.isin(pedal[:, 0], list(channels))
    order = np.flatnonzero(ours)[np.argsort(tick[ours], kind="stable")]
    now = dict.fromkeys(channels, 0)
    depth = []
    for channel, _, value in pedal[order].tolist():
        now[channel] = value
        depth.append(max(now.values()))
    return Pedal(clock.seconds(tick[order]), np.array(depth, np.float32) / 127)


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
        return read_events(data)
    except OSError as error:
        sentence = f"The MIDI file {quoted(path)} may not be read; check its permissions."
        raise UserError("midi_unreadable", sentence, repr(error)) from error
    except BadMidi as error:
        sentence = f"The file {quoted(path)} is not a readable MIDI file; export it again or choose another."
        raise UserError("midi_corrupt", sentence, f"{path}: {error}") from error


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
