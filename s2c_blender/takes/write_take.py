# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished take becomes keyframes: a few curves a step, so that Blender's window never waits for it.

The curves are written into an action that nobody plays yet; the armature gets it in the last step, together with
one undo step. Whatever goes wrong before that, Cancel included, removes the action again and leaves the scene as it
was.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import fcurves
from ..core.heap_prefault import WarmMemory
from ..core.splicing import Stretch
from ..errors import UserError
from ..piano.animation import carrier, is_piano_curve, write_depths, write_pedal
from ..piano.depths import KeyMotion, motion_of_knots, motion_of_notes
from ..piano.pairing import connect_all
from ..rig.character.leaning import NAME as LEAN_GROUP
from ..rig.hands import hands_of
from . import clock, follow, layers, remarks, unfinished
from .hands_on import Writer, writer_of
from .new_action import (
    begin_action,
    copied_bytes,
    copy_kept,
    find_action,
    find_armature,
    find_bag,
    find_slot,
)
from .put_on import add_properties, look, put_on
from .read_back import Marks, by_uid, write_marks
from .result_line import checked, describe, extend_scene_end, remember_left_out
from .take_arrays import FINGER, ONSET, PITCH, TakeArrays
from .take_file import at_scene_rate, load_take
from .take_order import TakeOrder

COPYING = "Handing the keyframes over"
"""A step that cannot be cut: Blender copies all keys of the new action for evaluation, and nothing plays them yet."""
UNDO_LABEL = "Saving the undo step"
"""The last step, which cannot be cut: the armature gets the action, and Blender copies all keys for undo."""
LOOKING = "Looking at the hands"
"""The take is delivered; what is left only looks at it."""
HINDERED = (
    "Something else moves the hands, too (a constraint, a driver, a muted curve): "
    "they are not where the take puts them."
)
SOUND_KEYS = ("sound", "sound_start_s", "sound_end_s", "sounds", "midi", "midi_pieces")
LAYERS_CHANGED = (
    "The NLA tracks of the hands were changed while the take was made; use Apply Take to put it on them."
)


def deliver(order: TakeOrder, result: dict[str, Any], seconds: float) -> Iterator[str | float | None]:
    """Write the take of `order` onto its armature. Yields progress from 0 to 1, or a label where the next step is long.

    After the label `LOOKING` the take is delivered: whoever stops then keeps it.

    result: the worker's answer, which may be odd; seconds: what the whole job took. Raises UserError when the armature
    or the scene was deleted meanwhile or the take cannot be used; nothing is changed then.
    """
    result = checked(result)
    armature = find_armature(order)
    layers.check_writable(armature)
    plain = layers.is_plain(armature)
    take = yield from _load(order)
    leans = None if order.partial else bool(_find_scene(order).s2c_settings.lean)
    writer = writer_of(lambda: find_armature(order), take, order.start_frame, leans=leans)
    yield from writer.prepare()
    memory = WarmMemory()
    yield from memory.warm(copied_bytes(order))
    memory.release()
    action_uid, slot_handle = begin_action(order)
    memory.close()
    try:
        yield None
        yield from copy_kept(order, action_uid, slot_handle)
        yield from _write_hands(order, action_uid, slot_handle, take, writer, spliced=plain)
        for channel, values in writer.body_curves():
            bag = find_bag(action_uid, slot_handle)
            fcurves.write_channel(bag, LEAN_GROUP, channel, order.start_frame, values)
            yield None
        yield from _write_music(order, action_uid, slot_handle, take)
        size = fcurves.action_bytes(find_action(action_uid))
        yield from memory.warm(2 * size)
        _sign(order, find_action(action_uid), take)
        said = [*writer.said(order.hands), _out_of_time(order, action_uid, slot_handle)]
        yield COPYING
        memory.release(size)
        unfinished.copy_ahead(find_action(action_uid))
        yield UNDO_LABEL  # said before anything changes: from here to the undo step nothing can come between
        if layers.is_plain(find_armature(order)) != plain and order.partial:
            raise UserError("layers_changed", LAYERS_CHANGED)
        said.insert(0, _bind(order, action_uid, slot_handle, writer))
        _tell(order, take, [describe(order, result, seconds), *said], result)
        unfinished.finish()
        memory.release()
        bpy.ops.ed.undo_push(message="S2C Take")
        yield from _look(order, len(take.euler), writer)
    except BaseException:  # GeneratorExit too: a cancelled delivery leaves nothing behind
        unfinished.let_go()
        action = by_uid(bpy.data.actions, action_uid)
        if action is not None and not action.users:
            bpy.data.actions.remove(action)
        raise
    finally:
        memory.close()


def _look(order: TakeOrder, frames: int, writer: Writer) -> Iterator[str | None]:
    """Say so where something else moves the hands, too. The take is whole already; the look can be broken off."""
    if not layers.is_hindered(find_armature(order)):
        return  # their action lies on top of all others
    yield LOOKING
    try:
        if (yield from look(order, frames, writer)):
            return
        settings = _find_scene(order).s2c_settings
    except UserError:
        return  # the hands were deleted meanwhile, or their scene was: nobody asks where they are
    settings.result = f"{settings.result.removesuffix('.')}. {HINDERED}"


def _load(order: TakeOrder) -> Generator[None, None, TakeArrays]:
    """The take of an order at the scene's rate."""
    loading = load_take(order.output)
    while (take := next(loading)) is None:
        yield None
    return at_scene_rate(take, _find_scene(order))


