# SPDX-License-Identifier: GPL-3.0-or-later
"""The hands of an evaluated armature as numbers of a take, whatever animates them and in whatever rotation mode.

What carries both hands alike (the armature object, the bone they hang on) places the take and is no part of it.
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Euler, Matrix
from numpy.typing import NDArray

from ..core import skeleton
from ..rig.bones import common_parent, joint_bones, piano_frame
from .clock import read_clock


class HandReader:
    """Reads frame after frame; `euler`, `wrist` and `clock` then hold what was read."""

    def __init__(self, armature: bpy.types.Object) -> None:
        self._names = joint_bones(armature)
        bones = armature.data.bones
        carrier = common_parent(armature)
        self._carrier = carrier.name if carrier is not None else ""
        self._carrier_rest = carrier.matrix_local.inverted() if carrier is not None else Matrix()
        self._from_armature = piano_frame(armature).matrix.inverted()
        self._rest: list[list[Matrix]] = []
        for hand, names in enumerate(self._names):
            wrist = (self._from_armature @ bones[names[0]].matrix_local).to_quaternion().to_matrix()
            rest = [wrist.inverted()]
            for bone in skeleton.rest_bones(hand)[1:]:
                parent = bones[names[bone.parent]].matrix_local
                relative = parent.inverted() @ bones[names[bone.joint]].matrix_local
                rest.append(relative.to_3x3().inverted())
            self._rest.append(rest)
        self._parents = [bone.parent for bone in skeleton.rest_bones(skeleton.LEFT)]
        self._before = [[Euler() for _ in range(16)] for _ in (0, 1)]
        self._euler: list[list[list[list[float]]]] = []
        self._wrist: list[list[list[float]]] = []
        self._clock: list[list[float]] = []

    def __call__(self, evaluated: bpy.types.Object) -> None:
        """Read one frame. Must be called in the order of the frames, because angles are unwrapped in time."""
        pose = evaluated.pose.bones
        to_piano = self._from_armature
        if self._carrier:
            to_piano = to_piano @ (pose[self._carrier].matrix @ self._carrier_rest).inverted()
        eulers: list[list[list[float]]] = []
        wrists: list[list[float]] = []
        for names, rest, before in zip(self._names, self._rest, self._before, strict=True):
            matrices = [pose[name].matrix for name in names]
            wrist = to_piano @ matrices[0]
            wrists.append(list(wrist.translation))
            turns = []
            for joint, parent in enumerate(self._parents):
                if joint:
                    turn = rest[joint] @ (matrices[parent].inverted() @ matrices[joint]).to_3x3()
                else:
                    turn = rest[0] @ wrist.to_3x3()
                before[joint] = turn.normalized().to_euler("XYZ", before[joint])
                turns.append(list(before[joint]))
            eulers.append(turns)
        self._euler.append(eulers)
        self._wrist.append(wrists)
        self._clock.append([read_clock(evaluated, names[0]) for names in self._names])

    @property
    def euler(self) -> NDArray[np.float32]:
        """(frames, 2, 16, 3) XYZ angles relative to rest, radians."""
        return np.array(self._euler, np.float32).reshape(-1, 2, 16, 3)

    @property
    def wrist(self) -> NDArray[np.float32]:
        """(frames, 2, 3) metres in the piano frame."""
        return np.array(self._wrist, np.float32).reshape(-1, 2, 3)

    @property
    def clock(self) -> NDArray[np.float64]:
        """(frames, 2) seconds within the take, by the clock of each hand; not a number where there is none."""
        return np.array(self._clock, np.float64).reshape(-1, 2)
