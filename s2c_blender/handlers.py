# SPDX-License-Identifier: GPL-3.0-or-later
"""The session's timer and handlers: it must survive file loading, and the worker must not survive Blender."""

from __future__ import annotations

import atexit
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from .core import temporary
from .errors import UserError
from .rig.character import stored
from .session import do_nothing, session
from .takes import follow, take_paths, unfinished
from .takes.put_on import add_properties
from .ui import refusals

TIDY_SECONDS = 0.005
"""How long one tick spends on what dead Blenders have left."""
_tidying: Iterator[object] = iter(())
REDRAW_SECONDS = 0.3
"""How often the panel is drawn again while something goes on, for the time left."""
FILE_LOADED = "The job was cancelled because another file was opened."


_timer: Callable[[], float] | None = globals().get("_timer")
"""The timer that runs. It outlives a reload of this module, which makes another `tick`."""


def tick() -> float:
    """The timer's callback. Drawing is dearer than a pump: while something goes on, a few times a second."""
    now = time.monotonic()
    try:
        changed = session.pump(now)
        if not session.busy:
            changed = _look_around() or changed
    except Exception:  # Blender drops a timer that raises, and nothing would ever go on
        traceback.print_exc()
        changed = True
    if session.busy:
        if changed or now - session.drawn > REDRAW_SECONDS:
            session.drawn = now
            redraw()
        return session.config.writing_seconds if session.working else session.config.interval_seconds
    if changed:
        redraw()
    return session.config.idle_seconds


def wake() -> None:
    """Tick at once, and as often as what goes on needs: a click is not to wait for an idle timer."""
    _remove_timer()
    bpy.app.timers.register(tick, first_interval=0.0, persistent=True)


def _look_around() -> bool:
    """What is done while nothing goes on. Returns True when panels should be drawn again."""
    _go_on_tidying(TIDY_SECONDS)
    changed = refusals.look_again()
    changed = follow.watch.look() or changed
    return session.look_at_runtime(bpy.context) or changed


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
    """Timers can be lost with a file, and characters that are overrides forget who they are."""
    unfinished.sweep()
    if not bpy.app.timers.is_registered(tick):
        bpy.app.timers.register(tick, persistent=True)
    for armature in stored.give_back():
        try:
            add_properties(armature)
        except UserError:  # said when the character is to play
            continue


@persistent
def on_undo_pre(*_arguments: object) -> None:
    """What a job reads or writes is about to be something else."""
    session.before_undo()


@persistent
def on_undo_post(*_arguments: object) -> None:
    """An undo step that was taken while a take was written holds a half of it."""
    unfinished.sweep()


@persistent
def on_save_pre(*_arguments: object) -> None:
    """A take that is not there yet goes into no file."""
    unfinished.let_go()


@persistent
def on_exit(*_arguments: object) -> None:
    """Blender quits."""
    session.shutdown()


HANDLERS = (
    ("load_pre", on_load_pre),
    ("load_post", on_load_post),
    ("undo_pre", on_undo_pre),
    ("redo_pre", on_undo_pre),
    ("undo_post", on_undo_post),
    ("redo_post", on_undo_post),
    ("save_pre", on_save_pre),
    ("exit_pre", on_exit),
)
"""`exit_pre` exists since 5.1; `atexit` serves the versions before."""


def tidy() -> Iterator[object]:
    """Remove what Blenders that died have left on disk, a little a step.

    Not in a thread: in Blender 4.5 a Python thread that runs while an operator works in another scene ends Blender.
    """
    own = Path(session.temporary_root())
    yield from temporary.remove_stale((own, own.parent, tempfile.gettempdir()))
    yield from take_paths.remove_forsaken(session.takes_folder())


def _go_on_tidying(seconds: float) -> None:
    end = time.perf_counter() + seconds
    for _ in _tidying:
        if time.perf_counter() > end:
            return


def register() -> None:
    """Add the timer and the handlers, once: what an earlier copy of this module left is taken out first."""
    global _timer, _tidying
    _remove_handlers()
    _remove_timer()
    for name, handler in HANDLERS:
        if hasattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).append(handler)
    atexit.unregister(session.shutdown)
    atexit.register(session.shutdown)
    _timer, session.wake = tick, wake
    bpy.app.timers.register(tick, persistent=True)
    _tidying = tidy()
    if bpy.app.background:  # no timer runs there
        _go_on_tidying(float("inf"))


def unregister() -> None:
    """Take the timer and the handlers out and end the worker."""
    _remove_timer()
    session.wake = do_nothing
    atexit.unregister(session.shutdown)
    _remove_handlers()
    session.shutdown()


def _remove_timer() -> None:
    for timer in (_timer, tick):
        if timer is not None and bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)


def _remove_handlers() -> None:
    ours = {(handler.__module__, handler.__name__) for _, handler in HANDLERS}
    for name, _ in HANDLERS:
        handlers = getattr(bpy.app.handlers, name, [])
        for handler in list(handlers):
            if (getattr(handler, "__module__", ""), getattr(handler, "__name__", "")) in ours:
                handlers.remove(handler)
