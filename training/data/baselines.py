# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real-motion distance means: how far real pianists are from each other by the same measure.

The distance between two halves of the data is what the bar is taken from. The others say what stands between it and a
generator: few excerpts, hands that are made by one rule, tracking that jumps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.real_motion_distance import LEAST_FRAMES, Statistics, frechet_distance, statistics

FEW = (20, 80)
_DRAWS = 15
JUMP_MPS = 3.0
_WRIST_SPEEDS = slice(20, 24)
_ROUNDS = 60


@dataclass(frozen=True)
class Yardsticks:
    """Distances of real motion from real motion."""

    halves: float
    """Every other excerpt against the rest."""
    single: tuple[float, float, float]
    """10th, 50th, 90th percentile of one excerpt of about 30 s against all."""
    few: dict[int, float]
    """Median of so many excerpts, drawn at random, against all."""
    one_rule: float
    """The least that motion can reach whose left hand has the statistics of its right hand mirrored."""
    calm_tracking: float | None
    """The excerpts in which no tracked wrist jumps faster than ``JUMP_MPS``, against all."""
    calm_share: float
    """How many of the excerpts that is."""

    def lines(self) -> list[str]:
        """Sentences to print."""
        low, median, high = self.single
        few = ", ".join(f"{value:.2f} for {count}" for count, value in self.few.items())
        calm = "none" if self.calm_tracking is None else f"{self.calm_tracking:.2f} from all"
        return [
            f"half of the real excerpts against the other half: {self.halves:.3f}",
            f"one real excerpt of 30 s against all: median {median:.2f}, 10 to 90 % {low:.2f} to {high:.2f}",
            f"real excerpts drawn at random against all, median: {few}",
            f"least distance of two hands made by one rule: {self.one_rule:.2f}",
            f"real excerpts without a jump of {JUMP_MPS:g} m/s ({100 * self.calm_share:.0f} %): {calm}",
        ]


def baselines(excerpts: list[NDArray[np.float64]]) -> Yardsticks:
    """Distances within the real data, features (F, 25) of each excerpt."""
    everything = np.concatenate(excerpts)
    real = statistics(everything)
    scale = np.sqrt(np.diag(real.covariance))
    reference = _standardised(real, scale, real.mean)

    def from_all(chosen: list[NDArray[np.float64]]) -> float:
        return frechet_distance(
            _standardised(statistics(np.concatenate(chosen)), scale, real.mean), reference
        )

    halves = [
        _standardised(statistics(np.concatenate(half)), scale, real.mean)
        for half in (excerpts[::2], excerpts[1::2])
    ]
    low, median, high = (
        float(value)
        for value in np.percentile(
            [from_all([one]) for one in excerpts if len(one) > LEAST_FRAMES], (10, 50, 90)
        )
    )
    rng = np.random.default_rng(0)
    few = {
        count: float(
            np.median(
                [
                    from_all([excerpts[i] for i in rng.choice(len(excerpts), count, replace=False)])
                    for _ in range(_DRAWS)
                ]
            )
        )
        for count in FEW
        if count < len(excerpts)
    }
    calm = [one for one in excerpts if np.abs(one[:, _WRIST_SPEEDS]).max(initial=0.0) <= JUMP_MPS]
    return Yardsticks(
        frechet_distance(*halves),
        (low, median, high),
        few,
        nearest_with_equal_hands(
            reference, _standardised(statistics(mirrored(everything)), scale, real.mean)
        ),
        from_all(calm) if calm else None,
        len(calm) / len(excerpts),
    )


def mirrored(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features (F, 25) of the same motion in a mirror: hands change places, X its sign."""
    tips = features[:, :20].reshape(-1, 2, 5, 2)[:, ::-1] * [-1.0, 1.0]
    speeds = features[:, _WRIST_SPEEDS].reshape(-1, 2, 2)[:, ::-1] * [-1.0, 1.0]
    return np.concatenate([tips.reshape(-1, 20), speeds.reshape(-1, 4), features[:, 24:]], 1)


def nearest_with_equal_hands(one: Statistics, mirror: Statistics) -> float:
    """The least distance from ``one`` of statistics that are their own mirror image.

    Something symmetric is as far from ``one`` as from its mirror image, so the least sum of both distances is looked
    for, and that is the barycentre's, which is symmetric itself (fixed point of Álvarez-Esteban et al. 2016).
    """
    covariance = (one.covariance + mirror.covariance) / 2
    for _ in range(_ROUNDS):
        root = _root(covariance)
        inverse = np.linalg.pinv(root)
        mean = (_root(root @ one.covariance @ root) + _root(root @ mirror.covariance @ root)) / 2
        covariance = inverse @ mean @ mean @ inverse
    return frechet_distance(Statistics((one.mean + mirror.mean) / 2, covariance), one)


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def _standardised(one: Statistics, scale: NDArray[Any], centre: NDArray[Any]) -> Statistics:
    """Statistics in units of the reference."""
    return Statistics((one.mean - centre) / scale, one.covariance / np.outer(scale, scale))
