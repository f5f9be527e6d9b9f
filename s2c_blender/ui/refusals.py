# SPDX-License-Identifier: GPL-3.0-or-later
"""A refused job's sentence stays in the panel only as long as its cause does.

Whoever refuses says how to look again: the same preparation that raised, which changes nothing. It is repeated
while Blender idles, because it may look at files, which drawing must not. An error at the end of a job has no
such cause to look at; it stays until the next action or until it is dismissed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import bpy

from ..core.jobs import Status
from ..errors import UserError
from ..session import session


@dataclass(frozen=True)
class Refusal:
    """Why a job could not begin."""

    status: Status
    """What the session says; another job's end replaces it."""
    code: str
    scene_uid: int
    again: Callable[[bpy.types.Context], object]
    """Raises the same UserError as long as its cause is there."""


_refusal: Refusal | None = None


def remember(fault: UserError, scene: bpy.types.Scene, again: Callable[[bpy.types.Context], object]) -> None:
    """Show why a job could not begin, until `again` no longer raises that fault."""
    global _refusal
    if session.active:
        return  # the panels show the job that runs
    session.refuse(fault)
    _refusal = Refusal(session.machine.status, fault.code, scene.session_uid, again)


def current() -> Refusal | None:
    """The refusal that the panels show; None when something else was said since."""
    return _refusal if _refusal is not None and session.machine.status is _refusal.status else None


def look_again() -> bool:
    """Forget the refusal when its cause is gone. Returns True when panels should be drawn again."""
    global _refusal
    refusal = current()
    if refusal is None or session.busy:
        return False
    windows = [
        window
        for window in bpy.context.window_manager.windows
        if window.scene.session_uid == refusal.scene_uid
    ]
    if not windows:
        return False  # nobody looks at that scene; the panels of others do not show it
    with bpy.context.temp_override(window=windows[0]):
        try:
            refusal.again(bpy.context)
        except UserError as fault:
            if fault.code == refusal.code:
                remember(fault, bpy.context.scene, refusal.again)  # in today's words
                return fault.message != refusal.status.message
    dismiss()
    return True


def dismiss() -> None:
    """Forget how the last job ended; the next action does this too."""
    global _refusal
    _refusal = None
    session.dismiss()
    session.forget_preparation()


def hidden_in(scene: bpy.types.Scene) -> bool:
    """Whether what the session says is a refusal that belongs to another scene."""
    refusal = current()
    return refusal is not None and refusal.scene_uid != scene.session_uid
