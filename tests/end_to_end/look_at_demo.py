# SPDX-License-Identifier: GPL-3.0-or-later
"""Open the demo's .blend and FBX in a Blender of its own and print what is there: `FACTS` and one line of JSON."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import bpy
import numpy as np

import s2c_blender

TOUCH_X, TOUCH_Z = 0.013, 0.011
"""A fingertip this near the middle of a key, and this low, plays it; metres."""
DOWN_SHARE = 0.6


def look_at_blend(path: str) -> dict[str, Any]:
    """Curves, key motion, and whether fingertips are on the keys that are down."""
    bpy.ops.wm.open_mainfile(filepath=path)
    scene = bpy.context.scene
    armature = scene.s2c_settings.armature
    tips = [bone for bone in armature.pose.bones if ".03." in bone.name]
    keys = {item["s2c_pitch"]: item for item in bpy.data.objects if "s2c_pitch" in item}
    played: set[int] = set()
    pressed, touched = 0, 0
    wrists = []
    for frame in range(scene.frame_start, scene.frame_end):
        scene.frame_set(frame)
        wrists.append([list(armature.pose.bones[name].head) for name in ("hand.L", "hand.R")])
        for pitch, key in keys.items():
            if key.rotation_euler.x > DOWN_SHARE * key["s2c_press_angle"]:
                played.add(int(pitch))
                pressed += 1
                touched += any(
                    abs(tip.tail.x - key.location.x) < TOUCH_X and tip.tail.z < TOUCH_Z for tip in tips
                )
    action = armature.animation_data.action
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return {
        "version": bpy.app.version_string,
        "curves": sum('"]["' not in curve.data_path for bag in bags for curve in bag.fcurves),
        "result": scene.s2c_settings.result,
        "touching": touched / max(pressed, 1),
        "played": sorted(played),
        "jump": float(np.abs(np.diff(np.array(wrists), axis=0)).max()),
        "packed": bool(bpy.data.sounds[0].packed_file),
    }


def look_at_fbx(path: str) -> dict[str, Any]:
    """Objects and takes."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=path)
    return {
        "fbx": sorted({item.type for item in bpy.data.objects}),
        "fbx_takes": [list(action.frame_range) for action in bpy.data.actions],
    }


if __name__ == "__main__":
    s2c_blender.register()
    facts = look_at_blend(sys.argv[1]) | look_at_fbx(sys.argv[2])
    s2c_blender.unregister()
    print("FACTS" + json.dumps(facts))
    sys.stdout.flush()
    os._exit(0)  # the bpy module may hang in its own exit (Blender 4.5)
