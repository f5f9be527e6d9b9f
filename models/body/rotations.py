# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations in batches: XYZ Euler angles, matrices, axis-angle vectors (radians).

``XYZ`` Euler angles are those of ``mathutils.Euler(angles, 'XYZ')``: the matrix is ``Rz(z) @ Ry(y) @ Rx(x)``.
Functions take numpy arrays or torch tensors and return the same kind (the array API): the generator needs no torch, and
training has gradients.
"""

from __future__ import annotations

import math
from typing import Any

from array_api_compat import array_namespace, device

Array = Any
"""A numpy array or a torch tensor; mypy knows no type for both."""


def transposed(matrix: Array) -> Array:
    """Matrices with their last two axes swapped."""
    return array_namespace(matrix).matrix_transpose(matrix)


def euler_to_matrix(euler: Array) -> Array:
    """Matrices ``(..., 3, 3)`` of XYZ Euler angles ``(..., 3)``."""
    xp = array_namespace(euler)
    cosine, sine = xp.cos(euler), xp.sin(euler)
    cx, cy, cz = (cosine[..., axis] for axis in range(3))
    sx, sy, sz = (sine[..., axis] for axis in range(3))
    rows = [
        xp.stack([cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz], axis=-1),
        xp.stack([cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz], axis=-1),
        xp.stack([-sy, sx * cy, cx * cy], axis=-1),
    ]
    return xp.stack(rows, axis=-2)


def matrix_to_euler(matrix: Array) -> Array:
    """XYZ Euler angles ``(..., 3)`` of rotation matrices ``(..., 3, 3)``; X is 0 in gimbal lock."""
    xp = array_namespace(matrix)
    cos_y = xp.hypot(matrix[..., 0, 0], matrix[..., 1, 0])
    y = xp.atan2(-matrix[..., 2, 0], cos_y)
    locked = cos_y < 1e-7
    x = xp.atan2(matrix[..., 2, 1], matrix[..., 2, 2])
    z = xp.atan2(matrix[..., 1, 0], matrix[..., 0, 0])
    z_locked = xp.atan2(-matrix[..., 0, 1], matrix[..., 1, 1])
    return xp.stack([xp.where(locked, xp.zeros_like(x), x), y, xp.where(locked, z_locked, z)], axis=-1)


def axis_angle_to_matrix(vector: Array) -> Array:
    """Matrices ``(..., 3, 3)`` of rotation vectors ``(..., 3)`` (Rodrigues' formula, stable near zero)."""
    xp = array_namespace(vector)
    angle_squared = xp.sum(vector * vector, axis=-1)[..., None, None]
    angle = xp.sqrt(xp.clip(angle_squared, 1e-24, None))
    small = angle_squared < 1e-8
    a = xp.where(small, 1 - angle_squared / 6, xp.sin(angle) / angle)
    b = xp.where(small, 0.5 - angle_squared / 24, (1 - xp.cos(angle)) / xp.clip(angle_squared, 1e-24, None))
    x, y, z = (vector[..., axis] for axis in range(3))
    zero = xp.zeros_like(x)
    cross = xp.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1)
    cross = xp.reshape(cross, (*vector.shape, 3))
    eye = xp.eye(3, dtype=vector.dtype, device=device(vector))
    return eye + a * cross + b * (cross @ cross)


def matrix_to_axis_angle(matrix: Array) -> Array:
    """Rotation vectors ``(..., 3)``, of length at most pi, of matrices ``(..., 3, 3)``.

    Goes through the quaternion whose largest component is solved first, so that it is accurate at every angle. Not
    scipy's `Rotation.as_rotvec` (equal to 2e-15): it computes in float64 and takes no tensors.
    """
    xp, m = array_namespace(matrix), matrix
    one, two, three = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    trace = one + two + three
    x, y, z = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz, yz = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    # Row k holds 4 q_k q for each candidate k of (w, x, y, z); its own entry 4 q_k^2 says how good it is.
    rows = [
        (1 + trace, x, y, z),
        (x, 1 + 2 * one - trace, xy, xz),
        (y, xy, 1 + 2 * two - trace, yz),
        (z, xz, yz, 1 + 2 * three - trace),
    ]
    quaternion, best = xp.stack(rows[0], axis=-1), rows[0][0]
    for k in (1, 2, 3):
        better = rows[k][k] > best
        quaternion = xp.where(better[..., None], xp.stack(rows[k], axis=-1), quaternion)
        best = xp.where(better, rows[k][k], best)
    quaternion = quaternion / _length(quaternion)
    quaternion = xp.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    imaginary = quaternion[..., 1:]
    sine = _length(imaginary)
    angle = 2 * xp.atan2(sine, quaternion[..., :1])
    scale = xp.where(sine < 1e-7, 2 * xp.ones_like(sine), angle / xp.clip(sine, 1e-12, None))
    return imaginary * scale


def _length(vectors: Array) -> Array:
    xp = array_namespace(vectors)
    return xp.sqrt(xp.sum(vectors * vectors, axis=-1, keepdims=True))


def unwrap(angles: Array, axis: int) -> Array:
    """Add multiples of 2 pi so that neighbours along ``axis`` differ by at most pi."""
    xp = array_namespace(angles)
    whole = xp.moveaxis(angles, axis, 0)
    turns = xp.cumulative_sum(xp.round((whole[1:] - whole[:-1]) / (2 * math.pi)), axis=0)
    unwrapped = whole - 2 * math.pi * xp.concat([xp.zeros_like(whole[:1]), turns], axis=0)
    return xp.moveaxis(unwrapped, 0, axis)
