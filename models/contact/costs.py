# SPDX-License-Identifier: GPL-3.0-or-later
"""The costs of key contact by name; their sum is what `models.contact.solver` makes least.

Each cost adds its residuals to the normal equations. Axes: 2 hands, 5 fingers, F frames; K pairs of bones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.body import keyboard
from models.body.skeleton import HandGeometry
from models.contact.equations import NormalEquations
from models.contact.hand_points import HandPoints
from models.contact.key_heights import height_on_the_way, height_under
from models.contact.near_bones import NearBones
from models.contact.strokes import Strokes
from models.contact.variables import (
    ABDUCTIONS,
    COUNT,
    FINGER_VARIABLES,
    MIDDLES,
    PLACE,
    TURN,
    Array,
    Variables,
)
from models.contact.weights import ContactWeights

_FAR_M = 0.008
"""Metres to the side from where it lands, beyond which a finger is not at its key yet."""
_EDGE_M = 0.002
"""Metres that keys on a finger's way have to be higher than its own for it to come down beyond them."""
_HARDLY_M = 0.003
"""Metres that a stroke has its key down, up to which its finger may still be on the way to it."""
_RISES_FRAMES, _RISES_M_S = 3, 0.2
"""So many frames before a higher key is in its way a finger begins to rise, and so fast."""
_NEIGHBOURS = ((1, 2), (2, 3), (3, 4), (1, 3), (2, 4), (1, 4))
_SYMPATHY = np.array(
    [
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.2, 0.0, 0.0],
        [0.0, 0.2, 0.0, 0.4, 0.0],
        [0.0, 0.0, 0.4, 0.0, 0.4],
        [0.0, 0.0, 0.0, 0.4, 0.0],
    ]
)
"""(5, 5) the share of what moves a playing finger (column) that an idle neighbour (row) goes along with. Joints of
trained pianists spill over by 0.1 to 0.25; with these shares fingertips go together more nearly as tracked ones do
(docs/lab/calibration.md)."""
_EARLY_M = 0.0002
"""Metres below its stroke that a finger may be before it strikes: less would strike early."""
_SETS_IN_M = 0.0001
"""Metres within which the way up sets in, below what a finger has to stay above: at once, it would make a large
difference of one in the last digit."""


@dataclass(frozen=True, eq=False)
class State:
    """Where the hands are, and all that costs ask for."""

    variables: Variables
    wanted: Variables
    """Wrists as they are carried, fingers bent to keep their generated tips."""
    tips: Array
    """(3, 2, 5, F) where the fingertips were generated, metres."""
    wrists: Array
    """(3, 2, F) where the wrists were."""
    points: HandPoints
    strokes: Strokes
    near: NearBones
    fps: float
    weights: ContactWeights
    geometry: HandGeometry
    size: float
    """Factor on the hands' lengths."""

    @cached_property
    def highest(self) -> Array:
        """(2, 5, F) metres of the keys under the fingertips and on their way from frame to frame."""
        return height_on_the_way(self.points.tips.transpose(3, 1, 2, 0)).transpose(1, 2, 0).astype(np.float64)

    def squared(self, tolerance: float) -> float:
        """The weight of a residual in one frame."""
        return 30.0 / self.fps / tolerance**2


def stay(equations: NormalEquations, state: State) -> None:
    """Near to what was generated."""
    weights = state.weights
    weight = np.empty((COUNT, 1))
    weight[:FINGER_VARIABLES] = state.squared(weights.finger_angle)
    weight[PLACE], weight[TURN] = state.squared(weights.wrist_place), state.squared(weights.wrist_turn)
    weight[PLACE.stop - 1] = state.squared(weights.wrist_height)
    equations.add_single(state.variables.values - state.wanted.values, weight)


def smooth(equations: NormalEquations, state: State) -> None:
    """No jerks: the correction's acceleration."""
    if len(state.variables) < 3:
        return
    weights = state.weights
    weight = np.empty((COUNT, 1))
    weight[:FINGER_VARIABLES] = state.squared(weights.finger_acceleration)
    weight[PLACE] = state.squared(weights.place_acceleration)
    weight[PLACE.stop - 1] = state.squared(weights.height_acceleration)
    weight[TURN] = state.squared(weights.turn_acceleration)
    weight = np.repeat(np.repeat(weight[None], 2, 0), len(state.variables) - 2, -1)
    fingers = weight[:, :FINGER_VARIABLES].reshape(2, 5, 3, -1)
    # Strokes start and end sharply: it is the key that stops them.
    fingers *= (1 - weights.impact * state.strokes.impact[..., 1:-1])[:, :, None]
    change = np.diff(state.variables.values - state.wanted.values, 2)
    equations.add_second_differences(change, weight * state.fps**4)


