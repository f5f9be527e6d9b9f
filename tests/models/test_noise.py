# SPDX-License-Identifier: GPL-3.0-or-later
"""How wide the noise is that sampling begins with, and how lively each hand is in a window and in its seconds."""

import dataclasses

import numpy as np
from tiny_model import TINY

from models.body.player import Player
from models.config import JOINT_CHANNELS
from models.generation.noise import BUSY, LIVELINESS_S, liveliness, spread_noise

STARTS = list(range(0, 24_000, 30))
AVERAGE = np.zeros(2)


def test_noise_is_wider_along_reaching_and_as_wide_as_asked_for_elsewhere() -> None:
    """Three spreads: of the joints, of them along the direction of reaching, of the wrist; each frame by itself."""
    direction = np.zeros(JOINT_CHANNELS)
    direction[[3, 6]] = 0.6, 0.8
    statistics = dataclasses.replace(TINY.statistics, reaching=tuple(direction))
    config = dataclasses.replace(
        TINY, statistics=statistics, pose_noise=1.1, reach_noise=1.5, wrist_noise=1.2
    )
    noise = np.random.default_rng(0).standard_normal((2, 2, 4000, config.channels)).astype(np.float32)
    wide = spread_noise(noise, config)
    np.testing.assert_allclose((wide[..., :JOINT_CHANNELS] @ direction).std(), 1.1 * 1.5, rtol=0.03)
    across = wide[..., 3] * 0.8 - wide[..., 6] * 0.6
    np.testing.assert_allclose(across.std(), 1.1, rtol=0.03)
    np.testing.assert_allclose(wide[..., 5], 1.1 * noise[..., 5], rtol=1e-6)
    np.testing.assert_allclose(wide[..., JOINT_CHANNELS:], 1.2 * noise[..., JOINT_CHANNELS:], rtol=1e-6)
    np.testing.assert_array_equal(wide[1:, :, 7:9], spread_noise(noise[1:, :, 7:9], config))
    plain = dataclasses.replace(config, statistics=TINY.statistics)
    np.testing.assert_allclose(
        spread_noise(noise, plain)[..., :JOINT_CHANNELS], 1.1 * noise[..., :JOINT_CHANNELS], rtol=1e-6
    )


def assert_far_below_and_nearer_above(factors: np.ndarray, deviation: float) -> None:
    """One deviation below the median calm hands have ``exp(-deviation)``, busy ones above it less."""
    low, median, high = np.log(np.quantile(factors, [0.1587, 0.5, 0.8413]))
    np.testing.assert_allclose([median - low, high - median], [deviation, BUSY * deviation], rtol=0.1)


def test_some_players_are_livelier_than_others() -> None:
    config = dataclasses.replace(TINY, liveliness=0.45)
    drawn = np.array([Player.of_seed(seed).liveliness for seed in range(3000)])
    factors = np.concatenate([liveliness(config, 5, STARTS[:1], of_player) for of_player in drawn])
    assert factors.shape == (len(drawn), 2, TINY.window_frames, 1) and factors.dtype == np.float32
    assert (factors == factors[:, :, :1]).all(), "one number for the take"
    np.testing.assert_allclose(factors.mean(), 1.0, rtol=0.03)
    assert_far_below_and_nearer_above(factors, 0.45)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.06, "each hand is by itself"


def test_hands_are_calm_in_some_seconds_and_busy_in_others() -> None:
    config = dataclasses.replace(TINY, liveliness_within=0.45, window_frames=240)
    factors = liveliness(config, 5, STARTS, AVERAGE)
    drawn = np.log(factors[..., 0])  # [B, 2, T]
    np.testing.assert_allclose(factors.mean(), 1.0, rtol=0.03)
    assert_far_below_and_nearer_above(factors, 0.45)
    np.testing.assert_allclose(drawn.std((0, 1)), drawn.std(), rtol=0.06, err_msg="as much at the ends")
    frames = round(2 * LIVELINESS_S * config.fps)
    # Two deviations of the bell curve apart, white noise smoothed by it correlates by exp(-1).
    even = drawn - np.median(drawn)
    even = np.where(even > 0, even / BUSY, even)
    apart = np.corrcoef(even[..., :-frames].ravel(), even[..., frames:].ravel())[0, 1]
    np.testing.assert_allclose(apart, np.exp(-1), atol=0.03)
    assert np.abs(np.diff(drawn, axis=-1)).max() < 0.15, "no steps"
    assert abs(np.corrcoef(drawn[:, 0].ravel(), drawn[:, 1].ravel())[0, 1]) < 0.05


def test_liveliness_belongs_to_the_seed_the_hand_and_the_window_alone() -> None:
    config = dataclasses.replace(TINY, liveliness=0.3, liveliness_within=0.4)
    of_player = np.array([1.0, -0.5])
    factors = liveliness(config, 5, STARTS[:20], of_player)
    np.testing.assert_array_equal(factors[7:9], liveliness(config, 5, STARTS[7:9], of_player))
    assert (factors != liveliness(config, 6, STARTS[:20], of_player)).all()
    one_noise = liveliness(dataclasses.replace(config, decoupled_noise=False), 5, STARTS[:20], of_player)
    np.testing.assert_array_equal(one_noise[:, 0], one_noise[:, 1])
    np.testing.assert_array_equal(liveliness(TINY, 5, STARTS[:20], of_player), 1.0)
