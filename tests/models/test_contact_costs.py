# SPDX-License-Identifier: GPL-3.0-or-later
"""Each cost of key contact: its slope is that of its own residuals, and alone it pulls the right way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from contact_scenes import (
    arched_hands,
    fastest_joint,
    gaps_between_lines,
    no_strokes,
    over_a_key,
    problem_of,
    random_motion,
    state_of,
)
from numpy.typing import NDArray

from models.body import keyboard
from models.body.skeleton import RIGHT, STANDARD_HANDS
from models.contact import costs, solver
from models.contact.costs import State
from models.contact.equations import NormalEquations
from models.contact.hand_points import find_points
from models.contact.key_heights import height_under
from models.contact.near_bones import too_near
from models.contact.solver import minimise
from models.contact.strokes import Strokes
from models.contact.variables import ABDUCTIONS, FINGER_VARIABLES, FLEXIONS, MIDDLES, PLACE, Array, Variables
from models.contact.weights import ContactWeights

STEP = 1e-6
Cost = Callable[[NormalEquations, State], None]


class Recorder:
    """Takes residuals as `NormalEquations` does and adds up half their weighted squares."""

    energy = 0.0

    def _add(self, residual: Array, weight: Array, *moves: object) -> None:
        self.energy += 0.5 * float((weight * residual**2).sum())

    add_single = add_tips = add_fingers = add_differences = add_second_differences = _add

    def add_sparse(
        self, frame: Any, hand: Any, variable: Any, moves: Any, residual: Array, weight: Array
    ) -> None:
        """Metres that pairs of bones of one hand lack."""
        self._add(residual, weight)

    def add_across(self, frame: Any, variable: Any, moves: Any, residual: Array, weight: Array) -> None:
        """Metres that pairs of bones of two hands lack."""
        self._add(residual, weight)


def energy_of(cost: Cost, state: State) -> float:
    """Half the sum of the cost's weighted squares."""
    recorder = Recorder()
    cost(recorder, state)  # type: ignore[arg-type]
    return recorder.energy


def moved(state: State, values: Array) -> State:
    """The same strokes, watched pairs and weights at other values."""
    variables = state.variables.with_values(values)
    points = find_points(variables, state.geometry, 1.0)
    return replace(state, variables=variables, points=points)


def random_state(seed: int = 0, apart: float = 0.05) -> State:
    """Hands anywhere, some way from what was generated."""
    wanted = Variables.of_motion(random_motion(8, seed, apart=apart), STANDARD_HANDS)
    noise = np.random.default_rng(seed).normal(size=wanted.values.shape)
    return state_of(wanted.with_values(wanted.values + 0.1 * noise), wanted)


def striking_state() -> State:
    """Every finger some millimetres beside and above a stroke in the key that it is over, more or less firmly."""
    rng = np.random.default_rng(3)
    variables = arched_hands(8)
    values = variables.values + 0.02 * rng.normal(size=variables.values.shape)
    state = state_of(variables.with_values(values), variables)
    tips = state.points.tips
    pitch = keyboard.key_under(tips.transpose(1, 2, 3, 0)) + keyboard.LOWEST_PITCH
    points = tips + rng.uniform(-0.003, 0.003, tips.shape)
    points[2] = keyboard.key_surface(pitch) - rng.uniform(0.004, 0.008, pitch.shape)
    firm, over = rng.uniform(0.6, 1, (2, *pitch.shape))
    ones = np.ones(pitch.shape)
    strokes = Strokes(points, pitch.astype(np.int64), firm, over, ones, ones, ones + np.inf)
    return replace(state, strokes=strokes)


def idle_state() -> State:
    """Fingers that play nothing and are in the white keys, some way from where they were generated."""
    variables = arched_hands(8, height=0.055)
    values = variables.values + 0.01 * np.random.default_rng(4).normal(size=variables.values.shape)
    values[:, 16] = -0.14
    state = state_of(variables.with_values(values), variables)
    assert (state.points.tips[1] < keyboard.BLACK_FRONT - 0.006).all()
    return state


