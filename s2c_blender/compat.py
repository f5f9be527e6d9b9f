# SPDX-License-Identifier: GPL-3.0-or-later
"""Every difference between Blender 4.5 and 5.2 in one place."""

from __future__ import annotations

import bpy

from .core.timebase import StripTiming

# -- Sequencer ----------------------------------------------------------------------------------------


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene | None:
    """The scene whose edit the Video Sequencer shows: a choice of its own since 5.0, else the scene."""
    return getattr(context, "sequencer_scene", None) or context.scene


def chosen_edits() -> list[bpy.types.Scene]:
    """The scenes that any workspace has chosen for its Sequencer; none before 5.0, where nothing is chosen."""
    scenes = (getattr(workspace, "sequencer_scene", None) for workspace in bpy.data.workspaces)
    return list(dict.fromkeys(scene for scene in scenes if scene is not None))


def show_in_sequencer(scene: bpy.types.Scene) -> None:
    """Let every workspace that has chosen no scene for its Sequencer show this one; before 5.0 it does anyway."""
    for workspace in bpy.data.workspaces:
        if getattr(workspace, "sequencer_scene", scene) is None:
            workspace.sequencer_scene = scene


def strip_start(strip: bpy.types.Strip) -> int:
    """First frame of any strip."""
    return int(strip.left_handle if hasattr(strip, "left_handle") else strip.frame_final_start)


def strip_end(strip: bpy.types.Strip) -> int:
    """The frame after a strip's last."""
    return int(strip.right_handle if hasattr(strip, "right_handle") else strip.frame_final_end)


def strip_volume(strip: bpy.types.Strip) -> float:
    """How loud a strip plays what is in it; meta strips have a volume since 5.0."""
    return float(getattr(strip, "volume", 1.0))


def plays_trimmed_scene_wrongly(strip: bpy.types.Strip) -> bool:
    """Whether Blender may play the sound of a scene strip at another time than its picture.

    4.5 does with a hard trim: measured by mixing down, and not the same before and after opening the file.
    """
    return bpy.app.version < (5, 0) and strip.animation_offset_start != 0


def sound_strips(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    """The sound strips of a scene, those inside meta strips included."""
    editor = scene.sequence_editor
    return [strip for strip in editor.strips_all if strip.type == "SOUND"] if editor is not None else []


def strip_timing(strip: bpy.types.Strip) -> StripTiming:
    """Where a sound or scene strip lies in its edit. The properties were renamed in 5.2; the old names go in 6.0."""
    new = hasattr(strip, "content_start")
    start = strip.content_start if new else strip.frame_start
    left, right = strip_start(strip), strip_end(strip)
    parent = strip.parent_meta()
    while parent is not None:  # a meta strip lets through what lies between its own handles
        left, right = max(left, strip_start(parent)), min(right, strip_end(parent))
        parent = parent.parent_meta()
    return StripTiming(
        content_start=start,
        content_duration=strip.content_duration if new else strip.frame_duration,
        content_trim_start=strip.content_trim_start if new else strip.animation_offset_start,
        left_handle=left,
        right_handle=right,
        sound_offset_s=getattr(strip, "sound_offset", 0.0),  # a scene strip has none
    )


# -- Actions ------------------------------------------------------------------------------------------


def bind_action(owner: bpy.types.Object, action: bpy.types.Action, slot: bpy.types.ActionSlot) -> None:
    """Let `owner` play `slot` of `action`. An object that was never evaluated would crash Blender here."""
    bpy.context.view_layer.update()
    data = owner.animation_data or owner.animation_data_create()
    data.action = action
    data.action_slot = slot


def evaluate_with(
    scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer, name: str, item: bpy.types.ID
) -> None:
    """Have Blender evaluate a data block with a view layer of a scene, by a custom property that points to it.

    Nothing has to use it: Blender evaluates what properties point to. That it looks for them again has to be said.
    """
    scene[name] = item
    view_layer.update()
    view_layer.depsgraph.debug_tag_update()
    view_layer.update()


def channelbag(
    action: bpy.types.Action, slot: bpy.types.ActionSlot, *, create: bool = False
) -> bpy.types.ActionChannelbag | None:
    """The curves of `slot` in the one layer and strip that an action has; None when there are none."""
    if create:
        layer = action.layers[0] if action.layers else action.layers.new("Layer")
        strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
        return strip.channelbag(slot, ensure=True)
    for layer in action.layers:
        for strip in layer.strips:
            bag = strip.channelbag(slot)
            if bag is not None:
                return bag
    return None


def new_fcurve(bag: bpy.types.ActionChannelbag, path: str, index: int, group: str) -> bpy.types.FCurve:
    """A new curve in a group. Curves take a group's name since 5.0, a group before."""
    if bpy.app.version >= (5, 0):
        return bag.fcurves.new(path, index=index, group_name=group)
    curve = bag.fcurves.new(path, index=index)
    curve.group = bag.groups.get(group) or bag.groups.new(group)
    return curve


CAN_COPY_FCURVES = bpy.app.version >= (5, 0)
"""Whether single curves can be copied with all they have; else only whole actions can."""


def copy_fcurve(bag: bpy.types.ActionChannelbag, curve: bpy.types.FCurve) -> bpy.types.FCurve:
    """An exact copy of a curve, in a group of the same name. Only where `CAN_COPY_FCURVES`."""
    copy = bag.fcurves.new_from_fcurve(curve)
    if curve.group is not None:
        copy.group = bag.groups.get(curve.group.name) or bag.groups.new(curve.group.name)
    return copy
