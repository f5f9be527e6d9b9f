# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of the curves of our own hands and their arms, from a take, a bone a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import fcurves
from ..core import skeleton
from ..core.arm_chain import ArmPlaces, to_bones
from ..core.euler import euler_angles, unwrapped
from ..rig.bones import arm_bones, bone_rest, chain_rest, joint_bones, piano_frame
from ..rig.hand_geometry import hand_geometry
from .made_for import said_of_hands
from .natural import with_arms
from .take_arrays import TakeArrays

BLOCK_FRAMES = 1500
"""Frames of an arm that are worked out in one step."""

Array = NDArray[np.floating[Any]]
Near = Callable[[str], tuple[int, Array] | None]
"""For a bone: a frame of the take, and the rotation channels that the bone's shall be near to there; None for any."""


@dataclass(frozen=True)
class BoneValues:
    """What is written for one bone."""

    bone: str
    channels: list[tuple[str, int]]
    """As `fcurves.channels` says."""
    values: NDArray[np.float32]
    """(frames, channels)"""


class BuiltInWriter:
    """Writes takes onto our own hands (`hands_on.Writer`)."""

    def __init__(self, find: Callable[[], bpy.types.Object], take: TakeArrays) -> None:
        self._find, self._take = find, take

    def prepare(self) -> Iterator[None]:
        """Give the take arms where the armature has arms."""
        armature = self._find()
        if not any(arm_bones(armature)):
            return
        arming = with_arms(self._take, piano_frame(armature).hand_size)
        while (armed := next(arming)) is None:
            yield None
        self._take = armed

    def bones(self, hand: int) -> int:
        """How many bones `values` yields for a hand."""
        return len(arm_bones(self._find())[hand]) + len(skeleton.JOINTS)

    def values(self, hand: int, near: Near) -> Iterator[BoneValues | None]:
        """The values of every bone of a hand, from the shoulder on; None while an arm is worked out."""
        yield from _arm_values(self._find, self._take, hand, near)
        for joint, bone in enumerate(joint_bones(self._find())[hand]):
            if joint:
                yield _values(self._find(), bone, self._take.euler[:, hand, joint])

    def body_curves(self) -> list[tuple[tuple[str, int], NDArray[np.float32]]]:
        """Nothing: our own hands have no body."""
        return []

    def finish(self, _armature: bpy.types.Object) -> None:
        """Nothing: the curves are all there is."""

    def expected(self, frames: list[int]) -> tuple[Array, Array]:
        """Angles (n, 2, 16, 3) and wrists (n, 2, 3) of some frames: what the take says."""
        return self._take.euler[frames], self._take.wrist[frames]

    def said(self, _hands: tuple[int, ...]) -> list[str]:
        """Whether the hands are those of the take; the shoulder's bone goes after a wrist that is too far."""
        return said_of_hands(hand_geometry(self._find()), self._take.meta)


def _values(armature: bpy.types.Object, bone: str, euler: Array, place: Array | None = None) -> BoneValues:
    """place: (frames, 3) of the head of a bone that moves, in the piano frame."""
    mode = armature.pose.bones[bone].rotation_mode
    values = fcurves.rotation_values(euler, mode)
    if place is not None:
        head, axes = bone_rest(armature, bone)
        location = (place - head) @ np.linalg.inv(axes).T
        values = np.concatenate([values, location.astype(np.float32)], axis=1)
    return BoneValues(bone, fcurves.channels(bone, mode, moves=place is not None), values)


def _arm_values(
    find: Callable[[], bpy.types.Object], take: TakeArrays, hand: int, near: Near
) -> Iterator[BoneValues | None]:
    """The bones of the arm and the wrist's; of a hand without an arm the wrist's alone."""
    armature = find()
    bones = [*arm_bones(armature)[hand], joint_bones(armature)[hand][0]]
    rest = chain_rest(armature, hand)
    if rest is None:
        yield _values(armature, bones[0], take.euler[:, hand, 0], take.wrist[:, hand])
        return
    assert take.shoulder is not None and take.elbow is not None  # see `natural.with_arms`
    frames = len(take.euler)
    sway, turns = np.empty((frames, 3)), np.empty((frames, 4, 3, 3))
    for start in range(0, frames, BLOCK_FRAMES):
        part = slice(start, start + BLOCK_FRAMES)
        places = ArmPlaces(
            take.shoulder[part, hand],
            take.elbow[part, hand],
            take.wrist[part, hand],
            skeleton.euler_matrices(take.euler[part, hand, 0]),
        )
        sway[part], turns[part] = to_bones(rest, places)
        yield None
    for index, bone in enumerate(bones):
        plain = find().pose.bones[bone].rotation_mode == "XYZ"
        euler = unwrapped(euler_angles(turns[:, index]), near(bone) if plain else None)
        yield _values(find(), bone, euler, rest.heads[0] + sway if index == 0 else None)
