# SPDX-License-Identifier: GPL-3.0-or-later
"""Phi_A2M, stage 2 of the paper (sections 3.3 and 3.4): two U-Nets that meet at the bottleneck.

Axes: B batch, H = 2 hands (0 left, 1 right), T frames, C channels (48 joint angles, with `wrist_residual` 3
more). Everything is in normalised hand space (`models.conditioning.hand_space`). What the paper does not have: a
timestep of its own for each hand, a mask of known frames, and a vector that tells the player.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.config import ModelConfig
from models.networks.interaction import build_interaction
from models.networks.per_hand import PerHand, fold, unfold
from models.networks.refiner import Refiner
from models.networks.released_unet import ReleasedEmbedding, ReleasedUNet1D
from models.networks.transformer import sinusoid
from models.networks.unet import Bottleneck, UNet1D


class Embedding(nn.Module):
    """Timestep [N] (0 means clean) and player [N, S] to the vector that modulates every block, [N, time_width]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.unet.time_width
        self.width = width
        self.scale = 1000.0 / config.schedule.steps
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.style = (
            nn.Sequential(nn.Linear(config.player_dim, width), nn.SiLU(), nn.Linear(width, width))
            if config.player_dim
            else None
        )

    def forward(self, timestep: Tensor, style: Tensor) -> Tensor:
        """[N] and [N, S] to [N, time_width]."""
        embedding = self.time(sinusoid(timestep * self.scale, self.width).to(style.dtype))
        if self.style is not None:
            embedding = embedding + self.style(style)
        return nn.functional.silu(embedding)


class Stream(nn.Module):
    """One hand: embedding, U-Net and the interaction with the other hand."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        lifted = config.unet.noise_embedding
        self.lift = nn.Linear(config.channels, lifted) if lifted else nn.Identity()
        self.known_frames = config.known_frames
        released = config.unet.layout == "released"
        width = config.unet.time_width
        self.embedding: nn.Module = (
            ReleasedEmbedding(config.unet.widths[0], width) if released else Embedding(config)
        )
        self.unet: nn.Module = (ReleasedUNet1D if released else UNet1D)(
            inputs=(lifted or config.channels) + int(self.known_frames) + config.condition_dim,
            outputs=config.channels,
            embedding=width,
            config=config.unet,
        )
        self.interaction = build_interaction(config.unet.widths[-1], config.interaction)
        self.gain = nn.Linear(config.unet.time_width, config.channels) if config.unet.noise_gain else None
        if self.gain is not None:
            nn.init.zeros_(self.gain.weight)
            nn.init.zeros_(self.gain.bias)

    def down(self, x: Tensor, known: Tensor, condition: Tensor, embedding: Tensor) -> Bottleneck:
        """x [N, T, C], known [N, T, 1], condition [N, T, D]."""
        parts = [self.lift(x), *([known.to(x.dtype)] if self.known_frames else []), condition]
        return self.unet.down(torch.cat(parts, -1), embedding)  # type: ignore[operator]

    def up(self, x: Tensor, bottleneck: Bottleneck, embedding: Tensor) -> Tensor:
        """v [N, T, C] from the bottleneck after the interaction."""
        v = self.unet.up(bottleneck, embedding)  # type: ignore[operator]
        return v if self.gain is None else torch.addcmul(v, self.gain(embedding)[:, None], x)


class DualStream(nn.Module):
    """forward(x, t, condition, known, known_values, style) -> v, all [B, 2, T, ...]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.shared = config.shared_hands
        self.refiners = PerHand(lambda: Refiner(config), shared=self.shared)
        self.streams = nn.ModuleList(Stream(config) for _ in range(1 if self.shared else 2))

    def condition(
        self, features: Tensor, positions_own: Tensor, positions_other: Tensor, centred: Tensor | None = None
    ) -> Tensor:
        """c of Algorithm 1, line 7: [refined f_a, P_own, P_other, hand-centred roll].

        features [B, 2, T, feature_dim], positions [B, 2, T, 3] each seen from its own hand, centred [B, 2, T,
        centred_dim] -> [B, 2, T, condition_dim]. It is the same in every sampling step: compute it once.
        """
        refined = self.refiners(features)
        parts = [refined, positions_own.to(refined.dtype)]
        if self.config.position_sharing:
            parts.append(positions_other.to(refined.dtype))
        if centred is not None:
            parts.append(centred.to(refined.dtype))
        return torch.cat(parts, -1)

    def forward(
        self, x: Tensor, t: Tensor, condition: Tensor, known: Tensor, known_values: Tensor, style: Tensor
    ) -> Tensor:
        """v of eq. 4.

        x [B, 2, T, C] noisy motion; t [B, 2] timestep of each hand, 0 for a hand that is given whole;
        condition [B, 2, T, D]; known [B, 2, T, 1] bool, True where known_values [B, 2, T, C] are given and
        replace x (only where the model has `known_frames`: the others take x as it is); style [B, 2, S] what each
        hand's network is told of its player.
        """
        if self.config.known_frames:
            x = torch.where(known, known_values, x)
        inputs = [fold(part, shared=self.shared) for part in (x, known, condition)]
        embeddings = [
            stream.embedding(step, look)  # type: ignore[operator]
            for stream, step, look in zip(
                self.streams, fold(t, shared=self.shared), fold(style, shared=self.shared)
            )
        ]
        states = [
            stream.down(*parts, embedding)
            for stream, *parts, embedding in zip(self.streams, *inputs, embeddings)
        ]
        features = unfold([state.features for state in states])  # [B, 2, L, C]
        own = fold(features, shared=self.shared)
        other = fold(features.flip(1), shared=self.shared)
        outputs = []
        for i, stream in enumerate(self.streams):
            fused = stream.interaction(own[i], other[i])  # type: ignore[operator]
            outputs.append(stream.up(inputs[0][i], states[i]._replace(features=fused), embeddings[i]))  # type: ignore[operator]
        return unfold(outputs)
