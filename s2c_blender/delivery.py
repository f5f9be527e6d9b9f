# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished take becomes keyframes: a few curves a step, so that Blender's window never waits for it.

The curves are written into an action that nobody plays yet; the armature gets it in the last step, followed by
one undo step. Whatever goes wrong before that removes the action again and leaves the scene as it was.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat, fcurves
from .core import skeleton
from .core.resampling import resample
from .faults import Fault
from .keeping import FPS_TOLERANCE, Marks, by_uid, current_action, write_marks
from .orders import TakeOrder
from .piano.animation import animate_keys
from .piano.build import find_piano

CURVES_PER_STEP = 2
"""Kept curves looked at in one step."""
UNDO_LABEL = "Saving the undo step"
"""The one step that cannot be cut: Blender's own copy of all keys for undo."""
ACTION_GONE = "The take was undone while it was written; use Apply Take to write it again."
SOUND_KEYS = ("sound", "sound_start_s", "sound_end_s")


@dataclass(frozen=True)
class TakeFile:
    """What is read from a take."""

    euler: NDArray[np.float32]
    """(frames, 2, 16, 3) radians."""
    wrist: NDArray[np.float32]
    """(frames, 2, 3) metres in the piano frame."""
    notes: NDArray[np.float32]
    """(n, 4) onset s, offset s, pitch, velocity."""
    fps: float
    meta: dict[str, Any]


def load_take(path: Path) -> Iterator[TakeFile | None]:
    """Read a take, one array a step; the last step yields it. Raises Fault when it is no take."""
    arrays: dict[str, Any] = {}
    try:
        with np.load(path, allow_pickle=False) as data:
            for name in ("fps", "notes", "meta", "wrist", "euler"):
                arrays[name] = data[name]
                yield None
        take = TakeFile(
            arrays["euler"],
            arrays["wrist"],
            arrays["notes"],
            float(arrays["fps"]),
            json.loads(str(arrays["meta"])),
        )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise Fault(
            "take_unreadable", f'The take "{path.name}" cannot be read; generate it again.', repr(error)
        ) from error
    frames = len(take.euler)
    if take.euler.shape != (frames, 2, 16, 3) or take.wrist.shape != (frames, 2, 3) or not frames:
        raise Fault(
            "take_unreadable", f'The take "{path.name}" has not the shape of a take; generate it again.'
        )
    if not (np.isfinite(take.euler).all() and np.isfinite(take.wrist).all()):
        raise Fault(
            "take_unreadable", f'The take "{path.name}" holds numbers that are not finite; generate it again.'
        )
    yield take


def at_scene_rate(take: TakeFile, scene: bpy.types.Scene) -> TakeFile:
    """The take with one frame for each frame of the scene; as it is where the rates agree."""
    rate = scene.render.fps / scene.render.fps_base
    if abs(rate - take.fps) <= FPS_TOLERANCE:
        return take
    euler, wrist = (resample(values, take.fps, rate) for values in (take.euler, take.wrist))
    return replace(take, euler=euler, wrist=wrist, fps=rate)


def deliver(order: TakeOrder, result: dict[str, Any], seconds: float) -> Iterator[str | None]:
    """Write the take of `order` onto its armature. Yields a label for the panel where the next step is another.

    result: the worker's answer; seconds: what the whole job took. Raises Fault when the armature or the scene was
    deleted meanwhile or the take cannot be used; nothing is changed then.
    """
    find_armature(order)
    loading = load_take(order.output)
    while (take := next(loading)) is None:
        yield None
    take = at_scene_rate(take, _find_scene(order))
    action_uid, slot_handle = _begin_action(order)
    try:
        yield None
        if order.hand:
            yield from _copy_kept(order, action_uid, slot_handle)
        hands = (skeleton.LEFT, skeleton.RIGHT) if not order.hand else (skeleton.HANDS.index(order.hand),)
        for hand in hands:
            yield from _write_hand(order, action_uid, slot_handle, take, hand)
        yield from _animate_piano(order, take)
        _bind(order, action_uid, slot_handle, take, result, seconds)
        try:
            yield UNDO_LABEL
        finally:  # also when the job is cancelled now: the scene has changed
            bpy.ops.ed.undo_push(message="S2C Take")
    except BaseException:  # GeneratorExit too: a cancelled delivery leaves nothing behind
        action = by_uid(bpy.data.actions, action_uid)
        if action is not None and not action.users:
            bpy.data.actions.remove(action)
        raise


def _write_hand(
    order: TakeOrder, action_uid: int, slot_handle: int, take: TakeFile, hand: int
) -> Iterator[None]:
    """Write the curves of one hand, one a step."""
    for joint in range(16):
        for column in range(6 if joint == 0 else 3):
            armature, bag = find_armature(order), _find_bag(action_uid, slot_handle)
            bone = fcurves.joint_bones(armature)[hand][joint]
            if column < 3:
                values = take.euler[:, hand, joint, column]
            else:
                head, axes = fcurves.wrist_rest(armature, bone)
                values = (take.wrist[:, hand] - head) @ axes[:, column - 3]
            fcurves.write_channel(bag, bone, fcurves.channels(bone, joint)[column], order.start_frame, values)
            yield


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


