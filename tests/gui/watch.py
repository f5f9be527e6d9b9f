# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside Blender's window: writes what a click did to a file, a few times a second, for `click_through.py`.

blender --python watch.py -- STATE.json [ui_scale=2] [sidebar=200]
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import bpy

ARGUMENTS = sys.argv[sys.argv.index("--") + 1 :]
STATE = Path(ARGUMENTS[0])
OPTIONS = dict(item.split("=") for item in ARGUMENTS[1:])
SECONDS = 0.2


def said() -> dict[str, object]:
    """What the panel says about the job."""
    name = next((name for name in sys.modules if name.endswith("s2c_blender.session")), "")
    if not name:
        return {}
    view = sys.modules[name].session.view(time.monotonic())
    return {"job": view.text, "error": view.message if view.error else ""}


def look() -> dict[str, object]:
    """What the clicks are checked against."""
    windows = bpy.context.window_manager.windows
    window = windows[0]
    scene = window.scene
    regions = [
        {
            "editor": area.type,
            "kind": region.type,
            "x": region.x,
            "y": window.height - region.y - region.height,
            "width": region.width,
            "height": region.height,
            "tab": region.active_panel_category if region.type == "UI" and region.width > 1 else "",
        }
        for area in window.screen.areas
        for region in area.regions
    ]
    hands = [item for item in scene.objects if item.type == "ARMATURE"]
    action = hands[0].animation_data.action if hands and hands[0].animation_data else None
    cube = scene.objects.get("Cube")
    strips = [
        strip.name
        for every in bpy.data.scenes
        if every.sequence_editor is not None
        for strip in every.sequence_editor.strips_all
        if strip.type == "SOUND"
    ]
    return {
        "scene": scene.name,
        "windows": [[item.x, item.y, item.width, item.height] for item in windows],
        "size": [window.width, window.height],
        "regions": regions,
        "hands": len(hands),
        "cube": None if cube is None else cube.visible_get(view_layer=window.view_layer),
        "recordings": strips,
        "take": action.name if action is not None else "",
        "frame": scene.frame_current,
        "playing": window.screen.is_animation_playing,
        "result": scene.s2c_settings.result if hasattr(scene, "s2c_settings") else "",
        "end": scene.frame_end,
        **said(),
    }


def tick() -> float:
    part = STATE.with_suffix(".part")
    part.write_text(json.dumps(look()), "utf-8")
    part.replace(STATE)
    return SECONDS


if "ui_scale" in OPTIONS:
    bpy.context.preferences.view.ui_scale = float(OPTIONS["ui_scale"])
bpy.app.timers.register(tick, first_interval=1.0, persistent=True)
