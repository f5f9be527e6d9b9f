# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply Take: a take file, made here, on a farm or on the command line, becomes keyframes."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from ...errors import UserError
from ...rig.choice import find_armature
from ...takes import write_take
from ...takes.take_order import TakeOrder
from .base import OperatorBase, being_generated, no_scene


class S2C_OT_apply_take(OperatorBase, bpy.types.Operator):
    """Put a take from a file on the hands: an earlier one, or one that a farm or the command line made"""

    bl_idname = "s2c.apply_take"
    bl_label = "Apply Take"

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default="*.npz", options={"HIDDEN"})
    hand: EnumProperty(
        name="Hands",
        description="The hands that get the take; the other one keeps playing what it plays now",
        items=(
            ("BOTH", "Both", "Both hands"),
            ("LEFT", "Left", "The left hand"),
            ("RIGHT", "Right", "The right hand"),
        ),
        default="BOTH",
    )
    frame_start: IntProperty(name="Start", description="Scene frame of the take's first frame", default=1)

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        hindered = no_scene(context) or being_generated()
        if hindered:
            return hindered
        try:
            find_armature(context)
        except UserError as fault:
            return fault.message
        return ""

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = self.filepath or context.scene.s2c_settings.take_path
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(self.filepath)) if self.filepath else None
        if path is None or not path.is_file():
            named = f'The take "{path.name}"' if path is not None else "The take"
            raise UserError("take_missing", f"{named} does not exist; choose a .npz file.")
        armature = find_armature(context)
        order = TakeOrder(
            armature_uid=armature.session_uid,
            armature_name=armature.name,
            scene_uid=context.scene.session_uid,
            start_frame=self.frame_start,
            output=path,
            params={"seed": path.stem},
            hand="" if self.hand == "BOTH" else self.hand.lower(),
        )
        for _ in write_take.deliver(order, {}, 0.0):
            pass
        return {"FINISHED"}


CLASSES = (S2C_OT_apply_take,)
