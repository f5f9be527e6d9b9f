# SPDX-License-Identifier: GPL-3.0-or-later
"""Camera, light and render settings for pictures of the hands at the keys. Used by the demo and the docs only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
from mathutils import Vector


@dataclass(frozen=True, kw_only=True)
class View:
    """A camera in the piano frame, metres."""

    position: tuple[float, float, float]
    target: tuple[float, float, float]
    lens_mm: float


VIEWS = {
    "shoulder": View(position=(0.47, -0.24, 0.47), target=(0.02, -0.06, 0.01), lens_mm=29.0),
    "player": View(position=(0.0, -0.42, 0.55), target=(0.0, 0.035, 0.0), lens_mm=34.0),
    "side": View(position=(0.75, -0.10, 0.10), target=(0.0, -0.02, 0.03), lens_mm=60.0),
}
"""Beside the right shoulder, so far forward that no arm hides a hand; from the player's eyes; along the keys."""


def light_the_stage(scene: bpy.types.Scene, collection: bpy.types.Collection) -> None:
    """A soft key light from the left, a fill from the right, a dim warm room."""
    world = bpy.data.worlds.new("Demo Room")
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (0.18, 0.19, 0.22, 1.0)
    background.inputs["Strength"].default_value = 0.7
    scene.world = world
    for name, position, watts, size in (
        ("Key Light", (-0.9, -0.5, 1.1), 16.0, 0.7),
        ("Fill Light", (1.1, -0.7, 0.8), 5.0, 0.9),
        ("Rim Light", (0.3, 0.9, 0.7), 6.0, 0.5),
    ):
        light = bpy.data.lights.new(name, "AREA")
        light.energy, light.size = watts, size
        lamp = bpy.data.objects.new(name, light)
        lamp.location = position
        lamp.rotation_euler = (-Vector(position)).to_track_quat("-Z", "Y").to_euler()
        collection.objects.link(lamp)


def add_camera(
    collection: bpy.types.Collection, name: str, view: View, offset_x: float = 0.0
) -> bpy.types.Object:
    """A camera of `view`, moved along the keyboard to where the hands play."""
    data = bpy.data.cameras.new(name)
    data.lens = view.lens_mm
    data.clip_start = 0.01
    camera = bpy.data.objects.new(name, data)
    position, target = (
        Vector(point) + Vector((offset_x, 0.0, 0.0)) for point in (view.position, view.target)
    )
    camera.location = position
    camera.rotation_euler = (target - position).to_track_quat("-Z", "Y").to_euler()
    collection.objects.link(camera)
    return camera


def render_still(
    scene: bpy.types.Scene,
    camera: bpy.types.Object,
    frame: int,
    path: Path,
    *,
    size: tuple[int, int] = (1280, 720),
    samples: int = 12,
) -> None:
    """Render one frame with Cycles on the CPU, denoised, as PNG."""
    scene.camera = camera
    scene.frame_set(frame)
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 5
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.image_settings.file_format = "PNG"
    render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
