# SPDX-License-Identifier: GPL-3.0-or-later
"""Install, delete and check the environment in which the generator runs."""

from __future__ import annotations

import time

import bpy

from ...core.trial_notes import write_test_midi
from ...core.whole_file import why_not
from ...errors import UserError
from ...session import session
from .. import preferences
from .base import OperatorBase
from .jobs import JobOperator


class RuntimeOperator(OperatorBase):
    """Starts something in the installer; where there is no window it stays until that is done."""

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        if session.active:
            return "A take is being generated; wait for it or press Cancel first."
        return (
            "The generator is being installed or deleted; wait for it or press Cancel first."
            if session.installer.active
            else ""
        )

    def finish(self) -> set[str]:
        """Wait for the installer where nothing else would, and report how it ended."""
        if bpy.app.background:
            session.wait()
        status = session.installer.status
        if status.code:
            raise UserError(status.code, status.message, status.detail)
        return {"FINISHED"}


class S2C_OT_install_runtime(RuntimeOperator, bpy.types.Operator):
    """Download the program that makes the motion (1 GB, more with a GPU); needed once, before the first take"""

    bl_idname = "s2c.install_runtime"
    bl_label = "Install Generator"

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        if not bpy.app.online_access:
            return "Blender may not go online: allow it under Preferences > System > Network."
        return super().disabled_reason(context)

    def run(self, context: bpy.types.Context) -> set[str]:
        session.install(context)
        return self.finish()


class S2C_OT_delete_runtime(RuntimeOperator, bpy.types.Operator):
    """Delete the generator that Install Generator downloaded, to free its disk space. Your takes stay"""

    bl_idname = "s2c.delete_runtime"
    bl_label = "Delete Generator"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        reason = super().disabled_reason(context)
        if not reason and not preferences.runtime(context).begun():
            return "There is no generator to delete."
        return reason

    def run(self, context: bpy.types.Context) -> set[str]:
        session.delete_runtime(context)
        return self.finish()


class S2C_OT_check_runtime(JobOperator, bpy.types.Operator):
    """Let the generator play a few notes, and show how fast it was and on what; for when something seems wrong"""

    bl_idname = "s2c.check_runtime"
    bl_label = "Check Generator"

    def begin(self, context: bpy.types.Context) -> set[str]:
        midi = session.temporary_folder() / "test.mid"
        try:
            write_test_midi(midi)
        except OSError as error:
            raise UserError("temporary_folder", why_not(error, midi), str(error)) from error
        session.order_check(context, midi, "default")
        return {"FINISHED"}

    def run(self, context: bpy.types.Context) -> set[str]:
        result = super().run(context)
        if bpy.app.background:
            self.say("; ".join(session.check_text) or session.view(time.monotonic()).message)
        return result


CLASSES = (S2C_OT_install_runtime, S2C_OT_delete_runtime, S2C_OT_check_runtime)
