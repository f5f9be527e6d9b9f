# SPDX-License-Identifier: GPL-3.0-or-later
"""A full disk and a protected folder for tests, by the system itself and not by a stand-in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65_534


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """As on a full disk: a write beyond `size` bytes fails with the system's own error."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def protected_folder() -> Iterator[Path]:
    """An empty folder that may not be written to; root, from whom nothing is protected, is nobody meanwhile."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder, user = Path(name), os.geteuid()
        folder.chmod(0o555)
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o700)
