# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise schedules (paper eq. 1 and 2), in float64 on the CPU.

Symbols: beta_t variance added in step t; alpha_t = 1 - beta_t; alpha_bar_t product of alpha_1 .. alpha_t.
Timesteps run from 1 to T; index 0 is the clean data, alpha_bar_0 = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from models.config import ScheduleConfig

_MAX_BETA = 0.999


@dataclass(frozen=True)
class Schedule:
    """Tables indexed by timestep, T + 1 entries each."""

    beta: Tensor
    """beta[0] is 0."""
    alpha_bar: Tensor

    @property
    def steps(self) -> int:
        """T."""
        return len(self.beta) - 1

    def signal(self, t: Tensor) -> Tensor:
        """sqrt(alpha_bar_t), float32 on t's device, in t's shape."""
        return self.alpha_bar.sqrt().float().to(t.device)[t]

    def noise(self, t: Tensor) -> Tensor:
        """sigma_t = sqrt(1 - alpha_bar_t), float32 on t's device, in t's shape."""
        return (1 - self.alpha_bar).sqrt().float().to(t.device)[t]


def build_schedule(config: ScheduleConfig) -> Schedule:
    """The tables of `config`.

    linear: beta_t equally spaced (Ho et al. 2020, the paper's choice). cosine: alpha_bar_t =
    cos^2((t / T + 0.008) / 1.008 * pi / 2), beta_t at most 0.999 (Nichol and Dhariwal 2021, eq. 17).
    """
    if config.kind == "linear":
        beta = torch.linspace(config.beta_start, config.beta_end, config.steps, dtype=torch.float64)
    else:
        grid = torch.linspace(0, 1, config.steps + 1, dtype=torch.float64)
        curve = torch.cos((grid + 0.008) / 1.008 * math.pi / 2) ** 2
        beta = (1 - curve[1:] / curve[:-1]).clamp(max=_MAX_BETA)
    beta = torch.cat([torch.zeros(1, dtype=torch.float64), beta])
    return Schedule(beta=beta, alpha_bar=torch.cumprod(1 - beta, 0))
