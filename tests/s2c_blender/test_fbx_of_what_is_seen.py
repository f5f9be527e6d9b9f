# SPDX-License-Identifier: GPL-3.0-or-later
"""Export writes what is seen, over the frames where it moves, however the hands are layered, hidden or linked."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
import ufbx
from session_helpers import FRAMES, write_take

import s2c_blender
from s2c_blender import compat
from s2c_blender.export.fbx import PRESETS

BONES = ("upper_arm.L", "forearm.R", "hand.L", "hand.R", "f_index.03.R", "thumb.02.L")


@pytest.fixture(autouse=True)
def take(tmp_path: Path) -> Iterator[None]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    bpy.context.scene.render.fps = 30
    bpy.ops.s2c.add_hands()
    write_take(tmp_path / "take.npz")
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "take.npz"))
    yield
    s2c_blender.unregister()


def hands() -> bpy.types.Object:
    return bpy.context.scene.s2c_settings.armature


def seen(first: int, armature: bpy.types.Object | None = None) -> np.ndarray:
    """(3, bones, 3) places in the world at the first, a middle and the last frame."""
    armature, places = armature or hands(), []
    for frame in (first, first + 29, first + FRAMES - 1):
        bpy.context.scene.frame_set(frame)
        evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        places.append(
            [(evaluated.matrix_world @ evaluated.pose.bones[name].matrix).translation for name in BONES]
        )
    return np.array(places)


def exported(path: Path, seconds: float = (FRAMES - 1) / 30) -> np.ndarray:
    """The same of the only take in a file, by another program's reader; bones and meshes are all there."""
    with ufbx.load_file(str(path), target_axes=ufbx.axes_right_handed_z_up, target_unit_meters=1.0) as scene:
        (stack,) = scene.anim_stacks
        assert (len(scene.bones), len(scene.skin_deformers)) == (39, 2)
        assert stack.time_end - stack.time_begin == pytest.approx(seconds, abs=1e-5)
        assert stack.time_begin == 0.0
        places = []
        for frame in (0, 29, FRAMES - 1):
            with scene.evaluate(stack.anim, stack.time_begin + frame / 30) as moment:
                nodes = [moment.find_node(name).node_to_world.c3 for name in BONES]
                places.append([(node.x, node.y, node.z) for node in nodes])
    return np.array(places)


def export(path: Path, preset: str = "UNITY") -> Path:
    assert bpy.ops.s2c.export_fbx(filepath=str(path), preset=preset) == {"FINISHED"}
    return path


def push_down(start: int) -> None:
    data = hands().animation_data
    action, slot = data.action, data.action_slot
    data.action = None
    strip = data.nla_tracks.new().strips.new("take", start, action)
    strip.action_slot = slot


def test_keys_that_were_moved(tmp_path: Path) -> None:
    before = seen(1)
    data = hands().animation_data
    for curve in compat.channelbag(data.action, data.action_slot).fcurves:
        for point in curve.keyframe_points:
            point.co.x += 100
        curve.update()
    np.testing.assert_allclose(exported(export(tmp_path / "a.fbx")), before, atol=2e-5)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_corrective_layer_over_a_strip(tmp_path: Path, preset: str) -> None:
    plain = seen(1)
    push_down(51)
    data = hands().animation_data
    own = bpy.data.actions.new("correction")
    slot = own.slots.new(id_type="OBJECT", name=hands().name)
    path = 'pose.bones["shoulder.R"].location'
    curve = compat.new_fcurve(compat.channelbag(own, slot, create=True), path, 2, "shoulder.R")
    curve.keyframe_points.insert(1, 0.1)
    data.action, data.action_slot, data.action_blend_type = own, slot, "ADD"
    wanted = seen(51)
    assert np.abs(wanted - plain).max() == pytest.approx(0.1, abs=1e-3)
    np.testing.assert_allclose(exported(export(tmp_path / "a.fbx", preset)), wanted, atol=2e-5)
    assert data.action == own and [s.name for t in data.nla_tracks for s in t.strips] == ["take"]
    assert len(bpy.data.actions) == 2


def test_a_strip_in_tweak_mode_stays_in_it(tmp_path: Path) -> None:
    push_down(51)
    data = hands().animation_data
    for track in data.nla_tracks:
        track.select = track.strips[0].select = True
    data.use_tweak_mode = True
    wanted = seen(51)
    np.testing.assert_allclose(exported(export(tmp_path / "a.fbx")), wanted, atol=2e-5)
    assert data.use_tweak_mode


def test_quaternion_keys(tmp_path: Path) -> None:
    for bone in hands().pose.bones:
        bone.rotation_mode = "QUATERNION"
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "take.npz"))
    np.testing.assert_allclose(exported(export(tmp_path / "a.fbx")), seen(1), atol=2e-5)


def test_an_animated_parent_and_keys_of_the_users_own(tmp_path: Path) -> None:
    scene = bpy.context.scene
    stool = bpy.data.objects.new("stool", None)
    scene.collection.objects.link(stool)
    stool.location, stool.scale = (0.5, 0.2, 0.1), (1.5, 1.5, 1.5)
    stool.keyframe_insert("rotation_euler", frame=1)
    stool.rotation_euler.z = 0.8
    stool.keyframe_insert("rotation_euler", frame=FRAMES)
    hands().parent = stool
    hands().location.z = 0.3
    hands().keyframe_insert("location", frame=FRAMES)
    np.testing.assert_allclose(exported(export(tmp_path / "a.fbx")), seen(1), atol=2e-5)


def layer_collection() -> bpy.types.LayerCollection:
    return bpy.context.view_layer.layer_collection.children["S2C Hands"]


def hide(how: str) -> None:
    if how == "excluded":
        layer_collection().exclude = True
    elif how == "hidden":
        layer_collection().hide_viewport = True
    elif how == "disabled collection":
        layer_collection().collection.hide_viewport = True
    elif how == "unselectable":
        layer_collection().collection.hide_select = True
    elif how == "disabled armature":
        hands().hide_viewport = True
    elif how == "disabled mesh":
        bpy.data.objects["S2C Hand.L"].hide_viewport = True


@pytest.mark.parametrize(
    "how",
    ["excluded", "hidden", "disabled collection", "unselectable", "disabled armature", "disabled mesh"],
)
def test_what_is_hidden_comes_along_and_stays_hidden(tmp_path: Path, how: str) -> None:
    wanted = seen(1)
    hide(how)
    before = [(item.name, item.hide_viewport, item.hide_select) for item in bpy.data.objects]
    np.testing.assert_allclose(exported(export(tmp_path / "a.fbx")), wanted, atol=2e-5)
    assert [(item.name, item.hide_viewport, item.hide_select) for item in bpy.data.objects] == before
    assert len(bpy.data.scenes) == 1


def test_hands_overridden_from_a_library(tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = 30
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.collections = ["S2C Hands"]
    scene.collection.children.link(wanted.collections[0])
    bpy.context.view_layer.update()
    wanted.collections[0].override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
    bpy.context.view_layer.update()
    own = next(o for o in scene.objects if o.type == "ARMATURE" and o.override_library)
    scene.s2c_settings.armature = own
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "take.npz"))
    np.testing.assert_allclose(exported(export(tmp_path / "a.fbx", "UNREAL")), seen(1, own), atol=2e-5)
