# SPDX-License-Identifier: GPL-3.0-or-later
"""How keys are touched: the figures of two measured performances, and draws that stay the same."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from models.contact import touch

VELOCITIES = np.array([30.0, 48.0, 64.0, 80.0])


@pytest.fixture(scope="module")
def notes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Onset s, pitch and velocity of twelve thousand notes."""
    rng = np.random.default_rng(0)
    return np.sort(rng.uniform(0, 2000, 12000)), rng.integers(21, 109, 12000), rng.uniform(25, 100, 12000)


def test_louder_keys_are_faster_as_measured() -> None:
    np.testing.assert_allclose(touch.peak_speed(VELOCITIES), [0.13, 0.24, 0.42, 0.70], rtol=0.06)
    np.testing.assert_allclose(touch.travel_s(VELOCITIES), [0.135, 0.085, 0.057, 0.038], rtol=0.02)
    every = np.arange(1, 128)
    speed, travel = touch.peak_speed(every), touch.travel_s(every)
    assert (np.diff(speed) >= 0).all() and speed[-1] == 1.0
    assert (np.diff(travel) <= 0).all() and travel[-1] == 0.02
    quiet, loud = np.percentile(np.linspace(33, 70, 101), [5, 95])
    assert 3.0 < touch.peak_speed(loud) / touch.peak_speed(quiet) < 5.0


def test_keys_reach_their_bottom_a_little_after_they_sound_the_softer_the_later() -> None:
    lag = touch.bottom_lag_s(VELOCITIES, 0.0086)
    assert (np.diff(lag) < 0).all()
    assert 0.010 < lag[0] < 0.030 and 0.002 < lag[-1] < 0.008


def test_loud_strokes_push_the_felt_in_soft_ones_do_not_reach_it() -> None:
    assert touch.bottom(30.0) < 1 < touch.bottom(80.0)
    assert touch.bottom(1.0) > 0.97 and touch.bottom(127.0) < 1.05
    assert (np.diff(touch.bottom(np.arange(1, 128))) >= 0).all()


def test_releases_spread_as_measured_whatever_the_loudness(
    notes: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    onset, pitch, velocity = notes
    release = touch.rise_s(touch.draws(onset, pitch, 1), np.full(len(onset), 0.2))
    quartiles = 1e3 * np.percentile(release, [25, 50, 75])
    for found, low, high in zip(quartiles, (60, 100, 160), (95, 160, 260), strict=True):
        assert low < found < high
    assert 0.15 < (release < 0.08).mean() < 0.40 and 0.15 < (release > 0.2).mean() < 0.40
    assert abs(spearmanr(release, velocity)[0]) < 0.05


def test_keys_that_were_held_longer_come_up_more_slowly() -> None:
    assert (np.diff(touch.rise_s(np.full(4, 0.5), np.array([0.05, 0.2, 0.5, 1.0]))) > 0).all()
    share = np.linspace(0, 1, 21)
    assert (np.diff(touch.rise_s(share, np.full(21, 0.3))) > 0).all()


def test_lifts_rise_with_tempo_and_loudness_and_differ_from_note_to_note(
    notes: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    lift = touch.lift(np.array([0.7, 0.3, 0.12]), 64.0, 0.5)
    assert (np.diff(lift) > 0.002).all() and lift[-1] == pytest.approx(0.015)
    assert touch.lift(0.3, 30.0, 0.5) < touch.lift(0.3, 64.0, 0.5) < touch.lift(0.3, 100.0, 0.5)
    onset, pitch, _ = notes
    many = touch.lift(0.3, 64.0, touch.draws(onset, pitch, 2))
    assert 0.28 < np.log(many).std() < 0.40
    assert many.min() > 0.001 and many.max() <= 0.024


def test_draws_are_even_of_their_own_stream_and_always_the_same(
    notes: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    onset, pitch, _ = notes
    found = touch.draws(onset, pitch, 1)
    assert found.min() >= 0 and found.max() < 1
    np.testing.assert_allclose(np.histogram(found, 10, (0, 1))[0], 1200, atol=150)
    np.testing.assert_array_equal(found[5000:5100], touch.draws(onset[5000:5100], pitch[5000:5100], 1))
    other = touch.draws(onset, pitch, 2)
    assert abs(np.corrcoef(found, other)[0, 1]) < 0.03
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.03
    # The notes of a chord are drawn each for itself.
    chord = touch.draws(np.full(88, 1.0), np.arange(21, 109), 1)
    assert len(np.unique(chord)) == 88 and 0.2 < chord.std() < 0.4
