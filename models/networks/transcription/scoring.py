# SPDX-License-Identifier: GPL-3.0-or-later
"""From tokens of keys to scores of intervals: the transcription network's last stages.

A token speaks for eight frames. `transkun` first makes features of every frame, then from these, for each frame as a
begin and as an end, what interval scores are the inner products of. Both steps are linear, so here they are one, and
features of frames are made only where a note begins or ends.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.music.transcription.decoding import IntervalScores
from models.networks.one_core import OneCorePool
from models.thread_pool import slices

KEYS_AT_ONCE = 4
BEGINS_AT_ONCE = 173
"""A quarter of a segment's frames; ends before the first of them are not looked at."""


class IntervalScorer:
    """Scores of all intervals of a segment, as `transkun`'s scorer gives them."""

    def __init__(self, upsampling: Any, scorer: Any) -> None:
        """From a transposed convolution (a token to its frames) and a linear layer (ends, begins, single frames)."""
        up = upsampling.weight.double()  # (token, features, frames of a token)
        after = scorer.map[0]
        width = up.shape[1]
        self.width, self.frames_per_token = width, up.shape[2]
        self.up, self.up_bias = upsampling.weight.permute(2, 0, 1).contiguous(), upsampling.bias
        both = torch.einsum("ifk,of->iko", up, after.weight.double())
        bias = after.weight.double() @ upsampling.bias.double() + after.bias.double()
        scale = torch.tensor([1 / math.sqrt(width), 1.0], device=up.device, dtype=up.dtype)
        parts = zip(
            both.split([width, width, 1], -1), bias.split([width, width, 1]), (*scale, 1.0), strict=True
        )
        self.maps = [
            ((weight * by).flatten(1).float(), (offset * by).repeat(self.frames_per_token).float())
            for weight, offset, by in parts
        ]

    def context(self, tokens: Tensor, key: Tensor, frame: Tensor) -> Tensor:
        """Features (n, width) of frames, of tokens (keys, steps, width)."""
        step, phase = frame // self.frames_per_token, frame % self.frames_per_token
        chosen = tokens[key, step]
        features = torch.empty_like(chosen)
        for i in range(self.frames_per_token):
            here = phase == i
            features[here] = chosen[here] @ self.up[i] + self.up_bias
        return features

    def scores(self, tokens: Tensor, frames: int, pool: OneCorePool) -> IntervalScores:
        """Positive interval scores: inner products of an end's and a begin's features, times the length in frames."""
        found = pool.each(
            lambda part: self._of_keys(tokens[part], part.start, frames), slices(len(tokens), KEYS_AT_ONCE)
        )
        where, value, single = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return IntervalScores(where[:, 0], where[:, 1], where[:, 2], value, single)

    def _of_keys(self, tokens: Tensor, first_key: int, frames: int) -> tuple[Any, Any, Any]:
        keys = len(tokens)
        flat = tokens.reshape(-1, tokens.shape[-1])
        ends, begins, single = (
            torch.addmm(bias, flat, weight).view(keys, flat.shape[0] // keys * self.frames_per_token, -1)
            for weight, bias in self.maps
        )
        where, value = [], []
        for part in slices(frames, BEGINS_AT_ONCE):
            score = torch.bmm(begins[:, part], ends[:, part.start : frames].transpose(1, 2))
            at = (score > 0).triu_(1).nonzero()
            value.append(score[tuple(at.T)] * (at[:, 2] - at[:, 1]))
            at += torch.tensor([first_key, part.start, part.start], device=at.device)
            where.append(at)
        return (
            torch.cat(where).cpu().numpy(),
            torch.cat(value).float().cpu().numpy(),
            single[:, :frames, 0].float().cpu().numpy(),
        )
