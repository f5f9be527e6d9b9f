# SPDX-License-Identifier: GPL-3.0-or-later
"""Export FBX: a file dialog, a preset, one take."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from ...errors import UserError
from ...export.fbx import PRESETS, export_fbx
from ...rig.choice import find_armature
from ...takes import layers
from .base import OperatorBase


class S2C_OT_export_fbx(OperatorBase, bpy.types.Operator):
    """Write the hands and the take they play to an FBX file, for a game engine or another program"""

    bl_idname = "s2c.export_fbx"
    bl_label = "Export FBX"

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.fbx", options={"HIDDEN"})
    preset: EnumProperty(
        name="For",
        description="The program that reads the file",
        items=[(name, preset.label, preset.hint) for name, preset in PRESETS.items()],
        default="UNREAL",
    )

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        if context.scene is None:
            return "There is no scene."
        try:
            armature = find_armature(context)
        except UserError as fault:
            return fault.message
        return "" if layers.moves(armature) else "There is no take on the hands yet: press Generate first."

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.filepath:
            self.filepath = bpy.path.ensure_ext(
                bpy.data.filepath.removesuffix(".blend") or "piano_hands", ".fbx"
            )
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> set[str]:
        if not self.filepath:
            raise UserError("no_file", "Choose a file name for the FBX.")
        path = Path(bpy.path.abspath(self.filepath))
        export_fbx(context, find_armature(context), path, self.preset)
        self.say(f"Wrote {path.name} for {PRESETS[self.preset].label}.")
        return {"FINISHED"}


CLASSES = (S2C_OT_export_fbx,)
