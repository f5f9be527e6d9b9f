# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real-motion distance is held beside."""

import numpy as np
import pytest

from models.evaluation.real_motion_distance import Statistics, frechet_distance, statistics
from training.data.baselines import baselines, mirrored, nearest_with_equal_hands


def excerpts(count: int = 30, skew: float = 0.0) -> list[np.ndarray]:
    """Features of made-up excerpts; ``skew`` widens the left hand alone."""
    rng = np.random.default_rng(0)
    mean = rng.uniform(0.05, 0.15, 25)
    mean[20:24] = 0.0
    mean = (mean + mirrored(mean[None])[0]) / 2  # alike in the mirror
    found = []
    for _ in range(count):
        part = mean + 0.02 * rng.standard_normal((300, 25)) + 0.005 * rng.standard_normal(25)
        part[:, :10] += skew * 0.02 * rng.standard_normal((300, 10))
        found.append(part)
    return found


def test_a_mirror_image_of_a_mirror_image_is_the_original() -> None:
    part = excerpts(1)[0]
    assert np.allclose(mirrored(mirrored(part)), part)
    assert np.allclose(mirrored(part)[:, 0], -part[:, 10]) and np.allclose(mirrored(part)[:, 21], part[:, 23])
    assert np.array_equal(mirrored(part)[:, 24], part[:, 24])


def test_equal_hands_are_at_no_distance_and_unequal_ones_at_that_of_the_barycentre() -> None:
    rng = np.random.default_rng(1)
    base = rng.standard_normal((5000, 25)) * 0.1
    both = np.concatenate([base, mirrored(base)])
    assert nearest_with_equal_hands(statistics(both), statistics(mirrored(both))) == pytest.approx(
        0, abs=1e-6
    )
    # Variances a and b of independent features meet at the square of the mean of their roots.
    wide, narrow = np.ones(25), np.ones(25)
    wide[:10], narrow[10:20] = 4.0, 4.0
    one, other = Statistics(np.zeros(25), np.diag(wide)), Statistics(np.zeros(25), np.diag(narrow))
    assert nearest_with_equal_hands(one, other) == pytest.approx(20 * 0.5**2, rel=1e-4)
    assert nearest_with_equal_hands(one, other) < frechet_distance(one, other) / 2 + 1e-6


def test_yardsticks_say_what_few_excerpts_unequal_hands_and_jumps_cost() -> None:
    even, skewed = baselines(excerpts()), baselines(excerpts(skew=1.5))
    low, median, high = even.single
    assert even.halves < even.few[20] + 0.5 and even.few[20] < median and low <= median <= high
    assert even.one_rule < 0.05 < 0.5 < skewed.one_rule
    assert even.calm_share == 1 and even.calm_tracking == pytest.approx(0, abs=1e-6)
    jumpy = excerpts()
    for part in jumpy[::3]:
        part[50, 20] = 5.0
    found = baselines(jumpy)
    assert found.calm_share == pytest.approx(20 / 30) and found.calm_tracking > 0.1
    assert len(found.lines()) == 5 and 80 not in found.few
