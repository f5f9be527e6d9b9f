# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows read ahead by other processes, the same ones as without them.

`BackgroundSource` stands before a source. It knows the generators of the coming steps, so that worker processes can
read those steps' batches early; which worker reads what changes nothing. A request with a generator that was not
foreseen (validation, a jump) is read on the spot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from training.data.shards import EVERY, Batch, WindowSource


class _Steps(Dataset[tuple[Batch, dict[str, Any]]]):
    def __init__(
        self,
        source: WindowSource,
        generator: Callable[[int], np.random.Generator],
        first: int,
        size: int,
        rows: slice,
        steps: int,
    ) -> None:
        self.source, self.generator, self.first = source, generator, first
        self.size, self.rows, self.steps = size, rows, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[Batch, dict[str, Any]]:
        if index >= self.steps:
            raise IndexError(index)
        rng = self.generator(self.first + index)
        batch = self.source.batch(rng, self.size, self.rows)
        return batch, dict(rng.bit_generator.state)


class BackgroundSource:
    """`WindowSource` that reads ahead. Close it, or use it in a `with` block."""

    def __init__(
        self,
        source: WindowSource,
        generator: Callable[[int], np.random.Generator],
        *,
        size: int,
        rows: slice = EVERY,
        first_step: int = 0,
        steps: int = 1 << 31,
        workers: int = 2,
        ahead: int = 2,
    ) -> None:
        """Start nothing yet: the processes begin with the first batch.

        Args:
            source: where the batches are read.
            generator: the numpy generator of a step, untouched; it must be picklable.
            size: windows in a batch.
            rows: those of them that are read.
            first_step: the step of the first batch.
            steps: how many steps there will be at most.
            workers: processes, at least one.
            ahead: batches that each of them keeps ready.
        """
        if workers < 1 or ahead < 1:
            raise ValueError(f"workers={workers} and ahead={ahead} must be at least 1")
        self._source, self._generator, self._size, self._rows = source, generator, size, rows
        self._step = first_step
        self._loader: DataLoader[tuple[Batch, dict[str, Any]]] | None = DataLoader(
            _Steps(source, generator, first_step, size, rows, steps),
            sampler=range(steps),
            batch_size=None,
            num_workers=workers,
            prefetch_factor=ahead,
            collate_fn=_as_it_is,  # type: ignore[arg-type]
            multiprocessing_context="spawn",
            generator=torch.Generator(),  # else it draws from the global one, which training seeds for its dropout
        )
        self._ready: Iterator[tuple[Batch, dict[str, Any]]] | None = None

    @property
    def hours(self) -> float:
        """Those of the source."""
        return self._source.hours

    def batch(self, rng: np.random.Generator, size: int, rows: slice = EVERY) -> Batch:
        """As the source's own, `rng` left as the source would leave it."""
        foreseen = self._generator(self._step).bit_generator.state
        if (size, rows) != (self._size, self._rows) or rng.bit_generator.state != foreseen:
            return self._source.batch(rng, size, rows)
        if self._loader is None:
            raise ValueError("the source is closed")
        if self._ready is None:
            self._ready = iter(self._loader)
        batch, state = next(self._ready)
        self._step += 1
        rng.bit_generator.state = state
        return batch

    def close(self) -> None:
        """Stop the processes."""
        self._ready, self._loader = None, None

    def __enter__(self) -> BackgroundSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _as_it_is(item: tuple[Batch, dict[str, Any]]) -> tuple[Batch, dict[str, Any]]:
    return item


def generator_of(seed: int, step: int) -> np.random.Generator:
    """The numpy generator of a training step; `functools.partial(generator_of, seed)` suits `BackgroundSource`."""
    from training.stages.loop import step_randomness

    return step_randomness(seed, step).numpy
