# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's hands and arms on an evaluated armature as numbers of a take: the way back from `character_curves`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.character.hands import CharacterHands
from ..core.euler import unwrapped
from ..core.turns import nearest_rotations
from ..rig.character import stored
from ..rig.character.rest import rest_bones
from .clock import read_clock

BLOCK_FRAMES = 128
"""Frames of a hand that are worked out in one step, the other hand half as many later."""


class CharacterReader:
    """Reads frame after frame (`hands_on.Reader`)."""

    def __init__(self, armature: bpy.types.Object, frames: int) -> None:
        mapping = stored.mapping_of(armature)
        self._piano = stored.piano_matrix(armature, mapping)
        bones = rest_bones(armature, self._piano)
        self._hands = CharacterHands.of(bones, mapping)
        self._clocks = [stored.limb(armature, mapping, hand).written[-1] for hand in (0, 1)]
        arms = [[own.bones.get(part) for part in ("upper_arm", "forearm")] for own in mapping.hands]
        self._arms = [[name for name in arm if name is not None] for arm in arms]
        self._names = [
            name
            for hand, arm in zip(self._hands.hands, self._arms, strict=True)
            for name in (hand.wrist, *(bone for f in hand.fingers if f is not None for bone in f.bones), *arm)
        ]
        self._column = {name: index for index, name in enumerate(self._names)}
        self._rest = {name: bones.frames[bones.index[name]] for name in self._names}
        self._label = armature.name
        self._frames, self._frame, self._done = frames, 0, [0, 0]
        self._poses = np.empty((min(BLOCK_FRAMES, frames), len(self._names), 4, 4))
        self._worlds = np.empty((len(self._poses), 4, 4))
        self._all, self._rows = np.empty(0, np.float32), np.empty(0, int)
        self.euler = np.zeros((frames, 2, 16, 3), np.float32)
        self.wrist, self.elbow, self.shoulder = (np.zeros((frames, 2, 3), np.float32) for _ in range(3))
        self.clock = np.full((frames, 2), np.nan)

    @property
    def has_arms(self) -> bool:
        """Whether both hands hang on arms."""
        return all(len(arm) == 2 for arm in self._arms)

    @property
    def meta(self) -> dict[str, Any]:
        """The hands' own geometry."""
        return {"hand_geometry": self._hands.geometry(self._label)}

    def __call__(self, evaluated: bpy.types.Object) -> None:
        """Read one frame. Must be called in the order of the frames, because angles are unwrapped in time."""
        row = self._frame % len(self._poses)
        pose = evaluated.pose.bones
        self._worlds[row] = evaluated.matrix_world
        if self._all.size != 16 * len(pose):
            index = {bone.name: i for i, bone in enumerate(pose)}
            self._rows = np.array([index[name] for name in self._names])
            self._all = np.empty(16 * len(pose), np.float32)
        pose.foreach_get("matrix", self._all)  # column by column
        self._poses[row] = self._all.reshape(-1, 4, 4)[self._rows].transpose(0, 2, 1)
        self.clock[self._frame] = [read_clock(evaluated, name) for name in self._clocks]
        self._frame += 1
        for hand in (0, 1):
            later = hand * len(self._poses) // 2
            if self._frame == self._frames or (self._frame + later) % len(self._poses) == 0:
                self._work_out(hand)

    def read_curves(self, _armature: bpy.types.Object, _first: int) -> Iterator[None]:
        """No character's curves alone say where its hands are (`layers.is_direct`)."""
        raise NotImplementedError("a character is read as Blender evaluates it")

    def _work_out(self, hand: int) -> None:
        """Turn the matrices of a hand that were read since the last time into numbers of a take."""
        start, stop = self._done[hand], self._frame
        own, rows = self._hands.hands[hand], np.arange(start, stop) % len(self._poses)
        poses, to_piano = self._poses[rows], self._piano @ self._worlds[rows]
        placed = to_piano @ self._pose(poses, own.wrist)
        self.wrist[start:stop, hand] = placed[:, :3, 3]
        euler = own.finger_euler(self._finger_turns(poses, hand))
        euler[:, 0] = own.wrist_euler(_rotation(placed))
        for joint in range(16):
            near = (0, self.euler[start - 1, hand, joint]) if start else None
            self.euler[start:stop, hand, joint] = unwrapped(euler[:, joint], near)
        for part, name in zip((self.shoulder, self.elbow), self._arms[hand], strict=False):
            part[start:stop, hand] = (to_piano @ self._pose(poses, name))[:, :3, 3]
        self._done[hand] = stop

    def _finger_turns(self, poses: NDArray[np.float64], hand: int) -> dict[str, NDArray[np.float64]]:
        """How each bone of the fingers is turned from rest, seen from the joint before it."""
        own, turns = self._hands.hands[hand], {}
        for finger in own.fingers:
            before = own.wrist
            for bone in finger.bones if finger is not None else ():
                above, turned = (_rotation(self._pose(poses, name)) for name in (before, bone))
                turns[bone] = (self._rest[before].T @ self._rest[bone]).T @ (
                    np.swapaxes(above, 1, 2) @ turned
                )
                before = bone
        return turns

    def _pose(self, poses: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        return poses[:, self._column[name]]


def _rotation(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation of matrices (n, 4, 4), without their scale."""
    return nearest_rotations(matrices[:, :3, :3])
