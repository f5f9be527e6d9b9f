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

from .faults import Fault

PREFIX = "s2c-"
MARKER = "owner.json"
"""In every folder: process and computer that made it."""
BLENDER_PREFIX = "blender_"
"""Blender puts the temporary files of each of its processes into a folder of that name."""
MARKER_BYTES = 4096
MOST_ENTRIES = 20_000
"""Entries of a temporary root that are looked at."""


def make(root: str | Path) -> Path:
    """A new folder in `root`. Raises Fault when it cannot be made."""
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
        owner = {"pid": os.getpid(), "host": platform.node()}
        (folder / MARKER).write_text(json.dumps(owner), encoding="utf-8")
    except OSError as error:
        raise Fault(
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
        if os.listdir(folder) == [MARKER]:
            remove(folder)
    return not folder.exists()


def remove_stale(roots: Iterable[str | Path]) -> list[Path]:
    """Remove the folders of dead processes in `roots` and in Blender's own folders there; returns which.

    Only real folders of this user that hold a marker of this computer are touched, and no link is followed.
    """
    removed = []
    for root in dict.fromkeys(Path(root) for root in roots):
        for entry in _folders(root):
            inner = _folders(entry) if entry.name.startswith(BLENDER_PREFIX) else [entry]
            for folder in inner:
                if folder.name.startswith(PREFIX) and _owner_is_gone(folder):
                    remove(folder)
                    removed.append(folder)
    return removed


def _folders(root: Path) -> Iterator[Path]:
    """The folders of this user in `root` that may be ours or hold some of ours."""
    with contextlib.suppress(OSError), os.scandir(root) as entries:
        for _, entry in zip(range(MOST_ENTRIES), entries, strict=False):
            named = entry.name.startswith((PREFIX, BLENDER_PREFIX)) and entry.is_dir(follow_symlinks=False)
            if named and (
                not hasattr(os, "getuid") or entry.stat(follow_symlinks=False).st_uid == os.getuid()
            ):
                yield Path(entry.path)


def _owner_is_gone(folder: Path) -> bool:
    try:
        descriptor = os.open(
            folder / MARKER, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        )
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return False
            owner = json.loads(file.read(MARKER_BYTES))
        pid, host = owner["pid"], owner["host"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return type(pid) is int and pid > 0 and host == platform.node() and not process_runs(pid)


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
