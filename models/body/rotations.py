# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations as batched torch functions: XYZ Euler angles, matrices, axis-angle vectors (radians).

``XYZ`` Euler angles are those of ``mathutils.Euler(angles, 'XYZ')``: the matrix is ``Rz(z) @ Ry(y) @ Rx(x)``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def euler_to_matrix(euler: Tensor) -> Tensor:
    """Matrices ``(..., 3, 3)`` of XYZ Euler angles ``(..., 3)``."""
    (cx, cy, cz), (sx, sy, sz) = euler.cos().unbind(-1), euler.sin().unbind(-1)
    rows = [
        torch.stack([cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz], -1),
        torch.stack([cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz], -1),
        torch.stack([-sy, sx * cy, cx * cy], -1),
    ]
    return torch.stack(rows, -2)


def matrix_to_euler(matrix: Tensor) -> Tensor:
    """XYZ Euler angles ``(..., 3)`` of rotation matrices ``(..., 3, 3)``; X is 0 in gimbal lock."""
    cos_y = torch.hypot(matrix[..., 0, 0], matrix[..., 1, 0])
    y = torch.atan2(-matrix[..., 2, 0], cos_y)
    locked = cos_y < 1e-7
    x = torch.atan2(matrix[..., 2, 1], matrix[..., 2, 2])
    z = torch.atan2(matrix[..., 1, 0], matrix[..., 0, 0])
    z_locked = torch.atan2(-matrix[..., 0, 1], matrix[..., 1, 1])
    return torch.stack([torch.where(locked, torch.zeros_like(x), x), y, torch.where(locked, z_locked, z)], -1)


def axis_angle_to_matrix(vector: Tensor) -> Tensor:
    """Matrices ``(..., 3, 3)`` of rotation vectors ``(..., 3)`` (Rodrigues' formula, stable near zero)."""
    angle_squared = (vector * vector).sum(-1)[..., None, None]
    angle = angle_squared.clamp_min(1e-24).sqrt()
    small = angle_squared < 1e-8
    a = torch.where(small, 1 - angle_squared / 6, angle.sin() / angle)
    b = torch.where(small, 0.5 - angle_squared / 24, (1 - angle.cos()) / angle_squared.clamp_min(1e-24))
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    eye = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return eye + a * cross + b * (cross @ cross)


def matrix_to_axis_angle(matrix: Tensor) -> Tensor:
    """Rotation vectors ``(..., 3)``, of length at most pi, of matrices ``(..., 3, 3)``.

    Goes through the quaternion whose largest component is solved first, so that it is accurate at every angle. Not
    scipy's `Rotation.as_rotvec` (equal to 2e-15): it computes in float64, and redone takes of MANO models would change.
    """
    m = matrix
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    # Row k holds 4 q_k q for each candidate k of (w, x, y, z).
    candidates = torch.stack(
        [
            torch.stack(
                [
                    1 + trace,
                    m[..., 2, 1] - m[..., 1, 2],
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 1, 0] - m[..., 0, 1],
                ],
                -1,
            ),
            torch.stack(
                [
                    m[..., 2, 1] - m[..., 1, 2],
                    1 + 2 * m[..., 0, 0] - trace,
                    m[..., 0, 1] + m[..., 1, 0],
                    m[..., 0, 2] + m[..., 2, 0],
                ],
                -1,
            ),
            torch.stack(
                [
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 0, 1] + m[..., 1, 0],
                    1 + 2 * m[..., 1, 1] - trace,
                    m[..., 1, 2] + m[..., 2, 1],
                ],
                -1,
            ),
            torch.stack(
                [
                    m[..., 1, 0] - m[..., 0, 1],
                    m[..., 0, 2] + m[..., 2, 0],
                    m[..., 1, 2] + m[..., 2, 1],
                    1 + 2 * m[..., 2, 2] - trace,
                ],
                -1,
            ),
        ],
        -2,
    )
    best = torch.diagonal(candidates, dim1=-2, dim2=-1).argmax(-1)
    index = best[..., None, None].expand(*best.shape, 1, 4)
    quaternion = torch.nn.functional.normalize(candidates.gather(-2, index).squeeze(-2), dim=-1)
    quaternion = torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)
    imaginary = quaternion[..., 1:]
    sine = imaginary.norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, quaternion[..., :1])
    scale = torch.where(sine < 1e-7, torch.full_like(sine, 2.0), angle / sine.clamp_min(1e-12))
    return imaginary * scale


def unwrap(angles: Tensor, dim: int) -> Tensor:
    """Add multiples of 2 pi so that neighbours along ``dim`` differ by at most pi."""
    step = angles.diff(dim=dim)
    turns = torch.cumsum(torch.round(step / (2 * math.pi)), dim=dim)
    first = torch.zeros_like(angles.narrow(dim, 0, 1))
    return angles - 2 * math.pi * torch.cat([first, turns], dim=dim)
