# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of sampling, told by several threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from models.errors import Cancelled, Progress


@contextmanager
def counted_steps(progress: Progress, total: int) -> Iterator[Callable[[], None]]:
    """A function that several threads call after each of `total` steps; once the job has ended early it ends them."""
    lock, done, ended = threading.Lock(), 0, False
    progress("sample", 0, total)

    def step_done() -> None:
        nonlocal done, ended
        with lock:
            if ended:
                raise Cancelled
            done += 1
            try:
                progress("sample", done, total)
            except BaseException:
                ended = True
                raise

    try:
        yield step_done
    except BaseException:
        ended = True
        raise
