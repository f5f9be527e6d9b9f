# SPDX-License-Identifier: GPL-3.0-or-later
"""The transformer encoder and decoder over frames that position predictor and refiner share.

Axes: B batch, T frames, C channels. Every layer normalises before it computes (pre-norm), which trains at
high learning rates without a warm-up of thousands of steps.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.config import TransformerConfig
from models.networks.frame_conv import FrameConv, to_frames, to_image


def sinusoid(positions: Tensor, width: int) -> Tensor:
    """Sines and cosines of `positions` (any shape, float): [..., width]; wavelengths 2 pi to 20000 pi."""
    half = width // 2
    frequencies = torch.exp(-math.log(10000.0) * torch.arange(half, device=positions.device) / max(half, 1))
    angles = positions.float()[..., None] * frequencies
    return F.pad(torch.cat([angles.sin(), angles.cos()], -1), (0, width - 2 * half))


class Attention(nn.Module):
    """Multi-head attention of `query` frames over `memory` frames, [B, T, C] both."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        """[B, T, C] and [B, M, C] to [B, T, C]."""
        q = self.query(query).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, heads, T, C / heads]
        k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.key_value(memory).chunk(2, -1)
        )
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """Self-attention, in a decoder also attention to the encoder's frames, then a feed-forward layer."""

    def __init__(self, config: TransformerConfig, *, decoder: bool) -> None:
        super().__init__()
        width = config.width
        self.norm_self, self.attend_self = nn.LayerNorm(width), Attention(width, config.heads)
        if decoder:
            self.norm_memory, self.attend_memory = nn.LayerNorm(width), Attention(width, config.heads)
        self.decoder = decoder
        self.feedforward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, config.feedforward),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.feedforward, width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """[B, T, C] and the encoder's frames [B, M, C], which only a decoder reads, to [B, T, C]."""
        normed = self.norm_self(x)
        x = x + self.dropout(self.attend_self(normed, normed))
        if self.decoder:
            x = x + self.dropout(self.attend_memory(self.norm_memory(x), memory))
        return x + self.dropout(self.feedforward(x))


class FrameTransformer(nn.Module):
    """Features [B, T, input_dim] to [B, T, width]: input layer, encoder, decoder that asks with the input."""

    def __init__(self, config: TransformerConfig, input_dim: int) -> None:
        super().__init__()
        self.width = config.width
        self.input = FrameConv(input_dim, config.width, config.input_kernel)
        self.encoder = nn.ModuleList(Layer(config, decoder=False) for _ in range(config.encoder_layers))
        self.decoder = nn.ModuleList(Layer(config, decoder=True) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, features: Tensor, extra: Tensor | None = None) -> Tensor:
        """`extra` [B, width] is added to every frame after the input layer (the style)."""
        frames = to_frames(self.input(to_image(features)))
        frames = frames + sinusoid(torch.arange(frames.shape[1], device=frames.device), self.width).to(
            frames.dtype
        )
        if extra is not None:
            frames = frames + extra[:, None]
        memory = frames
        for layer in self.encoder:
            memory = layer(memory, memory)
        x = frames if self.decoder else memory
        for layer in self.decoder:
            x = layer(x, memory)
        return self.norm(x)
