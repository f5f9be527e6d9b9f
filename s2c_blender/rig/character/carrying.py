# SPDX-License-Identifier: GPL-3.0-or-later
"""How a character's body carries its arms: the object, its parents, and the bones above each arm, as Blender evaluates.

An arm is worked out in rest space: metres, the armature's axes, with everything above the arm at rest. Whatever moves
the body comes in through one rigid motion a frame, from the piano's frame to rest space.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.turns import nearest_rotations
from ...errors import UserError

Array = NDArray[np.float64]

SAME_SCALE = 0.01
"""A body that is scaled by more than this in its pose is refused: its arms would be longer than at rest."""


class Carrying:
    """Reads, frame after frame of the evaluated armature, what carries some of its bones."""

    def __init__(
        self, armature: bpy.types.Object, bones: list[str], frames: int, trunk: str | None = None
    ) -> None:
        """bones: those whose parents are read. frames: how many will be read; one stands for all.

        trunk: a bone above all of them whose place is read, too.
        """
        data = armature.data.bones
        self._parents = {name: data[name].parent.name if data[name].parent else "" for name in bones}
        self._rest = {
            parent: np.linalg.inv(np.array(data[parent].matrix_local))
            for parent in set(self._parents.values())
            if parent
        }
        self._name = armature.name
        self._world = np.empty((frames, 4, 4))
        self._poses = {parent: np.empty((frames, 4, 4)) for parent in self._rest}
        self._trunk, self._pivot = trunk, np.empty((frames, 3))
        self._leaned: Array | None = None
        self._frame = 0

    def __call__(self, evaluated: bpy.types.Object) -> None:
        """Read one frame."""
        self._world[self._frame] = evaluated.matrix_world
        for parent, poses in self._poses.items():
            poses[self._frame] = evaluated.pose.bones[parent].matrix
        if self._trunk is not None:
            self._pivot[self._frame] = evaluated.pose.bones[self._trunk].head
        self._frame += 1

    @property
    def empty(self) -> bool:
        """Whether nothing has been read yet."""
        return self._frame == 0

    def pivot(self, piano: Array) -> Array:
        """(frames or 1, 3) where the trunk turns, in the piano's frame."""
        to_piano = piano @ self._world
        place: Array = (to_piano[:, :3, :3] @ self._pivot[..., None])[..., 0] + to_piano[:, :3, 3]
        return place

    def lean(self, turns: Array, piano: Array) -> Array:
        """Let the trunk turn by `turns` (frames, 3, 3), axes of the piano's frame; returns them in the world's."""
        from_piano = nearest_rotations(piano[None, :3, :3])[0].T
        in_world: Array = from_piano @ turns @ from_piano.T
        axes = nearest_rotations(self._world[:, :3, :3])
        in_armature = np.swapaxes(axes, 1, 2) @ in_world @ axes
        leaned = np.tile(np.eye(4), (len(turns), 1, 1))
        leaned[:, :3, :3] = in_armature
        leaned[:, :3, 3] = self._pivot - (in_armature @ self._pivot[..., None])[..., 0]
        self._leaned = leaned
        return in_world

    def parent_pose(self, bone: str) -> Array | None:
        """(frames, 4, 4) the pose of a bone's parent in armature space; None where it has none."""
        parent = self._parents[bone]
        return self._poses[parent] if parent else None

    def to_armature(self, piano: Array, metres: float) -> tuple[Array, Array]:
        """The rigid motion from the piano's frame to the armature's space in metres, as `to_rest` gives it."""
        return _rigid(metres * np.linalg.inv(piano @ self._world))

    def to_rest(self, bone: str, piano: Array, metres: float) -> tuple[Array, Array]:
        """The rigid motion from the piano's frame to the rest space of the arm that begins with `bone`.

        piano: (4, 4) world to piano frame. metres: in an armature unit. Returns rotations (frames, 3, 3) and offsets
        (frames, 3): a place p of the piano's frame is at ``rotation @ p + offset``. Raises UserError for a body that is
        scaled in its pose.
        """
        parent = self._parents[bone]
        posed = self._poses[parent] @ self._rest[parent] if parent else np.eye(4)
        carried = self._world @ (posed if self._leaned is None else self._leaned @ posed)
        matrix = metres * np.linalg.inv(piano @ carried)
        turn = matrix[:, :3, :3]
        scale = np.linalg.norm(turn, axis=1)
        if np.abs(scale - 1).max() > SAME_SCALE:
            raise UserError(
                "character_scaled",
                f'The body of "{self._name}" is scaled while it moves, so that its arms are not as long as at rest: '
                f'take the scale off "{parent or self._name}" and what carries it.',
            )
        return _rigid(matrix)


def _rigid(matrices: Array) -> tuple[Array, Array]:
    """Rotations and offsets of matrices (frames, 4, 4) that hardly scale."""
    return nearest_rotations(matrices[:, :3, :3]), matrices[:, :3, 3]
