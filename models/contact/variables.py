# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the contact problem: 21 numbers a hand and frame.

Three angles a finger (flexion, middle joint, abduction; thumb to little finger), then the wrist's place (metres) and
its Euler angles. The last joint of a finger follows its middle joint, as one tendon bends both: ``d = d0 + k (p - p0)``
around the generated pose, inside its limits.

Arrays are laid out variables first and frames last, (2, 21, F): rows are long, and numpy is quick with them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.body.motion import Motion
from models.body.skeleton import FINGER_JOINTS, HandGeometry

Array = NDArray[np.float64]

FINGER_VARIABLES = 15
FLEXIONS, MIDDLES, ABDUCTIONS = (slice(first, FINGER_VARIABLES, 3) for first in range(3))
PLACE, TURN = slice(15, 18), slice(18, 21)
COUNT = 21
_HOOKED_ROOT, _HOOKED_MIDDLE = np.radians((-10.0, 40.0))
"""A little before `models.evaluation.posture_metrics` counts a thumb as hooked."""
COUPLING = 0.6
"""How many radians the last joint of a finger follows for each radian of its middle joint."""


@dataclass(frozen=True, eq=False)
class Variables:
    """Both hands in F frames."""

    values: Array
    """(2, 21, F)"""
    last_offset: Array
    """(2, 5, F) d0 - k p0 of the generated pose: what the last joint adds to its share of the middle joint."""
    last_limits: Array
    """(2, 5, 2) of the last joints, radians."""

    @classmethod
    def of_motion(cls, motion: Motion, geometry: HandGeometry) -> Variables:
        """Of a motion, its angles clamped to the hand's limits."""
        limits = geometry.limits
        euler = np.clip(np.asarray(motion.euler, np.float64), limits[..., 0], limits[..., 1])
        first, middle, last = (euler[:, :, FINGER_JOINTS[:, bone]] for bone in range(3))  # (F, 2, 5, 3)
        fingers = np.stack([first[..., 0], middle[..., 0], first[..., 2]], -1).reshape(len(euler), 2, 15)
        place = np.asarray(motion.wrist, np.float64)
        values = np.concatenate([fingers, place, euler[:, :, 0]], -1)
        offset = last[..., 0] - COUPLING * middle[..., 0]
        return cls(
            np.ascontiguousarray(values.transpose(1, 2, 0)),
            np.ascontiguousarray(offset.transpose(1, 2, 0)),
            geometry.finger_limits[:, :, 2],
        )

    def __len__(self) -> int:
        """Number of frames."""
        return self.values.shape[-1]

    @property
    def last(self) -> Array:
        """(2, 5, F) flexion of the last joints, radians."""
        low, high = self.last_limits[..., 0, None], self.last_limits[..., 1, None]
        return np.clip(self.last_offset + COUPLING * self.values[:, MIDDLES], low, high)

    @property
    def last_follows(self) -> Array:
        """(2, 5, F) what a radian of the middle joint bends the last one: `COUPLING`, or 0 at its limits."""
        low, high = self.last_limits[..., 0, None], self.last_limits[..., 1, None]
        free = self.last_offset + COUPLING * self.values[:, MIDDLES]
        return np.where((free > low) & (free < high), COUPLING, 0.0)

    def with_values(self, values: Array) -> Variables:
        """The same fingers at other values (2, 21, F)."""
        return replace(self, values=values)

    def unhooked(self, free: NDArray[np.bool_]) -> Variables:
        """With thumbs stretched as far as they are hooked up in the air, in frames and hands (F, 2) that are free.

        Hooked: the root raised, the middle bent.
        """
        raised = np.maximum(_HOOKED_ROOT - self.values[:, 0], 0.0)
        bent = np.maximum(self.values[:, 1] - _HOOKED_MIDDLE, 0.0)
        values = self.values.copy()
        values[:, 1] -= np.where(free.T, np.minimum(raised, bent), 0.0)
        return self.with_values(values)

    def part(self, frames: slice | NDArray[np.int64]) -> Variables:
        """Those of some frames."""
        return replace(self, values=self.values[..., frames], last_offset=self.last_offset[..., frames])

    def to_motion(self, fps: float) -> Motion:
        """As a motion, 32 bit."""
        values = self.values.transpose(2, 0, 1)  # (F, 2, 21)
        euler = np.zeros((len(self), 2, 16, 3), np.float32)
        euler[:, :, 0] = values[..., TURN]
        euler[:, :, FINGER_JOINTS[:, 0], 0] = values[..., FLEXIONS]
        euler[:, :, FINGER_JOINTS[:, 0], 2] = values[..., ABDUCTIONS]
        euler[:, :, FINGER_JOINTS[:, 1], 0] = values[..., MIDDLES]
        euler[:, :, FINGER_JOINTS[:, 2], 0] = self.last.transpose(2, 0, 1)
        return Motion(euler, values[..., PLACE].astype(np.float32), fps)


def limits_of(geometry: HandGeometry, lowest_wrist: float) -> tuple[Array, Array]:
    """Lowest and highest values (2, 21, 1) of the variables; wrists stay above ``lowest_wrist`` metres."""
    fingers = geometry.finger_limits[:, :, [0, 1, 3]].reshape(2, 15, 2)
    place = np.full((2, 3, 2), (-np.inf, np.inf))
    place[:, 2, 0] = lowest_wrist
    both = np.concatenate([fingers, place, geometry.limits[:, 0]], 1)
    return both[..., :1], both[..., 1:]
