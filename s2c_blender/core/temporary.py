# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders for temporary files, each with a note of whose it is, so that those of a dead Blender can go. No bpy."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import UserError

PREFIX = "s2c-"
MARKER = "owner.json"
"""In every folder: process and computer that made it."""
BLENDER_PREFIX = "blender_"
"""Blender puts the temporary files of each of its processes into a folder of that name."""
MARKER_BYTES = 4096
MOST_ENTRIES = 20_000
"""Entries of a temporary root that are looked at."""


def owner_note() -> bytes:
    """This process and this computer, for a file that says whose something is."""
    return json.dumps({"pid": os.getpid(), "host": platform.node()}).encode()


def read_note(path: Path) -> dict[str, object] | None:
    """The note in a small real file, None for anything else."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > MARKER_BYTES:
                return None
            note = json.loads(file.read(MARKER_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return note if isinstance(note, dict) and note.keys() == {"pid", "host"} else None


def owner_is_gone(note: dict[str, object] | None) -> bool:
    """Whether a note names a process of this computer that has ended."""
    if note is None or note["host"] != platform.node():
        return False
    pid = note["pid"]
    return type(pid) is int and pid > 0 and not process_runs(pid)


def make(root: str | Path) -> Path:
    """A new folder in `root`. Raises UserError when it cannot be made."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        (folder / MARKER).write_bytes(owner_note())
    except OSError as error:
        raise UserError(
            "temporary_folder",
            f'The folder for temporary files "{root}" cannot be written; '
            "choose another under Preferences > File Paths > Temporary Files.",
            str(error),
        ) from error
    return folder


def remove(folder: Path) -> None:
    """Remove a folder that `make` made."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_if_unused(folder: Path) -> bool:
    """Remove a folder that holds nothing but its marker; True when it is gone."""
    with contextlib.suppress(OSError):
        if [entry.name for entry in folder.iterdir()] == [MARKER]:
            remove(folder)
    return not folder.exists()


def remove_stale(roots: Iterable[str | Path]) -> Iterator[Path | None]:
    """Remove the folders of dead processes in `roots` and in Blender's own folders there, a folder a step.

    Only real folders of this user that hold a marker of this computer are touched, and no link is followed. Yields the
    folder that was removed, None where one was looked at and left.
    """
    for root in dict.fromkeys(Path(root) for root in roots):
        for entry in _folders(root):
            inner = _folders(entry) if entry.name.startswith(BLENDER_PREFIX) else [entry]
            for folder in inner:
                stale = folder.name.startswith(PREFIX) and owner_is_gone(read_note(folder / MARKER))
                if stale:
                    remove(folder)
                yield folder if stale else None


def _folders(root: Path) -> Iterator[Path]:
    """The folders of this user in `root` that may be ours or hold some of ours."""
    with contextlib.suppress(OSError), os.scandir(root) as entries:
        for _, entry in zip(range(MOST_ENTRIES), entries, strict=False):
            named = entry.name.startswith((PREFIX, BLENDER_PREFIX)) and entry.is_dir(follow_symlinks=False)
            if named and (
                not hasattr(os, "getuid") or entry.stat(follow_symlinks=False).st_uid == os.getuid()
            ):
                yield Path(entry.path)


def process_runs(pid: int) -> bool:
    """Whether a process with this number is there; True when that cannot be told."""
    if sys.platform == "win32":
        import ctypes

        kernel, denied, still_active = ctypes.windll.kernel32, 5, 259
        handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
        if not handle:
            return bool(kernel.GetLastError() == denied)
        code = ctypes.c_ulong()
        known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return not known or code.value == still_active
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
