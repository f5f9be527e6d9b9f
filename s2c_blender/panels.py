# SPDX-License-Identifier: GPL-3.0-or-later
"""The S2C panel, drawn alike in the sidebars of the Video Sequencer and the 3D view.

`draw` only reads properties and what the session already knows; it never looks at a file.
"""

from __future__ import annotations

import textwrap
import time

import bpy

from . import compat
from .operators.jobs import (
    S2C_OT_generate,
    S2C_OT_regenerate_hand,
    S2C_OT_regenerate_range,
    S2C_OT_resample,
)
from .ordering import hand_size_style, redo_window
from .properties import STYLES
from .rig.armature import HAND_SIZE_PROPERTY
from .session import View, session

CATEGORY = "S2C"
STYLE_CLOSED = True
"""Whether the style is folded when the panel is first drawn."""
PIXELS_PER_CHARACTER = 7.0
"""Width of a character in the interface font at scale 1, a little generous."""


def draw_text(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str = "NONE") -> None:
    """A sentence as labels that fit the region's width; Blender does not wrap text."""
    region = context.region
    scale = context.preferences.system.ui_scale
    width = int(region.width / (PIXELS_PER_CHARACTER * scale)) - 6 if region is not None else 0
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in textwrap.wrap(text, max(width, 24)):
        column.label(text=line, icon=icon)
        icon = "BLANK1" if icon != "NONE" else "NONE"


