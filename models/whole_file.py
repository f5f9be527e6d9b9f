# SPDX-License-Identifier: GPL-3.0-or-later
"""Result files appear whole or not at all, and never in the place of something that is not a plain file."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models.errors import UserError, quoted

PART_SUFFIX = ".part"
LONGEST_PREFIX = 180
"""Bytes of the name that a file in the making takes over; the rest of 255 is for what makes it unique."""


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A new, empty file beside `path` to write to, which takes its place at the end.

    It has a name that nothing else has, so no link is followed and no file of the user's is touched. An older file of
    that name keeps its permissions. On an error it goes and the older file stays.

    Raises:
        UserError: when `path` is a folder, a device, a pipe or a link.
    """
    mode = check_target(path)
    prefix = path.name.encode("utf-8", "surrogateescape")[:LONGEST_PREFIX].decode("utf-8", "ignore")
    handle, name = tempfile.mkstemp(PART_SUFFIX, prefix + ".", path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        os.chmod(part, mode)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def check_target(path: Path) -> int:
    """Permissions for a result at `path`. Raises UserError when something that is no plain file is there."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0o666 & ~_umask()
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no plain file"
        raise UserError(
            "not_a_file", f"{quoted(path)} is {kind}; choose a file name for the result.", str(path)
        )
    return stat.S_IMODE(found.st_mode)


def check_output(path: Path, *inputs: Path | None) -> None:
    """Fail before the work, not after it, when the result could not be written or would destroy an input."""
    check_target(path)
    if not path.parent.is_dir():
        sentence = (
            f"The folder {quoted(path.parent.absolute())} for the result does not exist; choose another."
        )
        raise UserError("folder_missing", sentence, str(path))
    for given in inputs:
        if given is not None and path.exists() and given.exists() and path.samefile(given):
            raise UserError(
                "output_is_input",
                f"The result would take the place of {quoted(given)}, from which it is made; choose another name.",
                str(path),
            )
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=PART_SUFFIX):
        pass


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
