# SPDX-License-Identifier: GPL-3.0-or-later
"""The moment in which an armature gets a new action, with nothing lost that it played before."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import bpy
import numpy as np

from .. import compat
from ..piano.animation import add_depths
from ..rig.hands import hands_of
from .clock import add_clock
from .hands_on import Writer, reader_of
from .layers import can_replace_active, current_action
from .new_action import find_armature
from .sampling import sample, scene_of_its_own
from .take_order import TakeOrder

NEAR_M, NEAR_RAD = 1e-3, 0.02
"""Within this a hand is where the take puts it."""


def add_properties(armature: bpy.types.Object) -> None:
    """Give an armature the custom properties that a take's curves move: its clock, and how far piano keys are down."""
    for wrist in hands_of(armature).wrists:
        add_clock(armature.pose.bones[wrist])
    add_depths(armature)


def put_on(armature: bpy.types.Object, action: bpy.types.Action, slot: bpy.types.ActionSlot) -> None:
    """Let the armature play `slot` of `action`.

    The active action is kept in the file. Where it is a correction blended over the NLA, it goes on to play below the
    new action: it is pushed down onto a track of its own first.
    """
    with _evaluated(armature):
        data = armature.animation_data or armature.animation_data_create()
        if data.use_tweak_mode:
            data.use_tweak_mode = False
        action.use_fake_user = True
        played = current_action(armature)
        if played is not None:
            played.use_fake_user = True  # an earlier take is not lost when the file is saved
            if not can_replace_active(armature):
                _push_down(data)
        compat.bind_action(armature, action, slot)
        data.action_blend_type, data.action_extrapolation = "REPLACE", "HOLD"
        data.action_influence = 1.0


@contextmanager
def _evaluated(armature: bpy.types.Object) -> Iterator[None]:
    """An object that was never evaluated would crash Blender when it gets an action."""
    if armature.visible_get():
        bpy.context.view_layer.update()
        yield
        return
    with scene_of_its_own([armature]):
        yield


def _push_down(data: bpy.types.AnimData) -> None:
    """Put the active action onto the topmost track, blended as it was."""
    action, slot = data.action, data.action_slot
    first, last = action.frame_range
    track = data.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, round(first), action)
    strip.action_slot = slot
    strip.action_frame_start, strip.action_frame_end = first, max(last, first + 1)
    strip.frame_start, strip.frame_end = first, max(last, first + 1)
    strip.blend_type, strip.extrapolation = data.action_blend_type, data.action_extrapolation
    if data.action_influence != 1.0:
        strip.use_animated_influence = True
        strip.influence = data.action_influence


def look(order: TakeOrder, frames: int, writer: Writer) -> Generator[None, None, bool]:
    """Whether the hands that were written are where the take of so many frames puts them.

    For the look Blender evaluates the armature once more, in a scene of its own, and copies all keys for that. Raises
    UserError where the armature is deleted meanwhile.
    """
    armature = find_armature(order)
    low, high = order.frames if order.frames is not None else (0, frames)
    picked = sorted({low, (low + high - 1) // 2, high - 1})
    reader = reader_of(armature, len(picked))
    uid, name = armature.session_uid, armature.name
    yield
    for _ in sample(uid, name, [order.start_frame + frame for frame in picked], reader):
        yield
    hands = list(order.hands)
    euler, wrist = writer.expected(picked)
    off = np.abs(reader.wrist[:, hands] - wrist[:, hands]).max()
    turn = np.abs(np.sin((reader.euler[:, hands] - euler[:, hands]) / 2)).max()
    return bool(off < NEAR_M and turn < NEAR_RAD)