def find_armature(order: TakeOrder) -> bpy.types.Object:
    """The armature of an order, renamed or not. Raises Fault when it was deleted."""
    armature = by_uid(bpy.data.objects, order.armature_uid)
    if armature is None:
        raise Fault(
            "rig_deleted",
            f'The armature "{order.armature_name}" was deleted while its take was made; '
            "add hands and use Apply Take to put the take on them.",
            str(order.output),
        )
    return armature


def _begin_action(order: TakeOrder) -> tuple[int, int]:
    """A new action, for one hand a copy of what is played; its `session_uid` and the handle of its slot."""
    armature = find_armature(order)
    fcurves.joint_bones(armature)
    played = current_action(armature)
    if order.hand and played is None:
        raise Fault("take_missing", f'The take of "{armature.name}" was removed meanwhile; press Generate.')
    if played is not None and order.hand and not _copies_curves(played):
        handle = armature.animation_data.action_slot.handle
        action = played.copy()
        action.name = f"{armature.name} take {order.params['seed']}"
    else:
        action = bpy.data.actions.new(f"{armature.name} take {order.params['seed']}")
        handle = action.slots.new(id_type="OBJECT", name=armature.name).handle
    return action.session_uid, handle


def _copies_curves(played: bpy.types.Action) -> bool:
    """Whether the curves that stay are copied one by one; an action with more slots is copied whole."""
    return compat.CAN_COPY_FCURVES and len(played.slots) == 1


def _copy_kept(order: TakeOrder, action_uid: int, slot_handle: int) -> Iterator[None]:
    """Copy the curves that stay from the played action, a few a step, where `_begin_action` has not copied all."""
    played = current_action(find_armature(order))
    if played is None or not _copies_curves(played):
        return
    played_uid = played.session_uid
    anew = fcurves.joint_bones(find_armature(order))[skeleton.HANDS.index(order.hand)]
    prefixes = tuple(f'pose.bones["{bpy.utils.escape_identifier(bone)}"].' for bone in anew)
    index = 0
    while True:
        source = by_uid(bpy.data.actions, played_uid)
        old = compat.channelbag(source, source.slots[0]) if source is not None else None
        if old is None:
            raise Fault(
                "take_missing", f'The take of "{order.armature_name}" was removed meanwhile; press Generate.'
            )
        if index >= len(old.fcurves):
            return
        new = _find_bag(action_uid, slot_handle)
        for curve in old.fcurves[index : index + CURVES_PER_STEP]:
            if not curve.data_path.startswith(prefixes):
                compat.copy_fcurve(new, curve)
        index += CURVES_PER_STEP
        yield


def _slot(action: bpy.types.Action, handle: int) -> bpy.types.ActionSlot:
    return next(slot for slot in action.slots if slot.handle == handle)


def _find_bag(action_uid: int, slot_handle: int) -> bpy.types.ActionChannelbag:
    action = by_uid(bpy.data.actions, action_uid)
    if action is None:
        raise Fault("action_gone", ACTION_GONE)
    bag = compat.channelbag(action, _slot(action, slot_handle), create=True)
    assert bag is not None
    return bag


def _bind(
    order: TakeOrder,
    action_uid: int,
    slot_handle: int,
    take: TakeFile,
    result: dict[str, Any],
    seconds: float,
) -> None:
    """The last step: the armature plays the new action, and the scene says so."""
    armature, action, scene = find_armature(order), by_uid(bpy.data.actions, action_uid), _find_scene(order)
    if action is None:
        raise Fault("action_gone", ACTION_GONE)
    for bones in fcurves.joint_bones(armature):
        for bone in bones:
            armature.pose.bones[bone].rotation_mode = "XYZ"
    played = current_action(armature)
    if played is not None:
        played.use_fake_user = True  # an earlier take is not lost when the file is saved
    compat.bind_action(armature, action, _slot(action, slot_handle))
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


def describe(order: TakeOrder, result: dict[str, Any], seconds: float) -> str:
    """The result line of the panel; without a job's seconds the take was applied from its file."""
    if not seconds:
        return f"Take {order.output.stem}, from its file"
    hand = f"{order.hand} hand, " if order.hand else ""
    parts = [f"Take {order.output.stem}: {hand}seed {order.params['seed']}", f"{seconds:.1f} s"]
    f1 = result.get("onset_f1")
    if isinstance(f1, (int, float)):
        parts.append(f"onset F1 {f1:.2f} against the transcribed notes")
    return ", ".join(parts)
