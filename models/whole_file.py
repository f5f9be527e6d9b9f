# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way in which files are written here: whole or not at all, and never in the place of something else.

    with whole_file(path) as part: ...       a file, by whatever writes files
    write_text_whole(path, text)             the same for text; write_bytes_whole for bytes
    with whole_folder(path) as part: ...     a folder with several files
    append_line(path, line)                  a log that grows

What is being made lies beside its target under a name that nothing else has, so no link is followed and no file of
the user's is touched. Blender's side has the same in `s2c_blender/core/whole_file.py`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models.errors import UserError, quoted

PART_SUFFIX = ".part"
LONGEST_PREFIX = 180
"""Bytes of the name that a file in the making takes over; the rest of 255 is for what makes it unique."""
_NO_SYNC = {errno.EINVAL, errno.ENOSYS, getattr(errno, "ENOTSUP", errno.EINVAL)}


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A new, empty file beside `path` to write to, which takes its place at the end.

    An older file of that name keeps its permissions, a new one has those that the umask leaves. On an error it goes
    and the older file stays.

    Raises:
        UserError: when `path` is a folder, a device, a pipe or a link.
        OSError: about `path`, when it cannot be written.
    """
    mode = check_target(path)
    with _speaks_of(path.parent):
        handle, name = tempfile.mkstemp(PART_SUFFIX, _prefix(path), path.parent)
        os.close(handle)
    part = Path(name)
    try:
        with _speaks_of(path, part):
            yield part
            part.chmod(mode)
            _to_disk(part)
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_bytes_whole(path: Path, data: bytes | memoryview) -> None:
    """Write bytes, whole or not at all; raises what `whole_file` raises.

    For what libraries make that tell of a full disk in their own way: let them write into memory.
    """
    with whole_file(path) as part:
        part.write_bytes(data)


def write_text_whole(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all; raises what `whole_file` raises."""
    write_bytes_whole(path, text.encode("utf-8"))


def append_line(path: Path, line: str) -> None:
    """Add a line to a log that grows while work goes on. No link is followed, no device written to."""
    check_target(path)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    with _speaks_of(path), os.fdopen(os.open(path, flags, 0o666), "a", encoding="utf-8") as file:
        file.write(line + "\n")


@contextlib.contextmanager
def whole_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """A new, empty folder beside `path` to fill, which takes its place at the end; on an error it goes.

    Its files are for whom the umask lets read them, whatever wrote them. replace: an older folder makes room, but only
    where the new one has all of its files again; anything else in it is the user's.

    Raises:
        UserError: something is there that must stay.
        OSError: about `path`, when it cannot be written.
    """
    if not replace:
        check_new_folder(path)
    elif os.path.lexists(path):
        _check_plain_folder(path)
    with _speaks_of(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(PART_SUFFIX, "." + _prefix(path), path.parent))
    try:
        with _speaks_of(path, part):
            yield part
            open_to_umask(part)
            if replace and os.path.lexists(path):
                _check_plain_folder(path)
                _check_nothing_lost(path, part)
                _swap(part, path)
            else:
                check_new_folder(path)
                part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def open_to_umask(folder: Path) -> None:
    """Give a folder and what is in it the permissions of anything else that is made (some libraries write 0600)."""
    mask = _umask()
    folder.chmod(0o777 & ~mask)
    for root, folders, files in os.walk(folder):
        for name, mode in [*((name, 0o777) for name in folders), *((name, 0o666) for name in files)]:
            inner = Path(root, name)
            if not inner.is_symlink():
                inner.chmod(mode & ~mask)


def check_target(path: Path) -> int:
    """Permissions for a result at `path`. Raises UserError when something that may not be replaced is there."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return 0o666 & ~_umask()
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no plain file"
        raise UserError(
            "not_a_file", f"{quoted(path)} is {kind}; choose a file name for the result.", str(path)
        )
    if not os.access(path, os.W_OK):
        raise UserError(
            "not_writable",
            f"The file {quoted(path)} is protected; choose another name for the result.",
            str(path),
        )
    return stat.S_IMODE(found.st_mode) & 0o777


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
    with _speaks_of(path.parent), tempfile.NamedTemporaryFile(dir=path.parent, suffix=PART_SUFFIX):
        pass


def check_new_folder(path: Path) -> None:
    """Raises UserError when there is something at `path` already."""
    if os.path.lexists(path):
        sentence = f"The folder {quoted(path)} exists; choose another name, or delete it."
        raise UserError("folder_exists", sentence, str(path))


def _check_plain_folder(path: Path) -> None:
    if not stat.S_ISDIR(path.lstat().st_mode):
        raise UserError("not_a_folder", f"{quoted(path)} is no plain folder; choose another name.", str(path))


def _check_nothing_lost(path: Path, part: Path) -> None:
    fresh = {entry.name for entry in part.iterdir()}
    others = sorted(entry.name for entry in path.iterdir() if entry.name not in fresh or not entry.is_file())
    if others:
        raise UserError(
            "folder_not_empty",
            f"The folder {quoted(path)} holds {quoted(others[0])}, which the new one has not; choose another name.",
            ", ".join(others),
        )


def _swap(part: Path, path: Path) -> None:
    """Put a new folder in the place of an older one, which goes."""
    part.chmod(stat.S_IMODE(path.stat().st_mode))
    old = Path(tempfile.mkdtemp(PART_SUFFIX, "." + _prefix(path), path.parent))
    path.rename(old / "old")
    try:
        part.rename(path)
    except OSError:
        (old / "old").rename(path)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _prefix(path: Path) -> str:
    return path.name.encode("utf-8", "ignore")[:LONGEST_PREFIX].decode("utf-8", "ignore") + "."


@contextlib.contextmanager
def _speaks_of(path: Path, part: Path | None = None) -> Iterator[None]:
    """An error about nothing or about a file in the making becomes one about `path`, which the user knows."""
    try:
        yield
    except OSError as error:
        named = error.filename if isinstance(error.filename, str) else ""
        if (
            not named
            or named.endswith(PART_SUFFIX)
            or (part is not None and Path(named).is_relative_to(part))
        ):
            error.filename = os.fspath(path)
        raise


def _to_disk(part: Path) -> None:
    """Some disks say only now that they are full; and a power cut leaves no empty file under the old name."""
    with part.open("rb+") as file:
        try:
            os.fsync(file.fileno())
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
