# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations against SciPy's, and their invariants."""

import math

import numpy as np
import pytest
import torch
from mirroring import mirror_euler
from scipy.spatial.transform import Rotation

from models.body import rotations


@pytest.fixture
def euler() -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(500, 3, generator=generator, dtype=torch.float64) - 0.5) * torch.tensor(
        [6.2, 3.1, 6.2]
    )


def test_matrix_is_scipys_extrinsic_xyz(euler: torch.Tensor) -> None:
    expected = Rotation.from_euler("xyz", euler.numpy()).as_matrix()
    np.testing.assert_allclose(rotations.euler_to_matrix(euler), expected, atol=1e-12)


def test_euler_round_trip(euler: torch.Tensor) -> None:
    np.testing.assert_allclose(rotations.matrix_to_euler(rotations.euler_to_matrix(euler)), euler, atol=1e-9)


def test_gimbal_lock_keeps_the_matrix() -> None:
    locked = torch.tensor([[0.3, math.pi / 2, -0.4], [1.0, -math.pi / 2, 0.2]], dtype=torch.float64)
    matrix = rotations.euler_to_matrix(locked)
    back = rotations.matrix_to_euler(matrix)
    assert torch.isfinite(back).all()
    np.testing.assert_allclose(rotations.euler_to_matrix(back), matrix, atol=1e-7)


def test_axis_angle_against_scipy_at_small_and_half_turn_angles() -> None:
    generator = torch.Generator().manual_seed(2)
    axes = torch.nn.functional.normalize(
        torch.randn(200, 3, generator=generator, dtype=torch.float64), dim=-1
    )
    for angle in (0.0, 1e-9, 1e-4, 0.5, 3.0, math.pi - 1e-6):
        vectors = axes * angle
        matrix = rotations.axis_angle_to_matrix(vectors)
        np.testing.assert_allclose(matrix, Rotation.from_rotvec(vectors.numpy()).as_matrix(), atol=1e-9)
        np.testing.assert_allclose(rotations.matrix_to_axis_angle(matrix), vectors, atol=1e-7)


def test_unwrap_is_numpys() -> None:
    angles = torch.linspace(0, 30, 200, dtype=torch.float64).reshape(-1, 1) * torch.tensor([1.0, -1.0])
    wrapped = torch.remainder(angles + math.pi, 2 * math.pi) - math.pi
    np.testing.assert_allclose(rotations.unwrap(wrapped, 0), np.unwrap(wrapped.numpy(), axis=0), atol=1e-9)


def test_mirrored_angles_are_the_reflected_rotation(euler: torch.Tensor) -> None:
    reflect = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64))
    expected = reflect @ rotations.euler_to_matrix(euler) @ reflect
    np.testing.assert_allclose(rotations.euler_to_matrix(mirror_euler(euler)), expected, atol=1e-12)
