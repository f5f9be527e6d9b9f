# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's part about a character: found how, what can be done, and which bone is which joint."""

from __future__ import annotations

import bpy

from ..core.character.mapping import ARM_PARTS, CharacterMapping
from ..core.skeleton import FINGERS
from ..errors import UserError
from ..plain_text import shown
from ..rig.character import stored
from ..rig.character.checks import hiding_constraints
from .drawing import buttons, draw_text, is_narrow, why_grey

ARM_NAMES = {"shoulder": "Collarbone", "upper_arm": "Upper Arm", "forearm": "Forearm", "wrist": "Hand"}
ROWS = (*reversed(ARM_PARTS), "wrist", *(f"{finger}{joint}" for finger in FINGERS for joint in (1, 2, 3)))
"""The parts of a hand from the body to the fingertips."""
HANDS = ("Left", "Right")


def draw_character(
    layout: bpy.types.UILayout, context: bpy.types.Context, armature: bpy.types.Object
) -> None:
    """What there is to do with a character."""
    if not stored.is_character(armature):
        draw_text(layout, context, f'Let "{armature.name}" play with its own hands.')
        layout.operator("s2c.use_character", icon="ARMATURE_DATA")
        layout.operator("s2c.load_mapping", text="Load Mapping…", icon="IMPORT")
        return
    try:
        mapping = stored.read_stored(armature)
    except UserError as fault:
        draw_text(layout, context, fault.message, "ERROR")
        layout.operator("s2c.use_character", icon="ARMATURE_DATA")
        return
    draw_text(layout, context, f'"{armature.name}" plays ({mapping.family}).', "ARMATURE_DATA")
    column = buttons(layout, context)
    column.operator("s2c.show_mapping", icon="HIDE_OFF")
    column.operator("s2c.use_character", text="Find Again", icon="FILE_REFRESH")
    column = buttons(layout, context)
    column.operator("s2c.save_mapping", text="Save Mapping…", icon="EXPORT")
    column.operator("s2c.load_mapping", text="Load Mapping…", icon="IMPORT")
    if _are_held(armature):
        buttons(layout, context).operator("s2c.switch_off_constraints", icon="CONSTRAINT_BONE")
    layout.prop(context.scene.s2c_settings, "lean")
    reason = why_grey(context, "s2c.show_mapping")
    if reason:
        draw_text(layout, context, reason)
    for hand, name in enumerate(HANDS):
        header, body = layout.panel(f"s2c_bones_{name.lower()}", default_closed=True)
        header.label(text=shown(f"{name} Bones"))
        if body is not None:
            draw_bones(body, context, mapping, hand)


def _are_held(armature: bpy.types.Object) -> bool:
    """Whether constraints would hide a take on a character."""
    try:
        return bool(hiding_constraints(armature))
    except UserError:
        return False  # said where a take is asked for


def draw_bones(
    layout: bpy.types.UILayout, context: bpy.types.Context, mapping: CharacterMapping, hand: int
) -> None:
    """Each joint of a hand and its bone, which a click changes."""
    own = mapping.hands[hand]
    column = layout.column(align=True)
    for part in ROWS:
        row = column.column(align=True) if is_narrow(context) else column.split(factor=0.4, align=True)
        row.label(text=shown(ARM_NAMES.get(part) or f"{part[:-1].title()} {part[-1]}"))
        name = shown(own.bones.get(part, "None"), 63)
        choose = row.operator("s2c.choose_bone", text=name, icon="BONE_DATA")
        choose.hand, choose.part = hand, part
