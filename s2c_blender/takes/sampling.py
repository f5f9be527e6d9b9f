# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender makes of an armature frame by frame: actions, NLA, drivers, constraints, whatever there is.

The frames are stepped through in a scene of their own that holds the armature alone (and what it depends on), so
neither the animator's frame nor a heavy scene is touched. That scene lives within one step only: no undo step and no
file ever contains it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import bpy

from ..faults import Fault
from .find import by_uid

STEP_SECONDS = 0.015


@contextmanager
def scene_of_its_own(
    objects: Iterable[bpy.types.Object], like: bpy.types.Scene | None = None, name: str = "S2C"
) -> Iterator[bpy.types.Scene]:
    """A scene that holds `objects`, evaluated however hidden they are elsewhere; gone afterwards.

    like: the scene whose rate and units it takes over.
    """
    scene = bpy.data.scenes.new(name)
    hidden = []
    try:
        if like is not None:
            scene.render.fps, scene.render.fps_base = like.render.fps, like.render.fps_base
            scene.unit_settings.system = like.unit_settings.system
            scene.unit_settings.scale_length = like.unit_settings.scale_length
        for item in objects:
            scene.collection.objects.link(item)
            if item.hide_viewport:
                item.hide_viewport = False
                hidden.append(item)
        scene.view_layers[0].update()
        yield scene
    finally:
        for item in hidden:
            item.hide_viewport = True
        bpy.data.scenes.remove(scene)


def sample(
    armature_uid: int, name: str, frames: Iterable[int], read: Callable[[bpy.types.Object], None]
) -> Iterator[int]:
    """Call `read` with the evaluated armature at each of `frames`; yields how many are done, some a step.

    Raises Fault when the armature is deleted meanwhile.
    """
    waiting = iter(list(frames))
    done, frame = 0, next(waiting, None)
    while frame is not None:
        armature = by_uid(bpy.data.objects, armature_uid)
        if armature is None:
            raise Fault("rig_deleted", f'The armature "{name}" or its take was deleted meanwhile.')
        end = time.perf_counter() + STEP_SECONDS
        with scene_of_its_own([armature]) as scene:
            while frame is not None and time.perf_counter() < end:
                scene.frame_set(frame)
                read(armature.evaluated_get(scene.view_layers[0].depsgraph))
                done, frame = done + 1, next(waiting, None)
        yield done
