# SPDX-License-Identifier: GPL-3.0-or-later
"""How the posture of a hand comes and goes: soft steps, kept for some time, larger while the hand travels.

In real pianists the same two seconds are calm or lively in all fingers: how much fingertips move about the wrist goes
with how fast the wrist is (correlation of their logarithms 0.6 to 0.8 in left hands, 0.2 to 0.4 in right ones,
PianoMime), and hands that wait keep the posture that they have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.synthesis.banded import BandedGaussian

MEMORY_S, SOFT_S = (0.30, 0.60), 0.045
"""Time constants: how long the left and the right hand keep a posture, and how softly it changes."""
LIVELINESS = 0.7
"""Deviation of the logarithm of the steps with the hand's mood."""
STILL_SPEED, USUAL_SPEED, TRAVEL_POWER = 0.02, (0.30, 0.12), (0.60, 0.35)
"""Steps go with this power of the wrist's speed, of each hand; they are 1 at the usual speed, m/s."""
LEAST_STEPS, MOST_STEPS = 0.1, 5.0


def posture_steps(hand: int, speed: NDArray[Any], moods: NDArray[Any]) -> NDArray[np.float64]:
    """(F,) how large the steps of the posture are, of a wrist of this speed (F,), m/s, in these moods (F,)."""
    travels = (np.hypot(speed, STILL_SPEED) / USUAL_SPEED[hand]) ** TRAVEL_POWER[hand]
    return np.clip(travels * np.exp(LIVELINESS * moods), LEAST_STEPS, MOST_STEPS)


def posture_varies(
    given: BandedGaussian,
    first: NDArray[np.integer[Any]],
    covariance: NDArray[Any],
    hand: int,
    steps: NDArray[Any],
    fps: float,
) -> None:
    """Add the prior of a hand's posture: a second-order autoregression of the given covariance.

    Args:
        given: what is known so far; changed in place.
        first: (F,) where the posture's numbers begin in each frame. Nothing is added for three frames or fewer.
        covariance: (D, D) at steps of 1.
        hand: 0 left, 1 right.
        steps: (F,) how large the steps are.
        fps: frames a second.
    """
    frames = len(first)
    if frames <= 3:
        return
    kept, soft = np.exp(-1 / (MEMORY_S[hand] * fps)), np.exp(-1 / (SOFT_S * fps))
    one, two = kept + soft, -kept * soft
    alike = one / (1 - two)  # correlation of neighbouring frames
    innovation = np.sqrt(1 - one * alike - two * (one * alike + two))
    filter_ = np.array([1.0, -one, -two]) / innovation
    firm = 1 / steps[2:] ** 2
    time = np.zeros((3, frames))  # lower bands of the precision along time
    for i in range(3):
        for j in range(i, 3):
            time[j - i, 2 - j : frames - j] += filter_[i] * filter_[j] * firm
    start = np.linalg.inv(np.array([[1.0, alike], [alike, 1.0]]))
    time[0, :2] += np.diag(start)
    time[1, 0] += start[1, 0]
    size = len(covariance)
    precision = np.linalg.inv(covariance + 1e-8 * np.eye(size))
    for lag in range(3):
        for i in range(size):
            for j in range(size if lag else i + 1):
                values = time[lag, : frames - lag] * precision[i, j]
                given.couple(first[lag:] + i, first[: frames - lag] + j, values)
