# SPDX-License-Identifier: GPL-3.0-or-later
"""Strokes as curves in time: as fast and as long as their loudness says, as far as frames can show it."""

import numpy as np
import pytest
from contact_scenes import presses_of
from numpy.typing import NDArray

from models.body.keyboard import RELEASED_SHARE, bottom_depth, key_surface, key_x
from models.contact import touch
from models.contact.stroke_curves import AWAY, BOTTOM, STARTED, TOUCHED, StrokeCurves
from models.contact.strokes import StrokeSampler

Array = NDArray[np.float64]

FINGER = 6
DOWN_S = 1.0


def depths(
    fps: float,
    velocity: float,
    down_s: tuple[float, ...] = (DOWN_S,),
    up_s: tuple[float, ...] = (1.5,),
    pitch: int = 60,
    y: float = 0.04,
) -> tuple[Array, float]:
    """Shares of the dip at each of three seconds' frames of a finger that plays one key; and the dip, metres."""
    slot, pitches = np.full(len(down_s), float(FINGER)), np.full(len(down_s), float(pitch))
    presses = presses_of(np.array(down_s), np.array(up_s), slot, pitches, velocity)
    strokes = StrokeSampler(presses, round(3 * fps), fps)(key_x(presses.pitch), np.full(len(down_s), y))
    dip = float(bottom_depth(np.array([pitch]), np.array([y]))[0])
    return (key_surface(pitch) - strokes.points[2].reshape(10, -1)[FINGER]) / dip, dip


def stroke(fps: float, velocity: float, y: float = 0.04) -> tuple[Array, float]:
    """Frames of the stroke until its key is at its bottom, and the dip."""
    depth, dip = depths(fps, velocity, y=y)
    return depth[round((DOWN_S - 0.4) * fps) : round(DOWN_S * fps) + 1], dip


@pytest.mark.parametrize("y", [0.015, 0.04, 0.06])
@pytest.mark.parametrize("velocity", [30.0, 48.0, 64.0, 80.0])
def test_a_stroke_is_as_fast_and_as_long_as_measured(velocity: float, y: float) -> None:
    """And fastest just before the bottom, as a key is that a finger presses."""
    depth, dip = stroke(480.0, velocity, y)
    speed = np.diff(depth) * dip * 480
    assert speed.max() == pytest.approx(float(touch.peak_speed(velocity)), rel=0.10)
    assert speed.argmax() == len(speed) - 1
    start_s = np.interp(touch.START, depth, np.arange(len(depth)) / 480)
    assert 0.4 - start_s == pytest.approx(float(touch.travel_s(velocity)), rel=0.10)
    assert (np.diff(depth[depth > touch.START]) > 0).all()


def test_the_louder_the_faster_at_every_velocity_that_frames_can_show() -> None:
    velocities = np.arange(20.0, 121.0, 4.0)
    for fps in (30.0, 60.0, 240.0):
        shown = []
        for velocity in velocities:
            depth, dip = stroke(fps, velocity)
            shown.append(np.diff(depth).max() * dip * fps)
        assert (np.diff(shown) >= -1e-9).all(), fps
        assert shown[-1] > 3 * shown[5], fps


@pytest.mark.parametrize("fps", [24.0, 30.0])
@pytest.mark.parametrize("velocity", [30.0, 40.0, 48.0, 80.0])
def test_the_last_frame_shows_how_fast_a_stroke_is(velocity: float, fps: float) -> None:
    """Soft ones gather in it; loud ones come from above the key, where one frame is longer than the whole way."""
    depth, dip = stroke(fps, velocity)
    assert (depth[-1] - depth[-2]) * dip * fps > 0.8 * touch.peak_speed(velocity)
    assert (depth[-2] < 0) == (velocity > 70)


@pytest.mark.parametrize("velocity", [32.0, 40.0, 48.0])
def test_a_soft_key_that_is_struck_again_soon_is_struck_softly(velocity: float) -> None:
    """Though it has a ninth of a second to come up and go down again, a soft stroke alone takes as long."""
    depth, dip = depths(240.0, velocity, (0.6, DOWN_S), (0.89, 1.5))
    again = np.diff(depth[round(0.92 * 240) : round(DOWN_S * 240) + 1]).max() * dip * 240
    assert again < 1.4 * touch.peak_speed(velocity)


def test_very_loud_keys_are_struck_from_above() -> None:
    """Until two hundredths of a second before their bottom, fingers are clearly above them; others are on them."""
    before = round((0.4 - 0.03) * 240)
    assert stroke(240.0, 100.0)[0][before] < -0.1
    assert abs(stroke(240.0, 70.0)[0][before]) < 0.25 and stroke(240.0, 40.0)[0][before] > 0.2


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 240.0])
def test_no_stroke_goes_deeper_than_its_felt_gives_way(fps: float) -> None:
    for velocity in (20.0, 30.0, 48.0, 64.0, 80.0, 100.0, 127.0):
        depth, _ = depths(fps, velocity)
        assert depth.max() == pytest.approx(float(touch.bottom(velocity)), abs=1e-6)
        held = depth[round((DOWN_S + 0.1) * fps) : round(1.35 * fps)]
        np.testing.assert_allclose(held, touch.SETTLED, atol=1e-6)


