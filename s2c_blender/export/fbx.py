# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX for game engines: the hands, their mesh, and exactly the motion that is seen, with the scene left as it was.

What is written are copies of the armature and its meshes, in a scene of their own: whatever is hidden, excluded or
locked in the animator's scene comes along, and nothing there is touched. Blender's exporter names takes well only for
NLA strips, so the motion of the copy lies on one: the take itself where its action alone moves the hands, else what
all layers together make of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import addon_utils
import bpy

from ..core.whole_file import whole_file, why_not
from ..errors import UserError
from ..rig.bones import skinned_meshes
from ..takes import layers
from ..takes.flatten import flatten
from ..takes.sampling import scene_of_its_own

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
    "use_selection": False,
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
    """Write `armature`, the meshes it moves and the motion that is seen to `path`.

    Raises UserError when nothing moves, or the file cannot be written; an older file of that name stays then.
    """
    chosen = PRESETS[preset]
    span = layers.seen_span(armature) if layers.moves(armature) else None
    if span is None:
        raise UserError("no_take", f'The armature "{armature.name}" plays no take yet: press Generate first.')
    if span[1] - span[0] >= layers.MOST_FRAMES:
        raise UserError(
            "too_long", f'The keys of "{armature.name}" reach over {span[1] - span[0] + 1} frames, too many.'
        )
    layers.check_posed(armature)
    if path.suffix.lower() != ".fbx":
        path = path.with_name(path.name + ".fbx")
    if not os.path.isdir(path.parent):
        raise UserError("folder_missing", f'The folder "{path.parent}" does not exist; choose another one.')
    if not addon_utils.check(EXPORTER)[1] and addon_utils.enable(EXPORTER) is None:
        raise UserError(
            "no_exporter", "Blender's FBX add-on cannot be enabled; enable it under Preferences > Add-ons."
        )
    meshes = skinned_meshes(context.scene.objects, armature)
    try:
        with (
            whole_file(path) as part,
            _motion(armature, span) as (action, slot),
            _copies(armature, meshes) as copies,
        ):
            _on_one_strip(copies[0], action, slot, span, take_name(armature))
            with (
                _renamed(copies[0], chosen.armature_name),
                scene_of_its_own(copies, like=context.scene) as scene,
                context.temp_override(
                    scene=scene, view_layer=scene.view_layers[0], active_object=copies[0], object=copies[0]
                ),
            ):
                bpy.ops.export_scene.fbx(
                    filepath=str(part), apply_scale_options=chosen.scale, check_existing=False, **COMMON
                )
            if not part.stat().st_size:
                raise OSError("the exporter wrote nothing")
    except (OSError, RuntimeError) as error:
        raise UserError("fbx_failed", why_not(error, path), str(error)) from error


def take_name(armature: bpy.types.Object) -> str:
    """What the motion is called in a file: the name of the take, else of the topmost action."""
    layer = layers.take_layer(armature) or layers.layers(armature)[-1]
    return str(layer.action.name)


@contextmanager
def _motion(
    armature: bpy.types.Object, span: tuple[int, int]
) -> Iterator[tuple[bpy.types.Action, bpy.types.ActionSlot]]:
    """The action that moves the armature as it is seen; one of a moment where several layers do."""
    if layers.is_plain(armature):
        data = armature.animation_data
        yield data.action, data.action_slot
        return
    action, slot = flatten(armature, span)
    try:
        yield action, slot
    finally:
        bpy.data.actions.remove(action)


@contextmanager
def _copies(armature: bpy.types.Object, meshes: list[bpy.types.Object]) -> Iterator[list[bpy.types.Object]]:
    """Copies of the armature and of its meshes, under the names of the originals, which step aside meanwhile."""
    originals = [armature, *meshes]
    names = [item.name for item in originals]
    copies: list[bpy.types.Object] = []
    aside: list[tuple[bpy.types.Object, str]] = []
    try:
        for item in originals:
            copy = item.copy()
            copies.append(copy)
        for copy in copies[1:]:
            for modifier in copy.modifiers:
                if modifier.type == "ARMATURE" and modifier.object == armature:
                    modifier.object = copies[0]
            if copy.parent == armature:
                copy.parent = copies[0]
        for item, copy, name in zip(originals, copies, names, strict=True):
            if item.library is None:
                aside.append((item, name))
                item.name = name + ".aside"
            copy.name = name
        yield copies
    finally:
        for copy in copies:
            bpy.data.objects.remove(copy)
        for item, name in aside:
            item.name = name


def _on_one_strip(
    armature: bpy.types.Object,
    action: bpy.types.Action,
    slot: bpy.types.ActionSlot,
    span: tuple[int, int],
    name: str,
) -> None:
    """The action on one NLA strip called `name` over the frames of `span`, and nothing else that moves the armature."""
    start, end = span[0], max(span[1], span[0] + 1)
    data = armature.animation_data or armature.animation_data_create()
    if data.use_tweak_mode:
        data.use_tweak_mode = False
    for track in list(data.nla_tracks):
        data.nla_tracks.remove(track)
    data.action = None
    strip = data.nla_tracks.new().strips.new(name, start, action)
    strip.action_slot = slot
    strip.action_frame_start, strip.action_frame_end = float(start), float(end)
    strip.frame_start, strip.frame_end = float(start), float(end)
    data.use_nla = True


@contextmanager
def _renamed(item: bpy.types.Object, name: str) -> Iterator[None]:
    """`item` under `name` for a moment, where one is given; whoever has that name steps aside."""
    other = bpy.data.objects.get(name) if name else None
    if not name or other == item:
        yield
        return
    before, other_name = item.name, other.name if other is not None else ""
    try:
        if other is not None:
            other.name = other_name + ".aside"
        item.name = name
        yield
    finally:
        item.name = before
        if other is not None:
            other.name = other_name
