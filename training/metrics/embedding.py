# SPDX-License-Identifier: GPL-3.0-or-later
"""The gesture autoencoder whose latent vectors FID compares.

After Yoon et al. 2020; layers as in PianoMotion10M's models/evaluate.py, so that a checkpoint of theirs fits by name.

Axes: B clips, T = 240 frames, 96 channels (48 radians of the right hand, 48 of the left). The released encoder's
fully connected part calls `LeakyReLU(True)`, whose argument is the slope: 1.0, that is no bend at all. `slope` keeps
that by default.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.checks import check_ranges

ENCODER_WIDTHS = (32, 64, 64, 32)
LATENT_CODE_CHANNELS = 4


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """Shape of the autoencoder."""

    pose_dim: int = 96
    frames: int = 240
    latent: int = 256
    """Numbers that describe a clip; FID needs more clips than that."""
    slope: float = 1.0
    """Of the leaky rectifiers of the fully connected parts; 1.0 as released."""

    def __post_init__(self) -> None:
        check_ranges(
            self, "embedding.", pose_dim=(1, 4096), frames=(16, 4096), latent=(2, 4096), slope=(0, 1)
        )
        if self.frames % 2:
            raise ValueError(f"embedding.frames is {self.frames}; it must be even")

    @property
    def encoded_frames(self) -> int:
        """Frames after the encoder's convolutions."""
        return (self.frames - 2 - 2 - 4) // 2 + 1 - 2


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, kernel, stride=stride), nn.BatchNorm1d(outputs), nn.LeakyReLU(0.2)
    )


class PoseEncoder(nn.Module):
    """[B, T, C] -> mean of the latent distribution [B, latent]."""

    def __init__(self, config: EmbeddingConfig) -> None:
        super().__init__()
        a, b, c, d = ENCODER_WIDTHS
        self.net = nn.Sequential(
            _conv(config.pose_dim, a, 3), _conv(a, b, 3), _conv(b, c, 4, 2), nn.Conv1d(c, d, 3)
        )
        self.out_net = nn.Sequential(
            nn.Linear(d * config.encoded_frames, 512),
            nn.BatchNorm1d(512),
            nn.LeakyReLU(config.slope),
            nn.Linear(512, 256),
            nn.BatchNorm1d(256),
            nn.LeakyReLU(config.slope),
            nn.Linear(256, config.latent),
        )
        self.fc_mu = nn.Linear(config.latent, config.latent)
        # The released network has a spread as well, which its evaluation never reads; kept so that names agree.
        self.fc_logvar = nn.Linear(config.latent, config.latent)

    def forward(self, poses: Tensor) -> Tensor:
        """Latent vectors [B, latent] of poses [B, T, C], radians."""
        return self.fc_mu(self.out_net(self.net(poses.transpose(1, 2)).flatten(1)))


class PoseDecoder(nn.Module):
    """[B, latent] -> [B, T, C]."""

    def __init__(self, config: EmbeddingConfig) -> None:
        super().__init__()
        width = ENCODER_WIDTHS[0]
        self.pre_net = nn.Sequential(
            nn.Linear(config.latent, 128),
            nn.BatchNorm1d(128),
            nn.LeakyReLU(config.slope),
            nn.Linear(128, LATENT_CODE_CHANNELS * config.frames),
        )
        self.net = nn.Sequential(
            nn.ConvTranspose1d(LATENT_CODE_CHANNELS, width, 3),
            nn.BatchNorm1d(width),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose1d(width, width, 3),
            nn.BatchNorm1d(width),
            nn.LeakyReLU(0.2),
            nn.Conv1d(width, width, 3),
            nn.Conv1d(width, config.pose_dim, 3),
        )

    def forward(self, latent: Tensor) -> Tensor:
        """Poses [B, T, C], radians, of latent vectors [B, latent]."""
        return self.net(self.pre_net(latent).unflatten(1, (LATENT_CODE_CHANNELS, -1))).transpose(1, 2)


class EmbeddingNet(nn.Module):
    """forward(poses [B, T, C] radians) -> (latent [B, latent], reconstruction [B, T, C])."""

    def __init__(self, config: EmbeddingConfig | None = None) -> None:
        super().__init__()
        self.config = config or EmbeddingConfig()
        self.pose_encoder = PoseEncoder(self.config)
        self.decoder = PoseDecoder(self.config)

    def forward(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """Latent vectors [B, latent] of poses [B, T, C], and the poses made of them again."""
        latent = self.pose_encoder(poses)
        return latent, self.decoder(latent)

    @torch.no_grad()
    def latents(self, poses: Tensor, batch: int = 64) -> Tensor:
        """[N, T, C] -> [N, latent], in evaluation mode."""
        self.eval()
        return torch.cat([self.pose_encoder(part) for part in poses.split(batch)])
