# SPDX-License-Identifier: GPL-3.0-or-later
"""Smoothing of sampled motion: trembling goes, movement stays, and it does not matter where a song is cut."""

import numpy as np
import pytest

from models.body.smoothing import MOVING_SPEED, smooth, smooth_wrists, smoothing_reach

FPS = 30.0


def wrists(frames=400, seed=0):
    """Hands that rest for five seconds, leap, and rest again; both tremble."""
    rng = np.random.default_rng(seed)
    way = np.clip((np.arange(frames) - 150) / 12, 0, 1)
    leap = 0.3 * (3 * way**2 - 2 * way**3)
    return (leap[:, None, None] * [1, 0, 0] + rng.normal(0, 0.0004, (frames, 2, 3))).astype(np.float32)


def test_smoothing_keeps_slow_movement_and_takes_trembling_away():
    frames = np.arange(200)
    slow, trembling = np.sin(frames / 30 * 2 * np.pi * 0.5), 0.1 * (-1.0) ** frames
    out = smooth((slow + trembling)[:, None], 1.5)[:, 0]
    assert np.abs(out - slow)[5:-5].max() < 0.02
    assert np.array_equal(smooth(slow[:, None], 0.0)[:, 0], slow.astype(np.float32))
    np.testing.assert_allclose(smooth(np.full((5, 2), 0.3), 4.0), 0.3, atol=1e-6)


def test_still_hands_tremble_less_and_leaps_are_as_before():
    hands = wrists()
    plain, eased = smooth(hands, 0.6), smooth_wrists(hands, 0.6, 2.0, FPS)
    assert np.diff(eased[:140, :, :2], axis=0).std() < 0.6 * np.diff(plain[:140, :, :2], axis=0).std()
    speed = np.linalg.norm(np.gradient(smooth(hands[..., :2], 2.0), axis=0), axis=-1) * FPS
    leaping = (speed > MOVING_SPEED).all(1)
    assert leaping.sum() > 8
    np.testing.assert_array_equal(eased[leaping], plain[leaping])
    assert np.abs(eased - hands).max() < 0.003


def test_hands_that_stay_over_their_keys_strike_as_high_as_they_did():
    hands = wrists()
    hands[..., 2] += (
        0.01 * (np.arange(len(hands)) % 10 < 2)[:, None]
    )  # three strokes a second, by the wrist alone
    eased = smooth_wrists(hands, 0.6, 3.0, FPS)
    np.testing.assert_array_equal(eased[..., 2], smooth(hands, 0.6)[..., 2])
    np.testing.assert_array_equal(eased[..., :2], smooth_wrists(wrists(), 0.6, 3.0, FPS)[..., :2])


@pytest.mark.parametrize("still", [0.0, 0.6])
def test_without_a_larger_spread_for_still_hands_it_is_the_plain_gaussian(still):
    np.testing.assert_array_equal(smooth_wrists(wrists(), 0.6, still, FPS), smooth(wrists(), 0.6))


@pytest.mark.parametrize(("spread", "still"), [(0.7, 0.0), (0.6, 1.5), (0.5, 4.0)])
def test_a_part_with_its_margin_is_smoothed_as_in_the_whole(spread, still):
    hands, margin = wrists(), smoothing_reach(spread, still)
    whole = smooth_wrists(hands, spread, still, FPS)
    part = smooth_wrists(hands[130 - margin : 190 + margin], spread, still, FPS)
    np.testing.assert_array_equal(part[margin : margin + 60], whole[130:190])


def test_one_frame_and_mirrored_hands():
    one = wrists(1)
    np.testing.assert_allclose(smooth_wrists(one, 0.6, 1.5, FPS), one, atol=1e-7)
    hands, flip = wrists(), np.array([-1, 1, 1], np.float32)
    mirrored = smooth_wrists(hands[:, ::-1] * flip, 0.6, 1.5, FPS)
    np.testing.assert_allclose(mirrored, smooth_wrists(hands, 0.6, 1.5, FPS)[:, ::-1] * flip, atol=1e-7)