class S2CPanel:
    """What both panels draw."""

    bl_region_type = "UI"
    bl_category = CATEGORY
    bl_label = "S2C Piano Hands"

    layout: bpy.types.UILayout

    def draw(self, context: bpy.types.Context) -> None:
        layout, view = self.layout, session.view(time.monotonic())
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.s2c_settings
        column = layout.column()
        column.enabled = not view.active
        self.draw_choices(column, context, settings)
        self.draw_buttons(layout, context, view)
        self.draw_state(layout, context, settings, view)
        self.draw_style(layout, context, settings, view)
        self.draw_export(layout)
        self.draw_runtime(layout, context)

    def draw_choices(
        self, layout: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup
    ) -> None:
        """Strip, armature, range and seed."""
        edit = compat.sequencer_scene(context)
        if edit is not None and edit.sequence_editor is not None:
            layout.prop_search(settings, "strip_name", edit.sequence_editor, "strips_all", icon="SOUND")
        else:
            layout.label(text="Add a piano recording in the Video Sequencer", icon="SOUND")
        layout.prop(settings, "armature")
        row = layout.row(align=True)
        row.operator("s2c.add_hands", icon="VIEW_PAN")
        row.operator("s2c.add_piano", icon="MOD_ARRAY")
        layout.prop(settings, "range_mode")
        if settings.range_mode == "CUSTOM":
            row = layout.row(align=True)
            row.prop(settings, "frame_start")
            row.prop(settings, "frame_end")
        row = layout.row(align=True)
        row.prop(settings, "seed")
        row.prop(settings, "seed_random", text="", icon="FILE_REFRESH")

    def draw_buttons(self, layout: bpy.types.UILayout, context: bpy.types.Context, view: View) -> None:
        """Generate and its kin, or progress and Cancel while something runs."""
        if view.active:
            row = layout.row(align=True)
            row.progress(factor=view.factor, text=view.text, type="BAR")
            row.operator("s2c.cancel", text="", icon="X")
            return
        row = layout.row(align=True)
        row.scale_y = 1.4
        row.operator(S2C_OT_generate.bl_idname, icon="PLAY")
        row.operator(S2C_OT_resample.bl_idname, icon="FILE_REFRESH")
        row = layout.row(align=True)
        for hand in ("LEFT", "RIGHT"):
            button = row.operator(S2C_OT_regenerate_hand.bl_idname, text=f"Redo {hand.title()}")
            button.hand = hand
        self.draw_range(layout, context.scene)
        reason = S2C_OT_generate.disabled_reason(context)
        if reason:
            draw_text(layout, context, reason, "INFO")

    def draw_range(self, layout: bpy.types.UILayout, scene: bpy.types.Scene) -> None:
        """Redo Range: which frames, which hands."""
        column = layout.column(align=True)
        row = column.row(align=True)
        if scene.use_preview_range:
            first, last = redo_window(scene)
            row.label(text=f"Frames {first} to {last}, the preview range", icon="PREVIEW_RANGE")
        else:
            row.use_property_split = False
            row.prop(scene.s2c_settings, "redo_start")
            row.prop(scene.s2c_settings, "redo_end")
        row = column.row(align=True)
        for hand, text in (("BOTH", "Redo Range"), ("LEFT", "Left"), ("RIGHT", "Right")):
            row.operator(S2C_OT_regenerate_range.bl_idname, text=text).hand = hand

    def draw_state(
        self,
        layout: bpy.types.UILayout,
        context: bpy.types.Context,
        settings: bpy.types.PropertyGroup,
        view: View,
    ) -> None:
        """How the last job ended, and the last result."""
        if view.message:
            draw_text(layout, context, view.message, "ERROR" if view.error else "INFO")
        if session.note:
            draw_text(layout, context, session.note, "INFO")
        if settings.result and not view.active:
            draw_text(layout, context, settings.result, "CHECKMARK")

    def draw_style(
        self,
        layout: bpy.types.UILayout,
        context: bpy.types.Context,
        settings: bpy.types.PropertyGroup,
        view: View,
    ) -> None:
        """Key contact and the sliders of the player."""
        header, body = layout.panel("s2c_style", default_closed=STYLE_CLOSED)
        header.label(text="Style")
        if body is None:
            return
        body.enabled = not view.active
        body.prop(settings, "model_folder")
        body.prop(settings, "contact", slider=True)
        for name in STYLES:
            body.prop(settings, name, slider=True)
        armature = settings.armature or context.object
        if armature is not None and HAND_SIZE_PROPERTY in armature:
            value = hand_size_style(armature)
            body.label(text=f"Hand Size {value:+.2f} (Add Hands)", icon="VIEW_PAN")

    def draw_export(self, layout: bpy.types.UILayout) -> None:
        header, body = layout.panel("s2c_export", default_closed=True)
        header.label(text="Take and Export")
        if body is not None:
            body.operator("s2c.apply_take", icon="IMPORT")
            body.operator("s2c.export_fbx", icon="EXPORT")

    def draw_runtime(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        """The generator's environment: open by itself while it is not ready."""
        header, body = layout.panel("s2c_runtime", default_closed=not session.runtime_problem)
        header.label(text="Runtime", icon="ERROR" if session.runtime_problem else "NONE")
        if body is None:
            return
        status = session.installer.status
        if session.installer.active:
            row = body.row(align=True)
            factor = status.factor
            row.progress(
                factor=factor, text=f"{status.stage} ({status.step + 1} of {max(status.of, 1)})", type="BAR"
            )
            row.operator("s2c.cancel", text="", icon="X")
            draw_text(body, context, status.log[-120:] or "…")
            return
        if session.runtime_problem:
            draw_text(body, context, session.runtime_problem, "INFO")
        if status.message:
            draw_text(body, context, status.message, "ERROR" if status.code else "CHECKMARK")
        for line in session.check_text:
            body.label(text=line)
        row = body.row(align=True)
        row.operator("s2c.check_runtime", icon="VIEWZOOM")
        row.operator("s2c.install_runtime", text="Install", icon="IMPORT")
        row.operator("s2c.delete_runtime", text="", icon="TRASH")


class S2C_PT_sequencer(S2CPanel, bpy.types.Panel):
    bl_idname = "S2C_PT_sequencer"
    bl_space_type = "SEQUENCE_EDITOR"


class S2C_PT_view3d(S2CPanel, bpy.types.Panel):
    bl_idname = "S2C_PT_view3d"
    bl_space_type = "VIEW_3D"


CLASSES = (S2C_PT_sequencer, S2C_PT_view3d)
