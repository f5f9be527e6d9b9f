# SPDX-License-Identifier: GPL-3.0-or-later
"""The last word on idle fingers that are in a key: they are lifted out of it, each by its first joint.

On a leap over black keys, or in a hand that rests low, the sum of costs leaves one in a key now and then. A smooth bump
in time lifts it and lets it down again, as far as it is idle; its strokes stay as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, distance_transform_edt, maximum_filter1d

from models.body import keyboard
from models.contact.hand_points import HandPoints
from models.contact.solver import Problem
from models.contact.variables import FLEXIONS, Array, Variables, limits_of

_DEEP_M = 0.001
"""A fingertip this far below a key is in it."""
_CLEAR_M = 0.001
"""It is lifted so far above it."""
_ROUNDS = 5
_EASE_S = 0.1
_LEAST_M = 0.02
"""Metres that a radian of the first joint lifts a fingertip by, at least; a finger that hangs straight down cannot."""
_MOST_RAD = 0.5


def lift_idle(problem: Problem, variables: Variables) -> Variables:
    """The variables with idle fingers out of the keys, in hands and frames that are not fixed."""
    idle = (problem.sampler.pitch == 0) & ~problem.fixed.T[:, None]
    low, high = (bound[:, FLEXIONS] for bound in limits_of(problem.geometry, 0.0))
    reach = max(round(_EASE_S * problem.fps), 1)
    kernel = np.hanning(2 * reach + 3)[1:-1]
    kernel /= kernel.sum()
    rim = np.stack([_from_rim(rows, reach) for rows in idle.reshape(10, -1)]).reshape(idle.shape)
    lift = np.zeros(idle.shape)
    lifted = variables
    for _ in range(_ROUNDS):
        need = _needed(problem.points(lifted), idle)
        if not need.any():
            break
        lift = np.minimum(np.where(need > 0, lift + need, lift), _MOST_RAD)
        # Every value under the kernel is at least that of its middle, so their mean is, too.
        bump = convolve1d(maximum_filter1d(lift, 2 * reach + 1, axis=-1), kernel, axis=-1)
        values = variables.values.copy()
        turned = values[:, FLEXIONS] - np.where(idle, np.maximum(bump * rim, lift), 0.0)
        values[:, FLEXIONS] = np.where(idle & (bump > 0), np.clip(turned, low, high), values[:, FLEXIONS])
        lifted = variables.with_values(values)
    return lifted


def _needed(points: HandPoints, idle: NDArray[np.bool_]) -> Array:
    """(2, 5, F) radians that idle fingers in keys have to be lifted by, about."""
    tips = points.tips
    under = keyboard.key_under(tips.transpose(1, 2, 3, 0))
    surface = keyboard.key_surface(under + keyboard.LOWEST_PITCH)
    inside = idle & (under >= 0) & (tips[2] < surface - _DEEP_M)
    rises = np.maximum(-points.by_finger[2, :, :, 3, 0], _LEAST_M)
    return np.where(inside, (surface + _CLEAR_M - tips[2]) / rises, 0.0)


def _from_rim(idle: NDArray[np.bool_], reach: int) -> Array:
    """(F,) 1 well inside the frames in which a finger is idle, falling to 0 beside those in which it is not."""
    if idle.all():
        return np.ones(len(idle))
    away: Array = np.clip((distance_transform_edt(idle) - 1) / reach, 0.0, 1.0)
    return away
