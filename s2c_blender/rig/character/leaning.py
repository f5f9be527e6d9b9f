# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's lean as a layer of its own: an empty that turns, and a constraint that turns the trunk with it.

Nothing that the animator keyed on the body is touched. Muting the constraint takes the lean off.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np
from numpy.typing import NDArray

from ... import compat
from ...core.turns import QUATERNION, channel_values
from .limbs import CHAIN, Limb
from .stored import shared_parent

PROPERTY = "s2c_lean_of"
"""Custom property of the empty: the armature that it leans."""
NAME = "S2C Lean"
FEWEST_BELOW = 2
"""A bone with another child that carries at least so many bones is no trunk: legs hang on it."""


def trunk_of(armature: bpy.types.Object, limbs: tuple[Limb, Limb]) -> str | None:
    """The lowest bone that carries both arms and no legs; None where arms have controls, or nothing carries both."""
    if any(limb.kind != CHAIN for limb in limbs):
        return None
    shared = shared_parent(armature, limbs)
    if shared is None:
        return None
    bone = armature.data.bones[shared]
    while bone.parent is not None and not any(
        child != bone and len(child.children_recursive) >= FEWEST_BELOW for child in bone.parent.children
    ):
        bone = bone.parent
    return bone.name if bone.parent is not None else None


def leaning_of(armature: bpy.types.Object) -> bpy.types.Object | None:
    """The empty that leans an armature; None where it does not lean."""
    return next((item for item in bpy.data.objects if item.get(PROPERTY) == armature), None)


@contextmanager
def upright(armature: bpy.types.Object) -> Iterator[None]:
    """The armature without its lean, for a moment."""
    empty = leaning_of(armature)
    muted = [] if empty is None else [c for c in _constraints(armature, empty) if not c.mute]
    for constraint in muted:
        constraint.mute = True
    try:
        yield
    finally:
        for constraint in muted:
            constraint.mute = False


def take_off(armature: bpy.types.Object) -> None:
    """Let an armature lean no more."""
    empty = leaning_of(armature)
    if empty is None:
        return
    for bone in armature.pose.bones:
        for constraint in [c for c in bone.constraints if getattr(c, "target", None) == empty]:
            bone.constraints.remove(constraint)
    bpy.data.objects.remove(empty)


def put_on(armature: bpy.types.Object, trunk: str, turns: NDArray[np.float64], start_frame: int) -> None:
    """Let the trunk turn by `turns` (frames, 3, 3), world axes, from `start_frame` on, on top of what moves it."""
    take_off(armature)
    empty = bpy.data.objects.new(NAME, None)
    empty[PROPERTY] = armature
    empty.rotation_mode = QUATERNION
    empty.empty_display_size = 0.05
    for collection in armature.users_collection[:1]:
        collection.objects.link(empty)
    constraint = armature.pose.bones[trunk].constraints.new("COPY_ROTATION")
    constraint.name, constraint.target, constraint.mix_mode = NAME, empty, "BEFORE"
    action = bpy.data.actions.new(f"{armature.name} lean")
    slot = action.slots.new(id_type="OBJECT", name=empty.name)
    bag = compat.channelbag(action, slot, create=True)
    assert bag is not None
    values = channel_values(turns, QUATERNION)
    frames = np.arange(start_frame, start_frame + len(values))
    for index in range(4):
        curve = compat.new_fcurve(bag, "rotation_quaternion", index, NAME)
        curve.keyframe_points.add(len(frames))
        keys = np.stack([frames, values[:, index]], 1).astype(np.float32)
        curve.keyframe_points.foreach_set("co", keys.ravel())
        curve.update()
    compat.bind_action(empty, action, slot)


def _constraints(armature: bpy.types.Object, empty: bpy.types.Object) -> list[bpy.types.Constraint]:
    return [
        c for bone in armature.pose.bones for c in bone.constraints if getattr(c, "target", None) == empty
    ]
