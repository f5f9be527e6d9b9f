# SPDX-License-Identifier: GPL-3.0-or-later
"""v, x0 and epsilon, and how they follow from each other (paper eq. 2 and 4).

All take numbers, numpy arrays or torch tensors. `signal` is sqrt(alpha_bar_t), `noise` is sigma_t =
sqrt(1 - alpha_bar_t); both broadcast against the motion.
"""

from __future__ import annotations

from models.body.rotations import Array


def add_noise(x0: Array, epsilon: Array, signal: Array, noise: Array) -> Array:
    """x_t = sqrt(alpha_bar_t) x0 + sigma_t epsilon (eq. 2)."""
    return signal * x0 + noise * epsilon


def v_target(x0: Array, epsilon: Array, signal: Array, noise: Array) -> Array:
    """v_t = sqrt(alpha_bar_t) epsilon - sigma_t x0 (eq. 4)."""
    return signal * epsilon - noise * x0


def x0_from_v(x: Array, v: Array, signal: Array, noise: Array) -> Array:
    """x0 = sqrt(alpha_bar_t) x_t - sigma_t v (Algorithm 1, line 9)."""
    return signal * x - noise * v


def epsilon_from_v(x: Array, v: Array, signal: Array, noise: Array) -> Array:
    """epsilon = sigma_t x_t + sqrt(alpha_bar_t) v."""
    return noise * x + signal * v


def v_from_x0(x: Array, x0: Array, signal: Array, noise: Array) -> Array:
    """The v that leads from x_t to x0; `noise` must not be 0."""
    return (signal * x - x0) / noise