def slow(equations: NormalEquations, state: State) -> None:
    """No joint faster than a hand's, and no wrist: a leap takes the time that there is."""
    weights = state.weights
    speed = np.diff(state.variables.values) * state.fps
    fastest, tolerance = np.full((COUNT, 1), weights.fastest_joint), np.full((COUNT, 1), weights.speed)
    fastest[PLACE], tolerance[PLACE] = weights.fastest_wrist, weights.wrist_speed
    over = speed - np.clip(speed, -fastest, fastest)
    weight = (over != 0) * state.squared(1.0) / tolerance**2
    equations.add_differences(over / state.fps, weight * state.fps**2)


def strokes(equations: NormalEquations, state: State) -> None:
    """Fingertips on their strokes, or above the keys where they play none."""
    wanted, weights, tips = state.strokes, state.weights, state.points.tips
    busy = wanted.pitch > 0
    residual = tips - wanted.points
    side, height = state.squared(weights.stroke_side), state.squared(weights.stroke_height)
    weight = np.stack([side * wanted.over, side * wanted.over, height * wanted.firm])
    places = tips.transpose(3, 1, 2, 0)
    under = keyboard.key_under(places).transpose(1, 2, 0) + keyboard.LOWEST_PITCH
    # Between two frames a finger goes straight on: it is above all that is on its way.
    highest = state.highest
    clear = highest + weights.key_clearance
    # A finger on its way to or from its key stays above the one that it is over; in its key only where it is far off.
    far = (np.hypot(*residual[:2]) > _FAR_M) | (wanted.firm < 1)
    astray = busy & far & (under != wanted.pitch) & (under >= keyboard.LOWEST_PITCH)
    floor = np.where(busy, wanted.points[2] - _EARLY_M, clear)
    floor = np.where(astray, np.maximum(wanted.points[2], clear), floor)
    surface = keyboard.key_surface(wanted.pitch)
    # On its way past the edge of a higher key it stays above that, until its own key has to be well down.
    passes = (highest > height_under(places).transpose(1, 2, 0) + _EDGE_M) & (
        wanted.points[2] > surface - _HARDLY_M
    )
    edge = busy & ((wanted.firm <= 0.5) | passes) & (highest > surface + _EDGE_M)
    floor = np.where(edge, np.maximum(floor, clear), floor)
    keys = np.where(~busy | astray | edge, clear, -np.inf)
    for frames in range(1, _RISES_FRAMES + 1):
        rising = keys[..., frames:] - frames * _RISES_M_S / state.fps
        np.maximum(floor[..., :-frames], rising, out=floor[..., :-frames])
    above = tips[2] - floor
    strikes = busy & ~astray & ~edge & (wanted.firm > 0.5)
    residual[2] = np.where(astray & (residual[2] > 0), above, residual[2])
    # To its stroke it comes no faster than it strikes.
    over, soft = tips[2] - wanted.ceiling, state.squared(weights.comes_height)
    comes = (over > 0) & (weight[2] < soft)
    residual[2], weight[2] = np.where(comes, over, residual[2]), np.where(comes, soft, weight[2])
    # What keeps it up takes the place of all that by degrees.
    below = np.where(strikes, 0.0, np.maximum(-above, 0.0))
    share = np.minimum(below / _SETS_IN_M, 1.0) ** 2
    kept_up = state.squared(weights.key_height) * share
    lack = np.where(below < _SETS_IN_M, below / 2, below - _SETS_IN_M / 2)
    drawn = weight[2] * (1 - share)
    weight[2] = kept_up + drawn
    residual[2] = (drawn * residual[2] - kept_up * lack) / np.maximum(weight[2], 1e-12)
    equations.add_tips(residual, weight, state.points.tips_by_finger, state.points.tips_by_turn)


