# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads that each do whole pieces of work on one core.

Left alone, torch splits every single operation between the cores and waits for the slowest. Where operations take a
millisecond that waiting is a good part of the time, and most of it where another program (Blender playing the scene)
has one of the cores. Pieces that need nothing from each other are better done by one thread from beginning to end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

import torch

from models.thread_pool import Piece, Result, ThreadPool


class OneCorePool(ThreadPool):
    """As many threads as torch is allowed, while its own operations keep to one; on an accelerator just the caller.

    with OneCorePool(device) as pool:
        results = pool.each(work, pieces)

    An operation that is split between cores rounds otherwise than one that is not. Here none is, so results are the
    same, bit for bit, for any number of threads.
    """

    def __init__(self, device: torch.device, *, wanted: bool = True) -> None:
        """Not `wanted`: torch splits its operations as it likes, and pieces are done one after another."""
        super().__init__(torch.get_num_threads())
        self._wanted = wanted and device.type == "cpu" and self._threads > 1

    def __enter__(self) -> OneCorePool:
        if self._wanted:
            torch.set_num_threads(1)
            self._pool = ThreadPoolExecutor(self._threads, "s2c-pool", torch.set_num_threads, (1,))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            super().__exit__(kind, error, trace)
            torch.set_num_threads(self._threads)

    def each(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> list[Result]:
        """`work` of every piece, in order, without gradients; the first error is raised."""

        def quietly(piece: Piece) -> Result:
            with torch.inference_mode():  # holds for one thread only, so each piece says it again
                return work(piece)

        return super().each(quietly, pieces)
