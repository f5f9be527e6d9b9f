# SPDX-License-Identifier: GPL-3.0-or-later
"""The last word on fingertips in keys: none is deeper than the key under it is down.

A sum of costs leaves one in a key now and then: on a leap over black keys, on its way out of a key that comes up, or
where a hand is too small for its chord. It is brought out by as little as it takes, and a smooth bump in time leads
there and back. A finger on its stroke just beside its key goes over it, every other one goes up. Where a finger has
come to its limits, the wrist rises and the fingers beside it stay where they are. Where fingers would meet, or none of
this helps, the hand rises as it is: that keeps its fingers apart and leaves every key.

Axes: 2 hands, 5 fingers, F frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.body.bones import PAIRS
from models.contact.bumps import bump, no_steeper
from models.contact.hand_points import HandPoints
from models.contact.key_floor import KeyFloor
from models.contact.near_bones import too_near
from models.contact.reaching import reached
from models.contact.solver import Problem
from models.contact.strokes import Strokes
from models.contact.variables import FINGER_VARIABLES, PLACE, Array, Variables, limits_of

_DEEP_M = 0.001
"""A fingertip this far below the surface of a key is in it."""
_CLEAR_M = 0.001
"""It goes so far above it; the one that plays the key goes to its surface."""
_BESIDE_M = 0.006
"""Metres to the side and along the key from where its stroke has it, within which a finger goes there."""
_ROUNDS, _ALONE = 8, 2
"""Fingers are asked so often, so often alone, then with their wrist."""
_EASE_S, _RISES_S = 0.1, 0.07
"""Bumps of fingers and of wrists begin and end within twice these times."""
_FASTEST_TURN, _FASTEST_RISE = 16.0, 0.4
"""Radians a second of a joint that is bent here, and metres a second that a wrist is raised by."""
_HEIGHT = PLACE.stop - 1


def clear_keys(problem: Problem, variables: Variables, floor: KeyFloor) -> Variables:
    """The variables with fingertips out of the keys, in hands and frames that are not fixed.

    In a few frames a finger may still be in a key, because it would meet another one: `raise_hands` has those.

    Args:
        floor: the keys as they are shown.
    """
    free = ~problem.fixed.T
    points = problem.points(variables)
    tips, met = points.tips, _meeting(problem, points)
    way, rise = np.zeros_like(tips), np.zeros(free.shape)
    may, found = free, variables
    if not _depth(floor, tips, may).any():
        return variables
    strokes = problem.sampler(*problem.landed(points), problem.tips[1])
    for attempt in range(_ROUNDS):
        meet = _meeting(problem, points) & ~met & may
        may = may & ~meet
        need = _depth(floor, points.tips, may)
        if not need.any() and not meet.any():
            break
        up = np.where(
            need > 0, need + np.where(floor.under(points.tips)[0] == strokes.pitch, 0.0, _CLEAR_M), 0.0
        )
        if attempt == 0:
            beside = (need > 0) & _just_beside(floor, tips, strokes)
            way += np.where(beside, strokes.points - tips, 0.0)
            up = np.where(beside, 0.0, up)
        way[2] += up
        if attempt >= _ALONE:
            rise += up.max(1)
        way, rise = np.where(may[:, None], way, 0.0), np.where(may, rise, 0.0)
        found = _bent(problem, variables, way, rise, np.where(may[:, None], 1 - strokes.firm, 0.0))
        points = problem.points(found)
    return found


def raise_hands(problem: Problem, variables: Variables, floor: KeyFloor) -> Variables:
    """The variables with hands raised out of the keys as they are, in frames in which they are not fixed."""
    free = ~problem.fixed.T
    need = _depth(floor, problem.points(variables).tips, free).max(1)
    if not need.any():
        return variables
    need = np.where(need > 0, need + _CLEAR_M, 0.0)
    values = variables.values.copy()
    values[:, _HEIGHT] += np.where(free, _rise(problem, need), 0.0)
    return variables.with_values(values)


def _depth(floor: KeyFloor, tips: Array, may: NDArray[np.bool_]) -> Array:
    """(2, 5, F) metres that fingertips of hands that ``may`` (2, F) move are in keys; 0 for those in none."""
    depth = floor.under(tips)[1] - tips[2]
    return np.where((depth > _DEEP_M) & may[:, None], depth, 0.0)


def _just_beside(floor: KeyFloor, tips: Array, strokes: Strokes) -> NDArray[np.bool_]:
    """(2, 5, F) fingers on their stroke, near to where it has them, which is in no key."""
    near = np.hypot(*(strokes.points - tips)[:2]) < _BESIDE_M
    sound = floor.under(strokes.points)[1] - strokes.points[2] <= _DEEP_M
    return (strokes.pitch > 0) & (strokes.firm > 0.5) & near & sound


def _meeting(problem: Problem, points: HandPoints) -> NDArray[np.bool_]:
    """(2, F) hands with a bone that is too near another one."""
    frame, pair, _ = too_near(points, ~problem.fixed.T)
    found = np.zeros((2, points.wrists.shape[-1]), bool)
    found[PAIRS[pair] // 20, frame[:, None]] = True
    return found


def _rise(problem: Problem, need: Array) -> Array:
    """(2, F) metres that wrists rise by, for what some frames need."""
    reach = max(round(_RISES_S * problem.fps), 1)
    return no_steeper(bump(need, reach), _FASTEST_RISE / problem.fps)


def _bent(problem: Problem, variables: Variables, way: Array, rise: Array, loose: Array) -> Variables:
    """The hands with their wrists raised and their fingers bent.

    Args:
        way: (3, 2, 5, F) metres that fingertips go. rise: (2, F) metres that wrists do.
        loose: (2, 5, F) how far a fingertip may follow the bump: 0 on a stroke and in what is fixed.
    """
    free = ~problem.fixed.T
    reach = max(round(_EASE_S * problem.fps), 1)
    forth, back = (
        np.maximum(sign * way, np.maximum(bump(np.maximum(sign * way, 0.0), reach) * loose, 0.0))
        for sign in (1, -1)
    )
    shift = forth - back
    raised = variables.values.copy()
    lift = np.where(free, _rise(problem, rise), 0.0)
    raised[:, _HEIGHT] += lift
    moves = (shift != 0).any(0) | (lift > 0)[:, None]
    frames = np.flatnonzero(moves.any((0, 1)))
    tips = problem.points(variables).tips + shift
    bent = reached(
        variables.with_values(raised).part(frames),
        tips[..., frames],
        free.T[frames],
        problem.geometry,
        problem.size,
    )
    own = slice(0, FINGER_VARIABLES)
    before = raised[:, own].copy()
    turned = before.copy()
    turned[..., frames] = bent.values[:, own]
    turned = np.where(np.repeat(moves, 3, 1), turned, before)
    low, high = (bound[:, own] for bound in limits_of(problem.geometry, 0.0))
    step = _FASTEST_TURN / problem.fps
    for sign in (1, -1):
        turned = sign * no_steeper(sign * turned, step, sign * (turned - before) > 0)
    turned = np.clip(turned, low, high)
    raised[:, own] = np.where((turned != before) & free[:, None], turned, before)
    return variables.with_values(raised)
