# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished take becomes keyframes: a few curves a step, so that Blender's window never waits for it.

The curves are written into an action that nobody plays yet; the armature gets it in the last step, followed by
one undo step. Whatever goes wrong before that removes the action again and leaves the scene as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy
import numpy as np

from . import compat, fcurves
from .core.splicing import Stretch
from .core.warm_memory import WarmMemory
from .faults import Fault
from .keeping import Marks, by_uid, current_action, write_marks
from .new_action import (
    action_bytes,
    begin_action,
    copied_bytes,
    copy_kept,
    find_action,
    find_armature,
    find_bag,
    find_slot,
)
from .orders import TakeOrder
from .piano.animation import animate_keys
from .piano.build import find_piano
from .result_line import describe, extend_scene_end, remember_left_out
from .take_file import TakeFile, at_scene_rate, load_take

UNDO_LABEL = "Saving the undo step"
"""A step that cannot be cut: Blender's own copy of all keys for undo."""
SOUND_KEYS = ("sound", "sound_start_s", "sound_end_s")


def deliver(order: TakeOrder, result: dict[str, Any], seconds: float) -> Iterator[str | float | None]:
    """Write the take of `order` onto its armature. Yields progress from 0 to 1, or a label where the next step is long.

    result: the worker's answer; seconds: what the whole job took. Raises Fault when the armature or the scene was
    deleted meanwhile or the take cannot be used; nothing is changed then.
    """
    find_armature(order)
    loading = load_take(order.output)
    while (take := next(loading)) is None:
        yield None
    take = at_scene_rate(take, _find_scene(order))
    memory = WarmMemory()
    if order.partial:
        yield from memory.warm(copied_bytes(order))
        memory.release()
    action_uid, slot_handle = begin_action(order)
    memory.close()
    try:
        yield None
        if order.partial:
            yield from copy_kept(order, action_uid, slot_handle)
        yield from _write_hands(order, action_uid, slot_handle, take)
        yield from _animate_piano(order, take)
        size = action_bytes(find_action(action_uid))
        yield from memory.warm(2 * size)
        memory.release(size)
        _bind(order, action_uid, slot_handle, take, result, seconds)
        try:
            yield UNDO_LABEL
        finally:  # also when the job is cancelled now: the scene has changed
            memory.release()
            bpy.ops.ed.undo_push(message="S2C Take")
    except BaseException:  # GeneratorExit too: a cancelled delivery leaves nothing behind
        action = by_uid(bpy.data.actions, action_uid)
        if action is not None and not action.users:
            bpy.data.actions.remove(action)
        raise
    finally:
        memory.close()


def _write_hands(
    order: TakeOrder, action_uid: int, slot_handle: int, take: TakeFile
) -> Iterator[float | None]:
    """Write the curves of the hands that are new, one a step; of a range, its frames in every curve."""

    def bag() -> bpy.types.ActionChannelbag:
        return find_bag(action_uid, slot_handle)

    steps = [(hand, joint, column) for hand in order.hands for joint in range(16) for column in range(6)]
    steps = [(hand, joint, column) for hand, joint, column in steps if column < 3 or joint == 0]
    for done, (hand, joint, column) in enumerate(steps):
        armature = find_armature(order)
        bone = fcurves.joint_bones(armature)[hand][joint]
        if column < 3:
            values = take.euler[:, hand, joint, column]
        else:
            head, axes = fcurves.wrist_rest(armature, bone)
            values = ((take.wrist[:, hand] - head) @ axes[:, column - 3]).astype(np.float32)
        channel = fcurves.channels(bone, joint)[column]
        if order.frames is None:
            fcurves.write_channel(bag(), bone, channel, order.start_frame, values)
        else:
            first, stop = order.frames
            stretch = Stretch(
                order.start_frame + first,
                values[first:stop],
                order.start_frame,
                order.start_frame + len(values) - 1,
            )
            yield from fcurves.splice_channel(bag, bone, channel, stretch)
        yield (done + 1) / len(steps)


def _animate_piano(order: TakeOrder, take: TakeFile) -> Iterator[None]:
    """Let the keys of a piano in the scene play the notes. `_bind` follows the last step at once."""
    piano = find_piano(_find_scene(order))
    if piano is None:
        return
    label = f"take {order.params['seed']}"
    for _ in animate_keys(piano, take.notes, take.fps, order.start_frame, label):
        yield
        find_armature(order)
        _find_scene(order)


def _find_scene(order: TakeOrder) -> bpy.types.Scene:
    scene = by_uid(bpy.data.scenes, order.scene_uid)
    if scene is None:
        raise Fault(
            "scene_deleted", "The scene was deleted while its take was made; use Apply Take in another one."
        )
    return scene


def _bind(
    order: TakeOrder,
    action_uid: int,
    slot_handle: int,
    take: TakeFile,
    result: dict[str, Any],
    seconds: float,
) -> None:
    """The armature plays the new action, and the scene says so. Blender copies all keys here, for evaluation."""
    armature, action, scene = find_armature(order), find_action(action_uid), _find_scene(order)
    for bones in fcurves.joint_bones(armature):
        for bone in bones:
            armature.pose.bones[bone].rotation_mode = "XYZ"
    played = current_action(armature)
    if played is not None:
        played.use_fake_user = True  # an earlier take is not lost when the file is saved
    compat.bind_action(armature, action, find_slot(action, slot_handle))
    sound = (
        order.keep.marks.sound
        if order.keep is not None
        else {name: order.params.get(name) for name in SOUND_KEYS}
    )
    marks = Marks(
        take=str(order.output),
        start_frame=order.start_frame,
        frames=len(take.euler),
        fps=take.fps,
        sound=sound,
    )
    write_marks(action, marks)
    settings = scene.s2c_settings
    settings.armature, settings.take_path = armature, str(order.output)
    settings.result = describe(order, result, seconds)
    remember_left_out(settings, order, take.fps, result)
    moved = extend_scene_end(scene, order.start_frame + len(take.euler) - 1)
    if moved:
        settings.result += f", {moved}"
    if isinstance(order.params["seed"], int):  # a cancelled job leaves the seed where it was
        settings.seed = order.params["seed"]
    bpy.context.view_layer.update()
