# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads that each do whole pieces of work. What they call lets other threads of Python run: NumPy, ONNX Runtime.

Pieces that need nothing from each other are better done by one thread from beginning to end than all threads together
by one piece after another, and the result cannot depend on how many threads there are.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any, TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


class ThreadPool:
    """`threads` threads; with one of them the caller does the work.

    with ThreadPool(2) as pool:
        results = pool.each(work, pieces)
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> ThreadPool:
        if self._threads > 1:
            self._pool = ThreadPoolExecutor(self._threads, "s2c-pool")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def each(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> list[Result]:
        """`work` of every piece, in order; the first error is raised."""
        return list(map(work, pieces) if self._pool is None else self._pool.map(work, pieces))


class Cores:
    """So many threads at work at a time, on whole pieces where there are enough of them, else on halves of pieces.

    cores = Cores(2)
    with cores.pool() as pool:
        results = pool.each(work, pieces)  # `work` may call `cores.halves`
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._idle = threading.Semaphore(count)
        self._helpers = ThreadPoolExecutor(count - 1, "s2c-half") if count > 1 else None

    def pool(self) -> ThreadPool:
        """Threads for whole pieces, each of which has a core to itself."""
        return _CorePool(self._count, self._on_a_core)

    def halves(
        self, work: Callable[[int], Result], together: Callable[[], list[Result]] | None = None
    ) -> list[Result]:
        """`work` of 0 and of 1, at the same time if a core has nothing else to do.

        together: does the same where no core is idle; None: one after the other.
        """
        if self._helpers is None or not self._idle.acquire(blocking=False):
            return [work(0), work(1)] if together is None else together()
        second = self._helpers.submit(work, 1)
        second.add_done_callback(lambda _done: self._idle.release())
        return [work(0), second.result()]

    def _on_a_core(self, work: Callable[[Piece], Result], piece: Piece) -> Result:
        with self._idle:
            return work(piece)


class _CorePool(ThreadPool):
    """A pool whose pieces each wait for a core."""

    def __init__(self, threads: int, on_a_core: Callable[[Callable[[Any], Any], Any], Any]) -> None:
        super().__init__(threads)
        self._on_a_core = on_a_core

    def each(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> list[Result]:
        """See `ThreadPool.each`."""
        return super().each(partial(self._on_a_core, work), pieces)


def slices(count: int, size: int) -> list[slice]:
    """0..count in stretches of `size`, the last one as short as it has to be."""
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]
