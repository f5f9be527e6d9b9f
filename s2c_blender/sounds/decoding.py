# SPDX-License-Identifier: GPL-3.0-or-later
"""Films that each Blender plays at a time of its own, decoded as this one plays them.

Blender decodes while its window waits, so a second one does it, without a window.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..core.process import ChildProcess, child_environment
from ..errors import UserError

SCRIPT = Path(__file__).with_name("decode_script.py")
MATROSKA = b"\x1aE\xdf\xa3"
HEAD_BYTES = len(MATROSKA)
"""Bytes at a file's start that tell what it is."""


@dataclass(frozen=True)
class Decoding:
    """What is to be decoded, and where to."""

    source: Path
    target: Path
    """The WAV file; its second 0 is second `start_s` of the source."""
    start_s: float
    end_s: float


def is_readable(head: bytes) -> bool:
    """Whether the worker hears a file that begins with these bytes at the same time as this Blender plays it.

    It decodes with FFmpeg as Blender does, so all but Matroska and WebM: how many of their first samples are left out
    changed between the FFmpeg of Blender 4.5 and that of 5.2, by up to 25 ms.
    """
    return head[:4] != MATROSKA


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
    return [*program, str(work.source), str(work.target), str(work.start_s), str(work.end_s)]


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
