# SPDX-License-Identifier: GPL-3.0-or-later
"""The line through the middle of the right arm at rest, from the wrist over elbow and shoulder. NumPy only, no bpy.

Coordinates as in ``hand_shape``: metres from the wrist joint. The line follows the bones and rounds their corners, so
that sections square to it fan out around the elbow and never cross each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core import skeleton

Array = NDArray[np.floating[Any]]

STEP = 0.0005
"""Distance between the points by which the line is kept, metres."""
ELBOW_ROUND, SHOULDER_ROUND = 0.062, 0.066
"""Radii of the two rounded corners; more than the flesh inside them is thick."""
INWARD = 0.060
"""How far the line goes on from the shoulder joint toward the collar."""


def joints() -> Array:
    """(4, 3) wrist, elbow, shoulder joint and inner end of the collarbone at rest."""
    shoulder, upper_arm, forearm = skeleton.arm_bones(skeleton.RIGHT)
    return np.array([forearm.tail, forearm.head, upper_arm.head, shoulder.head]) - forearm.tail


@dataclass(frozen=True)
class ArmLine:
    """A smooth line with two directions across it that do not turn about it."""

    points: Array
    """(n, 3)"""
    lengths: Array
    """(n,) along the line from the wrist"""
    side: Array
    """(n, 3) unit vectors across the line, to the little finger at the wrist"""
    up: Array
    """(n, 3) unit vectors square to line and side, out of the back of the hand at the wrist"""
    elbow: float
    """Where the middle of the elbow is, metres from the wrist along the line."""
    shoulder: float

    def at(self, lengths: ArrayLike) -> tuple[Array, Array, Array]:
        """Points, side and up (k, 3) at `lengths` (k,)."""
        where = np.asarray(lengths)

        def of(rows: Array) -> Array:
            return np.stack([np.interp(where, self.lengths, column) for column in rows.T], axis=1)

        return of(self.points), of(self.side), of(self.up)


def arm_line() -> ArmLine:
    """The line of the right arm."""
    wrist, elbow, shoulder, collar = joints()
    end = shoulder + INWARD * (collar - shoulder) / np.linalg.norm(collar - shoulder)
    first, second = (
        _corner(wrist, elbow, shoulder, ELBOW_ROUND),
        _corner(elbow, shoulder, end, SHOULDER_ROUND),
    )
    dense = np.vstack([wrist, first, second, end])
    gaps = np.linalg.norm(np.diff(dense, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(gaps)])
    lengths = np.arange(0.0, along[-1], STEP)
    points = np.stack([np.interp(lengths, along, dense[:, axis]) for axis in range(3)], axis=1)
    side, up = _carried(np.gradient(points, STEP, axis=0))
    middles = [along[1 + len(first) // 2], along[1 + len(first) + len(second) // 2]]
    return ArmLine(points, lengths, side, up, *(float(middle) for middle in middles))


def _corner(before: Array, corner: Array, after: Array, radius: float) -> Array:
    """(k, 3) points of the arc that rounds a corner."""
    away, onward = before - corner, after - corner
    away, onward = away / np.linalg.norm(away), onward / np.linalg.norm(onward)
    half = 0.5 * np.arccos(away @ onward)
    inward = (away + onward) / np.linalg.norm(away + onward)
    middle = corner + radius / np.sin(half) * inward
    across = (onward - away) / np.linalg.norm(onward - away)
    angle = np.linspace(half - np.pi / 2, np.pi / 2 - half, 181)[:, None]
    return middle + radius * (np.sin(angle) * across - np.cos(angle) * inward)


def _carried(along: Array) -> tuple[Array, Array]:
    """Side and up (n, 3), carried along the directions `along` (n, 3) without turning about them."""
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    sides = np.empty_like(along)
    side = np.array([1.0, 0.0, 0.0])
    for row, direction in enumerate(along):
        side = side - (side @ direction) * direction
        side /= np.linalg.norm(side)
        sides[row] = side
    return sides, np.cross(along, sides)
