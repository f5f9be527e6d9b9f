# SPDX-License-Identifier: GPL-3.0-or-later
"""What all operators share: a grey button that says why, and errors as one sentence with a log behind them."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

import bpy

from ...errors import UserError
from ...plain_text import shown
from ...session import session
from .. import refusals

LOG = logging.getLogger("s2c_blender")

RERAISE_VARIABLE = "S2C_RERAISE"
"""Environment variable: when set to 1, unexpected errors pass through the operators (for tests and debugging)."""


def no_scene(context: bpy.types.Context) -> str:
    """A reason to be grey: there is no scene; empty where there is one."""
    return "" if context.scene is not None else "There is no scene."


def no_scene_to_add_to(context: bpy.types.Context) -> str:
    """A reason to be grey: there is no scene, or one that nothing can be added to; else empty."""
    if context.scene is not None and context.scene.library is not None:
        return "This scene is linked from another file; open that file, or make a scene of your own."
    return no_scene(context)


def being_generated() -> str:
    """A reason to be grey: a job is going on; empty where none is."""
    return "A take is being generated; wait for it or press Cancel first." if session.active else ""


class OperatorBase:
    """Mix-in before `bpy.types.Operator`: subclasses write `run` and, where it can be unavailable, `disabled_reason`.

    `run` raises `UserError` for what the animator can put right; anything else is a defect of ours, which is logged
    with its traceback and the versions, and reported in one line.
    """

    bl_label: str
    keeps_message = False
    """Whether the panel goes on showing how the last job ended; any other action is the answer to it."""

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """Why the operator cannot run now, one sentence with the next step; empty when it can."""
        return ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Whether `disabled_reason` is empty; the reason becomes the button's tooltip."""
        reason = cls.disabled_reason(context)
        if reason:
            cls.poll_message_set(shown(reason))  # type: ignore[attr-defined]
        return not reason

    def run(self, context: bpy.types.Context) -> set[str]:
        """Do the work and return the operator's result set."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Run, and turn every error into one reported sentence."""
        if not self.keeps_message:
            refusals.dismiss()
        return self.guarded(lambda: self.run(context))

    def say(self, text: str, level: str = "INFO") -> None:
        """Report in the status line; level as Blender calls it."""
        self.report({level}, shown(text))  # type: ignore[attr-defined]

    def guarded(self, work: Callable[[], set[str]]) -> set[str]:
        """Call `work()`; on an error report it and return {'CANCELLED'}. For `execute`, `invoke` and `modal`."""
        try:
            return work()
        except UserError as fault:
            LOG.warning("%s: %s [%s] %s", self.bl_label, fault.message, fault.code, fault.detail)
            self.say(fault.message, "ERROR")
        except Exception:
            LOG.exception("%s failed in Blender %s", self.bl_label, bpy.app.version_string)
            if os.environ.get(RERAISE_VARIABLE) == "1":
                raise
            self.say(
                f"{self.bl_label} failed because of a defect; the system console holds the full report.",
                "ERROR",
            )
        return {"CANCELLED"}
