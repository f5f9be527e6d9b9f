# SPDX-License-Identifier: GPL-3.0-or-later
"""The action that a take is written into: a new one, with exact copies of the curves that stay.

Nobody plays it until it is complete. It is named by `session_uid` and its slot by handle, because undo between two
steps frees everything that was found before.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from . import compat, fcurves
from .faults import Fault
from .keeping import by_uid, current_action
from .orders import TakeOrder

CURVES_PER_STEP = 2
"""Kept curves looked at in one step."""
KEY_BYTES = 72
"""A key in Blender's memory (`BezTriple`)."""
ACTION_GONE = "The take was undone while it was written; use Apply Take to write it again."


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


def find_action(uid: int) -> bpy.types.Action:
    """The action that is being written. Raises Fault when undo or the user removed it."""
    action = by_uid(bpy.data.actions, uid)
    if action is None:
        raise Fault("action_gone", ACTION_GONE)
    return action


def find_slot(action: bpy.types.Action, handle: int) -> bpy.types.ActionSlot:
    """The slot with a handle."""
    return next(slot for slot in action.slots if slot.handle == handle)


def find_bag(action_uid: int, slot_handle: int) -> bpy.types.ActionChannelbag:
    """The curves that are being written. Raises Fault when the action is gone."""
    action = find_action(action_uid)
    bag = compat.channelbag(action, find_slot(action, slot_handle), create=True)
    assert bag is not None
    return bag


def action_bytes(action: bpy.types.Action) -> int:
    """About how much memory the keys of an action take."""
    bags = (bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags)
    return KEY_BYTES * sum(len(curve.keyframe_points) for bag in bags for curve in bag.fcurves)


def copied_bytes(order: TakeOrder) -> int:
    """Memory that `begin_action` copies at a stroke."""
    played = current_action(find_armature(order))
    return action_bytes(played) if played is not None and not _copies_curves(played) else 0


def begin_action(order: TakeOrder) -> tuple[int, int]:
    """A new action, where something stays perhaps a copy of what is played; its `session_uid` and its slot's handle."""
    armature = find_armature(order)
    fcurves.joint_bones(armature)
    played = current_action(armature)
    if order.partial and played is None:
        raise Fault("take_missing", f'The take of "{armature.name}" was removed meanwhile; press Generate.')
    name = f"{armature.name} take {order.params['seed']}"
    if played is not None and order.partial and not _copies_curves(played):
        handle = armature.animation_data.action_slot.handle
        action = played.copy()
        action.name = name
    else:
        action = bpy.data.actions.new(name)
        handle = action.slots.new(id_type="OBJECT", name=armature.name).handle
    return action.session_uid, handle


def _copies_curves(played: bpy.types.Action) -> bool:
    """Whether the curves that stay are copied one by one; an action with more slots is copied whole."""
    return compat.CAN_COPY_FCURVES and len(played.slots) == 1


def copy_kept(order: TakeOrder, action_uid: int, slot_handle: int) -> Iterator[None]:
    """Copy the curves that stay from the played action, a few a step, where `begin_action` has not copied all."""
    played = current_action(find_armature(order))
    if played is None or not _copies_curves(played):
        return
    played_uid = played.session_uid
    anew: tuple[str, ...] = ()
    if order.frames is None:
        bones = fcurves.joint_bones(find_armature(order))
        anew = tuple(
            f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
            for hand in order.hands
            for bone in bones[hand]
        )
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
        new = find_bag(action_uid, slot_handle)
        for curve in old.fcurves[index : index + CURVES_PER_STEP]:
            if not (anew and curve.data_path.startswith(anew)):
                compat.copy_fcurve(new, curve)
        index += CURVES_PER_STEP
        yield
