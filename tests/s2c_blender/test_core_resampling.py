# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion at another rate is the same motion, on both sides of the process boundary."""

import numpy as np
import pytest

from models.body import resampling as generator_side
from s2c_blender.core.resampling import resample

RATES = (23.976, 24.0, 25.0, 30.0, 50.0, 59.94, 60.0, 120.0)


@pytest.mark.parametrize("from_fps", [24.0, 30.0])
@pytest.mark.parametrize("to_fps", RATES)
def test_both_resamplers_give_the_same_numbers(from_fps: float, to_fps: float) -> None:
    values = np.random.default_rng(0).normal(size=(37, 2, 16, 3)).cumsum(0).astype(np.float32)
    ours = resample(values, from_fps, to_fps)
    theirs = generator_side.resample(values, from_fps, to_fps, len(ours))
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_array_equal(ours, theirs)


def test_the_same_rate_is_exact() -> None:
    values = np.random.default_rng(0).normal(size=(50, 2, 3)).astype(np.float32)
    np.testing.assert_array_equal(resample(values, 30, 30), values)


@pytest.mark.parametrize("to_fps", RATES)
def test_the_last_frame_lies_at_the_end_or_less_than_a_frame_before_it(to_fps: float) -> None:
    line = np.arange(31, dtype=np.float64)[:, None] / 30  # one second
    out = resample(line, 30, to_fps)
    times = np.arange(len(out)) / to_fps
    # A curve knows no direction at its very ends: the first and the last thirtieth bend a little.
    inside = (times >= 1 / 30) & (times <= 29 / 30)
    np.testing.assert_allclose(out[inside, 0], times[inside], atol=1e-6)
    np.testing.assert_allclose(out[:, 0], times, atol=0.1 / 30)
    assert 1.0 - 1 / to_fps < (len(out) - 1) / to_fps + 1e-6 and (len(out) - 1) / to_fps <= 1.0 + 1e-6


def test_curves_stay_round_between_frames() -> None:
    """Straight lines between frames would cut the corners of a wave of 3 Hz by up to 5 %."""
    wave = np.sin(np.arange(61) / 30 * 2 * np.pi * 3)[:, None]
    out = resample(wave, 30, 120)
    exact = np.sin(np.arange(len(out)) / 120 * 2 * np.pi * 3)
    assert np.abs(out[4:-4, 0] - exact[4:-4]).max() < 0.01


@pytest.mark.parametrize("frames", [0, 1, 2])
def test_short_motion(frames: int) -> None:
    values = np.ones((frames, 2, 3), np.float32)
    out = resample(values, 30, 60)
    assert len(out) == (0, 1, 3)[frames] and (out == 1).all()


@pytest.mark.parametrize("rates", [(0, 30), (30, 0), (-1, 30)])
def test_rates_must_be_above_zero(rates: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        resample(np.zeros((3, 1)), *rates)
