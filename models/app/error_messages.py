# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns any exception into one sentence for the animator, with the traceback kept for the developer.

Used where work meets its caller: the worker and the command line. Imports nothing heavy.
"""

from __future__ import annotations

import errno
import os
import traceback

from models.errors import UserError, quoted

_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_BAD_NAME = {errno.ELOOP, errno.EILSEQ}
# What libraries that write by themselves say of a disk, in words.
_DISK_WORDS = ("no space left on device", "os error 28", "os error 27", "file too large", "unexpected pos ")
# What torch raises as a plain RuntimeError when the CPU allocator or an accelerator gives up.
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "cublas_status_alloc_failed")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that memory ran out, in Python, numpy or torch, on CPU or accelerator."""
    if isinstance(error, MemoryError) or type(error).__name__ in ("OutOfMemoryError", "_ArrayMemoryError"):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _MEMORY_WORDS)


def _explain_os_error(error: OSError, detail: str) -> UserError:
    name = (
        f" {quoted(os.fsdecode(error.filename))}"
        if isinstance(error.filename, (str, bytes, os.PathLike))
        else ""
    )
    if error.errno in _DISK_FULL:
        what = name or " the result"
        sentence = f"The disk is full, so{what} could not be written; free some space and try again."
        return UserError("disk_full", sentence, detail)
    if error.errno == errno.ENAMETOOLONG:
        return UserError("bad_name", f"The name{name} is too long; choose a shorter one.", detail)
    if error.errno in _BAD_NAME:
        sentence = f"The name{name} cannot be used on this disk; choose another one."
        return UserError("bad_name", sentence, detail)
    if error.errno in _NOT_ALLOWED:
        sentence = f"The file or folder{name} is protected; choose another folder or change its permissions."
        return UserError("not_writable", sentence, detail)
    if isinstance(error, FileNotFoundError):
        return UserError(
            "file_missing", f"The file or folder{name} does not exist; choose another one.", detail
        )
    if isinstance(error, (IsADirectoryError, NotADirectoryError)):
        sentence = f"A file and a folder are mixed up in the path{name}; choose another one."
        return UserError("not_a_file", sentence, detail)
    sentence = f"The file{name} could not be read or written; check the disk and try again."
    return UserError("file_error", sentence, detail)


def error_for_user(error: BaseException) -> UserError:
    """The same failure as a `UserError`; one that is not foreseen becomes code `unexpected`."""
    detail = "".join(traceback.format_exception(error)).rstrip()
    if isinstance(error, UserError):
        return UserError(error.code, error.message, f"{error.detail}\n{detail}" if error.detail else detail)
    if is_out_of_memory(error):
        return UserError(
            "out_of_memory",
            "There is not enough memory for this; close other programs, or choose the CPU as the device.",
            detail,
        )
    if isinstance(error, OSError):
        return _explain_os_error(error, detail)
    if any(word in str(error).lower() for word in _DISK_WORDS):
        return _explain_os_error(OSError(errno.ENOSPC, str(error)), detail)
    if isinstance(error, ImportError):
        name = f' "{error.name.split(".")[0]}"' if error.name else ""
        return UserError(
            "package_missing",
            f"The generator lacks the package{name} or cannot load it; install the extension, or torch, again.",
            detail,
        )
    return UserError(
        "unexpected",
        "Something went wrong that the program did not foresee; try again, and report the details if it happens again.",
        detail,
    )
