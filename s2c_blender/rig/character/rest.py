# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's bones at rest as numbers, and how large they are at the piano."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import ArrayLike

from ...core.character.rest_bones import RestBones, metres_of


def rest_bones(armature: bpy.types.Object, piano: ArrayLike | None = None) -> RestBones:
    """The bones of an armature at rest. Raises UserError where its scale is not one positive number.

    piano: 4 x 4, world to piano frame, which may have a scale of its own; None counts a unit of the world as a metre.
    """
    bones = armature.data.bones
    count = len(bones)
    index = {bone.name: i for i, bone in enumerate(bones)}
    heads, tails, matrices = np.empty(3 * count), np.empty(3 * count), np.empty(16 * count)
    bones.foreach_get("head_local", heads)
    bones.foreach_get("tail_local", tails)
    bones.foreach_get("matrix_local", matrices)
    inherits = np.empty(count, bool)
    bones.foreach_get("use_inherit_rotation", inherits)
    # Blender gives matrices column by column.
    frames = matrices.reshape(count, 4, 4).transpose(0, 2, 1)[:, :3, :3]
    world = np.array(armature.matrix_world)
    to_piano = np.eye(4) if piano is None else np.asarray(piano, float)
    return RestBones(
        names=tuple(index),
        parents=np.array([index[bone.parent.name] if bone.parent is not None else -1 for bone in bones]),
        heads=heads.reshape(count, 3),
        tails=tails.reshape(count, 3),
        frames=frames,
        metres=metres_of(to_piano @ world),
        inherits=inherits,
    )
