# SPDX-License-Identifier: GPL-3.0-or-later
"""Samplers: functions of one signature that turn noise into data.

    sample_<name>(denoise, x, schedule, *, steps, generators, clamp=0.0, callback=None) -> x's kind

All work on numpy arrays and on torch tensors. `denoise(x, t)` returns v (eq. 4) for x [B, H, ...] at the integer
timestep t; `x` is the noise at T; `steps` is how many times the network is asked; `generators` has one numpy generator
for each [B][H] and gives all the noise that a sampler adds, so that a sample does not depend on what shares its batch;
`clamp` bounds the estimated clean data, 0 leaves it; `callback(step, steps)` runs after each step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from models.body.kinematics import like
from models.body.rotations import Array
from models.checks import check_range
from models.diffusion.parameterization import epsilon_from_v, x0_from_v
from models.diffusion.schedule import Schedule

Denoise = Callable[[Array, int], Array]
Generators = Sequence[Sequence[np.random.Generator]]
Callback = Callable[[int, int], None]


class Sampler(Protocol):
    """The signature that every sampler has."""

    def __call__(
        self,
        denoise: Denoise,
        x: Array,
        schedule: Schedule,
        *,
        steps: int,
        generators: Generators,
        clamp: float = 0.0,
        callback: Callback | None = None,
    ) -> Array:
        """Clean data [B, H, T, C] from noise `x` of that shape.

        Args:
            denoise: estimates v at x and a timestep.
            x: the noise to begin with.
            schedule: the noise levels.
            steps: how often `denoise` is called.
            generators: draw what noise the sampler adds, one for each [b, h].
            clamp: largest absolute value of the clean estimate; 0: none.
            callback: told step and steps after each step.
        """


def draw_noise(shape: Sequence[int], generators: Generators) -> NDArray[np.float32]:
    """Standard normal noise [B, H, ...] float32, the part [b, h] from generators[b][h].

    NumPy draws it for every engine and device, so that a seed is the same take on all of them.
    """
    if (len(generators), len(generators[0])) != tuple(shape[:2]):
        raise ValueError(
            f"generators are {len(generators)} x {len(generators[0])}; x needs {shape[0]} x {shape[1]}"
        )
    drawn = [
        generator.standard_normal(shape[2:], dtype=np.float32) for hands in generators for generator in hands
    ]
    return np.stack(drawn).reshape(shape)


def timesteps(schedule: Schedule, steps: int) -> list[int]:
    """`steps` + 1 falling timesteps from T to 0, equally spaced and rounded, T always asked."""
    check_range("steps", steps, 1, schedule.steps)
    return [round(schedule.steps * (steps - i) / steps) for i in range(steps + 1)]


def _steps(schedule: Schedule, steps: int, callback: Callback | None) -> Iterator[tuple[int, int]]:
    """The timestep that each step begins at and the one that it goes to; tells `callback` once a step is done."""
    times = timesteps(schedule, steps)
    for done, step in enumerate(zip(times, times[1:]), start=1):
        yield step
        if callback is not None:
            callback(done, steps)


def sample_ancestral(
    denoise: Denoise,
    x: Array,
    schedule: Schedule,
    *,
    steps: int,
    generators: Generators,
    clamp: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """Algorithm 1 of the paper; with fewer steps than T, the same formulas on the chain of the kept timesteps."""
    for t, previous in _steps(schedule, steps, callback):
        bar, bar_previous = float(schedule.alpha_bar[t]), float(schedule.alpha_bar[previous])
        alpha = bar / bar_previous  # alpha_t of line 10; beta_t = 1 - alpha_t
        beta = 1 - alpha
        v = denoise(x, t)  # line 8
        x0 = _clean(x, v, bar, clamp)  # line 9
        mean = (beta * bar_previous**0.5 / (1 - bar)) * x0 + (
            (1 - bar_previous) * alpha**0.5 / (1 - bar)
        ) * x  # 10
        variance = (1 - bar_previous) * beta / (1 - bar)  # line 11
        if previous > 0:  # lines 6 and 12
            mean = mean + variance**0.5 * like(draw_noise(x.shape, generators), x)
        x = mean
    return x


def sample_ddim(
    denoise: Denoise,
    x: Array,
    schedule: Schedule,
    *,
    steps: int,
    generators: Generators,
    clamp: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """DDIM with eta = 0 (Song et al. 2021, eq. 12): deterministic, adds no noise."""
    for t, previous in _steps(schedule, steps, callback):
        bar, bar_previous = float(schedule.alpha_bar[t]), float(schedule.alpha_bar[previous])
        v = denoise(x, t)
        x0 = _clean(x, v, bar, clamp)
        epsilon = _epsilon(x, v, x0, bar, clamp)
        x = bar_previous**0.5 * x0 + (1 - bar_previous) ** 0.5 * epsilon
    return x


def sample_dpm_solver_pp_2m(
    denoise: Denoise,
    x: Array,
    schedule: Schedule,
    *,
    steps: int,
    generators: Generators,
    clamp: float = 0.0,
    callback: Callback | None = None,
) -> Array:
    """DPM-Solver++(2M) (Lu et al. 2022, Algorithm 2): second order, deterministic, adds no noise.

    alpha_t = sqrt(alpha_bar_t), sigma_t = sqrt(1 - alpha_bar_t), lambda_t = log(alpha_t / sigma_t), h =
    lambda - lambda of the step before. The first and the last step are of first order; the last goes to sigma
    = 0, where the first-order step is the estimate of the clean data itself.
    """
    alpha, sigma = np.sqrt(schedule.alpha_bar), np.sqrt(1 - schedule.alpha_bar)
    log_snr_half = np.log(alpha) - np.log(np.maximum(sigma, 1e-12))
    before: Array | None = None
    h_before = 0.0
    for t, following in _steps(schedule, steps, callback):
        x0 = _clean(x, denoise(x, t), float(schedule.alpha_bar[t]), clamp)
        h = float(log_snr_half[following] - log_snr_half[t])
        direction = x0
        if before is not None and following > 0:
            ratio = h_before / h
            direction = (1 + 1 / (2 * ratio)) * x0 - (1 / (2 * ratio)) * before
        if following == 0:
            x = x0
        else:
            shrink = float(sigma[following] / sigma[t])
            gain = -float(alpha[following]) * math.expm1(-h)
            x = shrink * x + gain * direction
        before, h_before = x0, h
    return x


SAMPLERS: dict[str, Sampler] = {
    "ancestral": sample_ancestral,
    "ddim": sample_ddim,
    "dpm++2m": sample_dpm_solver_pp_2m,
}
"""Names of the samplers, as settings and the command line know them."""


def _clean(x: Array, v: Array, bar: float, clamp: float) -> Array:
    x0 = x0_from_v(x, v, bar**0.5, (1 - bar) ** 0.5)
    return array_namespace(x0).clip(x0, -clamp, clamp) if clamp else x0


def _epsilon(x: Array, v: Array, x0: Array, bar: float, clamp: float) -> Array:
    """From v, or from the clamped x0 where that differs."""
    signal, noise = bar**0.5, (1 - bar) ** 0.5
    return (x - signal * x0) / noise if clamp else epsilon_from_v(x, v, signal, noise)
