# SPDX-License-Identifier: GPL-3.0-or-later
"""What the streams may do with each other at the bottleneck besides HCAA (the rows of the paper's table 2).

Every interaction is forward(own [B, L, C], other [B, L, C]) -> [B, L, C].
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import InteractionConfig
from models.networks.hcaa import HandCoordinatedAsymmetricAttention
from models.networks.transformer import Attention


class NoInteraction(nn.Module):
    """Each hand alone."""

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """`own`, as it is."""
        return own


class Concatenation(nn.Module):
    """A linear layer over both hands' features of the same frame."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(2 * width, width)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """[B, L, C] both, to [B, L, C]."""
        return own + self.out(torch.cat([own, other], -1))


class CrossAttention(nn.Module):
    """Own frames ask the other hand's frames."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_own, self.norm_other = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """[B, L, C] both, to [B, L, C]."""
        return own + self.attention(self.norm_own(own), self.norm_other(other))


def build_interaction(width: int, config: InteractionConfig) -> nn.Module:
    """The module that `config.kind` names."""
    if config.kind == "none":
        return NoInteraction()
    if config.kind == "concat":
        return Concatenation(width)
    if config.kind == "cross_attention":
        return CrossAttention(width, config.heads)
    return HandCoordinatedAsymmetricAttention(width, config)
