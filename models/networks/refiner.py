# SPDX-License-Identifier: GPL-3.0-or-later
"""Phi_r, the feature refiner of Algorithm 1, line 7: f_a [B, T, C] -> [B, T, width], once for a window.

A transformer encoder and decoder; 4 + 4 layers in the paper (section 4.1).
"""

from __future__ import annotations

from torch import Tensor, nn

from models.config import ModelConfig
from models.networks.transformer import FrameTransformer


class Refiner(nn.Module):
    """One hand's refiner."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.transformer = FrameTransformer(config.refiner, config.encoder.feature_width)

    def forward(self, features: Tensor) -> Tensor:
        """[B, T, C] -> [B, T, width]."""
        return self.transformer(features)
