# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's lean as a layer of its own: a constraint that turns the trunk, by three curves of the take.

Nothing that the animator keyed on the body is touched, and the lean goes with the take wherever its keys are moved.
Muting the constraint takes it off.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.turns import channel_values
from .limbs import CHAIN, Limb
from .stored import shared_parent

NAME = "S2C Lean"
"""Name of the constraint, and of the curves' group."""
KIND = "TRANSFORM"
CHANNELS = ("to_min_x_rot", "to_min_y_rot", "to_min_z_rot")
"""What the constraint turns by, where the range that it maps from is empty."""
FEWEST_BELOW = 2
"""A bone with another child that carries at least so many bones is no trunk: legs hang on it."""


def trunk_of(armature: bpy.types.Object, limbs: tuple[Limb, Limb]) -> str | None:
    """The lowest bone that carries both arms and no legs, of a rig with controls the one that it names.

    None where there is none, or nothing carries both.
    """
    named = limbs[0].trunk
    if named:  # whether it carries the arms is tried out, see `Carrying.see_carried`
        bone = armature.data.bones.get(named)
        return named if bone is not None and bone.parent is not None else None
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


def leaning_bone(armature: bpy.types.Object) -> str | None:
    """The bone that leans; None where none ever did."""
    return next((bone.name for bone in armature.pose.bones if _constraint(bone) is not None), None)


def is_lean_curve(curve: bpy.types.FCurve) -> bool:
    """Whether a curve of a take leans a trunk."""
    return f'.constraints["{NAME}"].' in curve.data_path


def lean_channels(bone: str) -> list[tuple[str, int]]:
    """Data path and index of the curves that lean a bone."""
    path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].constraints["{NAME}"].'
    return [(path + channel, 0) for channel in CHANNELS]


def lean_values(turns: NDArray[np.float64]) -> NDArray[np.float32]:
    """What those curves hold (frames, 3) for rotations (frames, 3, 3) in the world's axes."""
    return channel_values(turns, "XYZ").astype(np.float32)


def let_lean(armature: bpy.types.Object, trunk: str) -> None:
    """Give a trunk the constraint that the curves move, once."""
    bone = armature.pose.bones[trunk]
    if _constraint(bone) is None:
        _constrain(bone, NAME)


def _constrain(bone: bpy.types.PoseBone, name: str) -> bpy.types.Constraint:
    """A constraint that turns a bone by `CHANNELS`, in the world's axes."""
    armature, constraint = bone.id_data, bone.constraints.new(KIND)
    constraint.name = name
    constraint.target, constraint.subtarget = armature, bone.parent.name
    constraint.map_from, constraint.map_to, constraint.mix_mode_rot = "LOCATION", "ROTATION", "BEFORE"
    constraint.to_euler_order = "XYZ"
    for axis in "xyz":  # whatever the target does, the constraint turns by its smallest values
        setattr(constraint, f"from_min_{axis}", 0.0)
        setattr(constraint, f"from_max_{axis}", 0.0)
    return constraint


@contextmanager
def turned(armature: bpy.types.Object, trunk: str, turn: NDArray[np.float64]) -> Iterator[None]:
    """The trunk turned for a moment by `turn` (3, 3), axes of the world, on top of all that moves it."""
    bone = armature.pose.bones[trunk]
    constraint = _constrain(bone, f"{NAME} tried")
    for channel, value in zip(CHANNELS, lean_values(turn[None])[0].tolist(), strict=True):
        setattr(constraint, channel, value)
    try:
        yield
    finally:
        bone.constraints.remove(constraint)


@contextmanager
def upright(armature: bpy.types.Object) -> Iterator[None]:
    """The armature without its lean, for a moment."""
    found = [_constraint(bone) for bone in armature.pose.bones]
    muted = [constraint for constraint in found if constraint is not None and not constraint.mute]
    for constraint in muted:
        constraint.mute = True
    try:
        yield
    finally:
        for constraint in muted:
            constraint.mute = False


def _constraint(bone: bpy.types.PoseBone) -> bpy.types.Constraint | None:
    found = bone.constraints.get(NAME)
    return found if found is not None and found.type == KIND else None
