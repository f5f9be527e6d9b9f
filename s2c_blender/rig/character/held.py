# SPDX-License-Identifier: GPL-3.0-or-later
"""What carries a bone beside its parent: constraints whose share in its pose is the same however the bone is turned.

Rigs hang controls on several things at once and switch between them. Such a constraint does not hide a take: what the
take has to say is worked out in the space of all that carries the bone.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

WHOLE = 1e-4
"""Influences nearer to 0 or 1 than this are."""
CHILD_OF_CHANNELS = [f"use_{what}_{axis}" for what in ("location", "rotation", "scale") for axis in "xyz"]


def ruling(bone: bpy.types.PoseBone) -> list[bpy.types.Constraint]:
    """The constraints of a bone that count."""
    return [
        constraint for constraint in bone.constraints if not constraint.mute and constraint.influence > WHOLE
    ]


def carries(owner: bpy.types.PoseBone, constraint: bpy.types.Constraint, *, moves: bool) -> bool:
    """Whether a constraint carries its owner as a parent does, so that a take on the bone is seen.

    moves: whether the take places the bone as well as turning it.
    """
    bone = owner.bone
    inherits = bone.parent is None or (bone.use_inherit_rotation and bone.use_local_location)
    if not inherits or constraint.type not in ("CHILD_OF", "ARMATURE", "COPY_LOCATION"):
        return False
    if constraint.type == "COPY_LOCATION":
        return not moves
    whole = constraint.influence > 1 - WHOLE
    if constraint.type == "CHILD_OF":
        return whole and all(getattr(constraint, channel) for channel in CHILD_OF_CHANNELS)
    return whole and not constraint.use_bone_envelopes


def carrier_of(evaluated: bpy.types.PoseBone) -> NDArray[np.float64]:
    """(4, 4) in armature space: the parent's pose, moved by the constraints that carry the bone.

    Without such constraints, and where others rule the bone, it is the parent's pose, and the identity without one.
    """
    parent = evaluated.parent
    carrier: NDArray[np.float64] = np.array(np.eye(4) if parent is None else parent.matrix, float)
    constraints = ruling(evaluated)
    if not constraints or not all(carries(evaluated, constraint, moves=False) for constraint in constraints):
        return carrier
    options = {}
    if parent is not None:
        options = {"parent_matrix": parent.matrix, "parent_matrix_local": parent.bone.matrix_local}
    free = evaluated.bone.convert_local_to_pose(
        evaluated.matrix_basis, evaluated.bone.matrix_local, **options
    )
    moved: NDArray[np.float64] = np.array(evaluated.matrix) @ np.linalg.inv(np.array(free)) @ carrier
    return moved
