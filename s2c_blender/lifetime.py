# SPDX-License-Identifier: GPL-3.0-or-later
"""The session's timer and handlers: it must survive file loading, and the worker must not survive Blender."""

from __future__ import annotations

import atexit

import bpy
from bpy.app.handlers import persistent

from .session import session, tick

FILE_LOADED = "The job was cancelled because another file was opened."


@persistent
def on_load_pre(*_arguments: object) -> None:
    """What a job was made for is about to vanish."""
    if session.active:
        session.cancel(FILE_LOADED)
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
