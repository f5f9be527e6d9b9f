# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame transformer as the authors of the paper released it; predictor and refiner of `paper` and `official`.

Axes: B batch, T frames, C channels. It differs from `models.networks.transformer` in this: layers normalise after
they compute (post-norm, Vaswani et al. 2017) with ReLU between, there is no positional encoding, a decoder frame
asks only the encoder's frame of its own time, and the decoder's inner layer is as wide as the model.

The released code also biases the decoder's self-attention (causal, linear in whole periods of 30 frames, Press et al.
2022) when, and only when, the batch holds a single window: never in its training, always in its demonstration.
`TransformerConfig.causal_bias` says it outright, so that a window does not depend on what shares its batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.config import TransformerConfig

BIAS_PERIOD = 30
"""Frames that share one step of the bias: a second."""


def causal_bias(heads: int, frames: int) -> Tensor:
    """[heads, T, T]: -slope_h floor((i - j) / 30) for j <= i, minus infinity for the frames to come.

    Slopes are 2^(-8 h / H), h = 1 .. H, for a power of two; other numbers of heads take every second slope of the next
    power of two for the rest.
    """

    def slopes(count: int) -> list[float]:
        power = 2 ** math.floor(math.log2(count))
        found = [2.0 ** (-8.0 * h / power) for h in range(1, power + 1)]
        return found if power == count else found + slopes(2 * power)[0::2][: count - power]

    time = torch.arange(frames)
    apart = time[:, None] - time[None, :]
    steps = torch.div(apart, BIAS_PERIOD, rounding_mode="floor").float()
    bias = -torch.tensor(slopes(heads))[:, None, None] * steps
    return bias.masked_fill(apart < 0, float("-inf"))


class ReleasedFrameTransformer(nn.Module):
    """Features [B, T, input_dim] to [B, T, width]."""

    def __init__(self, config: TransformerConfig, input_dim: int, *, lift: bool) -> None:
        """`lift`: a linear layer before the transformer; without it, `input_dim` must be the width."""
        super().__init__()
        if not lift and input_dim != config.width:
            raise ValueError(f"without an input layer {input_dim} features need width {input_dim}")
        self.heads, self.causal = config.heads, config.causal_bias
        self.input = nn.Linear(input_dim, config.width) if lift else nn.Identity()
        encoder = nn.TransformerEncoderLayer(
            config.width, config.heads, config.feedforward, config.dropout, batch_first=True
        )
        decoder = nn.TransformerDecoderLayer(
            config.width, config.heads, config.width, config.dropout, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(encoder, config.encoder_layers, enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(decoder, config.decoder_layers)

    def forward(self, features: Tensor, extra: Tensor | None = None) -> Tensor:
        """`extra` [B, width] is added to every frame after the input layer (the style)."""
        frames = self.input(features)
        if extra is not None:
            frames = frames + extra[:, None]
        count = frames.shape[1]
        own_frame = ~torch.eye(count, dtype=torch.bool, device=frames.device)
        bias = None
        if self.causal:
            bias = causal_bias(self.heads, count).to(frames).repeat(len(frames), 1, 1)
        return self.decoder(frames, self.encoder(frames), tgt_mask=bias, memory_mask=own_frame)
