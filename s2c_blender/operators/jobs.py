# SPDX-License-Identifier: GPL-3.0-or-later
"""Generate, resample, redo one hand, cancel: they collect an order from the scene and hand it to the session."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty

from .. import keeping
from ..faults import Fault
from ..fcurves import joint_bones
from ..orders import TakeOrder
from ..properties import SEED_MAX
from ..rig.armature import HAND_SIZE_PROPERTY
from ..session import preferred_device, session
from ..strip_audio import StripSound, find_strip, strip_sound
from .base import OperatorBase

STYLE_EXTREME = 3.0
"""Largest style value that the generator takes."""


def find_armature(context: bpy.types.Context) -> bpy.types.Object:
    """The armature of the panel, else the active one, else the only one of the scene. Raises Fault."""
    scene = context.scene
    chosen = scene.s2c_settings.armature
    if chosen is not None:
        if chosen.name not in scene.objects:
            raise Fault(
                "rig_elsewhere", f'The armature "{chosen.name}" is not in this scene; choose another one.'
            )
        return chosen
    active = context.active_object
    if active is not None and active.type == "ARMATURE":
        return active
    armatures = [item for item in scene.objects if item.type == "ARMATURE"]
    if not armatures:
        raise Fault(
            "no_rig",
            "There are no hands to animate: press Add Hands, or choose an armature in the S2C panel.",
        )
    if len(armatures) > 1:
        raise Fault("which_rig", "There are several armatures: choose one in the S2C panel.")
    return armatures[0]


def frame_window(scene: bpy.types.Scene) -> tuple[int, int] | None:
    """First and last frame to play by the panel's range; None for all of the strip. Raises Fault."""
    settings = scene.s2c_settings
    if settings.range_mode == "STRIP":
        return None
    if settings.range_mode == "SCENE":
        return scene.frame_start, scene.frame_end
    if settings.frame_end <= settings.frame_start:
        raise Fault("range_empty", "The last frame of the range must lie after the first.")
    return settings.frame_start, settings.frame_end


def take_path(folder: Path, seed: int, hand: str) -> Path:
    """A new file name for a take, sortable by the time it was made."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    stem = f"{stamp}-seed{seed}" + (f"-{hand}" if hand else "")
    path, number = folder / f"{stem}.npz", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.npz"
    return path


def common_params(
    context: bpy.types.Context, armature: bpy.types.Object, output: Path, seed: int
) -> dict[str, Any]:
    """The parameters of `generate` that every order has."""
    settings, render = context.scene.s2c_settings, context.scene.render
    return {
        "sound": None,
        "midi": None,
        "output": str(output),
        "seed": seed,
        "preset": settings.preset or "default",
        "sampler": None,
        "steps": None,
        "contact": settings.contact,
        "fps": render.fps / render.fps_base,
        "style": {**settings.style(), "hand_size": hand_size_style(armature)},
        "keep": None,
        "hand": None,
        "range": None,
        "device": preferred_device(context),
    }


def hand_size_style(armature: bpy.types.Object) -> float:
    """The style value of the armature's hand size: the model's factor is 1 + 0.1 style."""
    size = armature.get(HAND_SIZE_PROPERTY, 1.0)
    return min(STYLE_EXTREME, max(-STYLE_EXTREME, (float(size) - 1.0) * 10.0))


def order_new_take(context: bpy.types.Context, seed: int) -> TakeOrder:
    """The order for both hands, from the strip. Raises Fault for anything that is missing."""
    scene = context.scene
    edit, strip = find_strip(context, scene.s2c_settings.strip_name)
    window = frame_window(scene)
    armature = find_armature(context)
    joint_bones(armature)
    sound: StripSound = strip_sound(edit, strip, scene, window, session.temporary_folder())
    output = take_path(session.data_folder() / "takes", seed, "")
    params = common_params(context, armature, output, seed)
    params.update(
        sound=str(sound.path), sound_start_s=sound.heard.sound_start_s, sound_end_s=sound.heard.sound_end_s
    )
    return TakeOrder(
        armature_uid=armature.session_uid,
        armature_name=armature.name,
        scene_uid=scene.session_uid,
        start_frame=sound.heard.start_frame,
        output=output,
        params=params,
        sound=sound,
    )


def order_hand(context: bpy.types.Context, seed: int, hand: str) -> TakeOrder:
    """The order for one hand anew; the other's motion is read from the armature. Raises Fault."""
    scene = context.scene
    armature = find_armature(context)
    joint_bones(armature)
    keep = keeping.plan_keep(scene, armature, session.temporary_folder())
    output = take_path(session.data_folder() / "takes", seed, hand)
    params = common_params(context, armature, output, seed)
    params.update(keep=str(keep.path), hand=hand)
    return TakeOrder(
        armature_uid=armature.session_uid,
        armature_name=armature.name,
        scene_uid=scene.session_uid,
        start_frame=keep.start_frame,
        output=output,
        params=params,
        hand=hand,
        keep=keep,
    )


