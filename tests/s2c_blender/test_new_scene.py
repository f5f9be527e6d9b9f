# SPDX-License-Identifier: GPL-3.0-or-later
"""New Piano Scene: what is there afterwards, what of the user's own stays, and that it is one step to undo."""

from collections.abc import Iterator

import bpy
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

import s2c_blender
from s2c_blender.piano.build import find_piano, piano_keys
from s2c_blender.ui.operators import stage

LENGTH = {"length": 9} if bpy.app.version >= (5, 0) else {"frame_end": 10}


@pytest.fixture(autouse=True)
def extension() -> Iterator[None]:
    bpy.ops.wm.read_factory_settings()
    s2c_blender.register()
    yield
    s2c_blender.unregister()


def seen(scene: bpy.types.Scene, point: Vector) -> bool:
    x, y, depth = world_to_camera_view(scene, scene.camera, point)
    return 0 < x < 1 and 0 < y < 1 and depth > 0


def test_the_factory_scene_becomes_a_stage() -> None:
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start = 25, 7
    assert bpy.ops.s2c.new_scene() == {"FINISHED"}
    assert list(bpy.data.scenes) == [scene] and scene.render.fps == 25 and scene.frame_start == 1
    assert find_piano(scene) is not None and scene.s2c_settings.armature.type == "ARMATURE"
    assert scene.world is not None and bpy.context.view_layer.objects.active == scene.s2c_settings.armature
    lamps = [item for item in scene.objects if item.type == "LIGHT" and item.name.startswith("S2C")]
    assert {lamp.data.type for lamp in lamps} == {"AREA"} and len(lamps) == 2


@pytest.mark.parametrize("hide", [True, False])
def test_the_cube_is_hidden_never_deleted_and_only_when_asked(hide: bool) -> None:
    bpy.ops.s2c.new_scene(hide_cube=hide)
    cube = bpy.context.scene.objects["Cube"]
    assert (cube.visible_get(), cube.hide_render) == (not hide, hide)


def test_a_cube_that_was_worked_on_is_left_alone() -> None:
    cube = bpy.data.objects["Cube"]
    cube.modifiers.new("Bevel", "BEVEL")
    bpy.ops.s2c.new_scene(in_new_scene=False)
    assert bpy.context.scene.objects["Cube"].visible_get()


def test_a_scene_with_something_in_it_is_left_alone() -> None:
    bpy.ops.mesh.primitive_monkey_add()
    mine = bpy.context.scene
    before = set(mine.objects)
    bpy.ops.s2c.new_scene()
    scene = bpy.context.scene
    assert scene != mine and scene.name == "Piano" and set(mine.objects) == before
    assert scene.render.fps == 30 and scene.frame_start == 1 and scene.camera.name in scene.objects
    assert find_piano(scene) is not None and scene.s2c_settings.armature.name in scene.objects
    assert scene.world is not None and scene.world != mine.world
    background = next(node for node in scene.world.node_tree.nodes if node.type == "BACKGROUND")
    assert min(background.inputs["Color"].default_value[:3]) > 0.05


@pytest.mark.parametrize("own", [True, False])
def test_where_it_goes_can_be_said(own: bool) -> None:
    if not own:
        bpy.ops.mesh.primitive_monkey_add()
    before = bpy.context.scene
    bpy.ops.s2c.new_scene(in_new_scene=own)
    assert (bpy.context.scene != before) is own


def test_the_camera_looks_over_the_shoulder_at_keys_and_hands() -> None:
    bpy.ops.s2c.new_scene()
    scene = bpy.context.scene
    keys = piano_keys(find_piano(scene))
    bpy.context.view_layer.update()
    for pitch in (21, 108):  # all 88 of them
        assert all(seen(scene, keys[pitch].matrix_world @ Vector(corner)) for corner in keys[pitch].bound_box)
    hands = scene.s2c_settings.armature
    for bone in hands.pose.bones:
        if bone.name.startswith(("hand", "f_", "thumb")):
            assert seen(scene, hands.matrix_world @ bone.tail), bone.name
    place = scene.camera.matrix_world.translation
    assert (
        place.x > 0.1 and place.y < -0.4 and place.z > 0.4
    )  # right of the player's head, above the shoulder


def test_the_views_look_at_the_keyboard_from_in_front_of_the_camera() -> None:
    bpy.ops.s2c.new_scene()
    window = bpy.context.window_manager.windows[0]
    spaces = [
        space
        for screen in window.workspace.screens
        for area in screen.areas
        for space in area.spaces
        if space.type == "VIEW_3D"
    ]
    assert spaces
    for space in spaces:
        view = space.region_3d
        assert (view.view_location - stage.TARGET).length < 1e-5
        eye = view.view_location + view.view_rotation @ Vector((0.0, 0.0, view.view_distance))
        assert eye.x > 0.1 and eye.y < -0.35 and eye.z > 0.5
        assert (
            view.view_distance < (stage.SHOULDER - stage.TARGET).length and view.view_perspective == "PERSP"
        )


def test_one_step_takes_it_back() -> None:
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.s2c.new_scene()
    bpy.ops.ed.undo_push(message="New Piano Scene")  # Blender does this for an operator that is clicked
    bpy.ops.ed.undo()
    assert sorted(item.name for item in bpy.context.scene.objects) == ["Camera", "Cube", "Light"]
    assert bpy.context.scene.objects["Cube"].visible_get()


def test_the_operator_asks_for_one_undo_step() -> None:
    from s2c_blender.ui.operators.new_scene import S2C_OT_new_scene

    assert "UNDO" in S2C_OT_new_scene.bl_options


def test_edit_mode_is_refused_in_a_sentence() -> None:
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Leave edit mode first"):
        bpy.ops.s2c.new_scene()
    bpy.ops.object.mode_set(mode="OBJECT")


def test_the_rate_is_chosen_only_where_nobody_has():
    scene = bpy.context.scene
    assert scene.render.fps == 24
    bpy.ops.s2c.new_scene()
    assert scene.render.fps == 30
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    scene.sequence_editor_create().strips.new_effect("title", "TEXT", 1, 1, **LENGTH)
    bpy.ops.s2c.new_scene()
    assert scene.render.fps == 24
