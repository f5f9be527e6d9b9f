"""MIDI files byte by byte: eight notes a quarter of a second apart, and what is wrong around them."""

from __future__ import annotations

from pathlib import Path

from models.music.midi import MidiNotes, read_midi

END = b"\0\xff\x2f\0"
QUARTER = b"\x81\x70"
"""240 ticks: a quarter of a second at 480 ticks a beat and 120 beats a minute."""
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "big") + body


def header(tracks: int = 1, kind: int = 1, division: int = 480) -> bytes:
    return chunk(b"MThd", b"".join(value.to_bytes(2, "big") for value in (kind, tracks, division)))


def note(pitch: int, channel: int = 0) -> bytes:
    return bytes((0, 0x90 + channel, pitch, 80)) + QUARTER + bytes((0x80 + channel, pitch, 0))


def notes(pitches: tuple[int, ...] = SCALE, channel: int = 0) -> bytes:
    return b"".join(note(pitch, channel) for pitch in pitches)


def meta(kind: int, body: bytes) -> bytes:
    assert len(body) < 128
    return bytes((0, 0xFF, kind, len(body))) + body


def name(text: str | bytes) -> bytes:
    return meta(3, text.encode() if isinstance(text, str) else text)


def program(number: int, channel: int = 0) -> bytes:
    return bytes((0, 0xC0 + channel, number))


def smf(*bodies: bytes, kind: int = 1, division: int = 480) -> bytes:
    return header(len(bodies), kind, division) + b"".join(chunk(b"MTrk", body + END) for body in bodies)


def read(folder: Path, data: bytes, part: str | None = None) -> MidiNotes:
    path = folder / "a.mid"
    path.write_bytes(data)
    return read_midi(path, part)


def codes(found: MidiNotes) -> list[str]:
    return [remark.code for remark in found.remarks]
