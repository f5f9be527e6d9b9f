# SPDX-License-Identifier: GPL-3.0-or-later
"""Use Character: finds the hands of an armature and brings it to a piano."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty
from mathutils import Matrix

from ...core.character.finder import find
from ...errors import UserError
from ...piano.animation import connect
from ...piano.build import create_piano
from ...piano.fit_piano import seat_of
from ...piano.for_character import piano_in_scene, place_for_piano
from ...rig.armature import units_in_a_metre
from ...rig.bones import are_built_in
from ...rig.character import stored
from ...rig.character.rest import rest_bones
from ...rig.character.skin import with_skin
from ...rig.character.vrm import human_bones
from ...rig.choice import chosen_character
from .scene import AddOperator, hide_relationship_lines, new_collection

SIZES = (0.5, 2.0)
"""Smallest and largest hands that the generator takes, 1 is an average adult's."""


def use_character(context: bpy.types.Context, armature: bpy.types.Object) -> list[str]:
    """Make an armature the hands that play; sentences about what is to be looked at. Raises UserError."""
    bones = rest_bones(armature)
    found = find(bones, human_bones(armature))
    mapping = found.mapping
    said = [f"{found.title}."]
    if found.problem is None:
        mapping = with_skin(armature, bones, mapping)
    stored.remember(armature, mapping)
    context.scene.s2c_settings.armature = armature
    if found.problem is not None:
        return [*said, found.problem.message]
    try:
        return [*said, *place_piano(context, armature)]
    except UserError as fault:  # the hands are found; a piano can be added by hand
        return [*said, fault.message]


def place_piano(context: bpy.types.Context, armature: bpy.types.Object) -> list[str]:
    """Let a character play the scene's piano, or a new one where it sits; what is to be looked at. Raises UserError."""
    scene = context.scene
    piano = piano_in_scene(scene, armature)
    if piano is None:
        matrix = place_for_piano(context, armature)
        piano = create_piano(new_collection(context, "S2C Piano"), unit=units_in_a_metre(scene))
        piano.matrix_world = Matrix(matrix.tolist()).inverted()
        hide_relationship_lines()
    context.view_layer.update()
    stored.play_at(armature, piano)
    said = [seat_of(armature, piano), connect(piano, armature)]
    size = stored.character_hands(armature).size
    if not SIZES[0] <= size <= SIZES[1]:
        said.append(
            f"Beside the keys its hands are {size:.2g} times as large as a pianist's: scale the piano or the "
            f"character so that they are {SIZES[0]:g} to {SIZES[1]:g} times as large."
        )
    return [text for text in said if text]


def named(scene: bpy.types.Scene, name: str) -> bpy.types.Object | None:
    """The object of that name; where an override lies beside its linked original, the override."""
    found = [item for item in scene.objects if item.name == name]
    return min(found, key=lambda item: item.library is not None, default=None)


class S2C_OT_use_character(AddOperator, bpy.types.Operator):
    """Let the hands of this character's own armature play: finds its bones, and puts a piano before it"""

    bl_idname = "s2c.use_character"
    bl_label = "Use Character"
    bl_options = {"REGISTER", "UNDO"}

    armature: StringProperty(
        name="Armature",
        description="Name of the character's armature; empty takes the chosen or the active one",
    )

    def run(self, context: bpy.types.Context) -> set[str]:
        item = named(context.scene, self.armature) if self.armature else chosen_character(context)
        if item is None or item.type != "ARMATURE":
            what = (
                f'There is no armature "{self.armature}" here' if self.armature else "No armature is chosen"
            )
            raise UserError("no_character", f"{what}: select the character's armature first.")
        if are_built_in(item):
            raise UserError(
                "own_hands", f'"{item.name}" are the S2C hands, which play as they are: press Generate.'
            )
        if item.library is not None:
            raise UserError(
                "hands_linked",
                f'"{item.name}" is linked from another file: make it local first (Object > Library Override > Make).',
            )
        said = use_character(context, item)
        self.say(" ".join(said), "INFO" if len(said) == 1 else "WARNING")
        return {"FINISHED"}


CLASSES = (S2C_OT_use_character,)
