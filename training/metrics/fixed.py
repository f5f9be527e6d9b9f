# SPDX-License-Identifier: GPL-3.0-or-later
"""The same figures as they should be.

Clips in, one figure a hand out. Common to all: frames in which the real hand was not seen are left out on both sides;
float64. What is mended in each, and why:

- FGD: covariance of at least `LEAST_FRAMES` seen frames, root through the symmetric C_r^½ C_g C_r^½ (whose
  eigenvalues cannot turn complex by rounding), never below 0. Beside the mean over clips, `fgd_pooled` takes all
  frames of all clips as one distribution: 240 frames that follow each other hardly fill 48 dimensions, so the mean
  over clips of even a perfect generator stays well above 0.
- WGD: one principal component analysis, fitted to the real frames, serves both sides; mixtures over the frames of all
  clips instead of 18 frames for each of 13 normal distributions; the cost between two of them is their Wasserstein
  distance, spreads included (Delon and Desolneux 2020, MW2); no division by the largest cost. Radians.
- PD: Z is a figure of its own (`pd_z`), because in the data set it is the depth for a made-up focal length and
  jitters by metres, while in our piano frame it is a height that counts.
- Smooth: mean over time of | |Δ²generated| - |Δ²real| |, radians a frame², where all three frames were seen.
  `acceleration_ratio`, mean |Δ²generated| over mean |Δ²real|, says in which direction: below 1 too smooth.
- FID: clips with less than `SEEN` of their frames are left out, unseen frames of the others are interpolated on both
  sides; there must be more clips than the latent vector has numbers, or it refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import ot
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from models.evaluation.real_motion_distance import Statistics, frechet_distance
from training.metrics.clips import HANDS, Clip, filled
from training.metrics.legacy import COMPONENTS, MIXTURE, MIXTURE_ITERATIONS

Array = NDArray[np.floating[Any]]
Pairs = Sequence[tuple[Clip, Clip]]
"""(real, generated)"""

LEAST_FRAMES = 96
"""Seen frames that a clip needs for FGD: twice the dimensions."""
MIXTURE_FRAMES = 20_000
"""Most frames a mixture is fitted to, spread evenly."""
SEEN = 0.9


def _moments(samples: Array) -> Statistics:
    samples = np.asarray(samples, np.float64)
    return Statistics(samples.mean(0), np.cov(samples, rowvar=False))


def frechet(real: Array, generated: Array) -> float:
    """Fréchet distance of two sets of vectors (n, D) as normal distributions, at least 0."""
    return frechet_distance(_moments(real), _moments(generated))


def _seen(pairs: Pairs, hand: int, what: str) -> list[tuple[Array, Array]]:
    """The seen frames of each pair, (n, C) float64."""
    rows = []
    for real, generated in pairs:
        mask = real.valid[:, hand]
        one, other = (getattr(clip, what)[mask, hand].astype(np.float64) for clip in (real, generated))
        rows.append((one, other))
    return rows


def _pooled(pairs: Pairs, hand: int) -> tuple[Array, Array]:
    rows = _seen(pairs, hand, "pose")
    real, generated = (np.concatenate([row[side] for row in rows]) for side in (0, 1))
    if len(real) < LEAST_FRAMES:
        raise ValueError(f"the {HANDS[hand]} hand is seen in {len(real)} frames; {LEAST_FRAMES} are needed")
    return real, generated


def fgd(pairs: Pairs, hand: int) -> float:
    """Mean over clips of the Fréchet distance of poses, radians²; `ValueError` where no clip has enough frames."""
    found = [frechet(*row) for row in _seen(pairs, hand, "pose") if len(row[0]) >= LEAST_FRAMES]
    if not found:
        raise ValueError(f"no clip shows the {HANDS[hand]} hand in {LEAST_FRAMES} frames")
    return float(np.mean(found))


def fgd_pooled(pairs: Pairs, hand: int) -> float:
    """Fréchet distance of the poses of all clips together, radians²."""
    return frechet(*_pooled(pairs, hand))


def _gaussian_costs(one: GaussianMixture, other: GaussianMixture) -> NDArray[np.float64]:
    """Squared Wasserstein distances between the parts of two mixtures."""
    return np.array(
        [
            [
                frechet_distance(Statistics(m1, c1), Statistics(m2, c2))
                for m2, c2 in zip(other.means_, other.covariances_)
            ]
            for m1, c1 in zip(one.means_, one.covariances_)
        ]
    )


def wgd(pairs: Pairs, hand: int, seed: int = 0) -> float:
    """MW2 between mixtures of the poses of all clips in the principal axes of the real ones, radians."""
    real, generated = _pooled(pairs, hand)
    chosen = np.unique(np.linspace(0, len(real) - 1, MIXTURE_FRAMES).round().astype(int))
    real, generated = real[chosen], generated[chosen]
    axes = PCA(n_components=COMPONENTS, svd_solver="full").fit(real)
    one, other = (
        GaussianMixture(n_components=MIXTURE, random_state=seed, max_iter=MIXTURE_ITERATIONS).fit(
            axes.transform(x)
        )
        for x in (real, generated)
    )
    cost = _gaussian_costs(one, other)
    squared = float((ot.emd(one.weights_, other.weights_, cost) * cost).sum())
    return float(np.sqrt(max(squared, 0.0)))


def pd(pairs: Pairs, hand: int) -> tuple[float, float]:
    """Mean distance over seen frames in X and Y, and in Z; metres."""
    rows = [one - other for one, other in _seen(pairs, hand, "position")]
    gaps = np.concatenate(rows)
    if not len(gaps):
        raise ValueError(f"the {HANDS[hand]} hand is seen in no frame")
    return float(np.linalg.norm(gaps[:, :2], axis=1).mean()), float(np.abs(gaps[:, 2]).mean())


def _accelerations(pairs: Pairs, hand: int) -> tuple[Array, Array]:
    """|Δ²x| of real and of generated poses where three frames in a row were seen, radians a frame²."""
    sides: tuple[list[Array], list[Array]] = ([], [])
    for real, generated in pairs:
        seen = real.valid[:, hand]
        whole = seen[2:] & seen[1:-1] & seen[:-2]
        for side, clip in zip(sides, (real, generated)):
            change = np.diff(clip.pose[:, hand].astype(np.float64), n=2, axis=0)
            side.append(np.linalg.norm(change, axis=1)[whole])
    real_all, generated_all = (np.concatenate(side) for side in sides)
    if not len(real_all):
        raise ValueError(f"the {HANDS[hand]} hand is nowhere seen in three frames in a row")
    return real_all, generated_all


def smooth(pairs: Pairs, hand: int) -> tuple[float, float]:
    """Smooth, radians a frame², and the ratio of mean accelerations (nan where the real hand does not move)."""
    real, generated = _accelerations(pairs, hand)
    ratio = float(generated.mean() / real.mean()) if real.mean() > 0 else float("nan")
    return float(np.abs(generated - real).mean()), ratio


def for_latents(pairs: Pairs) -> list[tuple[Clip, Clip]]:
    """The pairs that FID takes, unseen frames interpolated on both sides."""
    return [
        (filled(real, real.valid), filled(generated, real.valid))
        for real, generated in pairs
        if real.valid.mean(axis=0).min() >= SEEN
    ]


def fid(real: Array, generated: Array) -> float:
    """Fréchet distance of latent vectors (clips, D); `ValueError` for no more clips than D."""
    if min(len(real), len(generated)) <= real.shape[1]:
        raise ValueError(
            f"FID of {min(len(real), len(generated))} clips with {real.shape[1]} latent numbers has no full "
            f"covariance; give at least {real.shape[1] + 1} clips (a hop shorter than the clip gives more)"
        )
    return frechet(real, generated)
