# SPDX-License-Identifier: GPL-3.0-or-later
"""The session's timer and handlers: it must survive file loading, and the worker must not survive Blender."""

from __future__ import annotations

import atexit
import time

import bpy
from bpy.app.handlers import persistent

from . import refusals
from .session import session

REDRAW_SECONDS = 0.3
"""How often the panel is drawn again while something goes on, for the time left."""
FILE_LOADED = "The job was cancelled because another file was opened."


def tick() -> float:
    """The timer's callback. Drawing is dearer than a pump: while something goes on, a few times a second."""
    now = time.monotonic()
    changed = session.pump(now)
    if session.busy:
        if changed or now - session.drawn > REDRAW_SECONDS:
            session.drawn = now
            redraw()
        return session.config.writing_seconds if session.working else session.config.interval_seconds
    changed = refusals.look_again() or changed
    if session.look_at_runtime(bpy.context) or changed:
        redraw()
    return session.config.idle_seconds


def redraw() -> None:
    """Ask the editors with our panels to draw again."""
    manager = bpy.context.window_manager
    for window in manager.windows if manager is not None else ():
        for area in window.screen.areas:
            if area.type in ("SEQUENCE_EDITOR", "VIEW_3D", "PREFERENCES"):
                for region in area.regions:
                    if region.type in ("UI", "WINDOW") and (
                        region.type == "UI" or area.type == "PREFERENCES"
                    ):
                        region.tag_redraw()


@persistent
def on_load_pre(*_arguments: object) -> None:
    """What a job was made for is about to vanish."""
    if session.active:
        session.cancel(FILE_LOADED)
    else:
        refusals.dismiss()  # what was wrong with the last file says nothing about the next
    session.note = ""


@persistent
def on_load_post(*_arguments: object) -> None:
    """Timers can be lost with a file."""
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, persistent=True)


@persistent
def on_exit(*_arguments: object) -> None:
    """Blender quits."""
    session.shutdown()


HANDLERS = (("load_pre", on_load_pre), ("load_post", on_load_post), ("exit_pre", on_exit))
"""`exit_pre` exists since 5.1; `atexit` serves the versions before."""


def register() -> None:
    for name, handler in HANDLERS:
        if hasattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).append(handler)
    atexit.register(session.shutdown)
    bpy.app.timers.register(tick, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    atexit.unregister(session.shutdown)
    for name, handler in reversed(HANDLERS):
        handlers = getattr(bpy.app.handlers, name, [])
        if handler in handlers:
            handlers.remove(handler)
    session.shutdown()