def idle(equations: NormalEquations, state: State) -> None:
    """Idle fingertips stay where they were generated: over the keys as seen from their wrist, and in height.

    Those that were generated in the keys stay above them. Beside a finger that plays, they go along with what takes it
    from its generated place, toward the fallboard and down. It is the fingers' business alone: the wrist goes where it
    has to go.
    """
    clear = state.highest + state.weights.key_clearance
    residual = state.points.tips - state.tips
    residual[:2] -= (state.points.wrists - state.wrists)[:2, :, None]
    plays = state.strokes.over
    residual[1:] -= np.einsum("of,xhfk->xhok", _SYMPATHY, plays * residual[1:])
    residual[2] = np.minimum(residual[2], state.points.tips[2] - clear)
    weight = state.squared(state.weights.idle_tip) * (1 - plays)
    equations.add_fingers(residual, weight, state.points.tips_by_finger)


def apart(equations: NormalEquations, state: State) -> None:
    """Bones of two fingers, and of two hands, apart."""
    state.near.push(state.points, equations, state.squared(state.weights.apart))


def order(equations: NormalEquations, state: State) -> None:
    """Neighbouring long fingers pass each other on their own sides, wherever one of the two does not play.

    Flexion keeps a finger in the upright plane through its first joint, so seen from above the palm it is a straight
    line whose direction is its abduction. Two lines that stay apart as far as both fingers reach cannot touch.
    """
    values, geometry = state.variables.values, state.geometry
    side = np.array([-1.0, 1.0])[:, None, None]
    across = side * geometry.finger_bases[..., 0, None]  # rising from index to little finger on both hands
    forward = geometry.finger_bases[..., 1, None]
    # Fingers may lie beside each other at rest, or spread.
    rest = np.arctan2(geometry.finger_frames[..., 0, 1], geometry.finger_frames[..., 1, 1])
    turned = rest[..., None] + values[:, ABDUCTIONS]
    slope = side * np.tan(turned)  # (2, 5, F)
    # Seen from above the keys, which is near enough.
    reach = np.hypot(*(state.points.tips - state.points.heads[:, :, :, 0])[:2]) / state.size
    end = forward + reach * np.cos(turned)
    firm = state.strokes.firm
    there = geometry.present.astype(float)[..., None]
    for one, other in _NEIGHBOURS:
        # Across a finger that is not there its neighbours are neighbours.
        beside = there[:, one] * there[:, other] * (1 - there[:, one + 1 : other]).prod(1)
        if not beside.any():
            continue
        level = np.minimum(end[:, one], end[:, other])
        arms = [np.maximum(level - forward[:, finger], 0.02) for finger in (one, other)]
        gap = across[:, other] + slope[:, other] * arms[1] - across[:, one] - slope[:, one] * arms[0]
        lack = np.maximum(state.weights.order_gap / state.size - gap, 0.0)
        weight = (
            (1 - firm[:, one] * firm[:, other]) * state.squared(state.weights.order / state.size) * (lack > 0)
        )
        weight *= beside
        pulls = [side[:, 0] * arm * (1 + slope[:, f] ** 2) for arm, f in zip(arms, (one, other), strict=True)]
        first, second = 3 * one + 2, 3 * other + 2
        equations.slope[:, first] += weight * lack * pulls[0]
        equations.slope[:, second] -= weight * lack * pulls[1]
        equations.matrix[:, first, first] += weight * pulls[0] ** 2
        equations.matrix[:, second, second] += weight * pulls[1] ** 2
        equations.matrix[:, second, first] -= weight * pulls[0] * pulls[1]


def comfort(equations: NormalEquations, state: State) -> None:
    """Playing fingers arched, neither drawn up like claws nor stretched flat, and not spread to the side."""
    weights = state.weights
    arches = [np.array(side)[:, None] for side in (weights.least_arch, weights.most_arch)]
    values = state.variables.values
    residual, weight = np.zeros_like(values), np.zeros_like(values)
    middle, abduction = values[:, MIDDLES], values[:, ABDUCTIONS]
    residual[:, MIDDLES] = middle - np.clip(middle, *arches)
    residual[:, ABDUCTIONS] = abduction - np.clip(abduction, -weights.widest_spread, weights.widest_spread)
    weight[:, MIDDLES], weight[:, ABDUCTIONS] = state.squared(weights.arch), state.squared(weights.spread)
    weight[:, :FINGER_VARIABLES] *= np.repeat(state.strokes.holding, 3, axis=1)
    equations.add_single(residual, weight * (residual != 0))


COSTS = (stay, smooth, slow, strokes, idle, apart, order, comfort)
