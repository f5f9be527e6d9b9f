# SPDX-License-Identifier: GPL-3.0-or-later
"""Add Hands and Add Piano."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, FloatProperty

from ...core import skeleton
from ...core.player import HAND_SIZE_RANGE
from ...piano.animation import connect
from ...piano.build import create_piano
from ...piano.fit_piano import sit_at
from ...piano.pairing import distance, free_piano, piano_of
from ...rig.armature import create_armature, units_in_a_metre
from ...rig.character import stored
from ...rig.choice import pairs_of_hands
from ...rig.hand_mesh import create_hand_mesh
from ...rig.hands import is_character, piano_frame
from .base import OperatorBase, no_scene_to_add_to


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


def hands_without_piano(context: bpy.types.Context, piano: bpy.types.Object) -> bpy.types.Object | None:
    """The hands that a new piano is for: those of the panel, else any others that have none yet."""
    scene = context.scene
    chosen = scene.s2c_settings.armature
    hands = pairs_of_hands(scene)
    hands.sort(key=lambda armature: armature != chosen)
    lost = [item for item in hands if is_character(item) and distance(piano, item) == float("inf")]
    free = (item for item in hands if item not in lost and piano_of(scene, item, but=piano) is None)
    return next(free, None)


def size_beside(piano: bpy.types.Object, hand_size: float, unit: float) -> float:
    """The size that hands have beside the keys of a piano, whose frame they are scaled by.

    On narrow keys hands of the usual size are larger. On a doll's piano play a doll's hands: what would be beyond our
    range stays as it is, beside the keys.
    """
    relative = hand_size * unit / max(piano.matrix_world.to_scale().x, 1e-9)
    low, high = HAND_SIZE_RANGE
    return relative if low <= relative <= high else hand_size


def add_hands(context: bpy.types.Context, hand_size: float, *, hands_only: bool = False) -> bpy.types.Object:
    """Two hands on their arms at a piano that has none, or at the scene's origin; selected, and the scene's choice.

    hands_only: leave the arms out.
    """
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for item in context.selected_objects:
        item.select_set(False)
    collection = new_collection(context, "S2C Hands")
    piano, unit = free_piano(context.scene), units_in_a_metre(context.scene)
    if piano is not None:
        hand_size = size_beside(piano, hand_size, unit)
    armature = create_armature(context, hand_size, collection, unit=unit, arms=not hands_only)
    for hand in (skeleton.LEFT, skeleton.RIGHT):
        create_hand_mesh(armature, hand, hand_size, collection, unit).hide_select = True
    if piano is not None:
        context.view_layer.update()
        sit_at(armature, piano)
        connect(piano, armature)
    armature.select_set(True)
    context.view_layer.objects.active = armature
    context.scene.s2c_settings.armature = armature
    return armature


def add_piano(context: bpy.types.Context) -> bpy.types.Object:
    """A piano at hands that have none, or at the scene's origin; its keys play what these hands play."""
    scene = context.scene
    piano = create_piano(new_collection(context, "S2C Piano"), unit=units_in_a_metre(scene))
    armature = hands_without_piano(context, piano)
    if armature is not None:
        piano.matrix_world = armature.matrix_world @ piano_frame(armature).matrix
        context.view_layer.update()
        if is_character(armature):
            stored.play_at(armature, piano)
        connect(piano, armature)
    hide_relationship_lines()
    return piano


class AddOperator(OperatorBase):
    """Adds something to the scene."""

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        closed = no_scene_to_add_to(context)
        if closed:
            return closed
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
    """Add two rigged hands with their arms at the piano, or at the scene's origin; a recording moves them"""

    bl_idname = "s2c.add_hands"
    bl_label = "Add Hands"
    bl_options = {"REGISTER", "UNDO"}

    hand_size: FloatProperty(**HAND_SIZE)
    hands_only: BoolProperty(
        name="Hands Only",
        description="Leave the arms out, for a character that brings its own",
        default=False,
    )

    def run(self, context: bpy.types.Context) -> set[str]:
        add_hands(context, self.hand_size, hands_only=self.hands_only)
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
