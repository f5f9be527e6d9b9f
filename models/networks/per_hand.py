# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a network along the hand axis: one set of weights for both hands, or one each.

Inputs and outputs carry the hands as axis 1. `fold` takes that axis apart into what each set of weights sees,
`unfold` puts it back; shared weights see both hands as one batch.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def fold(x: Tensor, *, shared: bool) -> list[Tensor]:
    """[B, 2, ...] to one [2B, ...] (shared) or two [B, ...]."""
    return [x.flatten(0, 1)] if shared else [x[:, 0], x[:, 1]]


def unfold(parts: list[Tensor]) -> Tensor:
    """Back to [B, 2, ...]."""
    return parts[0].unflatten(0, (-1, 2)) if len(parts) == 1 else torch.stack(parts, 1)


class PerHand(nn.Module):
    """A network, or a pair of them, over tensors [B, 2, ...]."""

    def __init__(self, build: Callable[[], nn.Module], *, shared: bool) -> None:
        super().__init__()
        self.nets = nn.ModuleList(build() for _ in range(1 if shared else 2))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Each input [B, 2, ...]; what the network makes of it, [B, 2, ...]."""
        folded = [fold(x, shared=len(self.nets) == 1) for x in inputs]
        return unfold([net(*(parts[i] for parts in folded)) for i, net in enumerate(self.nets)])
