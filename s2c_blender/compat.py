# SPDX-License-Identifier: GPL-3.0-or-later
"""Every difference between Blender 4.5 and 5.2 in one place."""

from __future__ import annotations

import bpy

from .core.timebase import StripTiming


# -- Sequencer ----------------------------------------------------------------------------------------


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene | None:
    """The scene whose edit the Video Sequencer shows: a choice of its own since 5.0, else the scene."""
    return getattr(context, "sequencer_scene", None) or context.scene


def sound_strips(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    """The sound strips of a scene, those inside meta strips included."""
    editor = scene.sequence_editor
    return [strip for strip in editor.strips_all if strip.type == "SOUND"] if editor is not None else []


def strip_timing(strip: bpy.types.Strip) -> StripTiming:
    """Where a strip lies in its edit. The properties were renamed in 5.2; the old names go in 6.0."""
    new = hasattr(strip, "content_start")
    start = strip.content_start if new else strip.frame_start
    left = strip.left_handle if new else strip.frame_final_start
    right = strip.right_handle if new else strip.frame_final_end
    parent = strip.parent_meta()
    while parent is not None:  # a meta strip lets through what lies between its own handles
        left = max(left, parent.left_handle if new else parent.frame_final_start)
        right = min(right, parent.right_handle if new else parent.frame_final_end)
        parent = parent.parent_meta()
    return StripTiming(
        content_start=start,
        content_duration=strip.content_duration if new else strip.frame_duration,
        content_trim_start=strip.content_trim_start if new else strip.animation_offset_start,
        left_handle=left,
        right_handle=right,
        sound_offset_s=strip.sound_offset,
    )
