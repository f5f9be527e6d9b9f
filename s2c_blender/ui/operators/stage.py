# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the hands are looked at and in what light: a camera on the player's shoulder, two lamps, the 3D views.

All positions are in the piano frame: X toward the treble, Y away from the player, metres.
"""

from __future__ import annotations

import bpy
from mathutils import Quaternion, Vector

SHOULDER = Vector((0.16, -0.42, 0.73))
"""Over the player's right shoulder, so far forward that neither it nor the upper arm hides the keys."""
TARGET = Vector((0.0, 0.04, 0.0))
"""The middle of the keyboard."""
LENS_MM = 21.0
CLIP_START = 0.01
LAMPS = (
    # name, position, watts, size in metres
    ("S2C Key Light", (-0.9, -0.5, 1.5), 38.0, 0.8),
    ("S2C Fill Light", (1.4, -1.2, 1.1), 9.0, 2.0),
)
WORLD_GREY = 0.22
VIEW_DISTANCE = 0.8
"""From the middle of the keyboard to the eye of a 3D view; less than to the camera, which would be in the picture."""
VIEW_LENS_MM = 31.0


def look_from(position: Vector, target: Vector) -> Quaternion:
    """How a camera at `position` is turned to look at `target`."""
    return (target - position).to_track_quat("-Z", "Y")


def add_camera(collection: bpy.types.Collection, piano: bpy.types.Object) -> bpy.types.Object:
    """A camera on the player's right shoulder; it moves with the piano."""
    data = bpy.data.cameras.new("S2C Shoulder")
    data.lens, data.clip_start, data.display_size = LENS_MM, CLIP_START, 0.1
    camera = bpy.data.objects.new("S2C Shoulder", data)
    camera.location = SHOULDER
    camera.rotation_euler = look_from(SHOULDER, TARGET).to_euler()
    camera.parent = piano
    collection.objects.link(camera)
    return camera


def add_lamps(collection: bpy.types.Collection, piano: bpy.types.Object) -> None:
    """A key light from the player's left and a soft fill from the right."""
    for name, position, watts, size in LAMPS:
        data = bpy.data.lights.new(name, "AREA")
        data.energy, data.size = watts, size
        lamp = bpy.data.objects.new(name, data)
        lamp.location = position
        lamp.rotation_euler = look_from(Vector(position), TARGET).to_euler()
        lamp.parent = piano
        collection.objects.link(lamp)


def light_world(scene: bpy.types.Scene) -> None:
    """A grey world where there is none; the animator's own stays."""
    if scene.world is not None:
        return
    world = bpy.data.worlds.new("S2C World")
    world.color = (WORLD_GREY,) * 3
    if world.node_tree is None:  # 4.5; later ones always have nodes
        world.use_nodes = True
    background = next((node for node in world.node_tree.nodes if node.type == "BACKGROUND"), None)
    if background is not None:
        background.inputs["Color"].default_value = (*world.color, 1.0)
    scene.world = world


def frame_views(scene: bpy.types.Scene, piano: bpy.types.Object) -> None:
    """Let every 3D view of the scene look at the keyboard as the player does."""
    turn = piano.matrix_world.to_quaternion() @ look_from(SHOULDER, TARGET)
    for window in bpy.context.window_manager.windows:
        if window.scene != scene:
            continue
        for screen in window.workspace.screens:
            for area in screen.areas:
                for space in area.spaces:
                    if space.type != "VIEW_3D" or space.region_3d is None:
                        continue
                    space.clip_start = min(space.clip_start, CLIP_START)
                    space.lens = VIEW_LENS_MM
                    view = space.region_3d
                    view.view_perspective = "PERSP"
                    view.view_location = piano.matrix_world @ TARGET
                    view.view_rotation = turn
                    view.view_distance = VIEW_DISTANCE
