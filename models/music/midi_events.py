# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a MIDI file: its tracks with strokes, releases, pedals, instruments and tempo changes.

Files are read as far as they can be. Headers lie about the number of tracks and about their lengths, and files come in
wrappers (RIFF, MacBinary), with chunks of other programs or cut off. What is missing then stands in `Events.faults`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.music.midi_track import Faults, Track, read_track

MAX_TRACKS = 65_535
LONGEST_WAIT_BEATS = 14_400
"""A pause of two hours at 120 beats a minute is none."""
USUAL_DIVISION = 480
"""Ticks a beat, where a file says that there are none."""
SMPTE = 0x8000
"""From here on a division is frames and ticks a frame."""
PATTERNS = 2
_HEADER_BYTES = 6


class BadMidi(ValueError):
    """The bytes are no MIDI file."""


@dataclass
class FileFaults:
    """What is wrong with a file as a whole."""

    missing_tracks: int = 0
    """Its header promises so many more."""
    cut: bool = False
    """The bytes end before a track does."""
    another: bool = False
    """A second file follows, which is not read."""
    no_division: bool = False
    """It does not say how long a tick is."""
    patterns: int = 0
    """So many were joined."""


@dataclass(frozen=True)
class Events:
    """A whole file."""

    kind: int
    """0 one track, 1 tracks at once, 2 patterns, which are one track here."""
    division: int
    """Ticks a beat, or, from `SMPTE` on, frames and ticks."""
    tracks: list[Track]
    faults: FileFaults


def read_events(data: bytes) -> Events:
    """The events of a MIDI file.

    Chunks of unknown kinds are passed over, and what stands before the header.

    Raises:
        BadMidi: there is no header of a MIDI file in the bytes.
    """
    start = data.find(b"MThd")
    if start < 0:
        raise BadMidi("there is no MThd")
    header = start + 8
    if len(data) < header + _HEADER_BYTES:
        raise BadMidi("the header is cut off")
    kind, count, division = (int.from_bytes(data[header + i : header + i + 2], "big") for i in (0, 2, 4))
    faults = FileFaults()
    if division == 0 or (division >= SMPTE and division & 0xFF == 0):
        division, faults.no_division = USUAL_DIVISION, True
    longest = LONGEST_WAIT_BEATS * (
        division if division < SMPTE else (256 - (division >> 8)) * (division & 0xFF)
    )
    tracks: list[Track] = []
    after = header + int.from_bytes(data[start + 4 : header], "big")
    for name, begin, end, sure in _chunks(data, after, header + _HEADER_BYTES):
        if name == b"MThd":
            faults.another = True
            break
        if name == b"MTrk" and len(tracks) < MAX_TRACKS:
            track = read_track(data[begin:end], longest, stops=not sure)
            faults.cut |= end == len(data) and not track.ended and (not sure or track.faults.inside)
            tracks.append(track)
    faults.missing_tracks = max(count - len(tracks), 0)
    if kind == PATTERNS and len(tracks) > 1:
        faults.patterns, tracks = len(tracks), _in_a_row(tracks)
    return Events(kind, division, tracks, faults)


def _chunks(data: bytes, at: int, earliest: int) -> Iterator[tuple[bytes, int, int, bool]]:
    """Name, begin and end of each chunk, and whether it is sure that it ends there: another begins, or the file ends.

    Where a length is wrong, a chunk goes on to the next track.
    """
    if at < earliest or not _begins(data, at):
        at = data.find(b"MTrk", earliest)
    while 0 <= at < len(data):
        name, begin = data[at : at + 4], at + 8
        end = begin + int.from_bytes(data[at + 4 : begin], "big")
        sure = _begins(data, end)
        if not sure:
            following = data.find(b"MTrk", begin)
            end = following if following >= 0 else len(data)
        yield name, begin, end, sure
        at = end


def _begins(data: bytes, at: int) -> bool:
    """Whether a chunk begins here, whole or the file's last, or the file ends here."""
    name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
    whole = name.isascii() and name.isalnum() and at + 8 + size <= len(data)
    return at == len(data) or name == b"MTrk" or (len(data) >= at + 8 and whole)


def _in_a_row(tracks: list[Track]) -> list[Track]:
    """Patterns as one track, each after the end of the one before."""
    columns: dict[str, list[NDArray[Any]]] = {name: [getattr(Track(), name)] for name in _COLUMNS}
    faults, end = Faults(), 0
    for track in tracks:
        for name, parts in columns.items():
            column = getattr(track, name)
            parts.append(column + end if name.endswith("tick") else column)
        if track.faults.skipped and not faults.skipped:
            faults.skipped_tick = track.faults.skipped_tick + end
        faults.skipped += track.faults.skipped
        faults.waits += track.faults.waits
        end += track.end
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    title = next((track.name for track in tracks if track.name), b"")
    return [Track(name=title, end=end, ended=True, faults=faults, **joined)]


_COLUMNS = [item.name for item in fields(Track) if item.name not in ("name", "end", "ended", "faults")]