def playing_state() -> State:
    """Fingers that hold keys, bent and spread in every way."""
    state = random_state(5)
    strokes = replace(state.strokes, holding=np.random.default_rng(5).uniform(0.5, 1, (2, 5, 8)))
    return replace(state, strokes=strokes)


@pytest.mark.parametrize(
    ("cost", "state"),
    [
        (costs.stay, random_state),
        (costs.smooth, random_state),
        (costs.slow, random_state),
        (costs.strokes, striking_state),
        (costs.strokes, idle_state),
        (costs.idle, idle_state),
        (costs.apart, lambda: random_state(6, apart=0.03)),
        (costs.comfort, playing_state),
    ],
    ids=["stay", "smooth", "slow", "strokes", "strokes of idle fingers", "idle", "apart", "comfort"],
)
def test_a_slope_is_that_of_its_residuals(cost: Cost, state: Callable[[], State]) -> None:
    given = state()
    assert energy_of(cost, given) > 1
    equations = NormalEquations(8)
    cost(equations, given)
    rng = np.random.default_rng(0)
    for _ in range(10):
        way = rng.normal(size=given.variables.values.shape)
        if cost is costs.idle:
            way[:, FINGER_VARIABLES:] = 0.0  # it is the fingers' business alone
        ahead, behind = (
            energy_of(cost, moved(given, given.variables.values + sign * STEP * way)) for sign in (1, -1)
        )
        assert (equations.slope * way).sum() == pytest.approx((ahead - behind) / (2 * STEP), rel=1e-4)


def test_the_slope_of_order_is_that_of_the_gaps_between_lines() -> None:
    """Seen from above, for hands that lie flat: there the level at which two lines are compared hardly changes."""
    state = crossed_state()
    equations = NormalEquations(len(state.variables))
    costs.order(equations, state)

    def energy(values: Array) -> float:
        lack = np.maximum(ContactWeights().order_gap - gaps_between_lines(moved(state, values)), 0.0)
        return 0.5 * state.squared(state.weights.order) * float((lack**2).sum())

    for variable in range(5, 15, 3):
        way = np.zeros_like(state.variables.values)
        way[:, variable] = 1.0
        ahead, behind = (energy(state.variables.values + sign * STEP * way) for sign in (1, -1))
        wanted = (ahead - behind) / (2 * STEP)
        assert (equations.slope * way).sum() == pytest.approx(wanted, rel=0.2, abs=1.0)


def crossed_state() -> State:
    """Straight index and middle fingers across each other, and ring and little fingers, mirrored on the left hand."""
    hands = arched_hands(1)
    values = hands.values.copy()
    values[:, FLEXIONS], values[:, MIDDLES] = 0.0, 0.0
    outward = np.array([-1.0, 1.0])[:, None]
    values[:, [5, 11]], values[:, [8, 14]] = 0.12 * outward[:, None], -0.12 * outward[:, None]
    return state_of(hands.with_values(values))


def alone(
    monkeypatch: pytest.MonkeyPatch,
    cost: Cost,
    wanted: Variables,
    start: Variables,
    *presses: Any,
    steps: int = 8,
) -> Variables:
    """What is left of ``start`` after some steps of one cost, with little damping."""
    monkeypatch.setattr(solver, "COSTS", (cost,))
    problem = problem_of(wanted, presses)
    return minimise(replace(problem, weights=replace(problem.weights, damping=1.0)), start, steps)


def test_stay_brings_back_what_was_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = arched_hands(10)
    start = wanted.with_values(wanted.values + 0.05)
    end = alone(monkeypatch, costs.stay, wanted, start)
    np.testing.assert_allclose(end.values, wanted.values, atol=1e-3)


def test_smooth_takes_the_corner_out_of_a_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = arched_hands(40)
    values = wanted.values.copy()
    values[..., 20] += 0.05
    end = alone(monkeypatch, costs.smooth, wanted, wanted.with_values(values))
    acceleration = np.abs(np.diff(end.values - wanted.values, 2)).max()
    assert acceleration < 0.1 * np.abs(np.diff(values - wanted.values, 2)).max()


