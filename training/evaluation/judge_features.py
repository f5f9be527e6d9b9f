# SPDX-License-Identifier: GPL-3.0-or-later
"""What the judge looks at in two seconds of playing: how fingertips lie and move about the wrist, how wrists travel.

Left hands are looked at in the mirror, so that a number means the same for both. Axis letters: F frames, W windows,
D features.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from models.body.skeleton import FINGERS, HANDS
from training.evaluation.paths import Paths
from training.synthesis.real_notes import REAL_FPS

Array = NDArray[np.float64]

WINDOW_S = 2.0
SMOOTH_FRAMES = 1.5
"""Standard deviation of the bell curve that real and made paths are smoothed with alike: the tracker's steps and snaps
are not what the judge shall see."""
PERCENTILES = (10, 50, 90)
GROUPS = (
    "places of fingertips",
    "deviation of places",
    "speed of fingertips",
    "correlation of neighbours",
    "speed of wrists",
    "acceleration of wrists",
)
_AXES = ("X", "Y")


def feature_names() -> tuple[tuple[str, str], ...]:
    """(D,) group and name of each feature, in their order."""
    one_hand = []
    tip_groups = (
        (GROUPS[0], "mean m"),
        (GROUPS[1], "deviation m"),
        (GROUPS[2], "speed deviation m/s"),
    )
    for group, words in tip_groups:
        one_hand += [(group, f"{finger} {axis} {words}") for finger in FINGERS for axis in _AXES]
    one_hand += [
        (GROUPS[3], f"{one}-{other} {axis} correlation")
        for one, other in zip(FINGERS[:-1], FINGERS[1:], strict=True)
        for axis in _AXES
    ]
    one_hand += [
        (GROUPS[4], f"wrist speed m/s {words}") for words in (*map(_ordinal, PERCENTILES), "deviation")
    ]
    one_hand += [(GROUPS[5], f"wrist acceleration m/s2 {_ordinal(part)}") for part in PERCENTILES]
    return tuple((group, f"{hand} {name}") for hand in HANDS for group, name in one_hand)


def _ordinal(percentile: int) -> str:
    return f"{percentile}th percentile"


def window_features(paths: Paths, window_s: float = WINDOW_S, smooth: float = SMOOTH_FRAMES) -> Array:
    """(W, D) features of each whole window, end to end."""
    wrist, tips = paths.wrist, paths.tips
    if smooth > 0 and len(paths):
        wrist, tips = (gaussian_filter1d(part, smooth, axis=0, mode="nearest") for part in (wrist, tips))
    length = round(window_s * REAL_FPS)
    rows = [
        np.concatenate(
            [np.concatenate(list(_of_hand(*part))) for part in _hands(wrist[window], tips[window])]
        )
        for window in (slice(begin, begin + length) for begin in range(0, len(wrist) - length + 1, length))
    ]
    return np.array(rows).reshape(-1, len(feature_names()))


def _hands(wrist: Array, tips: Array) -> Iterator[tuple[Array, Array]]:
    """Wrist (F, 2) and fingertips (F, 5, 2) of each hand, the left one mirrored."""
    for hand, side in enumerate((np.array([-1.0, 1.0]), np.array([1.0, 1.0]))):
        yield wrist[:, hand] * side, tips[:, hand] * side


def _of_hand(wrist: Array, tips: Array) -> Iterator[Array]:
    """The features of one hand, group by group."""
    offset = tips - wrist[:, None]  # (F, 5, 2)
    yield offset.mean(0).ravel()
    yield offset.std(0).ravel()
    yield (np.diff(offset, axis=0) * REAL_FPS).std(0).ravel()
    apart = offset - offset.mean(0)
    shared = (apart[:, :-1] * apart[:, 1:]).mean(0)
    both = offset[:, :-1].std(0) * offset[:, 1:].std(0)
    yield np.where(both > 1e-12, shared / np.maximum(both, 1e-12), 0.0).ravel()
    velocity = np.diff(wrist, axis=0) * REAL_FPS
    speed = np.linalg.norm(velocity, axis=-1)
    yield np.append(np.percentile(speed, PERCENTILES), speed.std())
    acceleration = np.linalg.norm(np.diff(velocity, axis=0) * REAL_FPS, axis=-1)
    yield np.percentile(acceleration, PERCENTILES)
