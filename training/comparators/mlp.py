# SPDX-License-Identifier: GPL-3.0-or-later
"""LivelySpeaker's way (Zhi et al. 2023): diffusion by a multi-layer perceptron over frames and channels in turn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import ModelConfig
from models.networks.dual_stream import Embedding
from training.comparators.joint import JointNetwork, apart, together

LAYERS = 8


class MixerBlock(nn.Module):
    """A linear layer over the frames, one over the channels, each with a residual; the timestep is added before."""

    def __init__(self, width: int, frames: int, embedding: int) -> None:
        super().__init__()
        self.time = nn.Linear(embedding, width)
        self.norm_frames, self.frames = nn.LayerNorm(width), nn.Linear(frames, frames)
        self.norm_channels, self.channels = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        """[B, T, width] and [B, embedding] to [B, T, width]."""
        h = h + self.time(embedding)[:, None]
        mixed = self.frames(self.norm_frames(h).transpose(1, 2)).transpose(1, 2)
        h = h + nn.functional.silu(mixed)
        return h + nn.functional.silu(self.channels(self.norm_channels(h)))


class MLPDiffusion(JointNetwork):
    """Windows have a fixed length, because the layers over the frames do."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        width, time = config.unet.widths[-1], config.unet.time_width
        self.embedding = Embedding(config)
        self.input = nn.Linear(self.channels + self.condition_dim, width)
        self.blocks = nn.ModuleList(MixerBlock(width, config.window_frames, time) for _ in range(LAYERS))
        self.output = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, self.channels))
        self.gain = nn.Linear(time, self.channels) if config.unet.noise_gain else None

    def forward(
        self, x: Tensor, t: Tensor, condition: Tensor, known: Tensor, known_values: Tensor, style: Tensor
    ) -> Tensor:
        """v [B, 2, T, C]."""
        noisy = together(x)
        embedding = self.embedding(t.amax(1), style.mean(1))
        h = self.input(torch.cat([noisy, condition[:, 0]], -1))
        for block in self.blocks:
            h = block(h, embedding)
        v = self.output(h)
        return apart(v if self.gain is None else torch.addcmul(v, self.gain(embedding)[:, None], noisy))
