# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes on hands that were duplicated, joined, scaled, linked, left out or put to rest."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from session_helpers import FRAMES, START
from take_helpers import bag, hands, remake, seen, sent

from s2c_blender.rig.bones import piano_frame

pytestmark = pytest.mark.usefixtures("take")


def edit_mode() -> None:
    bpy.context.view_layer.objects.active = hands()
    bpy.ops.object.mode_set(mode="EDIT")


def test_duplicated_bones_do_not_get_the_take(scene: bpy.types.Scene) -> None:
    edit_mode()
    for bone in hands().data.edit_bones:
        bone.select = bone.select_head = bone.select_tail = bone.name.startswith("f_index")
    bpy.ops.armature.duplicate()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert any(bone.name.endswith(".001") for bone in hands().data.bones)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert not [c for c in bag().fcurves if ".001" in c.data_path]


def test_two_pairs_of_hands_in_one_armature_are_a_sentence(scene: bpy.types.Scene) -> None:
    first = hands()
    bpy.ops.s2c.add_hands()
    second = hands()
    for item in scene.objects:
        item.select_set(item in (first, second))
    bpy.context.view_layer.objects.active = first
    skins = [item for item in scene.objects if item.parent == second]
    bpy.ops.object.join()
    scene.s2c_settings.armature = first
    assert bpy.ops.s2c.generate() == {"FINISHED"}  # the second pair moves no skin
    for skin in skins:
        skin.modifiers[0].object = first
        for group in skin.vertex_groups:
            group.name += ".001"
    with pytest.raises(RuntimeError, match="more than one pair of hands"):
        bpy.ops.s2c.generate()


def test_hands_joined_into_a_moved_and_scaled_armature_play_on_the_keys(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    armature, own = hands(), None
    body = bpy.data.armatures.new("Body")
    own = bpy.data.objects.new("Body", body)
    scene.collection.objects.link(own)
    bpy.context.view_layer.objects.active = own
    bpy.ops.object.mode_set(mode="EDIT")
    bone = body.edit_bones.new("spine")
    bone.head, bone.tail = (0, 0, 0), (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    own.matrix_world = Matrix.LocRotScale(
        (1.0, 2.0, 0.5), Matrix.Rotation(0.7, 3, "Z").to_quaternion(), (2, 2, 2)
    )
    bpy.context.view_layer.update()
    for item in scene.objects:
        item.select_set(item in (armature, own))
    bpy.context.view_layer.objects.active = own
    bpy.ops.object.join()
    scene.s2c_settings.armature = own
    bpy.context.view_layer.update()
    frame = own.matrix_world @ piano_frame(own).matrix
    np.testing.assert_allclose(np.array(frame), np.eye(4), atol=1e-5)
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    for hand, bone in enumerate(("hand.L", "hand.R")):
        place = seen(START + 30, bone, own)[:3, 3]
        np.testing.assert_allclose(place, wrist[30, hand], atol=1e-4)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(sent(tmp_path)["wrist"][:, 1], wrist[:, 1], atol=1e-4)


def test_in_a_scene_of_centimetres_hands_are_as_large_as_hands(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.data.objects.remove(hands())
    scene.unit_settings.scale_length = 0.01
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    euler, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    place = seen(START + 30, "hand.R")[:3, 3] * scene.unit_settings.scale_length
    np.testing.assert_allclose(place, wrist[30, 1], atol=1e-5)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(sent(tmp_path)["wrist"][:, 1], wrist[:, 1], atol=1e-5)
    np.testing.assert_allclose(sent(tmp_path)["euler"][:, 1], euler[:, 1], atol=1e-4)


@pytest.mark.parametrize("how", ["linked", "overridden"])
def test_hands_from_a_library(scene: bpy.types.Scene, tmp_path: Path, how: str) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.collections = ["S2C Hands"]
    scene = bpy.context.scene
    scene.render.fps = 30
    collection = wanted.collections[0]
    scene.collection.children.link(collection)
    bpy.context.view_layer.update()
    if how == "overridden":
        collection.override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
        bpy.context.view_layer.update()
    armature = next(
        o for o in scene.objects if o.type == "ARMATURE" and bool(o.override_library) == (how == "overridden")
    )
    scene.s2c_settings.armature = armature
    _, wrist = remake(tmp_path, FRAMES, 7)
    if how == "linked":
        with pytest.raises(RuntimeError, match="linked from another file and cannot be animated"):
            bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"))
        return
    assert bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz")) == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    np.testing.assert_allclose(seen(31, "hand.R")[:3, 3], wrist[30, 1], atol=1e-5)


def test_hands_that_the_view_layer_leaves_out_play_after_the_file_is_reopened(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.context.view_layer.layer_collection.children["S2C Hands"].exclude = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START) == {"FINISHED"}
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.context.view_layer.layer_collection.children["S2C Hands"].exclude = False
    np.testing.assert_allclose(seen(START + 30, "hand.R")[:3, 3], wrist[30, 1], atol=1e-5)


@pytest.mark.parametrize("state", ["edit", "rest"])
def test_hands_that_show_their_rest_pose_are_a_sentence(scene: bpy.types.Scene, state: str) -> None:
    if state == "edit":
        edit_mode()
    else:
        hands().data.pose_position = "REST"
    with pytest.raises(RuntimeError, match=r"leave it first|Pose Position"):
        bpy.ops.s2c.generate()
