# SPDX-License-Identifier: GPL-3.0-or-later
"""Eight seconds of notes as a MIDI file, for the timed test of a runtime. No bpy."""

from __future__ import annotations

from pathlib import Path

TICKS_PER_BEAT = 480
SECONDS = 8
SCALE = (60, 62, 64, 65, 67, 69, 71, 72, 71, 69, 67, 65, 64, 62, 60, 60)


def write_test_midi(path: Path) -> None:
    """Write a C major scale up and down in quavers at 120 beats a minute (one note in 0.25 s, twice over 8 s)."""
    events = bytearray()
    for pitch in SCALE * (SECONDS * 4 // len(SCALE)):
        events += bytes((0, 0x90, pitch, 80))
        events += _variable_length(TICKS_PER_BEAT // 2) + bytes((0x80, pitch, 0))
    events += bytes((0, 0xFF, 0x2F, 0))
    header = b"MThd" + (6).to_bytes(4, "big") + b"\0\0\0\1" + TICKS_PER_BEAT.to_bytes(2, "big")
    path.write_bytes(header + b"MTrk" + len(events).to_bytes(4, "big") + bytes(events))


def _variable_length(value: int) -> bytes:
    """A MIDI variable-length quantity: seven bits a byte, most significant first."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))
