# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own hands and arms on an evaluated armature as numbers of a take, whatever animates them, in any rotation mode.

What carries both hands alike (the armature object, the bone they hang on) places the take and is no part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix
from numpy.typing import NDArray

from .. import fcurves
from ..core import skeleton
from ..core.arm_chain import to_places
from ..core.euler import euler_angles, unwrapped
from ..errors import UserError
from ..rig.bones import arm_bones, bone_rest, chain_rest, common_parent, joint_bones, piano_frame
from ..rig.hand_geometry import other_geometry
from .clock import SECONDS_PER_UNIT, clock_channel, read_clock
from .layers import is_direct, layers
from .lookup import by_uid

BLOCK_FRAMES = 1500
"""Frames of an arm that are worked out in one step."""


class HandReader:
    """Reads frame after frame; `euler`, `wrist`, `elbow`, `shoulder` and `clock` then hold what was read."""

    def __init__(self, armature: bpy.types.Object, frames: int) -> None:
        self._names, self._arms = joint_bones(armature), arm_bones(armature)
        bones = armature.data.bones
        carrier = common_parent(armature)
        self._carrier = carrier.name if carrier is not None else ""
        self._carrier_rest = carrier.matrix_local.inverted() if carrier is not None else Matrix()
        other = other_geometry(armature)
        self._meta: dict[str, Any] = {} if other is None else {"hand_geometry": other}
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
        self.elbow, self.shoulder = (np.zeros((frames, 2, 3), np.float32) for _ in range(2))
        """(frames, 2, 3) metres in the piano frame; of a hand without an arm, nothing."""
        self.clock = np.full((frames, 2), np.nan)
        """(frames, 2) seconds within the take, by the clock of each hand; not a number where there is none."""

    @property
    def has_arms(self) -> bool:
        """Whether both hands hang on arms."""
        return all(self._arms)

    @property
    def meta(self) -> dict[str, Any]:
        """The hands' geometry, where they are not as they are added; their size alone says the rest."""
        return self._meta

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
        for hand, arm in enumerate(self._arms):
            for part, bone in zip((self.shoulder, self.elbow), arm[1:], strict=False):
                part[self._frame, hand] = (to_piano @ pose[bone].matrix).translation
        self.clock[self._frame] = [read_clock(evaluated, names[0]) for names in self._names]
        self._frame += 1

    def read_curves(self, armature: bpy.types.Object, first: int) -> Iterator[None]:
        """Read all frames from scene frame `first` on from the curves alone, a bone a step (`layers.is_direct`)."""
        uid, name = armature.session_uid, armature.name
        wanted = np.arange(first, first + len(self.euler), dtype=np.float32)

        def find() -> bpy.types.Object:
            found = by_uid(bpy.data.objects, uid)
            if found is None or not is_direct(found):
                raise UserError("rig_deleted", f'The armature "{name}" or its take was changed meanwhile.')
            return found

        for hand, names in enumerate(self._names):
            curve = _curves(find()).get(clock_channel(names[0]))
            if curve is not None:
                self.clock[:, hand] = fcurves.evaluate(curve, wanted) * SECONDS_PER_UNIT
            yield from self._read_arm(find, hand, wanted)
            for joint, bone in enumerate(names):
                if joint:
                    self.euler[:, hand, joint] = _read_bone(find(), bone, wanted)
                    yield

    def _read_arm(
        self, find: Callable[[], bpy.types.Object], hand: int, wanted: NDArray[np.float32]
    ) -> Iterator[None]:
        """The hand's place and turn: its own curves, or those of all bones of its arm."""
        bones = [*self._arms[hand], self._names[hand][0]]
        turns = []
        for index, bone in enumerate(bones):
            values = _read_bone(find(), bone, wanted, moves=index == 0)
            if index == 0:
                head, axes = bone_rest(find(), bone)
                place = values[:, 3:] @ axes.T + head
            turns.append(values[:, :3])
            yield
        rest = chain_rest(find(), hand)
        if rest is None:
            self.euler[:, hand, 0], self.wrist[:, hand] = turns[0], place
            return
        matrices = np.empty((len(wanted), 3, 3))
        for start in range(0, len(wanted), BLOCK_FRAMES):
            part = slice(start, start + BLOCK_FRAMES)
            local = np.stack([skeleton.euler_matrices(turn[part]) for turn in turns], 1)
            found = to_places(rest, place[part] - rest.heads[0], local)
            self.shoulder[part, hand], self.elbow[part, hand] = found.shoulder, found.elbow
            self.wrist[part, hand], matrices[part] = found.wrist, found.hand
            yield
        self.euler[:, hand, 0] = unwrapped(euler_angles(matrices))


def _curves(armature: bpy.types.Object) -> dict[tuple[str, int], bpy.types.FCurve]:
    return {(curve.data_path, curve.array_index): curve for curve in layers(armature)[-1].curves}


def _read_bone(
    armature: bpy.types.Object, bone: str, wanted: NDArray[np.float32], *, moves: bool = False
) -> NDArray[np.float32]:
    """The channels of a bone (`fcurves.channels`) at the frames `wanted`; the pose's own where there is no curve."""
    curves, pose = _curves(armature), armature.pose.bones[bone]
    still = [*pose.rotation_euler, *pose.location]
    channels = fcurves.channels(bone, moves=moves)
    values = np.zeros((len(wanted), len(channels)), np.float32)
    for column, channel in enumerate(channels):
        curve = curves.get(channel)
        values[:, column] = fcurves.evaluate(curve, wanted) if curve is not None else still[column]
    return values
