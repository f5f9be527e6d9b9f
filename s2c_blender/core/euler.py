# SPDX-License-Identifier: GPL-3.0-or-later
"""XYZ Euler angles of matrices, and angles that follow one another without jumps. No bpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
LOCKED = 1e-7
"""Below this cosine of Y the other two angles turn about one axis, and X counts as 0."""


def euler_angles(matrices: ArrayLike) -> Array:
    """XYZ Euler angles (..., 3), radians, of rotation matrices (..., 3, 3); Y lies within a quarter turn of 0."""
    m = np.asarray(matrices, float)
    cos_y = np.hypot(m[..., 0, 0], m[..., 1, 0])
    y = np.arctan2(-m[..., 2, 0], cos_y)
    locked = cos_y < LOCKED
    x = np.where(locked, 0.0, np.arctan2(m[..., 2, 1], m[..., 2, 2]))
    z = np.where(locked, np.arctan2(-m[..., 0, 1], m[..., 1, 1]), np.arctan2(m[..., 1, 0], m[..., 0, 0]))
    return np.stack([x, y, z], -1)


def unwrapped(euler: ArrayLike, near: tuple[int, ArrayLike] | None = None) -> Array:
    """The same rotations (frames, 3) as angles without jumps from frame to frame.

    Each rotation has two sets of angles, whole turns apart from their like: (x, y, z) and (x + pi, pi - y, z + pi).

    near: a frame, and angles (3,) that the result shall be near to there; without it the first frame stays as it is.
    """
    first = np.asarray(euler, float)
    other = _other(first)
    stays = np.abs(_wrapped(first[1:] - first[:-1])).sum(1)
    changes = np.abs(_wrapped(other[1:] - first[:-1])).sum(1)
    second = np.concatenate([[False], np.logical_xor.accumulate(changes < stays)])
    angles: Array = np.unwrap(np.where(second[:, None], other, first), axis=0)
    if near is None or not len(angles):
        return angles
    frame, wanted = near[0], np.asarray(near[1], float)
    choices = [angles, _other(angles)]
    off = [np.abs(_wrapped(choice[frame] - wanted)).sum() for choice in choices]
    best = choices[int(np.argmin(off))]
    turns: Array = np.round((wanted - best[frame]) / (2 * np.pi))
    return best + 2 * np.pi * turns


def _other(euler: Array) -> Array:
    """The other angles of the same rotations."""
    return euler * (1.0, -1.0, 1.0) + np.pi


def _wrapped(angles: Array) -> Array:
    """Angles within half a turn of 0."""
    return (angles + np.pi) % (2 * np.pi) - np.pi
