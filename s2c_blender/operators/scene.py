# SPDX-License-Identifier: GPL-3.0-or-later
"""Add Hands and Add Piano."""

from __future__ import annotations

import bpy
from bpy.props import FloatProperty

from ..core import skeleton
from ..piano.build import create_piano, find_piano
from ..rig.armature import HAND_SIZE_RANGE, create_armature
from ..rig.hand_mesh import create_hand_mesh
from .base import OperatorBase


def new_collection(context: bpy.types.Context, name: str) -> bpy.types.Collection:
    """A new collection in the scene, so that what we add is easily found, hidden and deleted."""
    collection = bpy.data.collections.new(name)
    context.scene.collection.children.link(collection)
    return collection


def hide_relationship_lines() -> None:
    """Turn the dashed lines from objects to their parents off in every 3D view: a piano has 88 of them."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            for space in area.spaces:
                if space.type == "VIEW_3D":
                    space.overlay.show_relationship_lines = False


def add_hands(context: bpy.types.Context, hand_size: float) -> bpy.types.Object:
    """Two hands at the piano of the scene, or at its origin; they are selected and the scene's choice."""
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for item in context.selected_objects:
        item.select_set(False)
    collection = new_collection(context, "S2C Hands")
    armature = create_armature(context, hand_size, collection)
    for hand in (skeleton.LEFT, skeleton.RIGHT):
        create_hand_mesh(armature, hand, hand_size, collection).hide_select = True
    piano = find_piano(context.scene)
    if piano is not None:
        armature.matrix_world = piano.matrix_world
    armature.select_set(True)
    context.view_layer.objects.active = armature
    context.scene.s2c_settings.armature = armature
    return armature


def add_piano(context: bpy.types.Context) -> bpy.types.Object:
    """A piano at the hands of the scene, or at its origin."""
    piano = create_piano(new_collection(context, "S2C Piano"))
    armature = context.scene.s2c_settings.armature
    if armature is not None:
        piano.matrix_world = armature.matrix_world
    hide_relationship_lines()
    return piano


class AddOperator(OperatorBase):
    """Adds something to the scene."""

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        if context.scene is None:
            return "There is no scene."
        if context.scene.library is not None:
            return "This scene is linked from another file; open that file, or make a scene of your own."
        return "Leave edit mode first (Tab)." if context.mode.startswith("EDIT") else ""


HAND_SIZE = {
    "name": "Hand Size",
    "description": "Size of the hands; 1 is an average adult, small hands reach fewer keys",
    "default": 1.0,
    "min": HAND_SIZE_RANGE[0],
    "max": HAND_SIZE_RANGE[1],
    "step": 1,
}


class S2C_OT_add_hands(AddOperator, bpy.types.Operator):
    """Add two rigged hands at the piano, or at the scene's origin when there is none; a recording moves them"""

    bl_idname = "s2c.add_hands"
    bl_label = "Add Hands"
    bl_options = {"REGISTER", "UNDO"}

    hand_size: FloatProperty(**HAND_SIZE)

    def run(self, context: bpy.types.Context) -> set[str]:
        add_hands(context, self.hand_size)
        return {"FINISHED"}


class S2C_OT_add_piano(AddOperator, bpy.types.Operator):
    """Add a piano at the hands; its 88 keys go down when a take plays them. Hides the lines from objects to parents"""

    bl_idname = "s2c.add_piano"
    bl_label = "Add Piano"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> set[str]:
        add_piano(context)
        return {"FINISHED"}


CLASSES = (S2C_OT_add_hands, S2C_OT_add_piano)
