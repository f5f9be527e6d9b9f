# SPDX-License-Identifier: GPL-3.0-or-later
"""Which piano a character plays: its own, the scene's, or a new one where it sits."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.character_seat import piano_for, piano_under
from ..rig.armature import units_in_a_metre
from ..rig.character import stored
from ..rig.character.limbs import FREE
from ..rig.character.rest import rest_bones
from .pairing import free_piano, pianos


def piano_in_scene(scene: bpy.types.Scene, armature: bpy.types.Object) -> bpy.types.Object | None:
    """The piano that the character plays, else one that nobody plays, else the scene's last; None where it has none."""
    own = stored.piano_object(armature)
    if own is not None and own.name in scene.objects:
        return own
    return free_piano(scene) or next(reversed(pianos(scene)), None)


def place_for_piano(context: bpy.types.Context, armature: bpy.types.Object) -> NDArray[np.float64]:
    """4 x 4, world to piano frame, of a piano in front of the character as it sits in this frame. Raises UserError."""
    mapping = stored.mapping_of(armature)
    metres = 1.0 / units_in_a_metre(context.scene)
    evaluated = armature.evaluated_get(context.evaluated_depsgraph_get())
    limbs = [stored.limb(armature, mapping, hand) for hand in (0, 1)]
    world = np.array(evaluated.matrix_world)
    heads = [np.append(evaluated.pose.bones[limb.chain[0]].head, 1.0) for limb in limbs]
    places = [(world @ head)[:3] for head in heads]
    if any(limb.kind == FREE for limb in limbs):
        return piano_under(places, metres)
    bones = rest_bones(armature, metres * np.eye(4))
    at = [[bones.heads[bones.index[name]] for name in limb.chain] for limb in limbs]
    lengths = bones.metres * np.linalg.norm(np.diff(at, axis=1), axis=2)
    return piano_for(places, lengths, metres)
