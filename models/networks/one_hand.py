# SPDX-License-Identifier: GPL-3.0-or-later
"""One hand's stream cut where its parts meet others: what is the same in many calls is a part of its own.

`DualStream` computes both hands at once, which suits a GPU and training. Here the same weights are cut into what a
step of a hand needs and what it does not: the timestep and the player become the numbers that modulate every block
(`Modulation`, the same for all windows), the condition becomes its share of the first convolution (`Projection`, the
same in all steps), and the U-Net is cut at the bottleneck, where the hands meet (`Down`, `Up`).

Axes: N hands in a batch, T frames, C motion channels, L frames at the bottleneck, W width of the first level.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.networks.dual_stream import Stream
from models.networks.frame_conv import FrameConv, to_frames, to_image
from models.networks.unet import ResidualBlock, UNet1D


def blocks_of(unet: UNet1D) -> tuple[list[ResidualBlock], list[ResidualBlock]]:
    """The residual blocks of the way down (middle included) and of the way up, in the order that they are passed."""
    down = [block for level in unet.down_blocks for block in level]  # type: ignore[attr-defined]
    up = [block for level in reversed(unet.up_blocks) for block in level]  # type: ignore[attr-defined]
    return [*down, unet.middle_1, unet.middle_2], [*up, unet.final]


class Modulation(nn.Module):
    """Timestep [N] and player [N, S] to the factor and the summand of every block's channels, [N, M].

    What FiLM does to the output of a norm and the norm's own factor and summand are one affine map.
    """

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.stream = stream

    def forward(self, timestep: Tensor, style: Tensor) -> Tensor:
        """[N] and [N, S] to [N, M]: for each block of `blocks_of` factors then summands, at the end the gain."""
        stream = self.stream
        embedding = stream.embedding(timestep, style)
        parts = []
        for block in (block for way in blocks_of(stream.unet) for block in way):  # type: ignore[arg-type]
            scale, shift = block.film(embedding).chunk(2, 1)
            parts += [block.norm_2.weight * (scale + 1), block.norm_2.bias * (scale + 1) + shift]
        if stream.gain is not None:
            parts.append(stream.gain(embedding))
        return torch.cat(parts, 1)


class Projection(nn.Module):
    """The condition's share of the first convolution, its bias included: [N, T, D] to [N, W, 1, T / patch]."""

    def __init__(self, stream: Stream, condition_dim: int) -> None:
        super().__init__()
        self.patch, first = stream.unet.patch, stream.unet.input
        self.convolution = _share(first, self.patch, slice(-condition_dim, None), bias=True)  # type: ignore[arg-type]

    def forward(self, condition: Tensor) -> Tensor:
        """See the class."""
        return self.convolution(_patched(condition, self.patch))  # type: ignore[arg-type]


class Down(nn.Module):
    """The way down for noisy motion with its known frames in place; see `forward`."""

    def __init__(self, stream: Stream, condition_dim: int) -> None:
        super().__init__()
        self.stream, self.patch = stream, stream.unet.patch
        first = stream.unet.input
        self.convolution = _share(first, self.patch, slice(0, -condition_dim), bias=False)  # type: ignore[arg-type]

    def forward(self, x: Tensor, known: Tensor, projected: Tensor, modulation: Tensor) -> tuple[Tensor, ...]:
        """The bottleneck [N, L, C] and the skips, for x [N, T, C], known [N, T, 1], `Projection` and `Modulation`."""
        stream, unet = self.stream, self.stream.unet
        mapped = _affine_maps(modulation, blocks_of(unet)[0], 0)  # type: ignore[arg-type]
        seen = [stream.lift(x), *([known.to(x.dtype)] if stream.known_frames else [])]
        h = self.convolution(_patched(torch.cat(seen, -1), self.patch)) + projected  # type: ignore[arg-type]
        skips = [h]
        for blocks, downsample in zip(unet.down_blocks, unet.downsample):  # type: ignore[arg-type]
            for block in blocks:
                h = _through(block, h, *next(mapped))
                skips.append(h)
            h = downsample(h)
        h = unet.attention(_through(unet.middle_1, h, *next(mapped)))  # type: ignore[arg-type, operator]
        return (to_frames(_through(unet.middle_2, h, *next(mapped))), *skips)  # type: ignore[arg-type]


class Up(nn.Module):
    """The meeting with the other hand and the way up; see `forward`."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.stream = stream

    def forward(self, own: Tensor, other: Tensor, x: Tensor, modulation: Tensor, *skips: Tensor) -> Tensor:
        """v [N, T, C] from both hands' bottlenecks [N, L, C], what `Down` saw as x, `Modulation` and the skips."""
        stream, unet = self.stream, self.stream.unet
        before, after = blocks_of(unet)  # type: ignore[arg-type]
        mapped = _affine_maps(modulation, after, sum(2 * _width(block) for block in before))
        left = list(skips)
        h = to_image(stream.interaction(own, other))
        for blocks, upsample in zip(reversed(unet.up_blocks), reversed(unet.upsample)):  # type: ignore[arg-type]
            h = upsample(F.interpolate(h, scale_factor=(1.0, 2.0), mode="nearest"))
            for block in blocks:
                h = _through(block, torch.cat([h, left.pop()], 1), *next(mapped))
        h = _through(unet.final, torch.cat([h, left.pop()], 1), *next(mapped))  # type: ignore[arg-type]
        v = to_frames(unet.output(h)).unflatten(2, (unet.patch, -1)).flatten(1, 2)  # type: ignore[operator]
        return v if stream.gain is None else torch.addcmul(v, modulation[:, None, -v.shape[-1] :], x)


def _patched(frames: Tensor, patch: int) -> Tensor:
    return to_image(frames.unflatten(1, (-1, patch)).flatten(2))


def _share(first: FrameConv, patch: int, channels: slice, *, bias: bool) -> FrameConv:
    """The part of the first convolution that reads some channels of each of the `patch` frames that it takes as one."""
    weight = first.weight.detach().unflatten(1, (patch, -1))[:, :, channels].flatten(1, 2)
    part = FrameConv(weight.shape[1], weight.shape[0], weight.shape[-1])
    part.weight = nn.Parameter(weight.clone(), requires_grad=False)
    kept = first.bias.detach().clone() if bias and first.bias is not None else None
    part.bias = nn.Parameter(kept, requires_grad=False) if kept is not None else None
    return part


def _width(block: ResidualBlock) -> int:
    return block.norm_2.num_channels


def _affine_maps(
    modulation: Tensor, blocks: list[ResidualBlock], first: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Factor and summand [N, C, 1, 1] of each block, from column `first` on."""
    for block in blocks:
        width = _width(block)
        factor, summand = (
            modulation[:, begin : begin + width, None, None] for begin in (first, first + width)
        )
        first += 2 * width
        yield factor, summand


def _through(block: ResidualBlock, x: Tensor, factor: Tensor, summand: Tensor) -> Tensor:
    """`ResidualBlock.forward` with its norm's and FiLM's affine maps as one."""
    h = block.conv_1(F.silu(block.norm_1(x)))
    h = torch.addcmul(summand, F.group_norm(h, block.norm_2.num_groups, eps=block.norm_2.eps), factor)
    return block.skip(x) + block.conv_2(F.silu(h))
