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
from .held import carrier_of

Array = NDArray[np.float64]

SAME_SCALE = 0.01
"""A body that is scaled by more than this in its pose is refused: its arms would be longer than at rest."""
TRIED = 0.2
"""Radians about each of two axes by which the trunk is turned to see what it carries."""
SAME_M, SAME = 1e-4, 1e-3
"""Within this a bone is where it was, or where it is carried: metres, and of its axes."""


class Carrying:
    """Reads, frame after frame of the evaluated armature, what carries some of its bones."""

    def __init__(
        self, armature: bpy.types.Object, bones: list[str], frames: int, trunk: str | None = None
    ) -> None:
        """bones: those whose carriers are read. frames: how many will be read; one stands for all.

        trunk: a bone above all of them whose place is read, too.
        """
        data = armature.data.bones
        self._bones = list(dict.fromkeys(bones))
        self._parents = {name: data[name].parent.name if data[name].parent else "" for name in self._bones}
        self._rest = {
            name: np.linalg.inv(np.array(data[parent].matrix_local)) if parent else np.eye(4)
            for name, parent in self._parents.items()
        }
        self._name = armature.name
        self._world = np.empty((frames, 4, 4))
        self._carriers = {name: np.empty((frames, 4, 4)) for name in self._bones}
        self._trunk, self._pivot = trunk, np.empty((frames, 3))
        self._leaned: Array | None = None
        self._carried = set(self._bones)
        """The bones whose carriers go with the trunk: all, unless `see_carried` finds others."""
        self._frame = 0

    def __call__(self, evaluated: bpy.types.Object) -> None:
        """Read one frame."""
        self._world[self._frame] = evaluated.matrix_world
        for bone, carriers in self._carriers.items():
            carriers[self._frame] = carrier_of(evaluated.pose.bones[bone])
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
        self._leaned = self._motion(in_world)
        return in_world

    def _motion(self, turns: Array) -> Array:
        """(frames, 4, 4) of the trunk in armature space, for rotations (frames, 3, 3) in the world's axes."""
        axes = nearest_rotations(self._world[:, :3, :3])
        in_armature = np.swapaxes(axes, 1, 2) @ turns @ axes
        moved = np.tile(np.eye(4), (len(in_armature), 1, 1))
        moved[:, :3, :3] = in_armature
        moved[:, :3, 3] = self._pivot - (in_armature @ self._pivot[..., None])[..., 0]
        return moved

    def see_carried(self, evaluated: bpy.types.Object, bones: list[str], turn: Array, metres: float) -> bool:
        """See which of `bones` are carried by what goes with the trunk, in the first frame, with the trunk turned.

        turn: (3, 3) in the world's axes. metres: in an armature unit. Returns False where one goes a way of its own.
        """
        motion = self._motion(turn[None])[0]
        self._carried = set()
        for bone in bones:
            carrier, before = carrier_of(evaluated.pose.bones[bone]), self._carriers[bone][0]
            if _alike(carrier, motion @ before, metres):
                self._carried.add(bone)
            elif not _alike(carrier, before, metres):
                return False
        return True

    def carries(self, bone: str) -> bool:
        """Whether a bone goes with the trunk."""
        return bone in self._carried

    def carrier(self, bone: str) -> Array:
        """(frames or 1, 4, 4) what carries a bone (`carrier_of`), with the trunk's lean."""
        carriers = self._carriers[bone]
        leaned: Array = (
            carriers if self._leaned is None or bone not in self._carried else self._leaned @ carriers
        )
        return leaned

    def to_armature(self, piano: Array, metres: float) -> tuple[Array, Array]:
        """The rigid motion from the piano's frame to the armature's space in metres, as `to_rest` gives it."""
        return _rigid(metres * np.linalg.inv(piano @ self._world))

    def to_rest(self, bone: str, piano: Array, metres: float) -> tuple[Array, Array]:
        """The rigid motion from the piano's frame to the rest space of the arm that begins with `bone`.

        piano: (4, 4) world to piano frame. metres: in an armature unit. Returns rotations (frames, 3, 3) and offsets
        (frames, 3): a place p of the piano's frame is at ``rotation @ p + offset``. Raises UserError for a body that is
        scaled in its pose.
        """
        carried = self._world @ self.carrier(bone) @ self._rest[bone]
        matrix = metres * np.linalg.inv(piano @ carried)
        turn = matrix[:, :3, :3]
        scale = np.linalg.norm(turn, axis=1)
        if np.abs(scale - 1).max() > SAME_SCALE:
            raise UserError(
                "character_scaled",
                f'The body of "{self._name}" is scaled while it moves, so that its arms are not as long as at rest: '
                f'take the scale off "{self._parents[bone] or self._name}" and what carries it.',
            )
        return _rigid(matrix)


def _alike(first: Array, second: Array, metres: float) -> bool:
    """Whether two poses (4, 4) are one."""
    off = np.abs(first - second)
    return bool(off[:3, 3].max() * metres < SAME_M and off[:3, :3].max() < SAME)


def _rigid(matrices: Array) -> tuple[Array, Array]:
    """Rotations and offsets of matrices (frames, 4, 4) that hardly scale."""
    return nearest_rotations(matrices[:, :3, :3]), matrices[:, :3, 3]
