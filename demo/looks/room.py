# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene that shows takes quickly: hands, piano, cameras that follow the hands, Blender's Workbench.

Workbench draws without a window where there is EGL (Mesa's software one will do): about 1 s of processor a picture
of 360 by 240, where Cycles takes 7 s with eight samples. Without EGL Blender ends at once; Cycles is there for that.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import bpy
from mathutils import Vector

from demo import stage
from demo.looks.sheet import Pixels, read_pixels

VIEWS = {
    "player": stage.View(position=(0.0, -0.40, 0.52), target=(0.0, 0.02, 0.01), lens_mm=50.0),
    "front": stage.View(position=(0.0, 0.52, 0.26), target=(0.0, -0.02, 0.02), lens_mm=50.0),
    "side": stage.View(position=(1.0, -0.18, 0.165), target=(0.0, -0.18, 0.165), lens_mm=50.0),
    "hand": stage.View(position=(1.0, -0.03, 0.10), target=(0.0, -0.03, 0.035), lens_mm=80.0),
}
"""From the player's eyes; over the keys toward the player, where the treble is on the left; level from the treble side,
with the whole right arm; and from there on the right hand alone."""
NEAR_WIDTH_M = {"side": 0.72, "hand": 0.30}
"""What these views show at the right hand, which they follow; the others follow both."""
SENSOR_MM = 36.0
MARGIN_M = 0.26
"""Width that is seen beside the distance between the wrists: two hands and a little air."""
LEAST_WIDTH_M = 0.46
BACKGROUND = (0.030, 0.033, 0.040)
"""Lighter than sleeves."""


@dataclass
class Room:
    """A scene with hands and a piano; one for each size of hand."""

    scene: bpy.types.Scene
    cameras: dict[str, bpy.types.Object]

    @classmethod
    def build(cls, hand_size: float, fps: float, size: tuple[int, int], engine: str = "workbench") -> Room:
        """Into the present scene, which should be empty; the extension must be registered."""
        scene = bpy.context.scene
        scene.render.fps, scene.render.fps_base = round(fps), round(fps) / fps
        bpy.ops.s2c.add_piano()
        bpy.ops.s2c.add_hands(hand_size=hand_size)
        scene.s2c_settings.armature.hide_render = True
        bpy.data.objects[
            "Piano Fallboard"
        ].hide_render = True  # it stands between the front camera and the keys
        collection = bpy.data.collections.new("Look")
        scene.collection.children.link(collection)
        cameras = {name: stage.add_camera(collection, f"Camera {name}", view) for name, view in VIEWS.items()}
        _picture_format(scene, size)
        if engine == "workbench":
            _plain_light(scene)
        else:
            stage.light_the_stage(scene, collection)
            _few_samples(scene)
        return cls(scene, cameras)

    def put(self, take: Path) -> None:
        """The take's first frame is frame 1 of the scene."""
        bpy.ops.s2c.apply_take(filepath=str(take))

    def look(self, view: str, frame: int) -> Pixels:
        """A picture of frame ``frame`` of the take, from 0."""
        self.scene.frame_set(frame + 1)
        self._follow(view)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "look.png"
            self.scene.camera = self.cameras[view]
            self.scene.render.filepath = str(path)
            bpy.ops.render.render(write_still=True)
            return read_pixels(path)

    def _follow(self, view: str) -> None:
        """Both hands in the picture, as large as that allows; or the right one, always of the same size."""
        armature = self.scene.s2c_settings.armature
        left, right = (armature.pose.bones[name].head for name in ("hand.L", "hand.R"))
        near = view in NEAR_WIDTH_M
        width = NEAR_WIDTH_M[view] if near else max(abs(right.x - left.x) + MARGIN_M, LEAST_WIDTH_M)
        camera, place = self.cameras[view], VIEWS[view]
        along = Vector((right.x if near else (left.x + right.x) / 2, 0.0, 0.0))
        away = Vector(place.position) - Vector(place.target)
        camera.location = Vector(place.target) + along + away.normalized() * width * place.lens_mm / SENSOR_MM
        camera.data.sensor_width = SENSOR_MM


def _picture_format(scene: bpy.types.Scene, size: tuple[int, int]) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"


def _few_samples(scene: bpy.types.Scene) -> None:
    scene.render.engine = "CYCLES"
    scene.render.use_persistent_data = True
    scene.cycles.samples = 8
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 3


def _plain_light(scene: bpy.types.Scene) -> None:
    """Workbench with the materials' colours, shadows on the keys and dark creases, so that heights can be judged."""
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.view_settings.view_transform = "Standard"
    scene.view_settings.exposure = 1.0
    scene.display.render_aa = "FXAA"  # many samples cost a picture each
    scene.display.light_direction = (0.25, -0.35, 0.9)
    scene.display.shadow_shift = 0.08
    shading = scene.display.shading
    shading.light, shading.color_type = "STUDIO", "MATERIAL"
    scene.world = bpy.data.worlds.new("Look")
    scene.world.color = BACKGROUND
    shading.show_shadows, shading.shadow_intensity = True, 0.4
    shading.show_cavity, shading.cavity_type = True, "SCREEN"
    shading.show_object_outline = False
    shading.show_specular_highlight = True
