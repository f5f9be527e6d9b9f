# SPDX-License-Identifier: GPL-3.0-or-later
"""What corrects, keeps and shows which bone of a character is which joint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from ...core.character.mapping import LONGEST_FILE, PARTS, CharacterMapping, read_mapping
from ...core.whole_file import whole_file
from ...errors import UserError
from ...plain_text import shown
from ...rig.character import stored
from ...rig.character.checks import hiding_constraints
from ...rig.character.overlay import hide_overlay, overlay_of, show_overlay
from ...rig.character.rest import rest_bones
from ...rig.character.skin import with_skin
from ...rig.choice import chosen_character
from .base import OperatorBase
from .character import place_piano

NONE = "NONE"
"""The choice of no bone."""


class CharacterOperator(OperatorBase):
    """Does something with the mapping of the panel's character."""

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        if context.scene is None:
            return "There is no scene."
        chosen = chosen_character(context)
        if chosen is None or not stored.is_character(chosen):
            return "Choose a character first and press Use Character."
        return "Leave edit mode first (Tab)." if context.mode.startswith("EDIT") else ""


def the_character(context: bpy.types.Context) -> bpy.types.Object:
    """The panel's character, for an operator that is grey where there is none."""
    armature = chosen_character(context)
    assert armature is not None  # see `disabled_reason`
    return armature


_items: list[tuple[str, str, str]] = []
"""Blender keeps no strings of a list that is made while it asks."""


def _bone_items(_self: object, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    chosen = chosen_character(context) if context is not None else None
    names = [bone.name for bone in chosen.data.bones] if chosen is not None else []
    if [item[0] for item in _items[1:]] != sorted(names) or not _items:
        listed = ((name, shown(name, 63), "") for name in sorted(names))
        _items[:] = [(NONE, "None", "This hand has no such joint"), *listed]
    return _items


class S2C_OT_choose_bone(CharacterOperator, bpy.types.Operator):
    """Choose the bone that is this joint of the hand; a wrong one shows in Show Mapping"""

    bl_idname = "s2c.choose_bone"
    bl_label = "Choose Bone"
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "choice"

    hand: IntProperty(name="Hand", description="0 is the left hand, 1 the right one", min=0, max=1)
    part: StringProperty(name="Joint", description="Which joint or part of the arm", default="wrist")
    bone: StringProperty(name="Bone", description="Name of the bone; empty for none", options={"SKIP_SAVE"})
    choice: EnumProperty(name="Bone", description="The bone that is this joint", items=_bone_items)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> set[str]:
        armature = the_character(context)
        if self.part not in PARTS:
            raise UserError("no_joint", f'A hand has no part "{self.part}": choose one of the list.')
        name = self.bone if self.properties.is_property_set("bone") else self.choice.replace(NONE, "")
        if name and name not in armature.data.bones:
            raise UserError("no_bone", f'"{armature.name}" has no bone "{name}": choose one of the list.')
        mapping = stored.read_stored(armature)
        own = mapping.hands[self.hand]
        bones = {part: bone for part, bone in own.bones.items() if part != self.part}
        if name:
            bones[self.part] = name
        changed = replace(own, bones={part: bones[part] for part in PARTS if part in bones}, tips=(None,) * 5)
        changed = replace(changed, radii=(None,) * 5)
        changed_mapping = replace(mapping, right=changed) if self.hand else replace(mapping, left=changed)
        take_mapping(context, armature, changed_mapping, self)
        return {"FINISHED"}


def take_mapping(
    context: bpy.types.Context,
    armature: bpy.types.Object,
    mapping: CharacterMapping,
    operator: OperatorBase,
) -> None:
    """Let a character have another mapping; what is wrong with it is said, and it can be corrected further."""
    try:
        stored.remember(armature, with_skin(armature, rest_bones(armature), mapping))
        said = place_piano(context, armature)
    except UserError as fault:
        stored.remember(armature, mapping)
        said = [fault.message]
    if overlay_of(armature) is not None:
        hide_overlay(armature)
        show_overlay(armature)
    if said:
        operator.say(" ".join(said), "WARNING")


class S2C_OT_save_mapping(CharacterOperator, bpy.types.Operator):
    """Keep which bone is which joint in a file, for other characters with the same bones"""

    bl_idname = "s2c.save_mapping"
    bl_label = "Save Mapping"

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = self.filepath or "hands.json"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> set[str]:
        armature = the_character(context)
        if not self.filepath:
            raise UserError("no_file", "Choose a file name for the mapping.")
        path = Path(bpy.path.abspath(self.filepath)).with_suffix(".json")
        mapping = replace(stored.read_stored(armature), piano=None)
        try:
            with whole_file(path) as part:
                part.write_text(mapping.to_json(), encoding="utf-8")
        except OSError as error:
            raise UserError(
                "mapping_unwritten", f'"{path}" cannot be written: choose another folder.', str(error)
            ) from error
        self.say(f"Wrote {path.name}.")
        return {"FINISHED"}


class S2C_OT_load_mapping(CharacterOperator, bpy.types.Operator):
    """Take which bone is which joint from a file"""

    bl_idname = "s2c.load_mapping"
    bl_label = "Load Mapping"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        if context.scene is None:
            return "There is no scene."
        return "" if chosen_character(context) is not None else "Select the character's armature first."

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> set[str]:
        armature = the_character(context)
        path = Path(bpy.path.abspath(self.filepath)) if self.filepath else None
        if path is None or not path.is_file():
            raise UserError("mapping_missing", "There is no such file: choose a mapping, a .json file.")
        mapping = read_mapping(_text(path))
        missing = next(
            (b for own in mapping.hands for b in own.bones.values() if b not in armature.data.bones), None
        )
        if missing is not None:
            raise UserError(
                "mapping_other",
                f'The mapping is of another armature: "{armature.name}" has no bone "{missing}".',
            )
        context.scene.s2c_settings.armature = armature
        take_mapping(context, armature, replace(mapping, piano=None), self)
        return {"FINISHED"}


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(4 * LONGEST_FILE + 1)
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            "mapping_unreadable",
            f'"{path.name}" cannot be read as a mapping: choose another file.',
            str(error),
        ) from error


class S2C_OT_show_mapping(CharacterOperator, bpy.types.Operator):
    """Show both hands as they were found, a colour for each finger and red for the thumb; once more hides them"""

    bl_idname = "s2c.show_mapping"
    bl_label = "Show Mapping"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> set[str]:
        armature = the_character(context)
        if overlay_of(armature) is not None:
            hide_overlay(armature)
        else:
            show_overlay(armature)
        return {"FINISHED"}


class S2C_OT_switch_off_constraints(CharacterOperator, bpy.types.Operator):
    """Switch off the constraints that move the bones of hands and arms, such as limits, so that a take is seen"""

    bl_idname = "s2c.switch_off_constraints"
    bl_label = "Switch Off Constraints"
    bl_options = {"REGISTER", "UNDO"}

    def run(self, context: bpy.types.Context) -> set[str]:
        armature = the_character(context)
        hiding = hiding_constraints(armature)
        for _, constraint in hiding:
            constraint.mute = True
        bones = len({bone.name for bone, _ in hiding})
        self.say(
            f"Constraints switched off: {len(hiding)}, on bones: {bones}. The eye beside each switches it on again."
            if hiding
            else "No constraint moves its hands and arms."
        )
        return {"FINISHED"}


CLASSES = (
    S2C_OT_choose_bone,
    S2C_OT_save_mapping,
    S2C_OT_load_mapping,
    S2C_OT_show_mapping,
    S2C_OT_switch_off_constraints,
)
