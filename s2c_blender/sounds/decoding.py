# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds that a second Blender decodes, without a window, because decoding would block the first one.

The worker reads plain WAV files itself. All else it gets as this Blender plays it: the built-in engine has no decoder
of its own, and Blenders differ in where they let a Matroska film begin, by up to 25 ms.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.process import ChildProcess, child_environment
from ..errors import UserError

SCRIPT = Path(__file__).with_name("decode_script.py")
HEAD_BYTES = 1 << 16
"""Bytes at a file's start that tell what it is."""
PLAIN = (1, 3, 0xFFFE)
"""Kinds of samples in a WAV file: whole numbers, floats, and either of them with more said about it."""


@dataclass(frozen=True)
class Decoding:
    """What is to be decoded, and where to."""

    source: Path
    target: Path
    """The WAV file."""
    end_s: float
    """So many seconds of the source are needed."""


def is_plain_wav(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a WAV file of one or two channels, not compressed, with a size."""
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return False
    at, plain = 12, False
    while at + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        if name == b"fmt " and at + 12 <= len(head):
            kind, channels = struct.unpack_from("<HH", head, at + 8)
            plain = kind in PLAIN and channels in (1, 2)
        if name == b"data":
            return plain and size > 0
        at += 8 + size + size % 2
    return False


def read_head(path: Path) -> bytes:
    """A file's first bytes. Raises UserError."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise UserError(
            "sound_unreadable", f'The sound file "{path.name}" cannot be read: {error.strerror}.', str(path)
        ) from error


def command(work: Decoding, blender: str) -> list[str]:
    """The command that decodes. `blender` is empty where Blender is a Python module; that Python runs the script."""
    quiet = ["--background", "--factory-startup", "-noaudio", "--python-exit-code", "1", "--python"]
    program = [blender, *quiet, str(SCRIPT), "--"] if blender else [sys.executable, "-I", str(SCRIPT)]
    return [*program, str(work.source), str(work.target), str(work.end_s)]


def decode(work: Decoding) -> Iterator[None]:
    """Wait for the second Blender, a look a step; it is ended when the iterator is closed. Raises UserError."""
    try:
        child = ChildProcess(
            command(work, bpy.app.binary_path), cwd=work.target.parent, environment=child_environment()
        )
    except OSError as error:
        raise UserError("decoding", _cannot(work), str(error)) from error
    try:
        said = b""
        while not child.drained():
            said += child.read() or b""
            yield
        if child.returncode() != 0 or not work.target.is_file():
            raise UserError("decoding", _cannot(work), said.decode("utf-8", "replace") + child.stderr_tail())
    finally:
        child.kill()


def _cannot(work: Decoding) -> str:
    return (
        f'Blender finds no sound in "{work.source.name}": choose a sound file, or convert it to WAV or FLAC.'
    )
