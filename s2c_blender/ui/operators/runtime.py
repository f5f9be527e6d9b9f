# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the generator."""

from __future__ import annotations

import time

import bpy

from ...core.trial_notes import write_test_midi
from ...core.whole_file import why_not
from ...errors import UserError
from ...session import session
from .jobs import JobOperator


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


CLASSES = (S2C_OT_check_runtime,)
