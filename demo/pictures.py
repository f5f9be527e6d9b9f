# SPDX-License-Identifier: GPL-3.0-or-later
r"""The picture of curves in docs/animators.md, taken by a Blender with a window, of the file that the demo made.

    blender --factory-startup --window-geometry 0 0 1920 1080 --python demo/pictures.py -- \
        out/demo/demo.blend out/demo/data/takes/TAKE.npz docs/images

On X11, with ImageMagick. Writes graph.png (generated curves in the Graph Editor), and ends.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy

import s2c_blender
from demo.window import largest_area, picture, run

CURVES = (("f_index.01.R", 0), ("f_ring.01.R", 0), ("f_index.02.R", 2))
"""Bones and Euler axes in the picture: two fingers that bend, and an axis that never moves."""
FIRST_FRAME, LAST_FRAME = 60, 150


def show_curves() -> None:
    """Turn the largest area into a Graph Editor with a few curves in view."""
    window, area = largest_area()
    area.type = "GRAPH_EDITOR"
    armature = bpy.context.scene.s2c_settings.armature
    bpy.context.view_layer.objects.active = armature
    armature.select_set(True)
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.object.mode_set(mode="POSE")
    paths = {(f'pose.bones["{bone}"].rotation_euler', axis) for bone, axis in CURVES}
    for bone in armature.pose.bones:
        chosen = any(bone.name == name for name, _ in CURVES)
        if hasattr(bone, "select"):
            bone.select = chosen
        else:
            bone.bone.select = chosen
    action = armature.animation_data.action
    for curve in (
        c for layer in action.layers for s in layer.strips for b in s.channelbags for c in b.fcurves
    ):
        wanted = (curve.data_path, curve.array_index) in paths
        curve.hide, curve.select = not wanted, wanted
        curve.group.show_expanded = curve.group.show_expanded_graph = True
        for point in curve.keyframe_points if wanted else ():
            point.select_control_point = FIRST_FRAME <= point.co[0] <= LAST_FRAME
    bpy.context.scene.frame_set((FIRST_FRAME + LAST_FRAME) // 2)
    area.spaces.active.show_region_ui = False
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.graph.view_selected(include_handles=False)


def main() -> None:
    """Set the stages up one after another; Blender draws between them."""
    blend, take, folder = (Path(name).resolve() for name in sys.argv[sys.argv.index("--") + 1 :][:3])
    bpy.context.preferences.view.show_splash = False
    s2c_blender.register()
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    run(
        [
            lambda: bpy.ops.s2c.apply_take(filepath=str(take)),
            show_curves,
            lambda: picture(folder / "graph.png"),
        ]
    )


main()
