# SPDX-License-Identifier: GPL-3.0-or-later
"""The hands of an evaluated armature as numbers of a take, whatever animates them and in whatever rotation mode.

What carries both hands alike (the armature object, the bone they hang on) places the take and is no part of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
from mathutils import Euler, Matrix

from .. import fcurves
from ..core import skeleton
from ..errors import UserError
from ..rig.bones import common_parent, joint_bones, piano_frame
from .clock import SECONDS_PER_UNIT, clock_channel, read_clock
from .layers import is_direct, layers
from .lookup import by_uid


class HandReader:
    """Reads frame after frame; `euler`, `wrist` and `clock` then hold what was read."""

    def __init__(self, armature: bpy.types.Object, frames: int) -> None:
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
        self._frame = 0
        self.euler = np.zeros((frames, 2, 16, 3), np.float32)
        """(frames, 2, 16, 3) XYZ angles relative to rest, radians."""
        self.wrist = np.zeros((frames, 2, 3), np.float32)
        """(frames, 2, 3) metres in the piano frame."""
        self.clock = np.full((frames, 2), np.nan)
        """(frames, 2) seconds within the take, by the clock of each hand; not a number where there is none."""

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
        self.euler[self._frame], self.wrist[self._frame] = eulers, wrists
        self.clock[self._frame] = [read_clock(evaluated, names[0]) for names in self._names]
        self._frame += 1

    def read_curves(self, armature: bpy.types.Object, first: int) -> Iterator[None]:
        """Read all frames from scene frame `first` on from the curves alone, a joint a step (`layers.is_direct`)."""
        uid, name = armature.session_uid, armature.name
        wanted = np.arange(first, first + len(self.euler), dtype=np.float32)
        for hand, names in enumerate(self._names):
            for joint, bone in enumerate(names):
                found = by_uid(bpy.data.objects, uid)
                if found is None or not is_direct(found):
                    raise UserError(
                        "rig_deleted", f'The armature "{name}" or its take was changed meanwhile.'
                    )
                curves = {(c.data_path, c.array_index): c for c in layers(found)[-1].curves}
                pose = found.pose.bones[bone]
                still = [*pose.rotation_euler, *pose.location]
                values = np.zeros((len(wanted), 6 if joint == 0 else 3), np.float32)
                for column, channel in enumerate(fcurves.channels(bone, joint)):
                    curve = curves.get(channel)
                    values[:, column] = (
                        fcurves.evaluate(curve, wanted) if curve is not None else still[column]
                    )
                self.euler[:, hand, joint] = values[:, :3]
                if joint == 0:
                    head, axes = fcurves.wrist_rest(found, bone)
                    self.wrist[:, hand] = values[:, 3:] @ axes.T + head
                    curve = curves.get(clock_channel(bone))
                    if curve is not None:
                        self.clock[:, hand] = fcurves.evaluate(curve, wanted) * SECONDS_PER_UNIT
                yield
