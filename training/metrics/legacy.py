# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures as the released evaluation computes them, slips included.

Source: PianoMotion10M's models/evaluate.py and eval.py; S2C's copies compute the same.

Each function takes one clip and one hand: pose (T, 48) radians, position (T, 3) metres; the published figure is the
mean over clips of 8 s. What a reader should know of them:

- Nothing is masked: frames in which no hand was seen count like the others.
- FGD takes the covariance of at most 240 frames in float32 and the square root of a product that is not symmetric.
- WGD fits a principal component analysis to each side apart, so that the axes compared have nothing to do with each
  other, compares means of mixtures only and divides by the largest distance, so it has no unit.
- PD leaves Z out.
- Smooth was meant as an acceleration. Two slices read `[-1:]` where `[1:]` was meant: the distance to the last frame
  is taken twice. `smooth_first` is the version up to 2025-03-28 (used for the published tables), `smooth` the one
  since, which takes the mean before the difference.

The released S2C script runs ten times and reports the best run by a weighted score beside the mean; here a run is a
run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import ot
import torch
from numpy.typing import NDArray
from scipy import linalg
from sklearn.decomposition import IncrementalPCA
from sklearn.mixture import GaussianMixture

Array = NDArray[np.floating[Any]]

COMPONENTS = 10
"""Principal components of WGD."""
PCA_BATCH = 16
MIXTURE = 13
"""Normal distributions in a mixture of WGD."""
MIXTURE_ITERATIONS = 200


def _moments(samples: Array) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and covariance (n - 1) of (n, D), in the precision of the samples, by the sums that the code forms."""
    count = len(samples)
    mean = samples.mean(axis=0, keepdims=True)
    covariance = (samples.T @ samples - count * mean.T @ mean) / (count - 1)
    return torch.from_numpy(mean[0]), torch.from_numpy(covariance)


def fgd(real: Array, generated: Array) -> float:
    """|m_r - m_g|² + tr C_r + tr C_g - 2 Σ Re √eig(C_g C_r), poses (T, 48) taken as float32; radians squared."""
    (mean_r, cov_r), (mean_g, cov_g) = (_moments(np.asarray(x, np.float32)) for x in (real, generated))
    root = torch.linalg.eigvals(cov_g @ cov_r).sqrt().real.sum()
    return float((mean_g - mean_r).square().sum() + cov_g.trace() + cov_r.trace() - 2 * root)


def _mixture(samples: Array) -> GaussianMixture:
    reduced = IncrementalPCA(n_components=COMPONENTS, batch_size=PCA_BATCH).fit_transform(samples)
    return GaussianMixture(n_components=MIXTURE, random_state=0, max_iter=MIXTURE_ITERATIONS).fit(reduced)


def wgd(real: Array, generated: Array) -> float:
    """Transport between the means of two mixtures, each in its own principal axes; 0 to 1. Poses (T, 48).

    `ValueError` for fewer frames than a mixture has parts; nan where neither side moves.
    """
    one, other = (_mixture(np.asarray(x, np.float32)) for x in (real, generated))
    cost = ot.dist(one.means_, other.means_, metric="euclidean")
    with np.errstate(invalid="ignore"):
        cost = cost / cost.max()
    return float((ot.emd(one.weights_, other.weights_, cost) * cost).sum())


def pd(real: Array, generated: Array) -> float:
    """Mean distance in X and Y, metres; positions (T, 3)."""
    return float(np.linalg.norm((real - generated)[:, :2], axis=1).mean())


def _smoothness(pose: Array) -> Array:
    """v_t - v_(last), v_t = |x_t - x_(last)|: (T - 2,) from (T, 48)."""
    pose = np.asarray(pose, np.float32)
    distance = np.sqrt(((pose[:-1] - pose[-1:]) ** 2).sum(axis=1))
    return distance[:-1] - distance[-1:]


def smooth(real: Array, generated: Array) -> float:
    """|mean of one - mean of the other|: the version since 2025-03-28; radians."""
    return float(abs(_smoothness(generated).mean() - _smoothness(real).mean()))


def smooth_first(real: Array, generated: Array) -> float:
    """Mean of |one - other| frame by frame: the version before 2025-03-28; radians."""
    return float(np.abs(_smoothness(generated) - _smoothness(real)).mean())


def fid(real: Array, generated: Array) -> float:
    """Fréchet distance of latent vectors (clips, D) with scipy's square root of the product of the covariances.

    With no more clips than D the product is singular and the figure depends on rounding.
    """
    mean_r, mean_g = real.mean(axis=0), generated.mean(axis=0)
    cov_r, cov_g = (np.cov(x, rowvar=False) for x in (real, generated))
    root = linalg.sqrtm(cov_g @ cov_r)
    if not np.isfinite(root).all():
        offset = 1e-6 * np.eye(len(cov_r))
        root = linalg.sqrtm((cov_g + offset) @ (cov_r + offset))
    difference = mean_g - mean_r
    return float(difference @ difference + np.trace(cov_g) + np.trace(cov_r) - 2 * np.trace(root.real))


def feature_distance(real: Array, generated: Array) -> float:
    """Mean over clips of the sum of absolute differences of latent vectors (clips, D): the script's F_dist."""
    return float(np.abs(real - generated).sum(axis=1).mean())
