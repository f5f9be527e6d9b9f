# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in a MIDI file: its tracks with strokes, releases, pedals and tempo changes, and nothing else.

One pass over the bytes into plain arrays, so that memory is a few bytes for each byte of the file, whatever it holds.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
"""Of channel messages, by the upper half of their status."""
_SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0, **dict.fromkeys((0xF8, 0xFA, 0xFB, 0xFC, 0xFE), 0)}
SUSTAIN, SOSTENUTO, SOFT = 64, 66, 67
PEDALS = (SUSTAIN, SOSTENUTO, SOFT)
"""Controllers that say how far a pedal is down."""
_IS_PEDAL = np.isin(np.arange(128), PEDALS)
_META, _TRACK_NAME, _SET_TEMPO = 0xFF, 0x03, 0x51
_NOTE_ON, _CONTROL = 0x90, 0xB0
_SYSEX = (0xF0, 0xF7)
_LONGEST_NUMBER = 4  # bytes of a variable-length number


class BadMidi(ValueError):
    """The bytes are no MIDI file."""


@dataclass(frozen=True)
class Track:
    """The events of one track that say when keys go down and up."""

    name: str
    """Its first name; empty where it has none."""
    tick: NDArray[np.int64]
    """(n,) of each stroke or release, never falling."""
    channel: NDArray[np.uint8]
    pitch: NDArray[np.uint8]
    velocity: NDArray[np.uint8]
    """(n,) 1 to 127 of a stroke, 0 of a release."""
    tempo_tick: NDArray[np.int64]
    tempo_us: NDArray[np.int64]
    """(m,) microseconds a beat from the tick on."""
    pedal_tick: NDArray[np.int64]
    pedal: NDArray[np.uint8]
    """(p,), (p, 3) channel, controller (one of `PEDALS`) and value 0 to 127 from the tick on."""
    end: int
    """Tick of the last event."""


@dataclass(frozen=True)
class Events:
    """A whole file."""

    kind: int
    """0 one track, 1 tracks at once, 2 independent patterns."""
    division: int
    """Ticks a beat, or, from 0x8000 on, SMPTE frames and ticks."""
    tracks: list[Track]


def read_events(data: bytes) -> Events:
    """The events of a MIDI file.

    Data bytes above 127 count as 127, chunks of unknown kinds are passed over.

    Raises:
        BadMidi: the bytes are no whole MIDI file.
    """
    if data[:4] != b"MThd":
        raise BadMidi("it does not begin with MThd")
    size = int.from_bytes(data[4:8], "big")
    if size < 6 or len(data) < 8 + size:
        raise BadMidi("the header is cut off")
    kind, count, division = (int.from_bytes(data[i : i + 2], "big") for i in (8, 10, 12))
    tracks: list[Track] = []
    at = 8 + size
    while len(tracks) < count:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        begin, at = at + 8, at + 8 + size
        if at > len(data) or begin > len(data):
            raise BadMidi(f"track {len(tracks) + 1} of {count} is cut off")
        if name == b"MTrk":
            try:
                tracks.append(_read_track(data[begin:at]))
            except IndexError:
                raise BadMidi(f"an event of track {len(tracks) + 1} reaches beyond its end") from None
    return Events(kind, division, tracks)


def _read_track(data: bytes) -> Track:
    """The track of these bytes; `IndexError` where they end within an event."""
    at = tick = status = 0
    name: str | None = None
    ticks, tempo_ticks, tempos = array("q"), array("q"), array("q")
    messages = bytearray()
    size = len(data)
    while at < size:
        delta = data[at]
        at += 1
        if delta > 0x7F:
            delta, at = _number(data, at - 1)
        tick += delta
        if data[at] > 0x7F:
            now = data[at]
            at += 1
            if now == _META:
                kind = data[at]
                length, begin = _number(data, at + 1)
                at = _after(begin, length, size)
                if kind == _SET_TEMPO and length >= 3:
                    tempo_ticks.append(tick)
                    tempos.append(int.from_bytes(data[begin : begin + 3], "big"))
                elif kind == _TRACK_NAME and name is None:
                    name = _text(data[begin:at])
                continue
            status = now
        if status < 0x80:
            raise BadMidi("an event has no status")
        if status < 0xC0:
            ticks.append(tick)
            messages += bytes((status, data[at], data[at + 1]))
            at += 2
        elif status < 0xF0:
            at = _after(at, _DATA_BYTES[status & 0xF0], size)
        elif status in _SYSEX:
            length, at = _number(data, at)
            at = _after(at, length, size)
        elif status in _SYSTEM_BYTES:
            at = _after(at, _SYSTEM_BYTES[status], size)
        else:
            raise BadMidi(f"an event has the unknown status {status:#x}")
    return _as_track(name or "", ticks, messages, tempo_ticks, tempos, tick)


def _as_track(
    name: str, ticks: array[int], messages: bytearray, tempo_ticks: array[int], tempos: array[int], end: int
) -> Track:
    """`messages`: status and two data bytes of what happens at each of `ticks`."""
    if not messages and not tempos:  # a file may have 65,535 of these
        return replace(_EMPTY, name=name, end=end)
    table, at_tick = np.frombuffer(messages, np.uint8).reshape(-1, 3), np.frombuffer(ticks, np.int64)
    kind, first, second = table[:, 0] & 0xF0, *np.minimum(table[:, 1:].T, 127)
    keys, pedals = kind < 0xA0, (kind == _CONTROL) & _IS_PEDAL[first]
    channel = np.bitwise_and(table[:, 0], 0x0F, dtype=np.uint8)
    return Track(
        name,
        at_tick[keys],
        channel[keys],
        first[keys],
        np.where(kind[keys] == _NOTE_ON, second[keys], 0).astype(np.uint8),
        _array(tempo_ticks),
        _array(tempos),
        at_tick[pedals],
        np.stack([channel[pedals], first[pedals], second[pedals]], 1),
        end,
    )


_NO_TICKS, _NO_BYTES = np.zeros(0, np.int64), np.zeros(0, np.uint8)
_EMPTY = Track(
    "",
    _NO_TICKS,
    _NO_BYTES,
    _NO_BYTES,
    _NO_BYTES,
    _NO_TICKS,
    _NO_TICKS,
    _NO_TICKS,
    _NO_BYTES.reshape(0, 3),
    0,
)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number and where it ends."""
    value = 0
    for i in range(at, at + _LONGEST_NUMBER):
        value = value << 7 | data[i] & 0x7F
        if data[i] < 0x80:
            return value, i + 1
    raise BadMidi(f"a number is longer than {_LONGEST_NUMBER} bytes")


def _after(at: int, length: int, size: int) -> int:
    if at + length > size:
        raise IndexError
    return at + length


def _text(data: bytes) -> str:
    """Latin letters, also where each takes two bytes."""
    return data.lstrip(b"\xff\xfe").replace(b"\0", b"").decode("latin-1")  # without a mark of the byte order


def _array(values: array[Any]) -> NDArray[np.int64]:
    return np.array(values, np.int64)
