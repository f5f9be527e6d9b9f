# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX for game engines: the hands, their mesh, and exactly one take, with the scene left as it was.

Blender's exporter names takes well only for NLA strips, so the action is put on a strip of its own for the moment
of the export. Everything that is touched (selection, mode, names, action, strips, frame) is put back afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import addon_utils
import bpy

from ..faults import Fault
from ..keeping import current_action, read_marks

EXPORTER = "io_scene_fbx"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What one kind of receiver wants."""

    label: str
    hint: str
    scale: str
    """`apply_scale_options` of the exporter."""
    armature_name: str = ""
    """Name of the armature object in the file; empty keeps its own."""


PRESETS = {
    "UNREAL": Preset(
        label="Unreal Engine",
        hint="The bone called root becomes the skeleton's root",
        scale="FBX_SCALE_NONE",
        armature_name="Armature",  # Unreal drops a node of this name instead of making it a bone
    ),
    "UNITY": Preset(label="Unity", hint="Scale 1 on every object", scale="FBX_SCALE_UNITS"),
    "GENERIC": Preset(label="Generic", hint="Scale in the file, for other programs", scale="FBX_SCALE_ALL"),
}

COMMON: dict[str, Any] = {
    "use_selection": True,
    "object_types": {"ARMATURE", "MESH"},
    "axis_forward": "-Z",
    "axis_up": "Y",
    "apply_unit_scale": True,
    "bake_space_transform": False,
    "primary_bone_axis": "Y",
    "secondary_bone_axis": "X",
    "add_leaf_bones": False,
    "use_armature_deform_only": True,
    "mesh_smooth_type": "FACE",
    "bake_anim": True,
    "bake_anim_use_all_bones": True,
    "bake_anim_use_nla_strips": True,
    "bake_anim_use_all_actions": False,
    "bake_anim_force_startend_keying": True,
    "bake_anim_step": 1.0,
    "bake_anim_simplify_factor": 0.0,
}


def export_fbx(context: bpy.types.Context, armature: bpy.types.Object, path: Path, preset: str) -> None:
    """Write `armature`, the meshes it moves and the take it plays to `path`.

    Raises Fault when there is no take, or the file cannot be written; an older file of that name stays then.
    """
    chosen = PRESETS[preset]
    action = current_action(armature)
    if action is None:
        raise Fault("no_take", f'The armature "{armature.name}" plays no take yet: press Generate first.')
    if path.suffix.lower() != ".fbx":
        path = path.with_name(path.name + ".fbx")
    if not path.parent.is_dir():
        raise Fault("folder_missing", f'The folder "{path.parent}" does not exist; choose another one.')
    if not addon_utils.check(EXPORTER)[1] and addon_utils.enable(EXPORTER) is None:
        raise Fault(
            "no_exporter", "Blender's FBX add-on cannot be enabled; enable it under Preferences > Add-ons."
        )
    part = path.with_name(path.stem + ".part.fbx")
    try:
        with ExitStack() as stack:
            stack.enter_context(_frame_kept(context.scene))
            stack.enter_context(_object_mode(context))
            stack.enter_context(
                _only_selected(context, [armature, *skinned_meshes(context.scene, armature)], armature)
            )
            stack.enter_context(_as_only_strip(armature, action))
            stack.enter_context(_renamed(armature, chosen.armature_name))
            bpy.ops.export_scene.fbx(
                filepath=str(part), apply_scale_options=chosen.scale, check_existing=False, **COMMON
            )
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        raise Fault(
            "fbx_failed",
            f'The file "{path.name}" cannot be written to "{path.parent}"; choose another folder.',
            str(error),
        ) from error
    finally:
        part.unlink(missing_ok=True)


def skinned_meshes(scene: bpy.types.Scene, armature: bpy.types.Object) -> list[bpy.types.Object]:
    """Meshes of the scene that the armature deforms."""
    return [
        item
        for item in scene.objects
        if item.type == "MESH" and any(m.type == "ARMATURE" and m.object == armature for m in item.modifiers)
    ]


@contextmanager
def _frame_kept(scene: bpy.types.Scene) -> Iterator[None]:
    frame, subframe = scene.frame_current, scene.frame_subframe
    try:
        yield
    finally:
        scene.frame_set(frame, subframe=subframe)


@contextmanager
def _object_mode(context: bpy.types.Context) -> Iterator[None]:
    active = context.view_layer.objects.active
    mode = active.mode if active is not None else "OBJECT"
    if mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    try:
        yield
    finally:
        if mode != "OBJECT" and active is not None:
            context.view_layer.objects.active = active
            bpy.ops.object.mode_set(mode=mode)


@contextmanager
def _only_selected(
    context: bpy.types.Context, objects: list[bpy.types.Object], active: bpy.types.Object
) -> Iterator[None]:
    layer = context.view_layer
    selected = [item for item in layer.objects if item.select_get()]
    hidden = [item for item in objects if item.hide_get()]
    locked = [item for item in objects if item.hide_select]
    before = layer.objects.active
    try:
        for item in selected:
            item.select_set(False)
        for item in locked:
            item.hide_select = False
        for item in hidden:
            item.hide_set(False)
        for item in objects:
            item.select_set(True)
        layer.objects.active = active
        yield
    finally:
        for item in objects:
            item.select_set(False)
        for item in hidden:
            item.hide_set(True)
        for item in locked:
            item.hide_select = True
        for item in selected:
            item.select_set(True)
        layer.objects.active = before


@contextmanager
def _as_only_strip(armature: bpy.types.Object, action: bpy.types.Action) -> Iterator[None]:
    """The armature's action on one NLA strip of its name and length, every other strip muted."""
    data = armature.animation_data
    slot, used_nla = data.action_slot, data.use_nla
    muted = {track.name: track.mute for track in data.nla_tracks}
    start, end = take_range(action)
    try:
        data.action = None
        for other in data.nla_tracks:
            other.mute = True
        track = data.nla_tracks.new()
        track.name = "S2C FBX"
        strip = track.strips.new(action.name, start, action)
        strip.action_slot = slot
        strip.action_frame_start, strip.action_frame_end = float(start), float(end)
        strip.frame_start, strip.frame_end = float(start), float(end)
        data.use_nla = True
        yield
    finally:
        for own in [track for track in data.nla_tracks if track.name not in muted]:
            data.nla_tracks.remove(own)
        for other in data.nla_tracks:
            other.mute = muted[other.name]
        data.use_nla = used_nla
        data.action = action
        data.action_slot = slot


def take_range(action: bpy.types.Action) -> tuple[int, int]:
    """First and last frame of the take on an action; of its keys when it is not one of ours."""
    marks = read_marks(action)
    if marks is not None:
        return marks.start_frame, marks.start_frame + marks.frames - 1
    first, last = action.frame_range
    return round(first), max(round(last), round(first) + 1)


@contextmanager
def _renamed(item: bpy.types.Object, name: str) -> Iterator[None]:
    """`item` under `name` for a moment; whoever has that name steps aside."""
    before = item.name
    other = bpy.data.objects.get(name) if name else None
    if not name or other == item:
        yield
        return
    other_name = other.name if other is not None else ""
    try:
        if other is not None:
            other.name = other_name + ".aside"
        item.name = name
        yield
    finally:
        item.name = before
        if other is not None:
            other.name = other_name
