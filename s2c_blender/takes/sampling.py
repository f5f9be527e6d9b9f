# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender makes of an armature frame by frame: actions, NLA, drivers, constraints, whatever there is.

The frames are stepped through in a scene of their own that holds the armature alone (and what it depends on), so
neither the animator's frame nor a heavy scene is touched. While a long take is read that scene stays from step to step;
saving, undo and opening a file sweep it away, so that no file and no undo step brings it back, and it is made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager

import bpy
from bpy.app.handlers import persistent

from .. import compat, fcurves
from ..core.heap_prefault import WarmMemory
from ..errors import UserError
from .lookup import by_uid

STEP_SECONDS = 0.015
MARK = "s2c_reading"
"""Custom property of the scenes made here."""
COPIED = "s2c_copied"
"""Custom properties of theirs that begin so point to the actions that Blender has copied for them."""


def _make(objects: Iterable[bpy.types.Object], like: bpy.types.Scene | None, name: str) -> bpy.types.Scene:
    scene = bpy.data.scenes.new(name)
    scene[MARK] = True
    if like is not None:
        scene.render.fps, scene.render.fps_base = like.render.fps, like.render.fps_base
        scene.unit_settings.system = like.unit_settings.system
        scene.unit_settings.scale_length = like.unit_settings.scale_length
    for item in objects:
        scene.collection.objects.link(item)
    scene.view_layers[0].update()
    return scene


@contextmanager
def shown(objects: Iterable[bpy.types.Object]) -> Iterator[None]:
    """Objects that are disabled in viewports, enabled for a moment."""
    hidden = [item for item in objects if item.hide_viewport]
    for item in hidden:
        item.hide_viewport = False
    try:
        yield
    finally:
        for item in hidden:
            item.hide_viewport = True


@contextmanager
def scene_of_its_own(
    objects: Iterable[bpy.types.Object], like: bpy.types.Scene | None = None, name: str = "S2C"
) -> Iterator[bpy.types.Scene]:
    """A scene that holds `objects`, evaluated however hidden they are elsewhere; gone afterwards.

    like: the scene whose rate and units it takes over.
    """
    objects = list(objects)
    with shown(objects):
        scene = _make(objects, like, name)
        try:
            yield scene
        finally:
            bpy.data.scenes.remove(scene)


def sample(
    armature_uid: int, name: str, frames: Iterable[int], read: Callable[[bpy.types.Object], None]
) -> Generator[int, None, None]:
    """Call `read` with the evaluated armature at each of `frames`; yields how many are done, some a step.

    Blender copies all keys that play when the armature comes into another scene: it is made to copy one action a step
    before, and memory for that is asked for. Raises UserError when the armature is deleted meanwhile.
    """
    waiting = iter(list(frames))
    done, frame, scene_uid = 0, next(waiting, None), -1
    memory = WarmMemory()
    try:
        for _ in memory.warm(_bytes(by_uid(bpy.data.objects, armature_uid))):
            yield done
        memory.release()
        while frame is not None:
            armature = by_uid(bpy.data.objects, armature_uid)
            if armature is None:
                raise UserError("rig_deleted", f'The armature "{name}" or its take was deleted meanwhile.')
            scene = by_uid(bpy.data.scenes, scene_uid)
            if scene is None:
                scene = _make([], None, "S2C")
                scene_uid = scene.session_uid
            if _copy_next(scene, armature):
                yield done
                continue
            with shown([armature]):
                if not scene.collection.objects:
                    scene.collection.objects.link(armature)
                end = time.perf_counter() + STEP_SECONDS
                while frame is not None and time.perf_counter() < end:
                    scene.frame_set(frame)
                    read(armature.evaluated_get(scene.view_layers[0].depsgraph))
                    done, frame = done + 1, next(waiting, None)
            yield done
    finally:
        memory.close()
        scene = by_uid(bpy.data.scenes, scene_uid)
        if scene is not None:
            bpy.data.scenes.remove(scene)


def _copy_next(scene: bpy.types.Scene, armature: bpy.types.Object) -> bool:
    """Have Blender copy the next action that the armature plays for a scene; False when it has copied all."""
    for action in _played(armature):
        name = f"{COPIED} {action.session_uid}"
        if name not in scene:
            compat.evaluate_with(scene, scene.view_layers[0], name, action)
            return True
    return False


def _bytes(armature: bpy.types.Object | None) -> int:
    """Of the keys of all actions that an armature plays."""
    return sum(fcurves.action_bytes(action) for action in _played(armature)) if armature is not None else 0


def _played(armature: bpy.types.Object) -> list[bpy.types.Action]:
    data = armature.animation_data
    if data is None:
        return []
    actions = [data.action, *(strip.action for track in data.nla_tracks for strip in track.strips)]
    return list(dict.fromkeys(action for action in actions if action is not None))


@persistent
def sweep(*_arguments: object) -> None:
    """Remove the scenes made here, before a file is saved and after undo brought one back."""
    for scene in [scene for scene in bpy.data.scenes if MARK in scene]:
        bpy.data.scenes.remove(scene)


HANDLERS = ("save_pre", "undo_post", "redo_post", "load_post")


def register() -> None:
    """Sweep whenever Blender calls one of HANDLERS."""
    for name in HANDLERS:
        getattr(bpy.app.handlers, name).append(sweep)


def unregister() -> None:
    """Undo `register`."""
    for name in HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if sweep in handlers:
            handlers.remove(sweep)
