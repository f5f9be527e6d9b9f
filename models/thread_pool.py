# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads that each do whole pieces of work. What they call lets other threads of Python run: NumPy, ONNX Runtime.

Pieces that need nothing from each other are better done by one thread from beginning to end than all threads together
by one piece after another, and the result cannot depend on how many threads there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

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


def slices(count: int, size: int) -> list[slice]:
    """0..count in stretches of `size`, the last one as short as it has to be."""
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]
