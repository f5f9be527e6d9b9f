# SPDX-License-Identifier: GPL-3.0-or-later
"""MIDI files, byte by byte."""

import struct

SCALE = (60, 62, 64, 65)


def number(value):
    """A variable-length number."""
    found = [value & 0x7F]
    while value := value >> 7:
        found.append(0x80 | value & 0x7F)
    return bytes(reversed(found))


def chunk(name, data, length=None):
    return name + struct.pack(">I", len(data) if length is None else length) + data


def track(pitches=SCALE, ticks=960, before=b"", end=b"\0\xff\x2f\0"):
    """Notes one after another, each `ticks` long, a second at 120 beats a minute and 480 ticks a beat."""
    notes = b"".join(
        b"\0" + bytes((0x90, pitch, 80)) + number(ticks) + bytes((0x80, pitch, 0)) for pitch in pitches
    )
    return before + notes + end


def header(kind=0, tracks=1, division=480):
    return chunk(b"MThd", struct.pack(">HHH", kind, tracks, division))


def write_midi(path, *tracks, kind=0, division=480, riff=False):
    """A file of these tracks, or of one that plays a scale of four seconds."""
    tracks = tracks or (track(),)
    data = header(kind, len(tracks), division) + b"".join(chunk(b"MTrk", data) for data in tracks)
    if riff:
        data = b"RIFF" + struct.pack("<I", len(data) + 12) + b"RMIDdata" + struct.pack("<I", len(data)) + data
    path.write_bytes(data)
    return path
