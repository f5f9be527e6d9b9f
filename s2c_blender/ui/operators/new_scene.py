# SPDX-License-Identifier: GPL-3.0-or-later
"""New Piano Scene: everything but the recording, in one step."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, FloatProperty

from ..next_step import default_cube, only_factory_objects
from ..showing import show_panel
from . import stage
from .scene import HAND_SIZE, AddOperator, add_hands, add_piano, new_collection

SCENE_NAME = "Piano"
FPS = 30
"""The rate at which the motion is made; nothing has to be converted at this one."""
DEFAULT_RATE = (24, 1.0)
"""What Blender gives a new file."""


class S2C_OT_new_scene(AddOperator, bpy.types.Operator):
    """Set up piano, hands, camera, light and view: in this scene when it holds nothing of yours, else in a new one"""

    bl_idname = "s2c.new_scene"
    bl_label = "New Piano Scene"
    bl_options = {"REGISTER", "UNDO"}

    in_new_scene: BoolProperty(
        name="In a New Scene",
        description="Make a scene of its own; when not said, only where this one holds something of yours",
        default=False,
        options={"SKIP_SAVE"},
    )
    hide_cube: BoolProperty(
        name="Hide the default cube",
        description="The cube of a new file stands where the piano goes; hidden, it stays in the file",
        default=True,
        options={"SKIP_SAVE"},
    )
    hand_size: FloatProperty(**HAND_SIZE)

    def needs_new_scene(self, context: bpy.types.Context) -> bool:
        """What was asked for, else whether the scene holds something that is not a new file's."""
        if self.properties.is_property_set("in_new_scene"):
            return bool(self.in_new_scene)
        return not only_factory_objects(context.scene)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        cube = default_cube(context.scene)
        if cube is None or not cube.visible_get() or self.needs_new_scene(context):
            return self.execute(context)
        return context.window_manager.invoke_props_dialog(
            self, title="New Piano Scene", confirm_text="Set Up", width=260
        )

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "hide_cube")
        self.layout.label(text="It stands where the piano goes.")

    def run(self, context: bpy.types.Context) -> set[str]:
        if not self.needs_new_scene(context):
            self.set_up(context)
            return {"FINISHED"}
        scene = bpy.data.scenes.new(SCENE_NAME)
        if context.window is not None:
            context.window.scene = scene
        with context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
            self.set_up(bpy.context)
        return {"FINISHED"}

    def set_up(self, context: bpy.types.Context) -> None:
        """Put everything into the context's scene."""
        scene = context.scene
        if context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        cube = default_cube(scene)
        if cube is not None and self.hide_cube:
            cube.hide_set(True)
            cube.hide_render = True
        piano = add_piano(context)
        hands = add_hands(context, self.hand_size)
        hands.select_set(False)  # active, but without bright bones over the fingers
        collection = new_collection(context, "S2C Stage")
        scene.camera = stage.add_camera(collection, piano)
        stage.add_lamps(collection, piano)
        stage.light_world(scene)
        if has_default_rate(scene):
            scene.render.fps, scene.render.fps_base = FPS, 1.0
        scene.frame_start = scene.frame_current = 1
        context.view_layer.update()
        stage.frame_views(scene, piano)
        show_panel()  # where the next step is


def has_default_rate(scene: bpy.types.Scene) -> bool:
    """Whether nobody has chosen the scene's frame rate: it is Blender's own, and nothing is timed yet."""
    edit = scene.sequence_editor
    animated = any(item.animation_data is not None and item.animation_data.action for item in scene.objects)
    timed = animated or (edit is not None and len(edit.strips_all) > 0)
    return not timed and (scene.render.fps, scene.render.fps_base) == DEFAULT_RATE


CLASSES = (S2C_OT_new_scene,)