class JobOperator(OperatorBase):
    """Starts a job; where there is no window it stays until the job is done."""

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        if context.scene is None:
            return "There is no scene."
        if session.installer.active:
            return "The runtime is being installed; wait for it or press Cancel first."
        return "A take is being generated; wait for it or press Cancel first." if session.active else ""

    def begin(self, context: bpy.types.Context) -> set[str]:
        """Hand the order over. Raises Fault."""
        raise NotImplementedError

    def run(self, context: bpy.types.Context) -> set[str]:
        try:
            self.begin(context)
        except Fault as fault:
            session.refuse(fault)
            raise
        if not bpy.app.background:
            return {"FINISHED"}
        session.wait()
        status = session.machine.status
        if session.view(time.monotonic()).error:
            raise Fault(status.code or "failed", status.message, status.detail)
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
        except Fault as fault:
            return fault.message
        return ""

    @classmethod
    def needs(cls, context: bpy.types.Context) -> None:
        """Raise Fault when the scene lacks something; looks at properties only."""
        find_strip(context, context.scene.s2c_settings.strip_name)
        find_armature(context)


class S2C_OT_generate(TakeOperator, bpy.types.Operator):
    """Make both hands play the sound strip"""

    bl_idname = "s2c.generate"
    bl_label = "Generate"

    def begin(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.s2c_settings
        seed = random.randint(0, SEED_MAX) if settings.seed_random else settings.seed
        session.order_take(context, order_new_take(context, seed))
        settings.seed = seed
        return {"FINISHED"}


class S2C_OT_resample(TakeOperator, bpy.types.Operator):
    """Make another take of both hands, with the next seed"""

    bl_idname = "s2c.resample"
    bl_label = "Resample"

    def begin(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.s2c_settings
        seed = next_seed(settings.seed)
        session.order_take(context, order_new_take(context, seed))
        settings.seed = seed
        return {"FINISHED"}


class S2C_OT_regenerate_hand(TakeOperator, bpy.types.Operator):
    """Make one hand anew, with the next seed, and leave the keys of the other as they are"""

    bl_idname = "s2c.regenerate_hand"
    bl_label = "Redo Hand"

    hand: EnumProperty(
        name="Hand",
        items=(("LEFT", "Left", "The left hand"), ("RIGHT", "Right", "The right hand")),
        options={"SKIP_SAVE"},
    )

    @classmethod
    def needs(cls, context: bpy.types.Context) -> None:
        if not keeping.has_take(find_armature(context)):
            raise Fault("no_take", "There is no take on the hands yet: press Generate first.")

    def begin(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.s2c_settings
        seed = next_seed(settings.seed)
        session.order_take(context, order_hand(context, seed, self.hand.lower()))
        settings.seed = seed
        return {"FINISHED"}


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


CLASSES = (S2C_OT_generate, S2C_OT_resample, S2C_OT_regenerate_hand, S2C_OT_cancel)
