# SPDX-License-Identifier: GPL-3.0-or-later
"""Files appear whole or not at all, and never in the place of something that is not a plain file. No bpy.

The generator's side has the same in `models/whole_file.py`, which Blender's side cannot import.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

PART_SUFFIX = ".part"
LONGEST_PREFIX = 180
"""Bytes of the name that a file in the making takes over; the rest of 255 is for what makes it unique."""
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}
PROTECTED = {errno.EACCES, errno.EPERM, errno.EROFS}


class NotAFileError(OSError):
    """A folder, a device, a pipe or a link is where a file should be written."""


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A new, empty file beside `path` to write to, which takes its place at the end.

    It has a name that nothing else has, so no link is followed and no file of the user's is touched. An older file
    keeps its permissions. On an error it goes and the older file stays. Raises OSError.
    """
    mode = _target_mode(path)
    prefix = path.name.encode("utf-8", "ignore")[:LONGEST_PREFIX].decode("utf-8", "ignore")
    handle, name = tempfile.mkstemp(PART_SUFFIX, prefix + ".", path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(mode)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def why_not(error: Exception, path: Path) -> str:
    """One sentence for whoever wanted a file at `path`."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, NotAFileError):
        return f'"{path.name}" is a folder, a link or a device; choose another file name.'
    if number in FULL or any(
        f"[Errno {full}]" in str(error) for full in FULL
    ):  # what an operator reports is text
        return f'The disk of "{path.parent}" is full; free some space or choose another folder.'
    if number == errno.ENAMETOOLONG:
        return f'The name "{path.name}" is too long; choose a shorter one.'
    if number in PROTECTED:
        return (
            f'The folder "{path.parent}" or the file "{path.name}" in it is protected; choose another folder.'
        )
    return f'The file "{path.name}" cannot be written to "{path.parent}"; choose another folder.'


def _target_mode(path: Path) -> int:
    """Permissions for a file at `path`. Raises OSError when what is there may not be replaced."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
    if not stat.S_ISREG(found.st_mode):
        raise NotAFileError(errno.EINVAL, "not a plain file", str(path))
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "protected", str(path))
    return stat.S_IMODE(found.st_mode) & 0o777
