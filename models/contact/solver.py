# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact of a stretch of time as one optimisation: damped Gauss-Newton over both hands' whole trajectories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.body.skeleton import HandGeometry
from models.contact.costs import COSTS, State
from models.contact.equations import NormalEquations
from models.contact.hand_points import HandPoints, find_points
from models.contact.near_bones import NearBones, near_bones
from models.contact.schedule import Presses, contact_points, cut_presses
from models.contact.strokes import StrokeSampler
from models.contact.variables import COUNT, FINGER_VARIABLES, Array, Variables, limits_of
from models.contact.weights import ContactWeights

_LOOK_AGAIN = 3
"""Steps after which bones that are near each other are looked for again."""
# Of fingers, place and turn. Points go along with their wrist's place, so that it may go far at once.
_LONGEST_STEP = np.r_[np.full(FINGER_VARIABLES, 0.4), np.full(3, 0.5), np.full(3, 0.3)][:, None]
_UNITS = np.r_[np.full(FINGER_VARIABLES, 1.0), np.full(3, 0.05), np.full(3, 1.0)][:, None]
"""Radians and metres that damping takes for equally far."""


@dataclass(frozen=True, eq=False)
class Problem:
    """What the hands should do in F frames."""

    wanted: Variables
    """Wrists as they are carried, fingers bent to keep their generated tips."""
    tips: Array
    """(3, 2, 5, F) where the fingertips were generated, metres."""
    wrists: Array
    """(3, 2, F) where the wrists were."""
    presses: Presses
    """Their times counted from the first frame."""
    fixed: NDArray[np.bool_]
    """(F, 2) hands that stay where they are."""
    fps: float
    size: float
    """Factor on all lengths of the hands."""
    geometry: HandGeometry
    weights: ContactWeights

    sampled: StrokeSampler | None = None
    """The strokes of the fingers where they have been sampled already."""

    @cached_property
    def sampler(self) -> StrokeSampler:
        """The strokes of the fingers."""
        return self.sampled or StrokeSampler(self.presses, len(self.wanted), self.fps)

    def weighted(self, weights: ContactWeights) -> Problem:
        """With other weights."""
        return replace(self, weights=weights, sampled=self.sampler)

    def playing(self, presses: Presses) -> Problem:
        """With other presses."""
        return replace(self, presses=presses, sampled=None)

    def stretch(self, frames: slice, fixed: NDArray[np.bool_]) -> Problem:
        """Of some frames of a song, with the presses that shape them."""
        presses = cut_presses(self.presses, frames.start / self.fps, frames.stop / self.fps)
        return replace(self._of(frames, fixed), presses=presses)

    def part(self, frames: slice, fixed: NDArray[np.bool_]) -> Problem:
        """Of some frames alone, with all presses as they have been sampled."""
        presses = self.presses.later(frames.start / self.fps)
        return replace(self._of(frames, fixed), presses=presses, sampled=self.sampler.part(frames))

    def _of(self, frames: slice, fixed: NDArray[np.bool_]) -> Problem:
        return replace(
            self,
            wanted=self.wanted.part(frames),
            tips=self.tips[..., frames],
            wrists=self.wrists[..., frames],
            fixed=fixed,
            sampled=None,
        )

    def landed(self, points: HandPoints) -> tuple[Array, Array]:
        """Where on its key the finger of each press lands, X and Y (m,) metres, for hands that are at ``points``."""
        tips = points.tips.transpose(3, 1, 2, 0)
        generated = self.tips.transpose(3, 1, 2, 0)
        weights = self.weights
        return contact_points(
            self.presses, tips, generated, self.fps, weights.stays_far_in, weights.lands_back
        )

    def points(self, variables: Variables) -> HandPoints:
        """Where the hands are."""
        return find_points(variables, self.geometry, self.size)


def minimise(
    problem: Problem,
    start: Variables,
    steps: int,
    step_done: Callable[[int], None] | None = None,
) -> Variables:
    """The variables after some Gauss-Newton steps from ``start``; those of fixed hands are its own.

    Args:
        problem: what the hands should do.
        start: where the search begins; what is fixed stays there.
        steps: how many; there is no line search, damping keeps them short.
        step_done: called with the number of each step before it; raises to cancel.
    """
    low, high = limits_of(problem.geometry, problem.weights.lowest_wrist)
    held = np.repeat(problem.fixed.T[:, None], COUNT, 1)
    variables = start.with_values(np.where(held, start.values, np.clip(start.values, low, high)))
    damping = np.broadcast_to(30 / problem.fps * (problem.weights.damping * _UNITS) ** -2, (2, COUNT, 1))
    near: NearBones | None = None
    for step in range(steps):
        if step_done is not None:
            step_done(step)
        points = problem.points(variables)
        if near is None or step % _LOOK_AGAIN == 0:
            near = near_bones(points, problem.weights, ~problem.fixed.T)
        landed = problem.landed(points)
        state = State(
            variables=variables,
            wanted=problem.wanted,
            tips=problem.tips,
            wrists=problem.wrists,
            points=points,
            strokes=problem.sampler(*landed, problem.tips[1]),
            near=near,
            fps=problem.fps,
            weights=problem.weights,
            geometry=problem.geometry,
            size=problem.size,
        )
        equations = NormalEquations(len(variables))
        for cost in COSTS:
            cost(equations, state)
        values = variables.values
        # What would leave its limits stays at them in this step.
        stuck = held | ((values <= low) & (equations.slope > 0)) | ((values >= high) & (equations.slope < 0))
        stuck |= low == high  # a joint that is locked
        change = np.clip(equations.solve(damping, stuck), -_LONGEST_STEP, _LONGEST_STEP)
        variables = variables.with_values(np.where(held, values, np.clip(values + change, low, high)))
    return variables
