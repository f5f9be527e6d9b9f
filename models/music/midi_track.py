# SPDX-License-Identifier: GPL-3.0-or-later
"""The bytes of one track of a MIDI file, read as far as they can be read.

One pass over the bytes into plain arrays, so that memory is a few bytes for each byte of the file, whatever it holds.
Where the bytes make no sense, reading goes on at the next place from which on they do (`models.music.midi_resync`).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.music.midi_resync import DATA_BYTES, END_OF_TRACK, Broken, next_sound, number, system_event

SUSTAIN, SOSTENUTO, SOFT = 64, 66, 67
PEDALS = (SUSTAIN, SOSTENUTO, SOFT)
"""Controllers that say how far a pedal is down."""
_IS_PEDAL = np.isin(np.arange(128), PEDALS)
_NOTE_ON, _CONTROL, _PROGRAM, _SYSTEM = 0x90, 0xB0, 0xC0, 0xF0
_REALTIME = range(0xF8, 0xFF)
_TRACK_NAME, _SET_TEMPO = 0x03, 0x51


@dataclass
class Faults:
    """What is wrong with the bytes of a track."""

    inside: bool = False
    """They end within an event."""
    skipped: int = 0
    """So many make no sense."""
    skipped_tick: int = 0
    """Where the first of these are."""
    waits: int = 0
    """How many times the track waits for longer than is believed; such a wait counts as none."""


_NO_TICKS, _NO_BYTES = np.zeros(0, np.int64), np.zeros(0, np.uint8)


def _none() -> NDArray[np.int64]:
    return _NO_TICKS  # a file may have 65,535 empty tracks


def _no_bytes() -> NDArray[np.uint8]:
    return _NO_BYTES


@dataclass(frozen=True)
class Track:
    """What one track says about keys, pedals, instruments and tempo."""

    name: bytes = b""
    """Its first name."""
    end: int = 0
    """Tick of the last event."""
    ended: bool = False
    """Whether it says itself that it ends."""
    faults: Faults = field(default_factory=Faults)
    tick: NDArray[np.int64] = field(default_factory=_none)
    """(n,) of each stroke or release, never falling."""
    channel: NDArray[np.uint8] = field(default_factory=_no_bytes)
    pitch: NDArray[np.uint8] = field(default_factory=_no_bytes)
    velocity: NDArray[np.uint8] = field(default_factory=_no_bytes)
    """(n,) 1 to 127 of a stroke, 0 of a release."""
    tempo_tick: NDArray[np.int64] = field(default_factory=_none)
    tempo_us: NDArray[np.int64] = field(default_factory=_none)
    """(m,) microseconds a beat from the tick on."""
    pedal_tick: NDArray[np.int64] = field(default_factory=_none)
    pedal: NDArray[np.uint8] = field(default_factory=lambda: _NO_BYTES.reshape(0, 3))
    """(p,), (p, 3) channel, controller (one of `PEDALS`) and value 0 to 127 from the tick on."""
    program_tick: NDArray[np.int64] = field(default_factory=_none)
    program: NDArray[np.uint8] = field(default_factory=lambda: _NO_BYTES.reshape(0, 2))
    """(q,), (q, 2) channel and instrument 0 to 127 from the tick on."""


class _Found:
    """What was found in a track so far."""

    def __init__(self) -> None:
        self.name = b""
        self.ended = False
        self.faults = Faults()
        self.ticks, self.tempo_ticks, self.tempos = array("q"), array("q"), array("q")
        self.messages = bytearray()
        """Status and two data bytes of what happens at each of `ticks`."""

    def system(self, data: bytes, at: int, tick: int, status: int) -> int:
        kind, body, end = system_event(data, at, status)
        if kind == _SET_TEMPO and end - body >= 3:
            self.tempo_ticks.append(tick)
            self.tempos.append(int.from_bytes(data[body : body + 3], "big"))
        elif kind == _TRACK_NAME and not self.name:
            self.name = data[body:end]
        elif kind == END_OF_TRACK:
            self.ended = True
        return end

    def odd_message(self, data: bytes, at: int, tick: int, status: int) -> int:
        """Where a channel message ends that has other data than two bytes of 0 to 127; raises IndexError, Broken."""
        if not status:
            raise Broken
        count = DATA_BYTES[(status >> 4) - 8]
        values = bytearray()
        while len(values) < count:
            if data[at] not in _REALTIME:  # a clock may strike in the middle of a message
                values.append(min(data[at], 127))
            at += 1
        if status & 0xF0 <= _PROGRAM:
            self.ticks.append(tick)
            self.messages += bytes((status, values[0], values[-1]))
        return at

    def skip(self, data: bytes, at: int, tick: int) -> int:
        """Where the bytes make sense again after a fault at `at`."""
        sound = next_sound(data, at + 1, len(data))
        if sound == len(data):
            self.faults.inside = True
        else:
            self.faults.skipped_tick = self.faults.skipped_tick if self.faults.skipped else tick
            self.faults.skipped += sound - at
        return sound

    def track(self, end: int) -> Track:
        if not self.messages and not self.tempos:
            return Track(self.name, end, self.ended, self.faults)
        table, tick = (
            np.frombuffer(self.messages, np.uint8).reshape(-1, 3),
            np.frombuffer(self.ticks, np.int64),
        )
        kind, channel = table[:, 0] & 0xF0, np.bitwise_and(table[:, 0], 0x0F, dtype=np.uint8)
        first, second = table[:, 1], table[:, 2]
        keys, pedals, programs = kind < 0xA0, (kind == _CONTROL) & _IS_PEDAL[first], kind == _PROGRAM
        return Track(
            name=self.name,
            end=end,
            ended=self.ended,
            faults=self.faults,
            tick=tick[keys],
            channel=channel[keys],
            pitch=first[keys],
            velocity=np.where(kind[keys] == _NOTE_ON, second[keys], 0).astype(np.uint8),
            tempo_tick=np.array(self.tempo_ticks, np.int64),
            tempo_us=np.array(self.tempos, np.int64),
            pedal_tick=tick[pedals],
            pedal=np.stack([channel[pedals], first[pedals], second[pedals]], 1),
            program_tick=tick[programs],
            program=np.stack([channel[programs], first[programs]], 1),
        )


def read_track(data: bytes, longest_wait: int, *, stops: bool = False) -> Track:
    """The track of these bytes.

    Data bytes above 127 count as 127; an event that the end cuts off is none.

    Args:
        data: the body of the chunk, or more, where nobody knows how long it is.
        longest_wait: in ticks, between two events.
        stops: whether what follows the end of the track does not belong to it.
    """
    found = _Found()
    ticks, messages = found.ticks, found.messages
    at = tick = status = 0
    size = len(data)
    while at < size and not (stops and found.ended):
        event = at
        try:
            now = data[at]
            at += 1
            if now > 0x7F:
                now, at = number(data, event)
                if now > longest_wait:
                    found.faults.waits += 1
                    now = 0
            now += tick
            if data[at] > 0x7F:
                if data[at] >= _SYSTEM:
                    at, tick = found.system(data, at, now, status), now
                    continue
                status = data[at]
                at += 1
            if not 0x80 <= status < _PROGRAM or data[at] > 0x7F or data[at + 1] > 0x7F:
                at = found.odd_message(data, at, now, status)
            else:
                ticks.append(now)
                messages += bytes((status, data[at], data[at + 1]))
                at += 2
            tick = now
        except (Broken, IndexError) as error:
            at = found.skip(data, event, tick) if isinstance(error, Broken) else size
            found.faults.inside |= isinstance(error, IndexError)
    return found.track(tick)
