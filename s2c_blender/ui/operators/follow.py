# SPDX-License-Identifier: GPL-3.0-or-later
"""Follow Strip: hands and piano go with the recording when its strip was moved, or when they were."""

from __future__ import annotations

import bpy

from ...errors import UserError
from ...rig.choice import find_armature
from ...strip_audio import find_strip
from ...takes import follow, layers
from .base import OperatorBase, being_generated, no_scene


class S2C_OT_follow_strip(OperatorBase, bpy.types.Operator):
    """Move or stretch the take, hands and piano keys, so that it plays with its recording as the strip lies now"""

    bl_idname = "s2c.follow_strip"
    bl_label = "Follow Strip"
    bl_options = {"UNDO"}

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        hindered = no_scene(context) or being_generated()
        if hindered:
            return hindered
        try:
            find_strip(context, context.scene.s2c_settings.strip_name)
            if layers.take_layer(find_armature(context)) is None:
                return "There is no take on the hands yet: press Generate first."
        except UserError as fault:
            return fault.message
        return ""

    def run(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        done = follow.follow_strip(context, scene, find_armature(context))
        scene.s2c_settings.result = done
        self.say(done)
        return {"FINISHED"}


CLASSES = (S2C_OT_follow_strip,)
