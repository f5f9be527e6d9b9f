# SPDX-License-Identifier: GPL-3.0-or-later
"""The last word on fingers of one hand that run through each other: all five are lifted, side by side.

There none meets another or sinks into a key. A smooth bump in time leads there and back; frames that the bump brings
together ask for it themselves, so that every round settles at least one frame more and the rounds end. It costs the
notes of those frames: what comes before leaves it next to nothing to do.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.body.bones import PAIRS
from models.contact.bumps import bump
from models.contact.near_bones import too_near
from models.contact.solver import Problem
from models.contact.variables import FINGER_VARIABLES, Variables, limits_of

_LIFTED = np.array([-0.1, 0.15, 0.0] + 4 * [-0.1, 0.3, 0.0])[:, None]
"""(15, 1) flexion, middle joint and abduction of each finger, radians, thumb to little finger."""
_EASE_S = 0.1


def separate_fingers(problem: Problem, variables: Variables) -> Variables:
    """The variables without fingers through each other, in hands and frames that are not fixed."""
    free = ~problem.fixed.T
    need = np.zeros(free.shape, bool)
    opened, touching = variables, _touching(problem, variables)
    low, high = (bound[:, :FINGER_VARIABLES] for bound in limits_of(problem.geometry, 0.0))
    lifted = np.clip(_LIFTED, low, high)
    reach = max(round(_EASE_S * problem.fps), 1)
    while (touching & ~need).any():
        need |= touching
        share = np.where(free, np.where(need, 1.0, bump(need.astype(float), reach)), 0.0)[:, None]
        values = variables.values.copy()
        fingers = values[:, :FINGER_VARIABLES]
        fingers += share * (lifted - fingers)
        opened = variables.with_values(values)
        touching = _touching(problem, opened)
    return opened


def _touching(problem: Problem, variables: Variables) -> NDArray[np.bool_]:
    """(2, F) hands whose fingers are too near each other, and that may move."""
    frame, pair, _ = too_near(problem.points(variables), ~problem.fixed.T)
    hands = PAIRS[pair] // 20
    within = hands[:, 0] == hands[:, 1]
    touching = np.zeros((2, len(variables)), bool)
    touching[hands[within, 0], frame[within]] = True
    return touching
