# SPDX-License-Identifier: GPL-3.0-or-later
"""Phi_r, the feature refiner of Algorithm 1, line 7: f_a [B, T, C] -> [B, T, width], once for a window.

A transformer encoder and decoder; 4 + 4 layers in the paper (section 4.1).
"""

from __future__ import annotations

from torch import Tensor, nn

from models.config import ModelConfig
from models.networks.released_transformer import ReleasedFrameTransformer
from models.networks.transformer import FrameTransformer


class Refiner(nn.Module):
    """One hand's refiner."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.encoder.feature_width
        self.transformer: nn.Module = (
            ReleasedFrameTransformer(config.refiner, width, lift=width != config.refiner.width)
            if config.refiner.layout == "released"
            else FrameTransformer(config.refiner, width)
        )

    def forward(self, features: Tensor) -> Tensor:
        """[B, T, C] -> [B, T, width]."""
        return self.transformer(features)
