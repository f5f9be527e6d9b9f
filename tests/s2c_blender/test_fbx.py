# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX: what another program reads back is the take, and the scene is as it was."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix

from s2c_blender import compat, fcurves
from s2c_blender.core import skeleton
from s2c_blender.errors import UserError
from s2c_blender.export.fbx import PRESETS, export_fbx
from s2c_blender.rig.armature import create_armature
from s2c_blender.rig.bones import hand_bones
from s2c_blender.rig.hand_mesh import create_hand_mesh
from s2c_blender.takes.read_back import Marks, write_marks

FRAMES, START, FPS = 40, 11, 30


@pytest.fixture
def armature() -> bpy.types.Object:
    """Hands with a random, smooth take from frame 11 on."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = FPS
    armature = create_armature(bpy.context, 1.0, scene.collection)
    action = bpy.data.actions.new("Hands take 3")
    slot = action.slots.new(id_type="OBJECT", name=armature.name)
    bag = compat.channelbag(action, slot, create=True)
    rng, time = np.random.default_rng(0), np.linspace(0, 4, FRAMES)[:, None]
    for hand, names in enumerate(hand_bones(armature)):
        for index, bone in enumerate(names):
            width = 6 if index == 0 else 3
            scale = np.array([0.5, 0.1, 0.2, 0.05, 0.05, 0.05])[:width]
            values = scale * np.sin(time * (1 + rng.random(width)) + hand)
            for channel, column in zip(fcurves.channels(bone, moves=index == 0), values.T, strict=True):
                fcurves.write_channel(bag, bone, channel, START, column.astype(np.float32))
    compat.bind_action(armature, action, slot)
    write_marks(action, Marks(take="", start_frame=START, frames=FRAMES, fps=float(FPS), sound={}))
    return armature


def local_rotations(armature: bpy.types.Object, first: int) -> np.ndarray:
    """(frames, 39, 3, 3) rotation of every bone relative to its parent's rest, by bone name."""
    scene, names = bpy.context.scene, sorted(bone.name for bone in armature.data.bones)
    out = np.zeros((FRAMES, len(names), 3, 3))
    for frame in range(FRAMES):
        scene.frame_set(first + frame)
        for i, name in enumerate(names):
            pose = armature.pose.bones[name]
            parent = pose.parent.matrix if pose.parent else Matrix()
            out[frame, i] = np.array((parent.inverted() @ pose.matrix).to_3x3().normalized())
    return out


def angles_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    trace = np.einsum("...ij,...ij->...", a, b)
    chord = np.sqrt(np.maximum(3 - trace, 0) / 4)  # sin of half the angle; exact near zero, where acos is not
    return np.degrees(2 * np.arcsin(np.minimum(chord, 1)))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_reimported_angles_and_range_are_the_takes(
    armature: bpy.types.Object, tmp_path: Path, preset: str
) -> None:
    before = local_rotations(armature, START)
    wrists = [armature.pose.bones[name].matrix.translation.copy() for name in ("hand.L", "hand.R")]
    spread = (wrists[1] - wrists[0]).length
    names = sorted(bone.name for bone in armature.data.bones)
    other = bpy.data.actions.new("Another take")  # must not be exported
    other.use_fake_user = True
    path = tmp_path / "hands.fbx"
    export_fbx(bpy.context, armature, path, preset)

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = FPS
    bpy.ops.import_scene.fbx(filepath=str(path), automatic_bone_orientation=False)
    again = next(item for item in bpy.data.objects if item.type == "ARMATURE")
    assert sorted(bone.name for bone in again.data.bones) == names
    for side in "LR":
        above = [bone.name for bone in again.data.bones[f"thumb.01.{side}"].parent_recursive]
        assert above[:4] == [f"{part}.{side}" for part in ("hand", "forearm", "upper_arm", "shoulder")]
    assert len(bpy.data.actions) == 1 and "Hands take 3" in bpy.data.actions[0].name
    first, last = bpy.data.actions[0].frame_range
    assert last - first == FRAMES - 1
    after = local_rotations(again, round(first))
    bones = [i for i, name in enumerate(names) if name not in ("root", "shoulder.L", "shoulder.R")]
    assert len(bones) == 2 * (2 + 16)  # what hangs on the root is turned by the exporter's axes
    assert angles_deg(before[:, bones], after[:, bones]).max() < 0.1
    assert np.abs(np.diff(after[:, bones], axis=0)).max() > 1e-3
    bpy.context.scene.frame_set(round(last))
    world = [again.matrix_world @ again.pose.bones[name].matrix.translation for name in ("hand.L", "hand.R")]
    assert (world[1] - world[0]).length == pytest.approx(spread, rel=1e-3)
    if preset == "UNREAL":
        assert again.name == "Armature"


def test_the_scene_is_as_it_was(armature: bpy.types.Object, tmp_path: Path) -> None:
    scene, data = bpy.context.scene, armature.animation_data
    helper = bpy.data.objects.new("Armature", None)
    scene.collection.objects.link(helper)
    helper.select_set(True)
    armature.select_set(False)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="POSE")
    track = data.nla_tracks.new()
    track.name = "Mine"
    scene.frame_set(17)
    action, slot = data.action, data.action_slot.handle
    export_fbx(bpy.context, armature, tmp_path / "a.fbx", "UNREAL")
    assert (data.action, data.action_slot.handle) == (action, slot)
    assert [(t.name, t.mute) for t in data.nla_tracks] == [("Mine", False)]
    assert armature.mode == "POSE" and scene.frame_current == 17
    assert helper.name == "Armature" and armature.name == "S2C Hands"
    assert helper.select_get() and not armature.select_get()
    assert [path.name for path in tmp_path.iterdir()] == ["a.fbx"]


@pytest.mark.parametrize("state", ["plain", "hidden", "locked"])
def test_the_skinned_meshes_come_along(armature: bpy.types.Object, tmp_path: Path, state: str) -> None:
    for hand in (skeleton.LEFT, skeleton.RIGHT):
        body = create_hand_mesh(armature, hand, 1.0, bpy.context.scene.collection)
        body.hide_select = state == "locked"
        body.hide_set(state == "hidden")
    export_fbx(bpy.context, armature, tmp_path / "hands.fbx", "GENERIC")
    assert body.hide_select == (state == "locked") and body.hide_get() == (state == "hidden")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(tmp_path / "hands.fbx"))
    meshes = [item for item in bpy.data.objects if item.type == "MESH"]
    assert len(meshes) == 2
    for item in meshes:
        assert {group.name for group in item.vertex_groups} >= {
            "hand" + item.name[-2:],
            "thumb.03" + item.name[-2:],
        }
        assert any(modifier.type == "ARMATURE" for modifier in item.modifiers)


def test_faults_are_one_sentence_and_keep_the_older_file(armature: bpy.types.Object, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist; choose another"):
        export_fbx(bpy.context, armature, tmp_path / "gone" / "a.fbx", "UNITY")
    armature.animation_data.action = None
    with pytest.raises(UserError, match="press Generate first"):
        export_fbx(bpy.context, armature, tmp_path / "a.fbx", "UNITY")
    assert not list(tmp_path.iterdir())