@pytest.mark.parametrize("velocity", [30.0, 70.0])
@pytest.mark.parametrize(("fps", "periods"), [(30.0, (2 / 30, 0.1, 0.2)), (240.0, (20 / 240, 0.125, 0.25))])
def test_a_key_that_is_struck_again_comes_up_by_half_between(
    fps: float, periods: tuple[float, ...], velocity: float
) -> None:
    for period in periods:
        down = DOWN_S + period * np.arange(4)
        up = down + 0.45 * period
        depth, _ = depths(fps, velocity, tuple(down), tuple(up))
        for one, other in zip(down[:-1], down[1:], strict=True):
            between = depth[round(one * fps) : round(other * fps) + 1]
            # One frame before it is struck again, too: that frame shows the stroke.
            assert between.min() < RELEASED_SHARE and (fps > 30 or between[-2] < 0.36), period
            assert between[0] > 0.97 and between[-1] > 0.97, period


def random_curves(seed: int, fps: float) -> tuple[StrokeCurves, Array]:
    """Forty strokes of one finger, some of them hardly up between; and metres of their keys' dips."""
    rng = np.random.default_rng(seed)
    count = 40
    held, gap = rng.exponential(0.15, count) + 0.02, rng.exponential(0.08, count) + 1e-3
    down = np.cumsum(held + gap) - held
    dip = rng.uniform(0.007, 0.010, count)
    curves = StrokeCurves.of_presses(
        down,
        down + held,
        hold_s=held,
        velocity=rng.uniform(20, 110, count),
        lift=rng.uniform(0.002, 0.024, count),
        rise_s=rng.uniform(0.05, 0.5, count),
        dips=(dip, dip),
        fps=fps,
    )
    return curves, dip


@pytest.mark.parametrize("fps", [30.0, 240.0])
def test_short_gaps_keep_their_order(fps: float) -> None:
    for seed in range(5):
        curves, dip = random_curves(seed, fps)
        assert np.isfinite(curves.knots).all() and (np.diff(curves.knots.reshape(-1)) >= 0).all()
        assert curves.heights.max() <= 0.024 + 0.012 + 1e-3, (
            "lifted at most, and higher by half before it falls"
        )
        assert (curves.heights >= -1.05 * dip[:, None]).all()
        times = np.linspace(curves.knots[0, 0] - 0.1, curves.knots[-1, -1] + 0.1, 20000)
        found = curves.at(times, np.zeros_like(curves.knots))
        assert np.isfinite(found.height).all() and (np.diff(found.stroke) >= 0).all()
        for number, bottom_s in enumerate(curves.knots[:, BOTTOM]):
            there = curves.at(np.array([bottom_s]), np.zeros_like(curves.knots))
            assert there.stroke[0] == number and there.knot[0] >= BOTTOM
            assert there.height[0] == pytest.approx(curves.heights[number, BOTTOM])


def test_a_finger_is_above_its_keys_before_after_and_between() -> None:
    depth, dip = depths(240.0, 60.0, (0.8, 2.0), (1.2, 2.4))
    for at in (0.3, 1.6, 2.9):
        assert 0.001 < -depth[round(at * 240)] * dip < 0.024
    height = -depth * dip
    assert np.abs(np.diff(height)).max() * 240 < 1.1 * touch.peak_speed(60.0)


def test_a_slide_goes_down_in_its_first_key_and_comes_up_from_its_last() -> None:
    first, last = np.array([0.010]), np.array([0.008])
    curves = StrokeCurves.of_presses(
        np.array([1.0]),
        np.array([2.0]),
        hold_s=np.array([0.2]),
        velocity=np.array([64.0]),
        lift=np.array([0.01]),
        rise_s=np.array([0.1]),
        dips=(first, last),
        fps=240.0,
    )
    surface = np.zeros_like(curves.knots)
    assert curves.at(np.array([1.0]), surface).height[0] == pytest.approx(-0.010 * touch.bottom(64.0))
    sliding = curves.at(np.linspace(1.2, 1.8, 20), surface).height
    np.testing.assert_allclose(sliding, -touch.SETTLED * 0.008)
    assert curves.at(np.array([2.0]), surface).height[0] == pytest.approx(-0.004, abs=1e-4)
    assert (np.diff(curves.at(np.linspace(1.8, 2.1, 60), surface).height) >= 0).all()
    assert curves.knots[0, STARTED] == pytest.approx(1.0 - touch.travel_s(64.0), abs=1e-3)
    assert curves.knots[0, AWAY] > 2.0


@pytest.mark.parametrize("after_s", [0.1, 1.0])
def test_a_release_takes_its_time_before_half_way_where_there_is_none_afterwards(after_s: float) -> None:
    down = np.array([1.0, 1.5 + after_s])
    curves = StrokeCurves.of_presses(
        down,
        down + 0.5,
        hold_s=np.full(2, 0.5),
        velocity=np.full(2, 64.0),
        lift=np.full(2, 0.01),
        rise_s=np.full(2, 0.12),
        dips=(np.full(2, 0.01), np.full(2, 0.01)),
        fps=240.0,
    )
    let_go, half, nearly_up = curves.knots[0, 6:9]
    assert nearly_up - let_go == pytest.approx(0.12)
    assert half == pytest.approx(1.5, abs=0.0061)
    assert nearly_up == pytest.approx(1.5 + min(0.31 * after_s, 0.048))


def test_ceilings_are_open_but_shortly_before_a_finger_touches_its_key() -> None:
    curves, _ = random_curves(0, 240.0)
    pressed = curves.heights[:, TOUCHED] <= 0
    comes = np.where(pressed, curves.knots[:, TOUCHED], curves.knots[:, STARTED])
    alone = int(np.diff(comes, prepend=comes[0]).argmax())
    times = comes[alone] - np.array([1e-3, 0.02, 0.05])
    ceiling = curves.ceiling(times, np.zeros(len(comes)))
    assert np.isfinite(ceiling).all() and (np.diff(ceiling) > 0).all() and 0.002 < ceiling[0] < 0.006
    assert np.isinf(curves.ceiling(comes[alone] - np.array([0.2]), np.zeros(len(comes)))).all()
