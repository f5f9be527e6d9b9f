# SPDX-License-Identifier: GPL-3.0-or-later
"""The wrists' correction: moved as little and as smoothly as lets the fingers reach their keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

SMOOTH_S = 0.1
"""Time constant of the correction: it follows needs that last longer than this."""
_ARM_SQUARED = 0.08**2  # metres squared: how unwillingly the wrist turns
REST = 0.05
"""Pull towards no correction, against weight 1 of a finger on its key: where no finger asks, the spline would go on in
a straight line."""


def smooth_correction(
    wanted: NDArray[np.floating[Any]],
    weight: NDArray[np.floating[Any]],
    fps: float,
    smooth_s: float = SMOOTH_S,
) -> NDArray[np.float64]:
    """Least-squares smoothing spline of wanted displacements.

    Minimises ``sum weight (d - wanted)^2 + (smooth_s fps)^4 sum (d'')^2 + rest sum d^2`` over d, a pentadiagonal
    system solved in time linear in the number of frames.

    Args:
        wanted: (frames, 3) displacement that would suit the fingers, metres.
        weight: (frames,) how much it is wanted, 0 for frames without a finger on a key.

    Returns:
        (frames, 3) metres.
    """
    frames = len(wanted)
    if frames < 5 or not weight.any():
        total = weight.sum() + REST
        return np.broadcast_to((weight[:, None] * wanted).sum(0) / total, wanted.shape).astype(float)
    stiffness = (smooth_s * fps) ** 4
    band = np.zeros((3, frames))  # upper form: rows are the second, first and main diagonals of D2' D2
    band[2, :] = 6.0
    band[2, [0, -1]], band[2, [1, -2]] = 1.0, 5.0
    band[1, 1:] = -4.0
    band[1, [1, -1]] = -2.0
    band[0, 2:] = 1.0
    band *= stiffness
    band[2] += weight + REST
    return solveh_banded(band, weight[:, None] * wanted)


def soft_threshold(
    values: NDArray[np.floating[Any]], slack: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """``values`` shrunk towards 0 by ``slack``: what is left when the fingers absorb the first few millimetres."""
    return np.sign(values) * np.maximum(np.abs(values) - slack, 0.0)


def rigid_step(
    errors: NDArray[np.floating[Any]], arms: NDArray[np.floating[Any]], share: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Small displacement and turn of a wrist that would best cancel its fingers' errors.

    The displacement is the fingers' mean error; the turn is the damped least-squares solution of what is left,
    ``min sum share |error - mean - turn x arm|^2 + |turn|^2 arm_squared``.

    Args:
        errors: (frames, 5, 3) wanted minus present contact points, metres.
        arms: (frames, 5, 3) contact points from the wrist, metres.
        share: (frames, 5) weight of each finger, 0 for one that does not play.

    Returns:
        (frames, 3) metres and (frames, 3) rotation vectors, radians, both zero where no finger plays.
    """
    total = np.maximum(share.sum(1), 1e-9)[:, None]
    mean = (share[..., None] * errors).sum(1) / total
    left = errors - mean[:, None]
    centre = (share[..., None] * arms).sum(1) / total
    lever = arms - centre[:, None]
    torque = (share[..., None] * np.cross(lever, left)).sum(1)
    squares = (share * (lever**2).sum(-1)).sum(1)[:, None, None] * np.eye(3)
    inertia = squares - np.einsum("tf,tfi,tfj->tij", share, lever, lever) + _ARM_SQUARED * np.eye(3)
    turn = np.linalg.solve(inertia, torque[..., None])[..., 0]
    return mean - np.cross(turn, centre), turn
