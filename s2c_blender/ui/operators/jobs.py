# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate, resample, redo a hand or a range, cancel: they collect an order and hand it to the session."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import bpy
from bpy.props import EnumProperty, IntProperty

from ...errors import UserError
from ...order_from_scene import order_new_take, order_part, redo_window
from ...rig.choice import find_armature
from ...session import session
from ...strip_audio import find_strip
from ...takes import read_back
from ...takes.take_order import TakeOrder
from .. import refusals
from ..properties import SEED_MAX
from .base import OperatorBase, being_generated

Preparation = Callable[[bpy.types.Context], object]


class JobOperator(OperatorBase):
    """Starts a job; where there is no window it stays until the job is done."""

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        if context.scene is None:
            return "There is no scene."
        if session.installer.active:
            return "The generator is being installed; wait for it or press Cancel first."
        return being_generated()

    def begin(self, context: bpy.types.Context) -> set[str]:
        """Hand the order over. Raises UserError."""
        raise NotImplementedError

    def preparation(self, _context: bpy.types.Context) -> Preparation:
        """All that can raise UserError in `begin`, starting nothing; used again after this operator is gone."""
        return session.check_ready

    def run(self, context: bpy.types.Context) -> set[str]:
        again = self.preparation(context)
        try:
            self.begin(context)
        except UserError as fault:
            refusals.remember(fault, context.scene, again)
            raise
        if not bpy.app.background:
            return {"FINISHED"}
        session.wait()
        status = session.machine.status
        if session.view(time.monotonic()).error:
            raise UserError(status.code or "failed", status.message, status.detail)
        return {"FINISHED"}


class TakeOperator(JobOperator):
    """Needs hands, and the generator's Python."""

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        reason = super().disabled_reason(context) or session.runtime_problem
        if reason:
            return reason
        try:
            cls.needs(context)
        except UserError as fault:
            return fault.message
        return ""

    @classmethod
    def needs(cls, context: bpy.types.Context) -> None:
        """Raise UserError when the scene lacks something; looks at properties only."""
        find_strip(context, context.scene.s2c_settings.strip_name)
        find_armature(context)

    def order(self, context: bpy.types.Context) -> Callable[[bpy.types.Context], TakeOrder]:
        """How the order is made from a scene. Holds no reference to the operator."""
        raise NotImplementedError

    def begin(self, context: bpy.types.Context) -> set[str]:
        session.order_take(context, self.order(context)(context))
        return {"FINISHED"}

    def preparation(self, context: bpy.types.Context) -> Preparation:
        order = self.order(context)

        def again(later: bpy.types.Context) -> None:
            session.check_ready(later)
            order(later)

        return again


class S2C_OT_generate(TakeOperator, bpy.types.Operator):
    """Let both hands play the recording: makes a new take and puts it on the hands. Earlier takes stay in the file"""

    bl_idname = "s2c.generate"
    bl_label = "Generate"

    def order(self, context: bpy.types.Context) -> Callable[[bpy.types.Context], TakeOrder]:
        settings = context.scene.s2c_settings
        seed = random.randint(0, SEED_MAX) if settings.seed_random else settings.seed
        return lambda later: order_new_take(later, seed)


class S2C_OT_resample(TakeOperator, bpy.types.Operator):
    """Another take of the same recording for both hands, with the next seed: for when this one does not please"""

    bl_idname = "s2c.resample"
    bl_label = "Resample"

    def order(self, context: bpy.types.Context) -> Callable[[bpy.types.Context], TakeOrder]:
        seed = next_seed(context.scene.s2c_settings.seed)
        return lambda later: order_new_take(later, seed)


class S2C_OT_regenerate_hand(TakeOperator, bpy.types.Operator):
    """Make one hand anew, with the next seed; the other one keeps playing what it plays now"""

    bl_idname = "s2c.regenerate_hand"
    bl_label = "Redo Hand"

    hand: EnumProperty(
        name="Hand",
        description="The hand that is made anew",
        items=(("LEFT", "Left", "The left hand"), ("RIGHT", "Right", "The right hand")),
        options={"SKIP_SAVE"},
    )

    @classmethod
    def needs(cls, context: bpy.types.Context) -> None:
        if not read_back.has_take(find_armature(context)):
            raise UserError("no_take", "There is no take on the hands yet: press Generate first.")

    def order(self, context: bpy.types.Context) -> Callable[[bpy.types.Context], TakeOrder]:
        seed, hand = next_seed(context.scene.s2c_settings.seed), self.hand.lower()
        return lambda later: order_part(later, seed, hand)


class S2C_OT_regenerate_range(TakeOperator, bpy.types.Operator):
    """Make only some frames anew, with the next seed; every keyframe outside them stays as it is"""

    bl_idname = "s2c.regenerate_range"
    bl_label = "Redo Range"

    hand: EnumProperty(
        name="Hands",
        description="The hands that are made anew",
        items=(
            ("BOTH", "Both", "Both hands"),
            ("LEFT", "Left", "The left hand; the right one plays what it plays now"),
            ("RIGHT", "Right", "The right hand; the left one plays what it plays now"),
        ),
        options={"SKIP_SAVE"},
    )
    frame_start: IntProperty(
        name="Start", description="First frame; with End 0 the panel's frames are used", options={"SKIP_SAVE"}
    )
    frame_end: IntProperty(name="End", description="Last frame", options={"SKIP_SAVE"})

    @classmethod
    def needs(cls, context: bpy.types.Context) -> None:
        S2C_OT_regenerate_hand.needs(context)

    def order(self, context: bpy.types.Context) -> Callable[[bpy.types.Context], TakeOrder]:
        seed = next_seed(context.scene.s2c_settings.seed)
        given = (self.frame_start, self.frame_end) if self.properties.is_property_set("frame_end") else None
        hand = "" if self.hand == "BOTH" else self.hand.lower()
        return lambda later: order_part(later, seed, hand, given or redo_window(later.scene))


class S2C_OT_cancel(OperatorBase, bpy.types.Operator):
    """Stop the running job; the scene stays as it is"""

    bl_idname = "s2c.cancel"
    bl_label = "Cancel"

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        return "" if session.busy else "Nothing is running."

    def run(self, context: bpy.types.Context) -> set[str]:
        session.cancel()
        if bpy.app.background:
            session.wait()
        return {"FINISHED"}


def next_seed(seed: int) -> int:
    """The seed after `seed`; 0 follows the largest."""
    return 0 if seed >= SEED_MAX else seed + 1


CLASSES = (
    S2C_OT_generate,
    S2C_OT_resample,
    S2C_OT_regenerate_hand,
    S2C_OT_regenerate_range,
    S2C_OT_cancel,
)
