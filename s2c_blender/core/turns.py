# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations over time as the channels of a bone of any rotation mode, and back. NumPy only, no bpy.

Matrices are (frames, 3, 3). Values follow one another without jumps: angles are unwrapped, quaternions and axes keep
their sign.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .euler import euler_angles, unwrapped
from .skeleton import euler_matrices

Array = NDArray[np.float64]

QUATERNION, AXIS_ANGLE = "QUATERNION", "AXIS_ANGLE"
ORDERS = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
"""The orders of Euler angles; the first axis turns first."""
TINY = 1e-9
SHEARED = 1e-5
"""Axes that are no farther off right angles are as good as rotations: Blender's numbers are single."""


def channel_values(matrices: ArrayLike, mode: str, near: tuple[int, ArrayLike] | None = None) -> Array:
    """Rotations as the channels of `mode` (Blender's name of it): (frames, 3) angles, or (frames, 4).

    near: a frame, and channels that the result shall be near to there; without it the first frame decides.
    """
    turns = np.asarray(matrices, float)
    if mode in (QUATERNION, AXIS_ANGLE):
        found = quaternions(turns)
        if near is not None and len(found):
            wanted = np.asarray(near[1], float)
            other = wanted if mode == QUATERNION else _of_axis_angle(wanted[None])[0]
            if found[near[0]] @ other < 0:
                found = -found
        return found if mode == QUATERNION else _to_axis_angle(found)
    swap, sign = _swap(mode)
    axes = [_AXES.index(axis) for axis in mode]
    wanted_near = None
    if near is not None:
        wanted_near = near[0], sign * np.asarray(near[1], float)[axes]
    angles = sign * unwrapped(euler_angles(swap @ turns @ swap.T), wanted_near)
    values = np.empty_like(angles)
    values[:, axes] = angles
    return values


def matrices_of(values: ArrayLike, mode: str) -> Array:
    """What `channel_values` was given: rotations (frames, 3, 3) of channels as Blender reads them."""
    numbers = np.asarray(values, float)
    if mode == QUATERNION:
        return _of_quaternions(numbers)
    if mode == AXIS_ANGLE:
        return _of_quaternions(_of_axis_angle(numbers))
    swap, sign = _swap(mode)
    axes = [_AXES.index(axis) for axis in mode]
    turned: Array = swap.T @ euler_matrices(sign * numbers[:, axes]) @ swap
    return turned


def quaternions(matrices: Array) -> Array:
    """(frames, 4) w, x, y, z of rotations; each has the sign that is nearer to the one before, the first w >= 0."""
    m = matrices
    # Four times the squares of the four numbers; the largest is safe to divide by.
    trace = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    squares = np.stack([1 + trace, *(1 + 2 * m[:, i, i] - trace for i in range(3))], 1)
    products = np.empty((len(m), 4, 4))
    for i in range(4):
        products[:, i, i] = squares[:, i]
    for i, (j, k) in enumerate(((1, 2), (2, 0), (0, 1))):
        products[:, 0, i + 1] = products[:, i + 1, 0] = m[:, k, j] - m[:, j, k]
        products[:, j + 1, k + 1] = products[:, k + 1, j + 1] = m[:, j, k] + m[:, k, j]
    best = np.argmax(squares, 1)
    found: Array = products[np.arange(len(m)), best]
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), TINY)
    if not len(found):
        return found
    flips = np.sum(found[1:] * found[:-1], axis=1) < 0
    signs = np.where(np.concatenate([[found[0, 0] < 0], flips]), -1.0, 1.0)
    kept: Array = found * np.cumprod(signs)[:, None]
    return kept


def nearest_rotations(axes: Array) -> Array:
    """The rotations (n, 3, 3) that are nearest to axes (n, 3, 3) of any scale."""
    square: Array = axes / np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), TINY)
    if np.abs(np.swapaxes(square, 1, 2) @ square - np.eye(3)).max(initial=0.0) < SHEARED:
        return square
    u, _, v = np.linalg.svd(square)
    nearest: Array = u @ v
    return nearest


_AXES = "XYZ"


def _swap(order: str) -> tuple[Array, float]:
    """What brings an order's axes to X, Y, Z, and the sign that its angles have there."""
    swap = np.eye(3)[[_AXES.index(axis) for axis in order]]
    return swap, float(round(np.linalg.det(swap)))


def _of_quaternions(values: Array) -> Array:
    w, x, y, z = (values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), TINY)).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def _of_axis_angle(values: Array) -> Array:
    half, axis = 0.5 * values[:, :1], values[:, 1:]
    length = np.linalg.norm(axis, axis=1, keepdims=True)
    unit = np.where(length > TINY, axis / np.maximum(length, TINY), [0.0, 1.0, 0.0])
    return np.concatenate([np.cos(half), np.sin(half) * unit], 1)


def _to_axis_angle(values: Array) -> Array:
    """Angle and axis (frames, 4). Where nothing turns the axis is the one before, so that keys between do not jump."""
    size = np.linalg.norm(values[:, 1:], axis=1)
    angle = 2 * np.arctan2(size, values[:, 0])
    turns = size > 1e-7
    axis = np.zeros((len(values), 3))
    axis[turns] = values[turns, 1:] / size[turns, None]
    known = np.where(turns, np.arange(len(values)), -1)
    known = np.maximum.accumulate(known) if len(known) else known
    first = int(np.argmax(turns)) if turns.any() else -1
    source = np.where(known >= 0, known, first)
    axis = np.where(source[:, None] >= 0, axis[source], [0.0, 1.0, 0.0]) if len(values) else axis
    # One axis that swings to and fro through zero keeps its side, and the angle its sign.
    flips = np.sum(axis[1:] * axis[:-1], axis=1) < 0
    signs = np.cumprod(np.where(np.concatenate([[False], flips]), -1.0, 1.0)) if len(values) else size
    return np.concatenate([np.unwrap(angle * signs)[:, None], axis * signs[:, None]], 1)
