# SPDX-License-Identifier: GPL-3.0-or-later
"""Real-motion distance (docs/definitions.md): how far a take's motion is from that of real pianists.

Features of a frame, at `REFERENCE_FPS`, D = 25: fingertip offsets from the wrist in X and Y (2 hands × 5 fingers × 2),
wrist velocity in X and Y (2 × 2), and the spread between the hands (right wrist minus left in X). Each is
standardised with the reference's mean and standard deviation, so that metres and metres a second weigh alike. The
distance is the Fréchet distance between the two normal distributions (Dowson and Landau 1982):
|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½).

`real_motion.json` holds the reference's mean and covariance, derived from the PianoMime fingertips (3.4 hours of
tracked videos) by `python -m training.data.fit_real_motion`. Height and joint angles were not tracked and play no part.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.motion import Motion

REFERENCE_FPS = 20.0
STATISTICS_PATH = Path(__file__).with_name("real_motion.json")
LEAST_FRAMES = 100
"""Five seconds: a covariance of 25 features from fewer frames says nothing."""


@dataclass(frozen=True)
class Statistics:
    """Mean (D,) and covariance (D, D) of the features of a body of motion."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]


def motion_features(
    wrist: NDArray[np.floating[Any]], tips: NDArray[np.floating[Any]], fps: float
) -> NDArray[np.float64]:
    """Features (F - 1, 25) of wrists (F, 2, 3) and fingertips (F, 2, 5, 3) in the piano frame."""
    wrist, tips = wrist.astype(np.float64), tips.astype(np.float64)
    offsets = tips[1:, :, :, :2] - wrist[1:, :, None, :2]
    velocity = np.diff(wrist[..., :2], axis=0) * fps
    spread = wrist[1:, 1, 0] - wrist[1:, 0, 0]
    count = len(offsets)
    return np.concatenate([offsets.reshape(count, 20), velocity.reshape(count, 4), spread[:, None]], axis=1)


def statistics(features: NDArray[np.float64]) -> Statistics:
    """Mean and covariance of features (F, D)."""
    return Statistics(features.mean(0), np.cov(features, rowvar=False))


def frechet_distance(one: Statistics, other: Statistics) -> float:
    """Fréchet distance of two normal distributions, in squared units of the features; 0 for equal ones."""
    values, vectors = np.linalg.eigh(one.covariance)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    # tr (C1 C2)^½ through the symmetric C1^½ C2 C1^½, which has the same eigenvalues.
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ other.covariance @ root), 0, None)).sum()
    means = ((one.mean - other.mean) ** 2).sum()
    return max(0.0, float(means + np.trace(one.covariance) + np.trace(other.covariance) - 2 * shared))


@lru_cache(maxsize=1)
def real_statistics() -> Statistics:
    """The reference's statistics in metres and seconds."""
    data = json.loads(STATISTICS_PATH.read_text(encoding="utf-8"))
    return Statistics(np.array(data["mean"]), np.array(data["covariance"]))


def _resample(points: NDArray[np.floating[Any]], fps: float) -> NDArray[np.float64]:
    """Linear interpolation along axis 0 to `REFERENCE_FPS`."""
    position = np.arange(int((len(points) - 1) * REFERENCE_FPS / fps) + 1) * (fps / REFERENCE_FPS)
    low = np.minimum(position.astype(int), len(points) - 1)
    share = (position - low).reshape(-1, *[1] * (points.ndim - 1))
    return points[low] * (1 - share) + points[np.minimum(low + 1, len(points) - 1)] * share


def take_features(motion: Motion, tips: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Features (F, 25) of a motion with fingertips (F, 2, 5, 3), at `REFERENCE_FPS`; takes may be pooled row by row."""
    wrist, points = (_resample(part, motion.fps) for part in (motion.wrist, tips))
    return motion_features(wrist, points, REFERENCE_FPS)


def distance_to_real(features: NDArray[np.float64]) -> float | None:
    """Distance of features (F, 25) from real playing; None for fewer than `LEAST_FRAMES`."""
    if len(features) < LEAST_FRAMES:
        return None
    real = real_statistics()
    scale = np.sqrt(np.diag(real.covariance))
    units = np.outer(scale, scale)
    mine = statistics((features - real.mean) / scale)
    return frechet_distance(mine, Statistics(np.zeros_like(real.mean), real.covariance / units))


def real_motion_distance(motion: Motion, tips: NDArray[np.floating[Any]]) -> float | None:
    """Distance of a motion with fingertips (F, 2, 5, 3) from real playing; None below five seconds."""
    return distance_to_real(take_features(motion, tips)) if motion.frames > 1 else None
