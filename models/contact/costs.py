# SPDX-License-Identifier: GPL-3.0-or-later
"""The costs of key contact by name; their sum is what `models.contact.solver` makes least.

Each cost adds its residuals to the normal equations. Axes: 2 hands, 5 fingers, F frames; K pairs of bones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.contact.equations import NormalEquations
from models.contact.hand_points import HandPoints
from models.contact.key_heights import CLEARANCE, height_under
from models.contact.near_bones import NearBones
from models.contact.strokes import Strokes
from models.contact.variables import ABDUCTIONS, FINGER_VARIABLES, MIDDLES, PLACE, TURN, Array, Variables
from models.contact.weights import ContactWeights
from models.body.skeleton import HandGeometry

# Comfortable flexion of the middle joint, radians, thumb to little finger, and abduction to either side.
_LEAST = np.array([-0.05, 0.40, 0.42, 0.40, 0.40])[:, None]
_MOST = np.array([0.55, 1.10, 1.15, 1.10, 0.95])[:, None]
_SPREAD = 0.30
_ORDER_GAP = 0.012
"""Metres between the lines of neighbouring fingers, about a fingertip's width."""


@dataclass(frozen=True, eq=False)
class State:
    """Where the hands are, and all that costs ask for."""

    variables: Variables
    wanted: Variables
    """What was generated."""
    points: HandPoints
    moves: Array
    """(3, 2, 5, 9, F) as of `HandPoints.tips_by_variable`."""
    strokes: Strokes
    near: NearBones
    fps: float
    weights: ContactWeights
    geometry: HandGeometry

    def squared(self, tolerance: float) -> float:
        """The weight of a residual in one frame."""
        return 30.0 / self.fps / tolerance**2


def stay(equations: NormalEquations, state: State) -> None:
    """Near to what was generated."""
    weights = state.weights
    weight = np.empty((21, 1))
    weight[:FINGER_VARIABLES] = state.squared(weights.finger_angle)
    weight[PLACE], weight[TURN] = state.squared(weights.wrist_place), state.squared(weights.wrist_turn)
    equations.add_single(state.variables.values - state.wanted.values, weight)


def smooth(equations: NormalEquations, state: State) -> None:
    """No jerks: the correction's acceleration."""
    if len(state.variables) < 3:
        return
    weights = state.weights
    weight = np.empty((21, 1))
    weight[:FINGER_VARIABLES] = state.squared(weights.finger_acceleration)
    weight[PLACE] = state.squared(weights.place_acceleration)
    weight[TURN] = state.squared(weights.turn_acceleration)
    change = np.diff(state.variables.values - state.wanted.values, 2)
    equations.add_second_differences(change, weight * state.fps**4)


def slow(equations: NormalEquations, state: State) -> None:
    """No joint faster than a hand's."""
    weights = state.weights
    speed = np.diff(state.variables.values) * state.fps
    speed[:, PLACE] = 0.0
    over = speed - np.clip(speed, -weights.fastest_joint, weights.fastest_joint)
    weight = (over != 0) * state.squared(weights.speed)
    equations.add_differences(over / state.fps, weight * state.fps**2)


def strokes(equations: NormalEquations, state: State) -> None:
    """Fingertips on their strokes, or above the keys where they play none."""
    wanted, weights, tips = state.strokes, state.weights, state.points.tips
    firm, busy = wanted.firm, wanted.pitch > 0
    residual = tips - wanted.points
    side, height = state.squared(weights.stroke_side), state.squared(weights.stroke_height)
    weight = firm * np.array([side, side, height])[:, None, None, None]
    under = keyboard.key_under(tips.transpose(1, 2, 3, 0)) + keyboard.LOWEST_PITCH
    floor = height_under(tips.transpose(1, 2, 3, 0)) + CLEARANCE
    # A finger that is not over its key yet waits above the one that it is over.
    astray = busy & (under != wanted.pitch) & (under >= keyboard.LOWEST_PITCH)
    target = np.where(busy, wanted.points[2] - 0.0002, floor)
    target = np.where(astray, np.maximum(wanted.points[2], floor), target)
    sinks = tips[2] < target
    replaced = sinks & ~(busy & ~astray & (firm > 0.5))
    residual[2] = np.where(replaced | (astray & (residual[2] > 0)), tips[2] - target, residual[2])
    weight[2] = np.where(replaced, state.squared(weights.key_height), weight[2])
    equations.add_tips(residual, weight, state.moves)


def apart(equations: NormalEquations, state: State) -> None:
    """Bones of two fingers, and of two hands, apart."""
    state.near.push(state.points, equations, state.squared(state.weights.apart))


def order(equations: NormalEquations, state: State) -> None:
    """Neighbouring long fingers pass each other on their own sides, wherever one of the two does not play.

    Flexion keeps a finger in the upright plane through its first joint, so seen from above the palm it is a straight
    line whose direction is its abduction. Two lines that stay apart as far as both fingers reach cannot touch.
    """
    values, geometry, size = state.variables.values, state.geometry, 1.0
    side = np.array([-1.0, 1.0])[:, None, None]
    across = side * geometry.finger_bases[..., 0, None]  # rising from index to little finger on both hands
    forward = geometry.finger_bases[..., 1, None]
    abduction = values[:, ABDUCTIONS]
    slope = side * np.tan(abduction)  # (2, 5, F)
    reach = np.linalg.norm(
        (state.points.tips - state.points.heads[:, :, :, 0])[:2], axis=0
    )  # seen from above the keys, which is near enough
    end = forward + reach * np.cos(abduction)
    firm = state.strokes.firm
    for one, other in ((1, 2), (2, 3), (3, 4)):
        level = np.minimum(end[:, one], end[:, other])
        arms = [np.maximum(level - forward[:, finger], 0.02) for finger in (one, other)]
        gap = across[:, other] + slope[:, other] * arms[1] - across[:, one] - slope[:, one] * arms[0]
        lack = np.maximum(_ORDER_GAP - gap, 0.0)
        weight = (1 - firm[:, one] * firm[:, other]) * state.squared(state.weights.order) * (lack > 0)
        pulls = [side[:, 0] * arm * (1 + slope[:, f] ** 2) for arm, f in zip(arms, (one, other), strict=True)]
        first, second = 3 * one + 2, 3 * other + 2
        equations.slope[:, first] += weight * lack * pulls[0]
        equations.slope[:, second] -= weight * lack * pulls[1]
        equations.matrix[:, first, first] += weight * pulls[0] ** 2
        equations.matrix[:, second, second] += weight * pulls[1] ** 2
        equations.matrix[:, second, first] -= weight * pulls[0] * pulls[1]


def comfort(equations: NormalEquations, state: State) -> None:
    """Playing fingers arched, neither drawn up like claws nor stretched flat, and not spread to the side."""
    holding = state.strokes.holding
    residual, weight = (np.zeros_like(state.variables.values) for _ in range(2))
    for which, low, high, tolerance in (
        (MIDDLES, _LEAST, _MOST, state.weights.arch),
        (ABDUCTIONS, -_SPREAD, _SPREAD, state.weights.spread),
    ):
        value = state.variables.values[:, which]
        residual[:, which] = value - np.clip(value, low, high)
        weight[:, which] = holding * state.squared(tolerance) * (residual[:, which] != 0)
    equations.add_single(residual, weight)


COSTS = (stay, smooth, slow, strokes, apart, order, comfort)
