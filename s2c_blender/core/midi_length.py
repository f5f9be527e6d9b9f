# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a MIDI file plays, for the length of its strip. No bpy.

Only times are read, as forgivingly as can be: tracks are found by their mark and not by what the header says of them,
and what makes no sense ends its track. Which notes are played is for the generator to say; it reads the file anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

TAIL_S = 1.0
"""A take from MIDI goes on this long after the last release."""
MOST_SECONDS = 2 * 3600.0
"""No strip is longer; a file may ask for years."""
BEAT_US = 500_000
"""Microseconds a beat until the file says otherwise."""
TICKS_A_BEAT = 480
"""Where the file names no ticks."""
DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
META, SET_TEMPO, END_OF_TRACK = 0xFF, 0x51, 0x2F
LONGEST_NUMBER = 4
"""Bytes of a variable-length number."""


@dataclass
class Times:
    """When something happens in a track."""

    last_note: int = -1
    """Tick of the last stroke or release; -1 where there is none."""
    tempos: list[tuple[int, int]] = field(default_factory=list)
    """Ticks, and microseconds a beat from them on."""


def is_midi(head: bytes) -> bool:
    """Whether a file that begins with these bytes is MIDI, in a RIFF wrapper or not."""
    return head[:4] == b"MThd" or (head[:4] == b"RIFF" and head[8:12] == b"RMID")


def midi_seconds(data: bytes) -> float:
    """Seconds from the file's beginning until its hands come up; 0 for a file without notes, or that is no MIDI."""
    header = data.find(b"MThd")
    if header < 0 or len(data) < header + 14:
        return 0.0
    kind = int.from_bytes(data[header + 8 : header + 10], "big")
    division = int.from_bytes(data[header + 12 : header + 14], "big")
    tracks = _tracks(data, header + 8)
    one_after_another = [[track] for track in tracks] if kind == 2 else [tracks]
    played = sum(_seconds(together, division) for together in one_after_another)
    return min(played + TAIL_S, MOST_SECONDS) if any(track.last_note >= 0 for track in tracks) else 0.0


def _tracks(data: bytes, begin: int) -> list[Times]:
    found = []
    at = data.find(b"MTrk", begin)
    while at >= 0:
        following = data.find(b"MTrk", at + 8)
        found.append(_times(data[at + 8 : following if following >= 0 else len(data)]))
        at = following
    return found


def _times(data: bytes) -> Times:
    """The times of one track, as far as it makes sense."""
    times = Times()
    tick = at = status = 0
    try:
        while at < len(data):
            delta, at = _number(data, at)
            tick += delta
            if data[at] >= 0x80:
                now = data[at]
                at += 1
                if now == META:
                    kind = data[at]
                    length, begin = _number(data, at + 1)
                    at = begin + length
                    if kind == END_OF_TRACK:
                        break
                    if kind == SET_TEMPO and length >= 3:
                        times.tempos.append((tick, int.from_bytes(data[begin : begin + 3], "big")))
                    continue
                if now in (0xF0, 0xF7):
                    length, at = _number(data, at)
                    at += length
                    continue
                if now > 0xF0:
                    at += SYSTEM_BYTES.get(now, 0)
                    continue
                status = now
            if not status:
                break
            at += DATA_BYTES[status & 0xF0]
            if status < 0xA0 and at <= len(data):
                times.last_note = tick
    except IndexError:  # it is cut off
        pass
    return times


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number and where it ends. Raises IndexError where there is none."""
    value = 0
    for i in range(at, at + LONGEST_NUMBER):
        value = value << 7 | data[i] & 0x7F
        if data[i] < 0x80:
            return value, i + 1
    raise IndexError


def _seconds(tracks: Sequence[Times], division: int) -> float:
    """When the last note of `tracks`, which play at once, ends."""
    last = max((track.last_note for track in tracks), default=-1)
    if last < 0:
        return 0.0
    if division >= 0x8000:  # SMPTE: frames a second, negated, and ticks a frame
        frames, ticks = 256 - (division >> 8), division & 0xFF
        return last / ((30000 / 1001 if frames == 29 else frames) * max(ticks, 1))
    tempos = sorted(
        (change for track in tracks for change in track.tempos if change[1]), key=lambda change: change[0]
    )
    ticks_a_beat = division or TICKS_A_BEAT
    seconds, since, tempo = 0.0, 0, BEAT_US
    for tick, following in tempos:
        if tick >= last:
            break
        seconds += (tick - since) * tempo
        since, tempo = tick, following
    return (seconds + (last - since) * tempo) * 1e-6 / ticks_a_beat
