# SPDX-License-Identifier: GPL-3.0-or-later
"""The 1D U-Net of one hand as the authors of the paper released it, in two halves like `models.networks.unet`.

Axes: B batch, C channels, T frames, L frames at the bottleneck. Residual blocks convolve, normalise, modulate (FiLM by
the timestep, first half only) and then apply SiLU; every resolution ends in linear attention (Shen et al. 2021)
with RMS norms, the bottleneck in full attention. Each of n widths is a resolution; the frames are halved n - 1 times:
the step from the last resolution to the bottleneck only widens, so that with (256, 512, 1024, 2048) the first two
resolutions have 256 channels, the next 512 and 1024, and the bottleneck 2048.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.config import UNetConfig
from models.networks.unet import Bottleneck


class ReleasedEmbedding(nn.Module):
    """Timestep [N], 1 to T, to the vector that modulates every block, [N, time_width]."""

    def __init__(self, width: int, time_width: int) -> None:
        super().__init__()
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, time_width), nn.GELU(), nn.Linear(time_width, time_width))

    def forward(self, timestep: Tensor, style: Tensor) -> Tensor:
        """`style` [N, 0] gives the type of number only."""
        half = self.width // 2
        # The released code counts timesteps from 0.
        frequencies = torch.exp(
            -math.log(10000.0) / (half - 1) * torch.arange(half, device=timestep.device, dtype=torch.float32)
        )
        angles = (timestep.float() - 1)[:, None] * frequencies
        return self.time(torch.cat([angles.sin(), angles.cos()], -1).to(style.dtype))


class RMSNorm(nn.Module):
    """[B, C, T] with the channels of each frame scaled to a root mean square of one."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] to the same."""
        return F.normalize(x, dim=1) * self.gain * x.shape[1] ** 0.5


