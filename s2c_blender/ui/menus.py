# SPDX-License-Identifier: GPL-3.0-or-later
"""Our operators in Blender's menus, where animators look for them and where search (F3) finds them."""

from __future__ import annotations

import bpy

from .panels import REDO_HANDS


class S2C_MT_add(bpy.types.Menu):
    """Add hands, a piano or a recording"""

    bl_idname = "S2C_MT_add"
    bl_label = "Piano Hands"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("s2c.new_scene", icon="SCENE_DATA")
        layout.separator()
        layout.operator("s2c.add_hands", icon="VIEW_PAN")
        layout.operator("s2c.use_character", icon="ARMATURE_DATA")
        layout.operator("s2c.add_piano", icon="MOD_ARRAY")
        layout.operator("s2c.fit_piano", icon="PIVOT_CURSOR")
        layout.operator("s2c.use_keys", icon="MOD_ARRAY")
        layout.operator("s2c.add_recording", icon="SOUND")


class S2C_MT_takes(bpy.types.Menu):
    """Let hands play the recording, and what can be done with a take"""

    bl_idname = "S2C_MT_takes"
    bl_label = "Piano Hands"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("s2c.generate", icon="PLAY")
        layout.operator("s2c.resample", icon="FILE_REFRESH")
        for hand, label in REDO_HANDS:
            layout.operator("s2c.regenerate_hand", text=label).hand = hand
        layout.operator("s2c.regenerate_range")
        layout.separator()
        layout.operator("s2c.apply_take", text="Apply Take…", icon="IMPORT")
        layout.operator("s2c.export_fbx", text="Export FBX…", icon="EXPORT")


def in_view3d_add(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """Our entry in the 3D viewport's Add menu."""
    menu.layout.menu(S2C_MT_add.bl_idname, icon="VIEW_PAN")


def in_sequencer_add(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """Our entry in the Sequencer's Add menu."""
    column = menu.layout.column()
    column.operator_context = "INVOKE_DEFAULT"
    column.operator("s2c.add_recording", text="Recording for Piano Hands…", icon="SOUND")


def in_takes(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """Our submenu where takes are chosen and kept."""
    menu.layout.menu(S2C_MT_takes.bl_idname, icon="VIEW_PAN")


def in_export(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    """Our entry in File > Export."""
    column = menu.layout.column()
    column.operator_context = "INVOKE_DEFAULT"
    column.operator("s2c.export_fbx", text="FBX for Piano Hands (.fbx)")


ENTRIES = (
    ("VIEW3D_MT_add", in_view3d_add),
    ("SEQUENCER_MT_add", in_sequencer_add),
    ("VIEW3D_MT_object", in_takes),
    ("SEQUENCER_MT_strip", in_takes),
    ("TOPBAR_MT_file_export", in_export),
)
CLASSES = (S2C_MT_add, S2C_MT_takes)


def register() -> None:
    """Register the menus, then put our entries into Blender's own."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    for name, entry in ENTRIES:
        getattr(bpy.types, name).append(entry)


def unregister() -> None:
    """Undo `register`, in reverse."""
    for name, entry in reversed(ENTRIES):
        getattr(bpy.types, name).remove(entry)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
