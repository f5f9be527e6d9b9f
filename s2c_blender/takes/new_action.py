# SPDX-License-Identifier: GPL-3.0-or-later
"""The action that a take is written into: a new one, with exact copies of the curves that stay.

Nobody plays it until it is complete. It is named by `session_uid` and its slot by handle, because undo between two
steps frees everything that was found before.

All of the active action that the take does not replace is copied: the other hand, keys on the root or the object,
whatever the animator added. Where the active action is a correction over the NLA, the new action holds only what is
new, and will lie on top of all that.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from .. import compat, fcurves
from ..errors import UserError
from ..piano.animation import is_piano_curve
from ..rig.character.leaning import is_lean_curve
from ..rig.hands import hands_of
from . import unfinished
from .clock import clock_channel
from .layers import can_replace_active, current_action, is_plain
from .lookup import by_uid
from .take_order import TakeOrder

CURVES_PER_STEP = 2
"""Kept curves looked at in one step."""
ACTION_GONE = "The take was undone while it was written; use Apply Take to write it again."


def find_armature(order: TakeOrder) -> bpy.types.Object:
    """The armature of an order, renamed or not. Raises UserError when it was deleted."""
    armature = by_uid(bpy.data.objects, order.armature_uid)
    if armature is None:
        raise UserError(
            "rig_deleted",
            f'The armature "{order.armature_name}" was deleted while its take was made; '
            "add hands and use Apply Take to put the take on them.",
            str(order.output),
        )
    return armature


def find_action(uid: int) -> bpy.types.Action:
    """The action that is being written. Raises UserError when undo or the user removed it."""
    action = by_uid(bpy.data.actions, uid)
    if action is None:
        raise UserError("action_gone", ACTION_GONE)
    return action


def find_slot(action: bpy.types.Action, handle: int) -> bpy.types.ActionSlot:
    """The slot with a handle."""
    return next(slot for slot in action.slots if slot.handle == handle)


def find_bag(action_uid: int, slot_handle: int) -> bpy.types.ActionChannelbag:
    """The curves that are being written. Raises UserError when the action is gone."""
    action = find_action(action_uid)
    bag = compat.channelbag(action, find_slot(action, slot_handle), create=True)
    assert bag is not None
    return bag


def copied_bytes(order: TakeOrder) -> int:
    """Memory that `begin_action` copies at a stroke."""
    kept = _kept_action(order)
    return fcurves.action_bytes(kept) if kept is not None and not _copies_curves(kept) else 0


def begin_action(order: TakeOrder) -> tuple[int, int]:
    """A new action, perhaps a copy of what is played where some of that stays; `session_uid` and slot handle."""
    armature = find_armature(order)
    hands_of(armature)
    kept = _kept_action(order)
    if order.partial and kept is None and is_plain(armature):
        raise UserError(
            "take_missing", f'The take of "{armature.name}" was removed meanwhile; press Generate.'
        )
    name = f"{armature.name} take {order.params['seed']}"
    if kept is not None and not _copies_curves(kept):
        handle = armature.animation_data.action_slot.handle
        action = kept.copy()
        action.name = name
    else:
        action = bpy.data.actions.new(name)
        handle = action.slots.new(id_type="OBJECT", name=armature.name).handle
    unfinished.mark(action)
    return action.session_uid, handle


def _kept_action(order: TakeOrder) -> bpy.types.Action | None:
    """The action of which curves stay; None when none do, or all that stays lies below in the NLA."""
    armature = find_armature(order)
    played = current_action(armature)
    if played is None or not can_replace_active(armature):
        return None
    if order.partial:
        return played
    bag = compat.channelbag(played, armature.animation_data.action_slot)
    anew = replaced(order, armature)
    return played if bag is not None and any(not _is_replaced(c, anew, order) for c in bag.fcurves) else None


def replaced(order: TakeOrder, armature: bpy.types.Object) -> set[tuple[str, int]]:
    """Channels of the hands that the take writes anew from the first frame to the last."""
    anew = {clock_channel(wrist) for wrist in hands_of(armature).wrists}
    if order.frames is None:
        for hand in order.hands:
            anew.update(fcurves.hand_channels(armature, hand))
    return anew


def _is_replaced(curve: bpy.types.FCurve, anew: set[tuple[str, int]], order: TakeOrder) -> bool:
    whole = not order.partial and (is_piano_curve(curve) or is_lean_curve(curve))
    return whole or (curve.data_path, curve.array_index) in anew


def _copies_curves(kept: bpy.types.Action) -> bool:
    """Whether the curves that stay are copied one by one; an action with more slots is copied whole."""
    return compat.CAN_COPY_FCURVES and len(kept.slots) == 1


def copy_kept(order: TakeOrder, action_uid: int, slot_handle: int) -> Iterator[None]:
    """Bring in the curves that stay, a few a step; where `begin_action` copied all, take out those that do not."""
    kept = _kept_action(order)
    if kept is None:
        return
    anew, kept_uid = replaced(order, find_armature(order)), kept.session_uid
    if not _copies_curves(kept):
        bag = find_bag(action_uid, slot_handle)
        gone = [(c.data_path, c.array_index) for c in bag.fcurves if _is_replaced(c, anew, order)]
        for path, index in gone:
            bag = find_bag(action_uid, slot_handle)
            curve = bag.fcurves.find(path, index=index)
            if curve is not None:
                bag.fcurves.remove(curve)
            yield
        return
    index = 0
    while True:
        source = by_uid(bpy.data.actions, kept_uid)
        old = compat.channelbag(source, source.slots[0]) if source is not None else None
        if old is None:
            raise UserError(
                "take_missing", f'The take of "{order.armature_name}" was removed meanwhile; press Generate.'
            )
        if index >= len(old.fcurves):
            return
        new = find_bag(action_uid, slot_handle)
        for curve in old.fcurves[index : index + CURVES_PER_STEP]:
            if not _is_replaced(curve, anew, order):
                compat.copy_fcurve(new, curve)
        index += CURVES_PER_STEP
        yield