def test_slow_slows_what_is_faster_than_a_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = arched_hands(20)
    values = wanted.values.copy()
    values[:, 4, 10:] += 0.8  # 24 radians a second
    start = wanted.with_values(values)
    assert fastest_joint(start.values) == pytest.approx(24.0)
    end = alone(monkeypatch, costs.slow, wanted, start)
    assert fastest_joint(end.values) < problem_of(wanted).weights.fastest_joint + 0.5
    slower = start.with_values(wanted.values + 0.3 * (values - wanted.values))
    np.testing.assert_array_equal(alone(monkeypatch, costs.slow, wanted, slower).values, slower.values)


def test_slow_spreads_a_leap_of_the_wrist(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = arched_hands(20)
    values = wanted.values.copy()
    values[:, PLACE.start, 10:] += 0.15  # 4.5 metres a second

    def fastest_wrist(values: Array) -> float:
        return float(np.abs(np.diff(values[:, PLACE])).max() * 30.0)

    start = wanted.with_values(values)
    assert fastest_wrist(start.values) == pytest.approx(4.5)
    most = problem_of(wanted).weights.fastest_wrist
    assert fastest_wrist(alone(monkeypatch, costs.slow, wanted, start).values) < most + 0.1
    slower = start.with_values(wanted.values + 0.9 * most / 4.5 * (values - wanted.values))
    np.testing.assert_array_equal(alone(monkeypatch, costs.slow, wanted, slower).values, slower.values)


def struck(variables: Variables) -> NDArray[np.bool_]:
    """(F, 88) keys that are down."""
    return keyboard.pressed_keys(find_points(variables, STANDARD_HANDS, 1.0).tips.transpose(3, 1, 2, 0))


def test_strokes_bring_a_finger_onto_its_key_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = over_a_key(64, dx=0.02)
    press = (0.5, 0.7, 5 * RIGHT + 1, 64)
    end = alone(monkeypatch, costs.strokes, wanted, wanted, press)
    keys = struck(end)
    assert set(range(16, 21)) <= set(np.flatnonzero(keys[:, 64 - 21])) <= set(range(15, 22))
    assert keys.sum() == keys[:, 64 - 21].sum()


def test_strokes_lift_a_finger_that_plays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = over_a_key(64)
    values = wanted.values.copy()
    values[RIGHT, 17] -= 0.028
    low = wanted.with_values(values)
    assert struck(low).any()
    end = alone(monkeypatch, costs.strokes, low, low)
    tips = find_points(end, STANDARD_HANDS, 1.0).tips
    assert not struck(end).any()
    assert (tips[2] > height_under(tips.transpose(1, 2, 3, 0)) + ContactWeights().key_clearance - 0.001).all()


def test_a_finger_begins_to_rise_before_a_black_key_is_in_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hand goes forward, low over the white keys, until black ones are under its fingers."""
    hands = arched_hands(20, height=0.05)
    values = hands.values.copy()
    values[:, 16] += 0.07 * np.clip((np.arange(20) - 8) / 3, 0, 1) - 0.055

    def largest_rise() -> float:
        end = alone(monkeypatch, costs.strokes, hands.with_values(values), hands.with_values(values))
        return float(np.diff(find_points(end, STANDARD_HANDS, 1.0).tips[2, :, 1:]).max())

    rise = largest_rise()
    monkeypatch.setattr(costs, "_RISES_FRAMES", 0)
    assert rise < 0.8 * largest_rise()


def test_idle_leaves_fingers_about_their_wrist_and_at_their_height(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = arched_hands(10, height=0.09)
    aside, above = wanted.values.copy(), wanted.values.copy()
    aside[:, PLACE][:, :2] += 0.05
    end = alone(monkeypatch, costs.idle, wanted, wanted.with_values(aside))
    np.testing.assert_allclose(end.values, aside, atol=1e-9)
    above[:, PLACE.stop - 1] += 0.01
    end = alone(monkeypatch, costs.idle, wanted, wanted.with_values(above))
    np.testing.assert_array_equal(end.values[:, PLACE], above[:, PLACE])
    tips = [find_points(hands, STANDARD_HANDS, 1.0).tips[2] for hands in (end, wanted)]
    assert np.abs(tips[0] - tips[1]).max() < 0.002


def test_an_idle_finger_goes_along_with_its_neighbour_that_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The index finger goes down to a key; the middle one beside it a little, the others not at all."""
    high = over_a_key(64).values.copy()
    high[RIGHT, PLACE.stop - 1] += 0.02
    wanted = over_a_key(64).with_values(high)
    problem = problem_of(wanted, (0.5, 0.7, 5 * RIGHT + 1, 64))
    monkeypatch.setattr(solver, "COSTS", (costs.strokes, costs.idle))
    generated = find_points(wanted, STANDARD_HANDS, 1.0).tips[2, RIGHT, :, 18]

    def goes() -> Array:
        """(5,) how far each finger is from its generated height while the key is held."""
        end = minimise(problem, wanted, 8)
        return find_points(end, STANDARD_HANDS, 1.0).tips[2, RIGHT, :, 18] - generated

    together = goes()
    monkeypatch.setattr(costs, "_SYMPATHY", np.zeros((5, 5)))
    each = goes()
    assert together[1] < -0.015
    assert together[2] - each[2] < 0.1 * together[1]
    np.testing.assert_allclose(together[[0, 4]], each[[0, 4]], atol=1e-3)


@pytest.mark.parametrize("steps", [5, 6, 9, 10])
def test_fingers_that_were_generated_in_the_keys_stay_above_them(
    monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """In every step: they are not drawn down in one and lifted in the next."""
    values = over_a_key(64).values.copy()
    values[RIGHT, 17] -= 0.028
    low = over_a_key(64).with_values(values)
    monkeypatch.setattr(solver, "COSTS", (costs.strokes, costs.idle))
    problem = problem_of(low)
    end = minimise(replace(problem, weights=replace(problem.weights, damping=1.0)), low, steps)
    tips = find_points(end, STANDARD_HANDS, 1.0).tips
    assert struck(low).any()
    assert (tips[2] > height_under(tips.transpose(1, 2, 3, 0)) + ContactWeights().key_clearance - 0.001).all()


@pytest.mark.parametrize(("key", "bends"), [(62, 1.0), (64, -1.0)])
def test_a_finger_waits_above_the_key_that_it_is_over_until_it_is_over_its_own(
    key: int, bends: float
) -> None:
    """It is 6 mm deep in D, and its stroke is 8 mm deep at just this place."""
    state = state_of(over_a_key(62, dx=0.0))
    points, pitch, firm = np.zeros((3, 2, 5, 30)), np.zeros((2, 5, 30), np.int64), np.zeros((2, 5, 30))
    points[:, RIGHT, 1] = state.points.tips[:, RIGHT, 1]
    points[2, RIGHT, 1], pitch[RIGHT, 1], firm[RIGHT, 1] = -0.008, key, 0.9
    down = state.variables.values.copy()
    down[RIGHT, 17] -= state.points.tips[2, RIGHT, 1] + 0.006
    equations = NormalEquations(30)
    strokes = replace(no_strokes(30), points=points, pitch=pitch, firm=firm, over=firm)
    costs.strokes(equations, replace(moved(state, down), strokes=strokes))
    assert (np.sign(-equations.slope[RIGHT, 3]) == bends).all()


def test_apart_takes_bones_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    both = np.ones((2, 3), bool)
    for start in (
        arched_hands(3, x=(0.0, 0.03)),  # one hand in the other
        crossed_hands(3),  # fingers of one hand
    ):
        end = alone(monkeypatch, costs.apart, start, start, steps=20)
        before, after = (too_near(find_points(v, STANDARD_HANDS, 1.0), both)[2] for v in (start, end))
        assert len(before) > 0
        assert after.sum() < 0.1 * before.sum(), (before.sum(), after.sum())


def crossed_hands(frames: int) -> Variables:
    """Straight index and middle fingers pass through each other."""
    hands = arched_hands(frames)
    values = hands.values.copy()
    values[:, FLEXIONS], values[:, MIDDLES] = 0.0, 0.0
    outward = np.array([-1.0, 1.0])[:, None]
    values[:, 5], values[:, 8] = 0.2 * outward, -0.2 * outward
    return hands.with_values(values)


def test_order_uncrosses_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    start = crossed_state().variables
    end = alone(monkeypatch, costs.order, start, start)
    before, after = (gaps_between_lines(state_of(v))[:, [0, 2], 0] for v in (start, end))
    assert before.max() < 0.005 and after.min() > ContactWeights().order_gap - 0.002
    changed = np.abs(end.values - start.values)
    assert not np.delete(changed, np.arange(5, 15, 3), axis=1).any()


def test_fingers_that_both_play_may_cross() -> None:
    state = crossed_state()
    firm = np.zeros((2, 5, 1))
    firm[:, 1:3] = 1.0
    equations = NormalEquations(1)
    costs.order(equations, replace(state, strokes=replace(state.strokes, firm=firm)))
    slope = equations.slope[:, ABDUCTIONS, 0]
    assert not slope[:, 1].any() and (np.abs(slope[:, [3, 4]]) > 1).all()


@pytest.mark.parametrize(("middle", "rises"), [(0.05, True), (1.5, False)])
def test_comfort_arches_a_stretched_finger_that_plays_and_straightens_a_claw(
    middle: float, rises: bool
) -> None:
    hands = arched_hands(2)
    values = hands.values.copy()
    values[:, 4] = middle
    state = state_of(hands.with_values(values))
    holding = np.zeros((2, 5, 2))
    for playing in (False, True):
        holding[:, 1] = playing
        equations = NormalEquations(2)
        costs.comfort(equations, replace(state, strokes=replace(no_strokes(2), holding=holding)))
        slope = equations.slope
        assert not np.delete(slope, 4, axis=1).any()
        assert (slope[:, 4] < 0).all() == (playing and rises) and (slope[:, 4] > 0).all() == (
            playing and not rises
        )


def test_comfort_brings_a_spread_finger_back(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = over_a_key(64)
    values = wanted.values.copy()
    values[RIGHT, 5] = 0.45
    end = alone(monkeypatch, costs.comfort, wanted, wanted.with_values(values), (0.2, 0.8, 6, 64))
    assert end.values[RIGHT, 5, 12] < 0.31 and end.values[RIGHT, 5, -1] == 0.45


def test_all_costs_are_in_the_sum() -> None:
    named = [
        costs.stay,
        costs.smooth,
        costs.slow,
        costs.strokes,
        costs.idle,
        costs.apart,
        costs.order,
        costs.comfort,
    ]
    assert set(costs.COSTS) == set(named) and solver.COSTS is costs.COSTS
    assert state_of(arched_hands(1)).squared(0.5) == 4.0  # at 30 frames a second


def test_the_floor_pushes_by_degrees_and_then_with_all_its_weight() -> None:
    """A difference in the last digit of a height makes none that can be seen: weight and push begin at nothing."""
    hands = arched_hands(1)
    state = state_of(hands)
    above = (state.points.tips[2] - state.highest - state.weights.key_clearance).min()

    def pushed(below: float) -> tuple[float, float]:
        """Weight and push up on the wrists' height with the lowest fingertip so many metres below its floor."""
        values = hands.values.copy()
        values[:, PLACE.stop - 1] -= above + below
        equations = NormalEquations(1)
        costs.strokes(equations, moved(state, values))
        height = PLACE.stop - 1
        return float(equations.matrix[:, height, height].max()), float(-equations.slope[:, height].min())

    full = state.squared(state.weights.key_height)
    assert pushed(-1e-6) == (0.0, 0.0)
    weight, push = pushed(1e-6)
    assert 0 < weight < 1e-3 * full and 0 < push < 1e-3 * full * 1e-6
    weights, pushes = np.transpose([pushed(below) for below in np.linspace(0, 0.0002, 9)])
    assert (np.diff(weights) >= 0).all() and (np.diff(pushes) > 0).all()
    assert weights[-1] == pytest.approx(full) and pushes[-1] > 0.7 * full * 0.0002
