# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a file that somebody gave us: it must be a plain file of a size that its kind can have.

A pipe would wait for ever, a device would never end, and a file larger than its kind can be is another thing under its
name. Links to plain files are followed. `models.body.take_arrays` does the same for takes by itself: Blender's side
reads by that file too.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from models.errors import UserError, quoted

T = TypeVar("T")


@dataclass(frozen=True)
class Kind:
    """A kind of file, for the limit and for the sentences."""

    words: str
    """What it is called: "sound file"."""
    code: str
    """Begins the errors' codes: `sound_missing`, `sound_unreadable`, `sound_empty`, `sound_too_large`."""
    most_bytes: int
    again: str
    """What to do: "choose another"."""


SOUND = Kind("sound file", "sound", 4 << 30, "choose another")
CONFIG = Kind("configuration", "model_config", 1 << 20, "install the model again")
WEIGHTS = Kind("weights file", "model_weights", 4 << 30, "install the model again")


def open_plain(path: Path, kind: Kind) -> io.BufferedReader:
    """The file, open for reading.

    Raises:
        UserError: it is missing, no plain file, not to be read, empty, or larger than its kind can be.
    """
    try:
        check_kind(path.stat().st_mode, path, kind)
        # A pipe that took the file's place meanwhile would wait for somebody to write to it.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(path, flags), "rb")
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise _not_open(path, kind, error) from error
    try:
        _check(file, path, kind)
    except BaseException:
        file.close()
        raise
    return file


def read_plain(path: Path, kind: Kind) -> bytes:
    """All of a file; raises as `open_plain` does."""
    with open_plain(path, kind) as file:
        return _reading(path, kind, lambda: file.read(kind.most_bytes))


def sha256_of(path: Path, kind: Kind) -> str:
    """The hash of a file, in hexadecimal digits; raises as `open_plain` does."""
    with open_plain(path, kind) as file:
        return _reading(path, kind, lambda: hashlib.file_digest(file, "sha256").hexdigest())


def check_kind(mode: int, path: Path, kind: Kind) -> None:
    """Raise `UserError` where a mode (`os.stat`) is not a plain file's."""
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no plain file"
        raise UserError("not_a_file", f"{quoted(path)} is {what}; choose a {kind.words}.", str(path))


def _check(file: io.BufferedReader, path: Path, kind: Kind) -> None:
    found = os.fstat(file.fileno())
    check_kind(found.st_mode, path, kind)
    if not found.st_size:
        sentence = f"The {kind.words} {quoted(path)} is empty; {kind.again}."
        raise UserError(f"{kind.code}_empty", sentence, str(path))
    if found.st_size > kind.most_bytes:
        limit = kind.most_bytes
        most = f"{limit >> 30} GB" if limit >= 1 << 30 else f"{limit >> 20} MB"
        sentence = f"The {kind.words} {quoted(path)} is larger than {most}; {kind.again}."
        raise UserError(f"{kind.code}_too_large", sentence, f"{path}: {found.st_size} bytes")


def _reading(path: Path, kind: Kind, read: Callable[[], T]) -> T:
    try:
        return read()
    except OSError as error:
        raise _not_open(path, kind, error) from error


def _not_open(path: Path, kind: Kind, error: Exception) -> UserError:
    if isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
        sentence = f"The {kind.words} {quoted(path)} does not exist any more; {kind.again}."
        return UserError(f"{kind.code}_missing", sentence, str(path))
    sentence = f"The {kind.words} {quoted(path)} may not be read; check its permissions and its disk."
    return UserError(f"{kind.code}_unreadable", sentence, repr(error))
