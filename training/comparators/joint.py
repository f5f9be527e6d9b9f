# SPDX-License-Identifier: GPL-3.0-or-later
"""What the comparators share: both hands as one body of 2 C channels, under `DualStream`'s interface.

Axes: B batch, H = 2 hands (0 left, 1 right), T frames, C channels of one hand, D width of the condition.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import ModelConfig
from models.networks.refiner import Refiner


def together(x: Tensor) -> Tensor:
    """[B, 2, T, C] to [B, T, 2 C], left channels first."""
    return x.transpose(1, 2).flatten(2)


def apart(x: Tensor) -> Tensor:
    """The inverse of `together`."""
    return x.unflatten(2, (2, -1)).transpose(1, 2)


class JointNetwork(nn.Module):
    """One refiner and one condition for both hands; subclasses turn them into v.

    The refiner reads the right hand's view of the music, which holds all that the left one's does.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.known_frames:
            raise ValueError("comparators know nothing of given frames; set known_frames to false")
        self.config = config
        self.channels = 2 * config.channels
        self.condition_dim = config.refiner.width + 6 + 2 * config.encoder.centred_dim
        self.refiner = Refiner(config)

    def condition(
        self, features: Tensor, positions_own: Tensor, positions_other: Tensor, centred: Tensor | None = None
    ) -> Tensor:
        """[refined features, both positions, both hand-centred rolls] as [B, 1, T, D]; once for a window."""
        refined = self.refiner(features[:, 1])
        parts = [refined, together(positions_own).to(refined.dtype)]
        if centred is not None:
            parts.append(together(centred).to(refined.dtype))
        return torch.cat(parts, -1)[:, None]
