# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers that reach the same places from another wrist: damped Gauss-Newton, all frames and fingers at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.body.skeleton import HandGeometry
from models.contact.hand_points import find_points
from models.contact.variables import FINGER_VARIABLES, Array, Variables, limits_of

_STEPS = 6
_PULL = 0.004
"""Metres that a radian away from where the finger was counts for: it decides where the reach leaves a choice."""
_LONGEST_STEP = 0.35


def reached(
    variables: Variables, tips: Array, free: NDArray[np.bool_], geometry: HandGeometry, size: float
) -> Variables:
    """The hands with their fingers bent so that the fingertips are at ``tips`` (3, 2, 5, F), or as near as they get.

    Args:
        variables: wrists as they are, fingers near to the answer.
        tips: metres. free: (F, 2) frames and hands that may change. size: factor on the hands' lengths.
    """
    low, high = limits_of(geometry, 0.0)
    low, high = low[:, :FINGER_VARIABLES], high[:, :FINGER_VARIABLES]
    was = variables.values[:, :FINGER_VARIABLES].reshape(2, 5, 3, -1)
    for _ in range(_STEPS):
        points = find_points(variables, geometry, size)
        values = variables.values.copy()
        fingers = values[:, :FINGER_VARIABLES]
        moves = points.by_finger[:, :, :, 3]  # (3, 2, 5, 3, F)
        squares = np.einsum("xhkif,xhkjf->hkfij", moves, moves)
        squares += _PULL**2 * np.eye(3)
        pull = np.einsum("xhkif,xhkf->hkfi", moves, tips - points.tips)
        pull += _PULL**2 * (was - fingers.reshape(2, 5, 3, -1)).transpose(0, 1, 3, 2)
        step = np.linalg.solve(squares, pull[..., None])[..., 0].transpose(0, 1, 3, 2)
        step = np.clip(step, -_LONGEST_STEP, _LONGEST_STEP).reshape(fingers.shape)
        fingers[:] = np.where(free.T[:, None], np.clip(fingers + step, low, high), fingers)
        variables = variables.with_values(values)
    return variables
