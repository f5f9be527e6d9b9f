# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise schedules (paper eq. 1 and 2), in float64.

Symbols: beta_t variance added in step t; alpha_t = 1 - beta_t; alpha_bar_t product of alpha_1 .. alpha_t.
Timesteps run from 1 to T; index 0 is the clean data, alpha_bar_0 = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from models.body.rotations import Array
from models.config import ScheduleConfig

_MAX_BETA = 0.999


@dataclass(frozen=True)
class Schedule:
    """Tables indexed by timestep, T + 1 entries each."""

    beta: NDArray[np.float64]
    """beta[0] is 0."""
    alpha_bar: NDArray[np.float64]

    @property
    def steps(self) -> int:
        """T."""
        return len(self.beta) - 1

    def signal(self, t: Array) -> Array:
        """sqrt(alpha_bar_t), float32, of t's kind, device and shape."""
        return _looked_up(np.sqrt(self.alpha_bar), t)

    def noise(self, t: Array) -> Array:
        """sigma_t = sqrt(1 - alpha_bar_t), float32, of t's kind, device and shape."""
        return _looked_up(np.sqrt(1 - self.alpha_bar), t)


def _looked_up(table: NDArray[np.float64], t: Array) -> Array:
    xp = array_namespace(t)
    return xp.asarray(table.astype(np.float32), device=device(t))[t]


def build_schedule(config: ScheduleConfig) -> Schedule:
    """The tables of `config`.

    linear: beta_t equally spaced (Ho et al. 2020, the paper's choice). cosine: alpha_bar_t =
    cos^2((t / T + 0.008) / 1.008 * pi / 2), beta_t at most 0.999 (Nichol and Dhariwal 2021, eq. 17).
    """
    if config.kind == "linear":
        beta = np.linspace(config.beta_start, config.beta_end, config.steps)
    else:
        grid = np.linspace(0, 1, config.steps + 1)
        curve = np.cos((grid + 0.008) / 1.008 * math.pi / 2) ** 2
        beta = np.minimum(1 - curve[1:] / curve[:-1], _MAX_BETA)
    beta = np.concatenate([[0.0], beta])
    return Schedule(beta=beta, alpha_bar=np.cumprod(1 - beta))
