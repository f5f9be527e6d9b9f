# SPDX-License-Identifier: GPL-3.0-or-later
"""The 1D U-Net of one hand, in two halves so that the hands can meet at the bottleneck.

Axes: B batch, C channels, T frames, L = T / stride frames at the bottleneck. `down` goes from [B, T, inputs]
to the bottleneck [B, L, widths[-1]], `up` from there to v [B, T, outputs]; inside, tensors are [B, C, 1, T]
(`frame_conv`). `patch` neighbouring frames enter and leave as one, which halves the work of the finest level.
Residual blocks: GroupNorm, SiLU, convolution of 3 frames, FiLM (scale and shift) from the embedding of
timestep and style; self-attention in the middle.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.config import UNetConfig
from models.networks.frame_conv import FrameConv, to_frames, to_image


class Bottleneck(NamedTuple):
    """What `down` hands to `up`."""

    features: Tensor
    """[B, L, widths[-1]]"""
    skips: list[Tensor]
    """One for each block of the way down, [B, C, 1, T / (patch 2^level)], first the input layer's."""


class ResidualBlock(nn.Module):
    """Two convolutions with FiLM between them."""

    def __init__(self, inputs: int, outputs: int, embedding: int, groups: int) -> None:
        super().__init__()
        self.norm_1, self.conv_1 = nn.GroupNorm(groups, inputs), FrameConv(inputs, outputs, 3)
        self.film = nn.Linear(embedding, 2 * outputs)
        self.norm_2, self.conv_2 = nn.GroupNorm(groups, outputs), FrameConv(outputs, outputs, 3)
        self.skip = FrameConv(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(
            self.conv_2.weight
        )  # A block begins as its skip, so deep stacks train from the first step.

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """[B, inputs, 1, T] and [B, embedding] to [B, outputs, 1, T]."""
        h = self.norm_2(self.conv_1(F.silu(self.norm_1(x))))
        scale, shift = self.film(embedding)[..., None, None].chunk(2, 1)
        h = torch.addcmul(shift, h, scale + 1)
        return self.skip(x) + self.conv_2(F.silu(h))


class SelfAttention(nn.Module):
    """Attention between the frames of the bottleneck, with a residual: [B, C, 1, L] -> the same."""

    def __init__(self, width: int, heads: int, head_width: int, groups: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(groups, width)
        self.qkv = nn.Linear(width, 3 * heads * head_width, bias=False)
        self.out = nn.Linear(heads * head_width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, 1, L] to the same."""
        qkv = self.qkv(to_frames(self.norm(x)))
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1))
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return x + to_image(self.out(attended))


class UNet1D(nn.Module):
    """See the module's text. `embedding`: width of the vector that `down` and `up` are given."""

    def __init__(self, *, inputs: int, outputs: int, embedding: int, config: UNetConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.groups
        self.patch = config.patch

        def block(block_inputs: int, block_outputs: int) -> ResidualBlock:
            return ResidualBlock(block_inputs, block_outputs, embedding, groups)

        self.input = FrameConv(inputs * config.patch, widths[0], config.input_kernel)
        self.down_blocks = nn.ModuleList(
            nn.ModuleList(block(width, width) for _ in range(config.blocks_per_level))
            for width in widths[:-1]
        )
        self.downsample = nn.ModuleList(
            FrameConv(width, below, 4, stride=2) for width, below in zip(widths, widths[1:])
        )
        self.middle_1 = block(widths[-1], widths[-1])
        self.attention = SelfAttention(widths[-1], config.attention_heads, config.head_width, groups)
        self.middle_2 = block(widths[-1], widths[-1])
        self.upsample = nn.ModuleList(FrameConv(below, width, 3) for width, below in zip(widths, widths[1:]))
        self.up_blocks = nn.ModuleList(
            nn.ModuleList(block(2 * width, width) for _ in range(config.blocks_per_level))
            for width in widths[:-1]
        )
        self.final = block(2 * widths[0], widths[0])
        self.output = FrameConv(widths[0], outputs * config.patch, 1)
        nn.init.zeros_(self.output.weight)

    def down(self, x: Tensor, embedding: Tensor) -> Bottleneck:
        """x [B, T, inputs] and [B, embedding] to the bottleneck."""
        h = self.input(to_image(x.unflatten(1, (-1, self.patch)).flatten(2)))
        skips = [h]
        for blocks, downsample in zip(self.down_blocks, self.downsample):
            for block in blocks:  # type: ignore[attr-defined]
                h = block(h, embedding)
                skips.append(h)
            h = downsample(h)
        h = self.middle_2(self.attention(self.middle_1(h, embedding)), embedding)
        return Bottleneck(to_frames(h), skips)

    def up(self, bottleneck: Bottleneck, embedding: Tensor) -> Tensor:
        """The bottleneck and [B, embedding] to [B, T, outputs]."""
        h, skips = to_image(bottleneck.features), list(bottleneck.skips)
        for blocks, upsample in zip(reversed(self.up_blocks), reversed(self.upsample)):
            h = upsample(F.interpolate(h, scale_factor=(1.0, 2.0), mode="nearest"))
            for block in blocks:  # type: ignore[attr-defined]
                h = block(torch.cat([h, skips.pop()], 1), embedding)
        frames = to_frames(self.output(self.final(torch.cat([h, skips.pop()], 1), embedding)))
        return frames.unflatten(2, (self.patch, -1)).flatten(1, 2)