def _write_hands(
    order: TakeOrder, action_uid: int, slot_handle: int, take: TakeArrays, writer: Writer, *, spliced: bool
) -> Iterator[float | None]:
    """Write the curves of the hands that are new, one a step; of a range, its frames in every curve.

    spliced: whether the curves of a range go on outside it as they are; else they are written whole.
    """

    def bag() -> bpy.types.ActionChannelbag:
        return find_bag(action_uid, slot_handle)

    def armature() -> bpy.types.Object:
        return find_armature(order)

    def near(bone: str) -> tuple[int, NDArray[np.float32]] | None:
        """The rotation of a bone beside the range, which goes on there."""
        if order.frames is None or not spliced:
            return None
        frame = order.frames[0] - 1 if order.frames[0] else order.frames[1]
        if frame >= len(take.euler):
            return None
        at = np.array([order.start_frame + frame], np.float32)
        channels = fcurves.channels(bone, armature().pose.bones[bone].rotation_mode)
        curves = [bag().fcurves.find(path, index=index) for path, index in channels]
        if any(curve is None for curve in curves):
            return None
        return frame, np.array([fcurves.evaluate(c, at)[0] for c in curves])

    count = sum(writer.bones(hand) for hand in order.hands)
    done = 0
    for hand in order.hands:
        for found in writer.values(hand, near):
            if found is None:
                yield None
                continue
            for column, channel in enumerate(found.channels):
                values = found.values[:, column]
                if order.frames is None or not spliced:
                    fcurves.write_channel(bag(), found.bone, channel, order.start_frame, values)
                else:
                    first, stop = order.frames
                    last = order.start_frame + len(values) - 1
                    stretch = Stretch(order.start_frame + first, values[first:stop], order.start_frame, last)
                    yield from fcurves.splice_channel(bag, found.bone, channel, stretch)
                yield (done + (column + 1) / len(found.channels)) / count
            done += 1


def _write_music(order: TakeOrder, action_uid: int, slot_handle: int, take: TakeArrays) -> Iterator[None]:
    """Write the take's clock onto both wrists, and the piano's motion where the kept curves hold none."""
    for hand in (0, 1):
        bone = hands_of(find_armature(order)).wrists[hand]
        bag = find_bag(action_uid, slot_handle)
        clock.write_clock(bag, bone, order.start_frame, len(take.euler), take.fps)
        yield
    stays = order.keep is not None and any(
        is_piano_curve(curve) for layer in layers.layers(find_armature(order)) for curve in layer.curves
    )
    if stays:
        return
    bag = find_bag(action_uid, slot_handle)
    for curve in [curve for curve in bag.fcurves if is_piano_curve(curve)]:
        bag.fcurves.remove(curve)
    motion = _key_motion(take, order.start_frame)
    for _ in write_depths(bag, carrier(find_armature(order)), motion, order.start_frame):
        yield
        bag = find_bag(action_uid, slot_handle)  # undo may have taken it away
    write_pedal(bag, carrier(find_armature(order)), take.pedal, fps=take.fps, start_frame=order.start_frame)
    yield


def _key_motion(take: TakeArrays, start_frame: int) -> KeyMotion:
    """How the piano's keys move: as the take says, else as its notes ask for."""
    if len(take.keys):
        return motion_of_knots(take.keys, take.fps, start_frame)
    played = take.fingering[:, FINGER] >= 0
    if not played.any():  # nobody knows who plays
        played[:] = True
    notes = take.notes[played]
    return motion_of_notes(notes[:, ONSET], take.release[played], notes[:, PITCH], take.fps, start_frame)


def _find_scene(order: TakeOrder) -> bpy.types.Scene:
    scene = by_uid(bpy.data.scenes, order.scene_uid)
    if scene is None:
        raise UserError(
            "scene_deleted", "The scene was deleted while its take was made; use Apply Take in another one."
        )
    return scene


def _sign(order: TakeOrder, action: bpy.types.Action, take: TakeArrays) -> None:
    """The new action says where it came from."""
    sound = (
        order.keep.marks.sound
        if order.keep is not None
        else {name: order.params.get(name) for name in SOUND_KEYS if name in order.params}
    )
    player = take.meta.get("habits")
    marks = Marks(
        take=str(order.output),
        start_frame=order.start_frame,
        frames=len(take.euler),
        fps=take.fps,
        sound=sound,
        player=player if isinstance(player, list) else None,
    )
    write_marks(action, marks)
    clock.write_notes(action, take.notes, take.fingering)


def _out_of_time(order: TakeOrder, action_uid: int, slot_handle: int) -> str:
    """What there is to say about where the new action lies in time."""
    action = find_action(action_uid)
    layer = layers.Layer(action, find_slot(action, slot_handle))
    return follow.disagreement(bpy.context, _find_scene(order), find_armature(order), layer)


def _bind(order: TakeOrder, action_uid: int, slot_handle: int, writer: Writer) -> str:
    """The armature plays the new action; returns what there is to say about the piano's keys."""
    armature, action, scene = find_armature(order), find_action(action_uid), _find_scene(order)
    add_properties(armature)
    put_on(armature, action, find_slot(action, slot_handle))
    writer.finish(armature)
    scene.s2c_settings.armature = armature
    return connect_all(scene, armature)


def _tell(order: TakeOrder, take: TakeArrays, said: list[str], result: dict[str, Any]) -> None:
    """The scene says what is played now. said: how the take was made, then whatever else there is to say."""
    scene = _find_scene(order)
    settings = scene.s2c_settings
    settings.take_path = str(order.output)
    remember_left_out(settings, order, take.fps, result)
    remarks.remember(settings, order.output.stem, result)
    moved = extend_scene_end(scene, order.start_frame + len(take.euler) - 1)
    line = f"{said[0]}, {moved}" if moved else said[0]
    more = [text for text in said[1:] if text]
    settings.result = " ".join([line + "." if more else line, *more])
    if isinstance(order.params["seed"], int):  # a cancelled job leaves the seed where it was
        settings.seed = order.params["seed"]
    bpy.context.view_layer.update()
