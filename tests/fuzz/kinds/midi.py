# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken and extreme MIDI files, to be played."""

from __future__ import annotations

import random
import struct
from pathlib import Path

from tests.fuzz.kinds.base import WorkerKind
from tests.fuzz.mutate import mutate_bytes
from tests.fuzz.verdict import Outcome
from tests.fuzz.watch import ROOT

END = b"\0\xff\x2f\0"
Event = tuple[int, bytes]
"""Ticks since the beginning, and the event's bytes."""


class Midi(WorkerKind):
    """`generate` of a mutated file, with a tiny model."""

    name = "midi"

    def prepare(self) -> None:
        score = (ROOT / "demo" / "score.mid").read_bytes()
        self.sources = [
            midi_file([scale(16)]),
            midi_file([scale(8), scale(8, 48)], division=96),
            midi_file([scale(8)], division=0xE728),
            midi_file(
                [[(0, b"\xff\x51\x03\x07\xa1\x20"), (0, b"\xf0\x03abc"), (0, b"\xff\x03\x04Left"), *scale(6)]]
            ),
            score[:3000],
            midi_file(
                [titled("Vocals", 53, 1), titled("Piano", 0, 2), titled("Piano", 0, 3), titled("", 0, 9)]
            ),
            b"RIFF\xff\0\0\0RMIDdata\xff\0\0\0" + midi_file([titled("右手", 0, 0), titled("左手", 0, 1)]),
        ]

    def run(self, number: int, rng: random.Random) -> Outcome:
        self.begin()
        if rng.random() < 0.08:
            data = _made_up(rng)
        else:
            data = rng.choice(self.sources)
            data = mutate_bytes(data, rng) if number % 20 else data
        path = Path(self.case / rng.choice(("score.mid", "score.midi", "score.rmi", "score.wav", "score")))
        path.write_bytes(data)
        before = self.files()
        params = {
            "midi": str(path),
            "output": str(self.case / "take.npz"),
            "preset": str(self.tiny_model),
            "device": "cpu",
            "sound_end_s": rng.choice((4.0, 4.0, 20000.0, None)),
            "part": rng.choice((None, None, None, "2", "Piano")),
        }
        return self.finish(self.ask("generate", params), before, ("case/take.npz",))


def midi_file(tracks: list[list[Event]], division: int = 480) -> bytes:
    """A standard MIDI file of format 1."""
    file = b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), division)
    for events in tracks:
        body, now = b"", 0
        for tick, event in sorted(events, key=lambda item: item[0]):
            body += length(tick - now) + event
            now = tick
        body += END
        file += b"MTrk" + struct.pack(">I", len(body)) + body
    return file


def length(value: int) -> bytes:
    """A number as MIDI files write it, seven bits a byte."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def note(start: int, stop: int, pitch: int, velocity: int = 80) -> list[Event]:
    """A note in ticks."""
    return [(start, bytes((0x90, pitch, velocity))), (stop, bytes((0x80, pitch, 0)))]


def scale(count: int, first: int = 60) -> list[Event]:
    """Some notes up the keyboard, two a beat."""
    return [event for i in range(count) for event in note(240 * i, 240 * i + 200, first + i)]


def titled(name: str, program: int, channel: int) -> list[Event]:
    """Some notes of a named track with an instrument, and its pedal."""
    text = name.encode("shift_jis")
    strokes = [(tick, bytes((event[0] + channel, *event[1:]))) for tick, event in scale(6)]
    pedal = [(240 * i, bytes((0xB0 + channel, 64, 127 * (i % 2)))) for i in range(6)]
    return [
        (0, b"\xff\x03" + length(len(text)) + text),
        (0, bytes((0xC0 + channel, program))),
        *pedal,
        *strokes,
    ]


def _made_up(rng: random.Random) -> bytes:
    """A well-formed file that nobody could play."""
    kind = rng.randrange(8)
    if kind == 0:  # every key at once, again and again
        return midi_file(
            [[e for t in range(16) for p in range(21, 109) for e in note(480 * t, 480 * t + 240, p)]]
        )
    if kind == 1:  # a cloud of notes
        rate = rng.choice((100, 1000, 5000))
        starts = [rng.randrange(960 * 4) for _ in range(rate * 4)]
        return midi_file([[e for s in starts for e in note(s, s + 50, rng.randrange(21, 109))]])
    if kind == 2:  # one key
        return midi_file([[e for i in range(20_000) for e in note(2 * i, 2 * i + 1, 60)]])
    if kind == 3:  # a note after hours of silence
        return midi_file([[*note(0, 100, 60), *note(960 * rng.choice((600, 1800, 7200)), 10**7, 64)]])
    if kind == 4:  # times without end
        return midi_file(
            [[(0, b"\xff\x51\x03\xff\xff\xff"), *note(0, 100, 60), *note(2**28 - 1, 2**28 + 9, 62)]]
        )
    if kind == 5:  # many tracks
        return midi_file([scale(1) for _ in range(rng.choice((100, 3000)))])
    if kind == 6:  # all within a microsecond
        return midi_file([[(0, b"\xff\x51\x03\0\0\1"), *scale(40, 30)]])
    return midi_file([[(0, b"\xff\x7f" + length(2**21) + bytes(2**21)), *scale(4)]])