class Block(nn.Module):
    """Convolution over three frames, norm, FiLM where it is given, SiLU."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(inputs, outputs, 3, padding=1), nn.GroupNorm(groups, outputs)

    def forward(self, x: Tensor, film: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """[B, inputs, T] to [B, outputs, T]; `film`: scale and shift, each [B, outputs, 1]."""
        h = self.norm(self.conv(x))
        if film is not None:
            h = torch.addcmul(film[1], h, film[0] + 1)
        return F.silu(h)


class ResidualBlock(nn.Module):
    """Two blocks, the first with FiLM, and a skip."""

    def __init__(self, inputs: int, outputs: int, embedding: int, groups: int) -> None:
        super().__init__()
        self.film = nn.Linear(embedding, 2 * outputs)
        self.block_1, self.block_2 = Block(inputs, outputs, groups), Block(outputs, outputs, groups)
        self.skip: nn.Module = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """[B, inputs, T] and [B, embedding] to [B, outputs, T]."""
        scale, shift = self.film(F.silu(embedding))[..., None].chunk(2, 1)
        return self.block_2(self.block_1(x, (scale, shift))) + self.skip(x)


class LinearAttention(nn.Module):
    """x + attention in time linear in the frames: softmax over channels of queries, over frames of keys."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, head_width**-0.5
        self.norm_in, self.norm_out = RMSNorm(width), RMSNorm(width)
        self.qkv = nn.Conv1d(width, 3 * heads * head_width, 1, bias=False)
        self.out = nn.Conv1d(heads * head_width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] to the same."""
        q, k, v = (
            part.unflatten(1, (self.heads, -1)) for part in self.qkv(self.norm_in(x)).chunk(3, 1)
        )  # [B, heads, D, T]
        context = k.softmax(-1) @ v.transpose(-1, -2)  # [B, heads, D, E]
        attended = context.transpose(-1, -2) @ (q.softmax(-2) * self.scale)
        return x + self.norm_out(self.out(attended.flatten(1, 2)))


class FullAttention(nn.Module):
    """x + softmax attention between all frames."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = RMSNorm(width)
        self.qkv = nn.Conv1d(width, 3 * heads * head_width, 1, bias=False)
        self.out = nn.Conv1d(heads * head_width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T] to the same."""
        q, k, v = (
            part.unflatten(1, (self.heads, -1)).transpose(-1, -2)
            for part in self.qkv(self.norm(x)).chunk(3, 1)
        )  # [B, heads, T, D]
        attended = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(attended.transpose(-1, -2).flatten(1, 2))


class ReleasedUNet1D(nn.Module):
    """See the module's text; the interface of `models.networks.unet.UNet1D`."""

    def __init__(self, *, inputs: int, outputs: int, embedding: int, config: UNetConfig) -> None:
        super().__init__()
        if config.patch != 1:
            raise ValueError(f"unet.patch is {config.patch}; the released layout has 1")
        groups, heads, head_width = config.groups, config.attention_heads, config.head_width
        widths = (config.widths[0], *config.widths)
        steps = list(zip(widths[:-1], widths[1:]))

        def block(block_inputs: int, block_outputs: int) -> ResidualBlock:
            return ResidualBlock(block_inputs, block_outputs, embedding, groups)

        def resample(last: bool, down: bool, width: int, to: int) -> nn.Module:
            if last:
                return nn.Conv1d(width, to, 3, padding=1)
            if down:
                return nn.Conv1d(width, to, 4, stride=2, padding=1)
            return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv1d(width, to, 3, padding=1))

        self.input = nn.Conv1d(inputs, widths[0], config.input_kernel, padding=(config.input_kernel - 1) // 2)
        self.down_blocks = nn.ModuleList(
            nn.ModuleList(block(width, width) for _ in range(config.blocks_per_level)) for width, _ in steps
        )
        self.down_attention = nn.ModuleList(LinearAttention(width, heads, head_width) for width, _ in steps)
        self.downsample = nn.ModuleList(
            resample(i == len(steps) - 1, True, width, below) for i, (width, below) in enumerate(steps)
        )
        self.middle_1 = block(widths[-1], widths[-1])
        self.attention = FullAttention(widths[-1], heads, head_width)
        self.middle_2 = block(widths[-1], widths[-1])
        upward = list(reversed(steps))
        self.up_blocks = nn.ModuleList(
            nn.ModuleList(block(below + width, below) for _ in range(config.blocks_per_level))
            for width, below in upward
        )
        self.up_attention = nn.ModuleList(LinearAttention(below, heads, head_width) for _, below in upward)
        self.upsample = nn.ModuleList(
            resample(i == len(steps) - 1, False, below, width) for i, (width, below) in enumerate(upward)
        )
        self.final = block(2 * widths[0], widths[0])
        self.output = nn.Conv1d(widths[0], outputs, 1)

    def down(self, x: Tensor, embedding: Tensor) -> Bottleneck:
        """x [B, T, inputs] and [B, embedding] to the bottleneck."""
        h = self.input(x.transpose(1, 2))
        skips = [h]
        for blocks, attention, downsample in zip(self.down_blocks, self.down_attention, self.downsample):
            for i, block in enumerate(blocks):  # type: ignore[arg-type, var-annotated]
                h = block(h, embedding)
                if i == len(blocks) - 1:  # type: ignore[arg-type]
                    h = attention(h)
                skips.append(h)
            h = downsample(h)
        h = self.middle_2(self.attention(self.middle_1(h, embedding)), embedding)
        return Bottleneck(h.transpose(1, 2), skips)

    def up(self, bottleneck: Bottleneck, embedding: Tensor) -> Tensor:
        """The bottleneck and [B, embedding] to [B, T, outputs]."""
        h, skips = bottleneck.features.transpose(1, 2), list(bottleneck.skips)
        for blocks, attention, upsample in zip(self.up_blocks, self.up_attention, self.upsample):
            for block in blocks:  # type: ignore[attr-defined]
                h = block(torch.cat([h, skips.pop()], 1), embedding)
            h = upsample(attention(h))
        return self.output(self.final(torch.cat([h, skips.pop()], 1), embedding)).transpose(1, 2)
