# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds after the optimisation: no two fingers through each other, no key struck that is not to be played.

Where a sum of costs has found no way, the frames around it are solved again, each time with more weight on what
failed, and once where a few steps have left a joint faster than a hand's. Fingers that are in each other's way all the
same play fewer or shorter notes. Hands that still collide are taken apart by `models.contact.separation`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.bones import PAIRS
from models.contact.hand_points import HandPoints
from models.contact.near_bones import too_near
from models.contact.note_dropping import Tangle, drop_notes
from models.contact.solver import Problem, minimise
from models.contact.variables import PLACE, Variables

_ATTEMPTS = 12
_ATTEMPTS_AT_KEYS = 2
"""A wrong key is a false note, not a broken hand: it is given up sooner."""
_ATTEMPTS_AT_SPEED = 1
_TOO_FAST = 1.5
"""Times as fast as it should be at most, at which a joint is too fast: what is left is within the limits of hands."""
_ATTEMPTS_ONE_BY_ONE = 6
"""So long one note is given up at each place, where the tangle is deepest; then all that are in the way."""
_AROUND_S = 0.4
"""Seconds to either side of what failed that are solved again."""
_CONTEXT = 3
"""Frames beside them that are known."""
_STEPS = 10
_DAMPING = 0.012
"""Smaller steps than before: what is left is tight."""
_MORE = 1.8
"""Each attempt divides the tolerances of what failed by this once more, three times at most; idle fingers give way as
much more readily."""


def settle(problem: Problem, variables: Variables) -> tuple[Problem, Variables]:
    """The variables with what failed mended, and the problem with the notes that are played."""
    weights, reach = problem.weights, round(_AROUND_S * problem.fps)
    for attempt in range(_ATTEMPTS):
        points = problem.points(variables)
        tangle, other = _tangles(problem, points), np.zeros(0, np.int64)
        if attempt < _ATTEMPTS_AT_KEYS:
            other = _wrong_keys(problem, points)
        if attempt < _ATTEMPTS_AT_SPEED:
            other = np.union1d(other, find_too_fast(problem, variables))
        if not len(tangle.frame) and not len(other):
            break
        if attempt:
            given_up = tangle.worst(reach) if attempt < _ATTEMPTS_ONE_BY_ONE else tangle
            if len(given_up.frame):
                presses = drop_notes(problem.presses, given_up, problem.fps, problem.fixed)
                problem = problem.playing(presses)
        factor = _MORE ** min(attempt + 1, 3)
        heavy = replace(
            weights,
            apart=weights.apart / factor,
            key_height=weights.key_height / factor,
            idle_tip=weights.idle_tip * factor,
            damping=_DAMPING,
        )
        firmer = problem.weighted(heavy)
        for run in _runs(np.union1d(tangle.frame, other), len(variables), reach):
            variables = _solved_again(firmer, variables, run)
    return problem, variables


def _solved_again(problem: Problem, variables: Variables, run: slice) -> Variables:
    """The variables with a run of frames solved again between those beside it, unless more fails then."""
    around = slice(max(run.start - _CONTEXT, 0), min(run.stop + _CONTEXT, len(variables)))
    fixed = problem.fixed[around].copy()
    fixed[: run.start - around.start] = True
    fixed[run.stop - around.start :] = True
    part, before = problem.part(around, fixed), variables.part(around)
    after = minimise(part, before, _STEPS)
    if _failures(part, after) > _failures(part, before):
        return variables
    values = variables.values.copy()
    values[..., around] = after.values
    return variables.with_values(values)


def _failures(problem: Problem, variables: Variables) -> tuple[int, int, int]:
    """Pairs of bones that are too near, frames with a wrong key, frames with a joint too fast; the first weigh most."""
    points = problem.points(variables)
    fast = len(find_too_fast(problem, variables))
    return len(_tangles(problem, points).frame), len(_wrong_keys(problem, points)), fast


def find_tangles(problem: Problem, variables: Variables) -> Tangle:
    """Pairs of bones nearer than their least distance, of which a hand may move."""
    return _tangles(problem, problem.points(variables))


def find_wrong_keys(problem: Problem, variables: Variables) -> NDArray[np.int64]:
    """Frames in which a finger of a hand that may move presses a key that it does not play."""
    return _wrong_keys(problem, problem.points(variables))


def find_too_fast(problem: Problem, variables: Variables) -> NDArray[np.int64]:
    """Frames between which and the next one a joint of a hand that may move is too fast."""
    turned = np.delete(variables.values, PLACE, 1)
    speed = np.abs(np.diff(turned)).max(1) * problem.fps
    free = ~problem.fixed.T
    moves = free[:, 1:] | free[:, :-1]
    return np.flatnonzero((moves & (speed > _TOO_FAST * problem.weights.fastest_joint)).any(0))


def _tangles(problem: Problem, points: HandPoints) -> Tangle:
    frame, pair, lack = too_near(points, ~problem.fixed.T)
    bones = PAIRS[pair]
    return Tangle(frame, np.where(bones % 4 > 0, bones // 4, -1), lack)


def _wrong_keys(problem: Problem, points: HandPoints) -> NDArray[np.int64]:
    tips = points.tips.transpose(3, 1, 2, 0)  # (F, 2, 5, 3)
    played = problem.sampler.pitch.transpose(2, 0, 1)
    under = keyboard.key_under(tips) + keyboard.LOWEST_PITCH
    depth = keyboard.key_surface(under) - tips[..., 2]
    pressed = problem.presses.dip_factor * (keyboard.PRESS_DEPTH - 0.0003)
    deep = (under >= keyboard.LOWEST_PITCH) & (depth > pressed)
    return np.flatnonzero((deep & (under != played) & ~problem.fixed[..., None]).any((1, 2)))


def _runs(frames: NDArray[np.int64], count: int, reach: int) -> list[slice]:
    """Runs of frames within ``reach`` of any of these."""
    near = np.zeros(count + 1, int)
    np.add.at(near, np.maximum(frames - reach, 0), 1)
    np.add.at(near, np.minimum(frames + reach + 1, count), -1)
    inside = near[:-1].cumsum() > 0
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=False)).reshape(-1, 2)
    return [slice(int(start), int(stop)) for start, stop in edges]
