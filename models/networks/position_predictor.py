# SPDX-License-Identifier: GPL-3.0-or-later
"""Phi_A2P, stage 1 of the paper (section 3.2): where a hand is, from the features of the music.

P = Phi_A2P(f_a), [B, T, C] -> [B, T, 3], in normalised hand space (`models.conditioning.hand_space`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import ModelConfig
from models.networks.per_hand import PerHand
from models.networks.released_transformer import ReleasedFrameTransformer
from models.networks.transformer import FrameTransformer

RELEASED_HEAD_WIDTH = 128


class PositionPredictor(nn.Module):
    """One hand's predictor."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        features, width = config.encoder.feature_width, config.predictor.width
        released = config.predictor.layout == "released"
        self.transformer: nn.Module = (
            ReleasedFrameTransformer(config.predictor, features, lift=True)
            if released
            else FrameTransformer(config.predictor, features)
        )
        self.style = nn.Linear(config.player_dim, width, bias=False) if config.player_dim else None
        self.head = (
            nn.Sequential(nn.Linear(width, RELEASED_HEAD_WIDTH), nn.Linear(RELEASED_HEAD_WIDTH, 3))
            if released
            else nn.Sequential(nn.Linear(width, width // 2), nn.GELU(), nn.Linear(width // 2, 3))
        )
        self.bounded = config.predictor_output == "tanh"

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """Features [B, T, C] and style [B, S] to normalised positions [B, T, 3]."""
        hidden = self.transformer(features, self.style(style) if self.style is not None else None)
        positions = self.head(hidden)
        return torch.tanh(positions) if self.bounded else positions


class PositionPredictors(nn.Module):
    """Both hands: features [B, H, T, C], style [B, H, S] -> positions [B, H, T, 3]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.hands = PerHand(lambda: PositionPredictor(config), shared=config.shared_hands)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """See the class."""
        return self.hands(features, style)
