# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth curves through weighted wishes: banded least squares with a penalty on the third difference (jerk).

Minimises sum_t w_t (x_t - target_t)^2 + strength sum_t (third difference of x)_t^2. Minimum jerk is the classic model
of reaching movements (Flash and Hogan 1985); the weights say where a hand has to be and where it is free.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d

_THIRD = np.array([-1.0, 3.0, -3.0, 1.0])


def smooth_path(
    targets: NDArray[np.floating],
    weights: NDArray[np.floating],
    strength: float,
    weighted: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """The smooth path.

    Args:
        targets: (F, C) wished values. weights: (F,) not negative, above zero in at least three frames.
        strength: of the jerk penalty; weight w and strength s cut off near fps (w / s)^(1/6) / 2 pi Hz.
        weighted: (F,) factor on the penalty around each frame, where the path must be calmer.

    Returns:
        (F, C).
    """
    frames = len(targets)
    if frames < 4:
        return np.repeat(np.average(targets, axis=0, weights=weights + 1e-9)[None], frames, 0)
    penalty = np.full(frames - 3, float(strength))
    if weighted is not None:
        penalty *= np.maximum(weighted[1:-2], weighted[2:-1])
    bands = np.zeros((4, frames))  # lower form: bands[d, i] = A[i + d, i]
    bands[0] = weights + 1e-9
    for d in range(4):
        for k in range(4 - d):
            bands[d, k : k + frames - 3] += penalty * _THIRD[k] * _THIRD[k + d]
    return solveh_banded(bands, (weights + 1e-9)[:, None] * targets, lower=True)


def limited_path(
    targets: NDArray[np.floating],
    weights: NDArray[np.floating],
    strength: float,
    fps: float,
    max_speed: float,
    max_acceleration: float,
    rounds: int = 4,
) -> NDArray[np.float64]:
    """A smooth path whose speed and acceleration stay near their limits: it is made calmer where they are passed.

    Speeds are of all columns together, per second. Reweighted least squares; the limits are soft.
    """
    weighted = np.ones(len(targets))
    path = smooth_path(targets, weights, strength)
    for _ in range(rounds):
        speed = (
            np.linalg.norm(np.gradient(path, axis=0), axis=1) * fps if len(path) > 1 else np.zeros(len(path))
        )
        acceleration = np.linalg.norm(np.gradient(np.gradient(path, axis=0), axis=0), axis=1) * fps**2
        excess = np.maximum(speed / max_speed, acceleration / max_acceleration)
        if excess.max() <= 1:
            break
        spread = np.maximum.reduce([np.roll(excess, k) for k in range(-3, 4)])
        weighted = np.minimum(weighted * np.maximum(spread, 1.0) ** 3, 1e5)
        path = smooth_path(targets, weights, strength, weighted)
    return path


def noise_path(frames: int, channels: int, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise (frames, channels) of unit deviation, correlated over about ``scale`` frames."""
    noise = gaussian_filter1d(rng.standard_normal((frames, channels)), scale, axis=0, mode="reflect")
    return noise * np.sqrt(2 * scale * np.sqrt(np.pi))
