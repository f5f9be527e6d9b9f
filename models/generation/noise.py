# SPDX-License-Identifier: GPL-3.0-or-later
"""The noise that sampling begins with: as wide as a model wants it, and livelier here than there.

Networks that are asked a few times a window make motion that varies less than what they learned from, and alike in
every second; what is in the noise is in the motion. Nothing depends on what shares a window's batch.

Axes: B windows, H = 2 hands, T frames, C motion channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.special import ndtr

from models.config import JOINT_CHANNELS, ModelConfig

LIVELINESS_S = 0.8
"""Standard deviation of the bell curve over which a hand's liveliness changes, seconds. What pianists' activity has
beyond that of takes on the same notes correlates by 0.2 from one two seconds to the next."""
BUSY = 0.5
"""How far busy hands are from the usual ones, for 1 of calm hands."""
_LIVELINESS = 1
"""Its stream of random numbers, apart from the noise's own."""


def noise_source(seed: int, hand: int, start: int, *stream: int) -> np.random.Generator:
    """The random numbers of one hand in the window that starts at a frame."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, hand, start, *stream))))


def spread_noise(x: NDArray[np.float32], config: ModelConfig) -> NDArray[np.float32]:
    """Noise x [..., C] of unit spread, as wide as the model's configuration wants it to begin with."""
    joints, wrist = x[..., :JOINT_CHANNELS], x[..., JOINT_CHANNELS:]
    reaching = np.array(config.statistics.reaching, np.float32)
    along = (joints * reaching).sum(-1, keepdims=True)
    joints = np.float32(config.pose_noise) * (joints + np.float32(config.reach_noise - 1) * along * reaching)
    return np.concatenate([joints, np.float32(config.wrist_noise) * wrist], -1)


def liveliness(
    config: ModelConfig, seed: int, starts: Sequence[int], of_player: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Factors [B, 2, T, 1] on the noise of each hand in the windows that start at these frames.

    Hands of some pianists are livelier than those of others, and all are nearly still for a second and busy for
    another. Busy hands are less far from the usual ones than calm hands are: logarithms are normal below 0, and
    `BUSY` times as far from it above. The mean is 1.

    of_player: (2,) how lively each hand is, unit deviations (`Player.liveliness`).
    """
    factors = np.ones((len(starts), 2, config.window_frames, 1), np.float32)
    among, within = config.liveliness, config.liveliness_within
    if not among and not within:
        return factors
    hands = (0, 1) if config.decoupled_noise and not config.shared_start else (0, 0)
    mean = _mean_factor(float(np.hypot(among, within)))
    for window, start in enumerate(starts):
        for hand, own in enumerate(hands):
            path = _smooth_path(noise_source(seed, own, start, _LIVELINESS), config)
            path = among * of_player[own] + within * path
            factors[window, hand, :, 0] = np.exp(np.where(path > 0, BUSY * path, path)) / mean
    return factors


def _mean_factor(spread: float) -> float:
    """The mean of exp(z), or of exp(`BUSY` z) above 0, for normal z of this deviation."""
    calm, busy = (
        np.exp(part**2 / 2) * ndtr(sign * part) for part, sign in ((spread, -1), (BUSY * spread, 1))
    )
    return float(calm + busy)


def _smooth_path(source: np.random.Generator, config: ModelConfig) -> NDArray[np.float64]:
    """(T,) normal numbers of unit deviation in every frame, smooth over `LIVELINESS_S`."""
    spread = LIVELINESS_S * config.fps
    margin = int(np.ceil(4 * spread))
    drawn = source.standard_normal(config.window_frames + 2 * margin)
    # A bell curve of deviation s leaves 1 / (2 sqrt(pi) s) of the variance of white noise.
    whole = gaussian_filter1d(drawn, spread, mode="constant") * np.sqrt(2 * np.sqrt(np.pi) * spread)
    inside: NDArray[np.float64] = whole[margin:-margin]
    return inside
