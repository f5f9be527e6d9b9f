# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth curves: banded least squares with a penalty on the third difference (jerk), and smooth noise.

Minimum jerk is the classic model of reaching movements (Flash and Hogan 1985).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter1d

_THIRD = np.array([-1.0, 3.0, -3.0, 1.0])


def smooth_path(targets: NDArray[np.floating[Any]], strength: float) -> NDArray[np.float64]:
    """The path x (F, C) that minimises ``sum (x_t - targets_t)^2 + strength sum (third difference of x)^2``.

    Args:
        targets: (F, C). strength: cuts off near fps strength^(-1/6) / 2 pi Hz.
    """
    frames = len(targets)
    if frames < 4:
        return np.repeat(targets.mean(0)[None], frames, 0)
    bands = np.zeros((4, frames))  # lower form: bands[d, i] = A[i + d, i]
    bands[0] = 1.0
    for d in range(4):
        for k in range(4 - d):
            bands[d, k : k + frames - 3] += strength * _THIRD[k] * _THIRD[k + d]
    return solveh_banded(bands, targets, lower=True)


def noise_path(frames: int, channels: int, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Gaussian noise (frames, channels) of unit deviation, correlated over about ``scale`` frames."""
    noise = gaussian_filter1d(rng.standard_normal((frames, channels)), scale, axis=0, mode="reflect")
    return noise * np.sqrt(2 * scale * np.sqrt(np.pi))
