# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a file says that its sound is, read from its first bytes: only to say so where it ends before.

A WAV file that was cut off shows it by a size that goes beyond its end, and an MP3 file by the count of frames in its
Xing tag; FFmpeg tells neither.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

HEAD_BYTES = 1 << 17
"""In these the count must stand."""
UNKNOWN = 0x7FFF_0000
"""A WAV size from here on stands for none: the program that wrote it did not know it."""


def promised_samples(file: BinaryIO) -> int | None:
    """Samples that a WAV or MP3 file says it has; None where it does not say, or is another file."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return _wav(head) if head[:4] == b"RIFF" and head[8:12] == b"WAVE" else _mp3(head)


def _wav(head: bytes) -> int | None:
    at, block = 12, 0
    while at + 8 <= len(head):
        name, size = head[at : at + 4], struct.unpack_from("<I", head, at + 4)[0]
        if name == b"fmt " and at + 24 <= len(head):
            kind, block = (
                struct.unpack_from("<H", head, at + 8)[0],
                struct.unpack_from("<H", head, at + 20)[0],
            )
            if kind not in (1, 3, 0xFFFE):
                return None  # compressed: a size says nothing of samples
        if name == b"data":
            return size // block if block and 0 < size < UNKNOWN else None
        at += 8 + size + size % 2
    return None


def _mp3(head: bytes) -> int | None:
    """From the Xing tag in the first frame, less what its encoder put before and after the sound."""
    at = 0
    while head[at : at + 3] == b"ID3" and at + 10 <= len(head):
        a, b, c, d = head[at + 6 : at + 10]
        at += 10 + (a << 21 | b << 14 | c << 7 | d)
    frame = head[at : at + 4]
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xE6 != 0xE2:  # layer 3
        return None
    tag = next((i for i in (at + 36, at + 21, at + 13) if head[i : i + 4] in (b"Xing", b"Info")), None)
    if tag is None or tag + 144 > len(head) or not head[tag + 7] & 1:
        return None
    frames = struct.unpack_from(">I", head, tag + 8)[0]
    samples = int(frames) * (1152 if frame[1] & 0x08 else 576)
    # The encoder's delays stand at a place of their own, but only of LAME and its like.
    if head[tag + 120 : tag + 124] in (b"LAME", b"Lavf", b"Lavc"):
        padding = int.from_bytes(head[tag + 141 : tag + 144], "big")
        samples -= (padding >> 12) + (padding & 0xFFF)
    return samples
