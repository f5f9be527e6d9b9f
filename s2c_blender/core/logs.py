# SPDX-License-Identifier: GPL-3.0-or-later
"""Log files: one for each Blender, for the eyes of its user alone, small, and without the names of the user's folders.

No bpy. An animator sends a log along with a question, so it says which file failed and not where that lies.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import stat
import time
from pathlib import Path
from typing import IO

PREFIX, SUFFIX = "worker", ".log"
MOST_LOGS = 8
"""Logs that are kept besides those of the last day."""
DAY_SECONDS = 24 * 3600.0
MOST_BYTES = 4 << 20
"""Of one log: a program that repeats itself must not fill the disk."""

_PATH = re.compile(
    r"""(?P<quote>["'])(?P<quoted>(?:~?/|~?\\|[A-Za-z]:[\\/])[^"'\n]*)(?P=quote)"""
    r"""|(?<![\w.:/\\~-])(?P<bare>(?:~|[A-Za-z]:)?[\\/][^\s"':,;()<>|]+[\\/][^\s"':,;()<>|]*)"""
)


@functools.lru_cache(maxsize=8)
def log_path(folder: Path) -> Path:
    """The log of this Blender in `folder`; the same in all of its life."""
    return folder / f"{PREFIX}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}{SUFFIX}"


def sweep(folder: Path) -> None:
    """Remove old logs in `folder`: all but the newest, and none that was written to in the last day."""
    logs: list[tuple[float, Path]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        logs.extend(
            (entry.stat(follow_symlinks=False).st_mtime, Path(entry.path))
            for entry in entries
            if entry.name.startswith(PREFIX)
            and entry.name.endswith(SUFFIX)
            and entry.is_file(follow_symlinks=False)
        )
    for written, path in sorted(logs, reverse=True)[MOST_LOGS:]:
        if written < time.time() - DAY_SECONDS:
            with contextlib.suppress(OSError):
                path.unlink()


class Log:
    """Appends lines to one file. A disk that does not take them is no reason to stop what is logged."""

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] | None = None
        self._left = 0
        with contextlib.suppress(OSError):
            self._file = _open_private(path)
            self._left = MOST_BYTES - self._file.tell()

    def write(self, line: str) -> None:
        """Add a line, without its paths."""
        data = (discreet(line) + "\n").encode("utf-8", "backslashreplace")
        self._left -= len(data)
        if self._file is not None and self._left >= 0:
            with contextlib.suppress(OSError):
                self._file.write(data)

    def close(self) -> None:
        """Close the file; later lines are dropped."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()


def discreet(text: str) -> str:
    """`text` with paths cut down to what helps: a file's name, and for program code the folders it lies in."""
    home = os.path.expanduser("~")
    if len(home) > 1:
        text = text.replace(home, "~")
    return _PATH.sub(_cut, text)


def _cut(found: re.Match[str]) -> str:
    path, quote = found["quoted"] or found["bare"], found["quote"] or ""
    parts = [part for part in re.split(r"[\\/]", path) if part]
    kept = parts[-3:] if path.endswith(".py") else parts[-1:]
    return f"{quote}…/{'/'.join(kept)}{quote}" if len(parts) > 1 else found[0]


def _open_private(path: Path) -> IO[bytes]:
    flags = (
        os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    )
    file = os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("not a plain file")
    return file
