# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures of many makers, built in Blender from their published rest data (`rigs/rest_numbers.json`), for tests."""

import json

import bpy
import numpy as np
from character_helpers import RIGS
from mathutils import Matrix, Quaternion, Vector

from s2c_blender.core.character.hands import CharacterHands
from s2c_blender.rig.character import stored
from s2c_blender.rig.character.rest import rest_bones

NUMBERS = json.loads((RIGS / "rest_numbers.json").read_text(encoding="utf-8"))["rigs"]


def built(name: str) -> bpy.types.Object:
    """The armature with its rest bones exactly as they were measured, as large as a person and upright."""
    rows, metres = NUMBERS[name]["bones"], NUMBERS[name]["metres"]
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    made = []
    for bone, parent, *numbers in rows:
        edit = data.edit_bones.new(bone)
        edit.head = numbers[:3]
        length = (Vector(numbers[3:6]) - Vector(numbers[:3])).length
        axes = Quaternion(numbers[6:10]).to_matrix()
        edit.tail = edit.head + length * axes.col[1]  # in Blender the tail is where Y points
        edit.align_roll(axes.col[2])
        if parent >= 0:
            edit.parent = made[parent]
        made.append(edit)
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.scale = (metres,) * 3
    bpy.context.view_layer.update()
    return armature


def stand_up(armature: bpy.types.Object) -> None:
    """Turn the armature until its hands' backs are up and its left hand is left of a player who looks along +Y."""
    mapping = stored.mapping_of(armature)
    hands = CharacterHands.of(rest_bones(armature), mapping)
    heads = [np.array(armature.data.bones[hand.wrist].head_local) for hand in hands.hands]
    x = heads[1] - heads[0]
    x /= np.linalg.norm(x)
    up = hands.left.frame[:, 2] + hands.right.frame[:, 2]
    up -= x * (up @ x)
    up /= np.linalg.norm(up)
    turn = np.stack([x, np.cross(up, x), up])
    scale = armature.scale.x
    armature.matrix_world = Matrix(turn.tolist()).to_4x4() @ Matrix.Scale(scale, 4)
    bpy.context.view_layer.update()


def at_a_piano(name: str) -> bpy.types.Object:
    """The armature as a character that stands upright, with a piano before it."""
    armature = built(name)
    bpy.ops.s2c.add_piano()  # so that nobody has to guess where the front is before the armature stands
    assert bpy.ops.s2c.use_character(armature=name) == {"FINISHED"}
    stand_up(armature)
    for item in [item for item in bpy.data.objects if item != armature]:
        bpy.data.objects.remove(item)
    assert bpy.ops.s2c.use_character(armature=name) == {"FINISHED"}
    return armature
