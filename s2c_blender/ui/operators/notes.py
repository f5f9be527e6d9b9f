# SPDX-License-Identifier: GPL-3.0-or-later
"""Small steps in the panel: jump to a note that was left out, put a message away, show the panel or the guide."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty

from ...errors import UserError
from ...session import session
from .. import manual, refusals
from ..showing import show_panel
from .base import OperatorBase, no_scene


class S2C_OT_jump_to_note(OperatorBase, bpy.types.Operator):
    """Go to the frame where this note is heard but not played, so that you can play it by hand"""

    bl_idname = "s2c.jump_to_note"
    bl_label = "Jump to Note"
    keeps_message = True

    frame: IntProperty(name="Frame", description="Frame of the scene to go to", options={"SKIP_SAVE"})

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        return no_scene(context)

    def run(self, context: bpy.types.Context) -> set[str]:
        context.scene.frame_set(self.frame)
        return {"FINISHED"}


class S2C_OT_dismiss_message(OperatorBase, bpy.types.Operator):
    """Put this message away; nothing else happens"""

    bl_idname = "s2c.dismiss_message"
    bl_label = "Dismiss Message"

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        return "A take is being generated." if session.active else ""

    def run(self, context: bpy.types.Context) -> set[str]:
        refusals.dismiss()
        return {"FINISHED"}


class S2C_OT_open_guide(OperatorBase, bpy.types.Operator):
    """Open the animator's guide: what each button and each setting does"""

    bl_idname = "s2c.open_guide"
    bl_label = "Open the Guide"
    keeps_message = True

    def run(self, context: bpy.types.Context) -> set[str]:
        guide = manual.guide()
        if not guide.is_file():
            raise UserError(
                "no_guide",
                "The guide is missing here; install the extension again.",
                str(guide),
            )
        bpy.ops.wm.url_open(url=guide.as_uri())
        return {"FINISHED"}


class S2C_OT_show_panel(OperatorBase, bpy.types.Operator):
    """Open the sidebar at the S2C tab, where everything is made"""

    bl_idname = "s2c.show_panel"
    bl_label = "Show the Panel"
    keeps_message = True

    def run(self, _context: bpy.types.Context) -> set[str]:
        if not show_panel():
            raise UserError(
                "no_editor", "Open a 3D View or a Video Sequencer first: the panel is in their sidebar (N)."
            )
        return {"FINISHED"}


CLASSES = (S2C_OT_show_panel, S2C_OT_jump_to_note, S2C_OT_dismiss_message, S2C_OT_open_guide)
