# SPDX-License-Identifier: GPL-3.0-or-later
"""v, x0 and epsilon, and how they follow from each other (paper eq. 2 and 4).

`signal` is sqrt(alpha_bar_t), `noise` is sigma_t = sqrt(1 - alpha_bar_t); both broadcast against the motion.
"""

from __future__ import annotations

from torch import Tensor


def add_noise(x0: Tensor, epsilon: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """x_t = sqrt(alpha_bar_t) x0 + sigma_t epsilon (eq. 2)."""
    return signal * x0 + noise * epsilon


def v_target(x0: Tensor, epsilon: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """v_t = sqrt(alpha_bar_t) epsilon - sigma_t x0 (eq. 4)."""
    return signal * epsilon - noise * x0


def x0_from_v(x: Tensor, v: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """x0 = sqrt(alpha_bar_t) x_t - sigma_t v (Algorithm 1, line 9)."""
    return signal * x - noise * v


def epsilon_from_v(x: Tensor, v: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """epsilon = sigma_t x_t + sqrt(alpha_bar_t) v."""
    return noise * x + signal * v


def v_from_x0(x: Tensor, x0: Tensor, signal: Tensor, noise: Tensor) -> Tensor:
    """The v that leads from x_t to x0; `noise` must not be 0."""
    return (signal * x - x0) / noise
