# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by a second Blender: a sound, or that of a film, as a WAV file. Arguments: source target end."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import bpy  # noqa: F401  where Blender is a module, it brings aud

import aud  # isort: skip

MOST_BYTES = (1 << 32) - 64
"""Of samples in a WAV file."""
AFTER_S = 1.0
"""Decoded beyond the end that is asked for: whoever changes the rate of the samples looks at those around."""
FLOAT = 3
"""The kind of samples that a WAV file calls so."""
TOLD = (b"fLaC", b"FORM", b"\x1aE\xdf\xa3")
"""The first bytes of FLAC, AIFF and Matroska, whose headers say how long they are. Of others FFmpeg often guesses."""


def decode(source: Path, target: Path, end_s: float) -> None:
    """Write the samples of `source` up to second `end_s` to `target`, all channels, as they are.

    Where the source ends before its own header says, the header of `target` says as much as that.
    """
    sound = aud.Sound(str(source))
    rate, channels = int(sound.specs[0]), int(sound.specs[1])
    wanted = min(int((end_s + AFTER_S) * rate), MOST_BYTES // (4 * channels))
    samples = sound.limit(0.0, end_s + 2 * AFTER_S).data()[:wanted]
    promised = promised_samples(source, sound) if len(samples) < wanted else 0
    with target.open("wb") as file:
        size = min(4 * channels * max(promised, len(samples)), MOST_BYTES)
        file.write(header(rate, channels, size))
        for i in range(0, len(samples), rate):
            file.write(samples[i : i + rate].astype("<f4").tobytes())


def promised_samples(source: Path, sound: aud.Sound) -> int:
    """Samples that the header of a file says it has, 0 where it does not say."""
    with source.open("rb") as file:
        head = file.read(8)
    return int(sound.length) if head[:4] in TOLD or head[4:] == b"ftyp" else 0


def header(rate: int, channels: int, data_bytes: int) -> bytes:
    """The beginning of a WAV file of floats."""
    form = struct.pack("<HHIIHHH", FLOAT, channels, rate, 4 * channels * rate, 4 * channels, 32, 0)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", data_bytes)
    return b"RIFF" + struct.pack("<I", len(chunks) + data_bytes) + chunks


if __name__ == "__main__":
    decode(Path(sys.argv[-3]), Path(sys.argv[-2]), float(sys.argv[-1]))
