# SPDX-License-Identifier: GPL-3.0-or-later
"""PianoMotion10M's way (Gan et al. 2025): one U-Net denoises both hands together, guided by both positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import ModelConfig
from models.networks.dual_stream import Embedding
from models.networks.unet import UNet1D
from training.comparators.joint import JointNetwork, apart, together


class SingleStream(JointNetwork):
    """The U-Net of one of our streams, with the channels and the condition of both hands."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width = config.unet.time_width
        self.embedding = Embedding(config)
        self.unet = UNet1D(
            inputs=self.channels + self.condition_dim,
            outputs=self.channels,
            embedding=width,
            config=config.unet,
        )
        self.gain = nn.Linear(width, self.channels) if config.unet.noise_gain else None
        if self.gain is not None:
            nn.init.zeros_(self.gain.weight)
            nn.init.zeros_(self.gain.bias)

    def forward(
        self, x: Tensor, t: Tensor, condition: Tensor, known: Tensor, known_values: Tensor, style: Tensor
    ) -> Tensor:
        """v [B, 2, T, C]; of t [B, 2] the larger counts, for both hands have one noise level here."""
        noisy = together(x)
        embedding = self.embedding(t.amax(1), style.mean(1))
        state = self.unet.down(torch.cat([noisy, condition[:, 0]], -1), embedding)
        v = self.unet.up(state, embedding)
        return apart(v if self.gain is None else torch.addcmul(v, self.gain(embedding)[:, None], noisy))
