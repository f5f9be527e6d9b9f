# SPDX-License-Identifier: GPL-3.0-or-later
"""One step over several processes: who works on which windows, and how sums and gradients become one.

A step has one batch, whatever the number of processes. Everybody draws the same random choices for all of it and works
on a part; a mean over frames that count is divided by the count of all processes, so that the mean of the processes'
gradients is the gradient of the whole batch. The network is not wrapped: gradients are summed after the backward pass,
in buckets.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

_BUCKET_NUMBERS = 1 << 24
"""Gradients that travel together: 64 MiB of float32."""
_TIMEOUT = timedelta(hours=2)


@dataclass(frozen=True)
class Share:
    """Part `index` of the `of` equal parts of a step's batch, in one of `ranks` processes."""

    index: int = 0
    of: int = 1
    ranks: int = 1

    def rows(self, size: int) -> slice:
        """The windows of a batch of `size` that this part works on."""
        part = size // self.of
        return slice(self.index * part, (self.index + 1) * part)

    def mean(self, total: Tensor, count: Tensor, least: float = 0.0) -> Tensor:
        """total / count, with the count (at least `least`) of all processes; its mean over them is the whole mean."""
        if self.ranks > 1:
            count = count.detach().clone()
            dist.all_reduce(count)
            total = total * self.ranks
        return total / (count.clamp_min(least) if least else count)


ALONE = Share()


def rank() -> int:
    """This process's number, 0 where there is one."""
    return dist.get_rank() if dist.is_initialized() else 0


def ranks() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def barrier() -> None:
    """Wait for the other processes."""
    if ranks() > 1:
        dist.barrier()


@contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """Join the processes that `torchrun` started; without it nothing. Gives the device of this process."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield device
    finally:
        dist.destroy_process_group()


def from_first(value: float, device: torch.device) -> float:
    """The first process's `value`, so that all decide alike."""
    if ranks() == 1:
        return value
    there = torch.tensor([value], dtype=torch.float64, device=device)
    dist.broadcast(there, 0)
    return float(there)


def mean_of(values: Tensor) -> Tensor:
    """The mean over the processes of a few numbers; NaN in one is NaN in all."""
    if ranks() > 1:
        dist.all_reduce(values)
        values /= ranks()
    return values


def check_same(value: float, device: torch.device, what: str) -> None:
    """`RuntimeError` in every process unless all have the same `value`."""
    if ranks() == 1:
        return
    both = torch.tensor([value, -value], dtype=torch.float64, device=device)
    dist.all_reduce(both, dist.ReduceOp.MAX)
    if float(both[0]) != -float(both[1]):
        raise RuntimeError(f"the processes differ in {what}; every node must see the same training folder")


def average_gradients(network: nn.Module) -> None:
    """Replace every gradient by its mean over the processes."""
    count = ranks()
    if count == 1:
        return
    for bucket in _buckets([p.grad for p in network.parameters() if p.grad is not None]):
        flat = torch.cat([gradient.flatten() for gradient in bucket])
        dist.all_reduce(flat)
        flat /= count
        for gradient, part in zip(bucket, flat.split([gradient.numel() for gradient in bucket])):
            gradient.copy_(part.view_as(gradient))


def _buckets(gradients: list[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    size = 0
    for gradient in gradients:
        if bucket and (size + gradient.numel() > _BUCKET_NUMBERS or gradient.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(gradient)
        size += gradient.numel()
    if bucket:
        yield bucket
