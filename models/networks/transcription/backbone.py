# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcription network's transformer, computed for speed: the same numbers as `transkun`'s layers to float32.

Tokens lie on a grid of time steps (8 frames each) by tracks (59 of frequency, then two pedals and 88 keys). Half a
layer lets the tracks of one time step see each other, the other half the time steps of one track. So each half is
done for a few rows of the grid at a time, with everything it makes still in the cache. Besides, the projections of
queries, keys and values are one matrix, scales are part of the weights, position embeddings are made once, and the
last layer works for the keys alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from models.networks.one_core import OneCorePool
from models.thread_pool import slices

TOKENS_AT_ONCE = 700
"""So many tokens' hidden features (1024 each) fit in a core's cache; half as many are slower, too."""
EPSILON = 1e-6
SMALLEST, LARGEST = 1e-20, 1e30
"""Sums of exponentials between these were computed well without taking the maximum off first."""


class HalfLayer:
    """Attention along rows of tokens, then a two-layer network for each token; both added to their input."""

    def __init__(self, attention: Any, network: Any) -> None:
        """From `transkun`'s residual blocks."""
        part = attention.module
        self.heads = part.num_heads
        self.query = part.q_proj_weight / math.sqrt(part.head_dim)
        self.key_value = torch.cat([part.k_proj_weight, part.v_proj_weight], 1)
        first, last = network.module[0], network.module[-1]
        self.out, self.out_bias = _scaled(part.out_proj, attention.scale)
        self.up, self.up_bias = first.weight.T.contiguous(), first.bias
        self.down, self.down_bias = _scaled(last, network.scale)

    def __call__(self, rows: Tensor, memory: Tensor) -> Tensor:
        """Rows (rows, tokens, width) after this half, in which they have looked at rows of memory (rows, m, width)."""
        width = rows.shape[-1]
        seen = attend(normed(rows) @ self.query, memory @ self.key_value, self.heads)
        tokens = torch.addmm(rows.reshape(-1, width), seen.view(-1, width), self.out).add_(self.out_bias)
        hidden = nn.functional.gelu(torch.addmm(self.up_bias, normed(tokens), self.up))
        tokens.add_(self.down_bias).addmm_(hidden, self.down)
        return tokens.view(rows.shape)


def _scaled(linear: nn.Linear, scale: Tensor) -> tuple[Tensor, Tensor]:
    return (linear.weight.T * scale).contiguous(), linear.bias * scale


def normed(tokens: Tensor) -> Tensor:
    """Tokens (..., width) divided by their root mean square."""
    power = torch.linalg.vector_norm(tokens, dim=-1, keepdim=True).square_()
    return tokens * power.div_(tokens.shape[-1]).add_(EPSILON).rsqrt_()


def attend(query: Tensor, key_value: Tensor, heads: int) -> Tensor:
    """What queries (rows, n, width), scaled already, fetch from keys and values (rows, m, 2 width).

    On rows this short, plain products beat torch's attention on a CPU two to one.
    """
    rows, count, _ = query.shape
    query = query.view(rows, count, heads, -1).transpose(1, 2)
    key, value = key_value.view(rows, key_value.shape[1], 2, heads, -1).unbind(2)
    value = value.transpose(1, 2)
    if query.device.type != "cpu":
        seen = nn.functional.scaled_dot_product_attention(query, key.transpose(1, 2), value, scale=1.0)
        return seen.transpose(1, 2).flatten(2)
    query, key, value = query.flatten(0, 1), key.permute(0, 2, 3, 1).flatten(0, 1), value.flatten(0, 1)
    weight = torch.bmm(query, key).exp_()
    total = weight.sum(-1, keepdim=True)
    least, most = total.aminmax()
    if least > SMALLEST and most < LARGEST:
        seen = torch.bmm(weight, value).div_(total)
    else:
        seen = torch.bmm(torch.bmm(query, key).softmax(-1), value)
    return seen.view(rows, heads, count, -1).transpose(1, 2).flatten(2)


class NoteBackbone:
    """Log-mel features to tokens of the 88 keys."""

    def __init__(self, published: Any, tracks: Tensor, keys: int) -> None:
        """From `transkun`'s backbone.

        Args:
            tracks: MIDI numbers of the tracks that stand beside the frequencies.
            keys: how many of them, the last ones, are wanted.
        """
        self.published, self.tracks, self._keys = published, tracks, keys
        self.layers = [
            (HalfLayer(layer.mhaBlockF, layer.fnnBlockF), HalfLayer(layer.mhaBlockT, layer.fnnBlockT))
            for layer in published.encoderLayers
        ]
        del published.encoderLayers
        self._positions: tuple[tuple[int, ...], Tensor, Tensor] | None = None

    def embedded(self, features: Tensor) -> Tensor:
        """Features (1, frames, mels, windows) as a grid of tokens (steps, tracks, width), positions added."""
        published = self.published
        steps = features.permute(0, 3, 1, 2)
        at = torch.arange(steps.shape[-1], device=steps.device).float()
        steps = published.inputConv(steps).add_(published.posEmbedBuilder(at).T[:, None])
        steps = published.downConv(steps)[0].permute(1, 2, 0)
        places, tracks = self.positions(steps.shape[0] + 1, steps.shape[1] + 1)
        grid = torch.cat([places, tracks], 1)
        # A step before all others and a track below all others gather what concerns the whole; no sound in them.
        grid[1:, 1 : places.shape[1]] += steps
        return grid

    def positions(self, steps: int, frequencies: int) -> tuple[Tensor, Tensor]:
        """Where the tokens of sound and those of the other tracks are, (steps, ..., width) each."""
        shape = (steps, frequencies)
        if self._positions is None or self._positions[0] != shape:
            time = torch.arange(steps, device=self.tracks.device).float()
            frequency = torch.arange(frequencies, device=self.tracks.device).float()
            sound = self.published.posEmbedBuilderAttnTF(time, frequency)
            self._positions = (
                shape,
                sound,
                self.published.posEmbedBuilderAttnTE(time, self.tracks.float()),
            )
        return self._positions[1:]

    def layer(self, index: int, grid: Tensor, pool: OneCorePool, between: Callable[[], None]) -> Tensor:
        """A grid (steps, tracks, width) after one layer; after the last one the keys' tracks only.

        Args:
            between: called between its halves; may raise.
        """
        across, along = self.layers[index]
        steps, tracks, width = grid.shape
        first = tracks - self._keys if index == len(self.layers) - 1 else 0
        after = grid.new_empty(steps, tracks - first, width)

        def see_tracks(part: slice) -> None:
            after[part] = across(grid[part, first:], grid[part])

        pool.each(see_tracks, slices(steps, max(TOKENS_AT_ONCE // tracks, 1)))
        between()

        def see_steps(part: slice) -> None:
            # Both halves look at what came into the layer.
            memory = grid[:, first + part.start : first + part.stop].transpose(0, 1).contiguous()
            after[:, part] = along(after[:, part].transpose(0, 1).contiguous(), memory).transpose(0, 1)

        pool.each(see_steps, slices(tracks - first, max(TOKENS_AT_ONCE // steps, 1)))
        return after
