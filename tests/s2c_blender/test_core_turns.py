# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations as the channels of a bone: as mathutils reads them, without jumps, and back."""

import numpy as np
import pytest

from s2c_blender.core import turns

mathutils = pytest.importorskip("mathutils")
MODES = (*turns.ORDERS, "QUATERNION", "AXIS_ANGLE")


def wild_turns(count: int = 400) -> np.ndarray:
    """Rotations that go through every quadrant without a jump."""
    time = np.arange(count)[:, None] * 0.05
    values = np.cos(time * (0.4, 0.7, 1.1, 1.3) + (0.0, 1.0, 2.0, 3.0))
    return turns.matrices_of(values, "QUATERNION")


def as_blender_reads(values: np.ndarray, mode: str) -> np.ndarray:
    if mode == "QUATERNION":
        return np.array([mathutils.Quaternion(row).to_matrix() for row in values])
    if mode == "AXIS_ANGLE":
        return np.array([mathutils.Quaternion(row[1:], row[0]).to_matrix() for row in values])
    return np.array([mathutils.Euler(row, mode).to_matrix() for row in values])


@pytest.mark.parametrize("mode", MODES)
def test_channels_are_what_blender_reads_and_come_back(mode: str) -> None:
    wanted = wild_turns()
    values = turns.channel_values(wanted, mode)
    assert np.abs(as_blender_reads(values, mode) - wanted).max() < 2e-6
    assert np.abs(turns.matrices_of(values, mode) - wanted).max() < 1e-9


@pytest.mark.parametrize("mode", MODES)
def test_channels_go_on_from_where_they_are_to_be(mode: str) -> None:
    wanted = wild_turns()
    values = turns.channel_values(wanted, mode)
    there = -values[30] if mode == "QUATERNION" else values[30].copy()
    if mode in turns.ORDERS:
        there[1] += 2 * np.pi
    moved = turns.channel_values(wanted, mode, (30, there))
    assert np.abs(turns.matrices_of(moved, mode) - wanted).max() < 1e-9
    assert np.allclose(moved[30], there, atol=1e-6)


def test_quaternions_keep_their_sign() -> None:
    values = turns.channel_values(wild_turns(), "QUATERNION")
    assert (np.sum(values[1:] * values[:-1], axis=1) > 0).all()


def test_an_axis_stays_where_nothing_turns() -> None:
    angles = np.array([0.2, 0.1, 0.0, -0.1, -0.2])
    matrices = turns.matrices_of(np.stack([angles, *np.eye(3)[:1].T.repeat(5, 1)], 1), "AXIS_ANGLE")
    values = turns.channel_values(matrices, "AXIS_ANGLE")
    assert np.allclose(values[:, 1:], [1, 0, 0])
    assert np.allclose(values[:, 0], angles)
