# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers that reach the same places from another wrist: damped Gauss-Newton, all frames and fingers at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.body.bones import BLOCK_FRAMES
from models.body.skeleton import HandGeometry
from models.contact.hand_points import Wrists, find_points
from models.contact.variables import FINGER_VARIABLES, Array, Variables, limits_of

_STEPS = 8
_PULL = 0.004
"""Metres that a radian away from where the finger was counts for: it decides where the reach leaves a choice."""
_LONGEST_STEP = 0.35
_DAMPING, _LESS, _MORE = 1e-6, 0.3, 30.0
"""Metres squared that a radian squared costs in a step; factors after a step that got nearer, and after one that did
not, as from a finger that is stretched to its reach."""


def reached(
    variables: Variables, tips: Array, free: NDArray[np.bool_], geometry: HandGeometry, size: float
) -> Variables:
    """The hands with their fingers bent so that the fingertips are at ``tips`` (3, 2, 5, F), or as near as they get.

    Args:
        variables: wrists as they are, fingers near to the answer.
        tips: metres. free: (F, 2) frames and hands that may change. size: factor on the hands' lengths.
    """
    values = variables.values.copy()
    for start in range(0, len(variables), BLOCK_FRAMES):  # memory does not grow with the song
        block = slice(start, start + BLOCK_FRAMES)
        part = _reached(variables.part(block), tips[..., block], geometry, size)
        values[..., block] = np.where(free[block].T[:, None], part.values, values[..., block])
    return variables.with_values(values)


def _reached(variables: Variables, tips: Array, geometry: HandGeometry, size: float) -> Variables:
    low, high = limits_of(geometry, 0.0)
    low, high = (bound[:, :FINGER_VARIABLES].reshape(2, 5, 3, -1) for bound in (low, high))
    was = variables.values[:, :FINGER_VARIABLES].reshape(2, 5, 3, -1)
    least, damping = np.full(tips.shape[1:], np.inf), np.full(tips.shape[1:], _DAMPING)
    best, trial = was, was
    moves, off = np.zeros((3, *was.shape)), np.zeros_like(tips)
    wrists = Wrists.of(variables, geometry, size)
    for _ in range(_STEPS + 1):
        points = find_points(_with_fingers(variables, trial), geometry, size, wrists)
        here = tips - points.tips
        cost = (here**2).sum(0) + _PULL**2 * ((trial - was) ** 2).sum(2)
        nearer = cost < least
        least = np.minimum(cost, least)
        best = np.where(nearer[:, :, None], trial, best)
        moves = np.where(nearer[:, :, None], points.tips_by_finger, moves)  # (3, 2, 5, 3, F)
        off = np.where(nearer, here, off)
        damping *= np.where(nearer, _LESS, _MORE)
        squares = np.einsum("xhkif,xhkjf->hkfij", moves, moves)
        squares += (_PULL**2 + damping)[..., None, None] * np.eye(3)
        pull = np.einsum("xhkif,xhkf->hkfi", moves, off) + _PULL**2 * (was - best).transpose(0, 1, 3, 2)
        step = np.linalg.solve(squares, pull[..., None])[..., 0].transpose(0, 1, 3, 2)
        trial = np.clip(best + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP), low, high)
    return _with_fingers(variables, best)


def _with_fingers(variables: Variables, fingers: Array) -> Variables:
    """With other fingers (2, 5, 3, F)."""
    values = variables.values.copy()
    values[:, :FINGER_VARIABLES] = fingers.reshape(2, FINGER_VARIABLES, -1)
    return variables.with_values(values)
