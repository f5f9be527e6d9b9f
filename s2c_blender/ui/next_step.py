# SPDX-License-Identifier: GPL-3.0-or-later
"""The one thing to do next, in the order of the work, from what the scene holds; looks at properties only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import bpy

from ..errors import UserError
from ..rig.choice import find_armature
from ..rig.hands import are_hands
from ..session import session
from ..strip_audio import find_strip
from ..takes import read_back
from . import preferences
from .drawing import why_grey
from .extras import extras

FACTORY_OBJECTS = {"Cube": "MESH", "Camera": "CAMERA", "Light": "LIGHT"}
"""What Blender's General template puts into a new file, name and type."""
CUBE_VERTICES = 8


@dataclass(frozen=True, kw_only=True)
class Step:
    """What the panel offers next: a sentence and a button that works now."""

    name: str
    text: str
    operator: str = ""
    label: str = ""
    icon: str = "NONE"
    options: dict[str, Any] = field(default_factory=dict)
    """Properties of the button's operator."""
    choice: str = ""
    """Property of the scene's settings in which something is to be chosen instead."""
    reason: str = ""
    """Why the button is grey; empty when it works."""


def next_step(context: bpy.types.Context) -> Step | None:
    """The next step of the work; None when the hands play a take, so that the panel offers what can be done with it."""
    armature, hands_fault = _hands(context)
    if armature is not None and read_back.has_take(armature):
        return None
    if session.runtime_problem:
        return generator_step(context)
    recording_fault = _recording_fault(context)
    if (
        _is(recording_fault, "no_strip")
        and _is(hands_fault, "no_rig")
        and only_factory_objects(context.scene)
    ):
        return step_with_reason(
            context,
            name="NEW_SCENE",
            text="Begin with a stage: piano, hands, camera and light, ready to play.",
            operator="s2c.new_scene",
            label="New Piano Scene",
            icon="SCENE_DATA",
        )
    if recording_fault is not None and recording_fault.code == "no_strip":
        return step_with_reason(
            context,
            name="RECORDING",
            text=_no_recording(recording_fault),
            operator="s2c.add_recording",
            label="Add Recording…",
            icon="SOUND",
        )
    if recording_fault is not None:
        return Step(name="CHOOSE_RECORDING", text=recording_fault.message, choice="strip_name")
    if _is(hands_fault, "no_rig"):
        return step_with_reason(
            context,
            name="HANDS",
            text="There is a recording; now add the hands that play it.",
            operator="s2c.add_hands",
            label="Add Hands",
            icon="VIEW_PAN",
        )
    if hands_fault is not None:
        return Step(name="CHOOSE_HANDS", text=hands_fault.message, choice="armature")
    if armature is not None and not are_hands(armature):
        return step_with_reason(
            context,
            name="CHARACTER",
            text=f'Let "{armature.name}" play with its own hands: its bones are found, and it gets a piano.',
            operator="s2c.use_character",
            label="Use Character",
            icon="ARMATURE_DATA",
        )
    return step_with_reason(
        context,
        name="GENERATE",
        text="Everything is there: let the hands play the recording.",
        operator="s2c.generate",
        label="Generate",
        icon="PLAY",
    )


def only_factory_objects(scene: bpy.types.Scene) -> bool:
    """Whether the scene is empty, or holds only what a new file of Blender's holds."""
    return all(_is_factory(item) for item in scene.objects)


def default_cube(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The cube of a new file, as long as nobody made something of it."""
    cube = scene.objects.get("Cube")
    return cube if cube is not None and _is_factory(cube) else None


def _is_factory(item: bpy.types.Object) -> bool:
    if FACTORY_OBJECTS.get(item.name) != item.type or item.animation_data is not None or item.modifiers:
        return False
    return item.type != "MESH" or len(item.data.vertices) == CUBE_VERTICES


def generator_step(context: bpy.types.Context) -> Step:
    """The step that puts the generator there, or that leads to where it is chosen."""
    if session.runtime.named or extras.generator_step is None:
        return Step(
            name="PREFERENCES",
            text=session.runtime_problem,
            operator="preferences.addon_show",
            label="Open Preferences",
            icon="PREFERENCES",
            options={"module": preferences.ADDON_ID},
        )
    return extras.generator_step(context)


def _no_recording(fault: UserError) -> str:
    """What to do without a recording; where the fault names a strip, what is wrong with that one."""
    if '"' in fault.message:
        return fault.message
    return "Choose the recording, a sound or MIDI file. It goes onto the timeline of the Video Sequencer."


def step_with_reason(context: bpy.types.Context, **values: Any) -> Step:
    """A step with its operator's own reason where the button is grey."""
    return Step(reason=why_grey(context, values["operator"]), **values)


def _hands(context: bpy.types.Context) -> tuple[bpy.types.Object | None, UserError | None]:
    try:
        return find_armature(context), None
    except UserError as fault:
        return None, fault


def _recording_fault(context: bpy.types.Context) -> UserError | None:
    try:
        find_strip(context, context.scene.s2c_settings.strip_name)
    except UserError as fault:
        return fault
    return None


def _is(fault: UserError | None, code: str) -> bool:
    return fault is not None and fault.code == code
