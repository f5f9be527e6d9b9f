# SPDX-License-Identifier: GPL-3.0-or-later
"""Add Hands, Add Piano, Apply Take: what an animator gets, and that it survives saving."""

import json
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import HAND_CURVES

import s2c_blender
from s2c_blender import compat
from s2c_blender.core import skeleton
from s2c_blender.rig.bones import joint_bones


@pytest.fixture(autouse=True)
def extension() -> Iterator[None]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    bpy.context.scene.render.fps = 30
    yield
    s2c_blender.unregister()


def write_take(
    path: Path, frames: int = 60, fps: float = 30.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A smooth random take; its angles and wrists."""
    rng, time = np.random.default_rng(seed), np.arange(frames)[:, None, None, None] / fps
    euler = 0.3 * np.sin(time * (1 + rng.random((2, 16, 3))) + rng.random((2, 16, 3)))
    wrist = np.array([[-0.2, -0.09, 0.06], [0.2, -0.09, 0.06]]) + 0.05 * np.sin(
        time[..., 0] * rng.random((2, 3))
    )
    np.savez(
        path,
        fps=np.float64(fps),
        euler=euler.astype(np.float32),
        wrist=wrist.astype(np.float32),
        notes=np.array([[0.5, 0.9, 60, 80], [1.0, 1.2, 61, 80], [1.2, 1.5, 61, 80]], np.float32),
        fingering=np.array([[1, 0], [1, 1], [1, 1]], np.int8),
        meta=np.array(json.dumps({"format": 1, "seed": 5})),
    )
    return euler, wrist


def tips(armature: bpy.types.Object) -> np.ndarray:
    """(2, 5, 3) contact points of the evaluated armature, in its own space."""
    names = joint_bones(armature)
    return np.array(
        [[armature.pose.bones[names[h][j]].tail for j in skeleton.FINGER_JOINTS[:, 2]] for h in (0, 1)]
    )


def test_rest_frames_are_those_of_the_shared_data() -> None:
    bpy.ops.s2c.add_hands(hand_size=1.1)
    armature = bpy.context.scene.s2c_settings.armature
    for hand in (0, 1):
        for bone in skeleton.rest_bones(hand, 1.1):
            matrix = np.array(armature.data.bones[bone.name].matrix_local)
            np.testing.assert_allclose(matrix[:3, :3], bone.frame, atol=2e-6)
            np.testing.assert_allclose(matrix[:3, 3], bone.head, atol=1e-6)
            np.testing.assert_allclose(armature.data.bones[bone.name].tail_local, bone.tail, atol=1e-6)
    assert all(bone.rotation_mode == "XYZ" for bone in armature.pose.bones)
    np.testing.assert_allclose(np.array(armature.matrix_world), np.eye(4))


def test_hand_meshes_are_skinned_mirror_images() -> None:
    bpy.ops.s2c.add_hands()
    meshes = {item.name: item for item in bpy.context.scene.objects if item.type == "MESH"}
    left, right = meshes["S2C Hand.L"], meshes["S2C Hand.R"]
    points = [np.array([v.co for v in item.data.vertices]) for item in (left, right)]
    np.testing.assert_allclose(points[0] * [-1, 1, 1], points[1], atol=1e-6)
    for item in (left, right):
        weights = np.array([sum(group.weight for group in vertex.groups) for vertex in item.data.vertices])
        np.testing.assert_allclose(weights, 1.0, atol=1e-4)
    shape = points[1]
    for finger in range(5):  # the skin lies around the contact point, which is on the pad
        bone = skeleton.rest_bones(1)[skeleton.FINGER_JOINTS[finger, 2]]
        assert np.linalg.norm(shape - bone.tail, axis=1).min() < 0.006


def test_armature_poses_as_the_shared_kinematics(tmp_path: Path) -> None:
    euler, wrist = write_take(tmp_path / "take.npz")
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "take.npz"), frame_start=11)
    scene, armature = bpy.context.scene, bpy.context.scene.s2c_settings.armature
    for frame in (0, 17, 59):
        scene.frame_set(11 + frame)
        for hand in (0, 1):
            expected = skeleton.forward_kinematics(euler[frame, hand], wrist[frame, hand], hand)[1]
            np.testing.assert_allclose(tips(armature)[hand], expected, atol=2e-5)


@pytest.mark.parametrize(("fps", "base"), [(24, 1.0), (25, 1.0), (60, 1.0), (30, 1.001)])
def test_takes_of_another_rate_keep_their_time(tmp_path: Path, fps: int, base: float) -> None:
    euler, _ = write_take(tmp_path / "take.npz")
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, base
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "take.npz"))
    rate = fps / base
    armature = scene.s2c_settings.armature
    second = 1.3
    at = 1 + second * rate
    scene.frame_set(int(at), subframe=at - int(at))
    bone = armature.pose.bones[joint_bones(armature)[1][5]]
    expected = euler[int(second * 30), 1, 5]
    np.testing.assert_allclose(bone.rotation_euler, expected, atol=5e-3)


def test_earlier_takes_survive_saving_and_one_hand_leaves_the_other_alone(tmp_path: Path) -> None:
    write_take(tmp_path / "a.npz", seed=0)
    write_take(tmp_path / "b.npz", seed=1)
    bpy.ops.s2c.add_hands()
    armature = bpy.context.scene.s2c_settings.armature
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "a.npz"))
    first = armature.animation_data.action.name
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "b.npz"), hand="LEFT")
    second = armature.animation_data.action.name
    assert first != second

    def curves(name: str) -> dict[tuple[str, int], np.ndarray]:
        action = bpy.data.actions[name]
        out = {}
        for curve in compat.channelbag(action, action.slots[0]).fcurves:
            keys = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get("co", keys)
            out[curve.data_path, curve.array_index] = keys
        return out

    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    before, after = curves(first), curves(second)
    motion = [key for key in before if '"]["' not in key[0]]  # neither clocks nor the piano's keys
    assert before.keys() == after.keys() and len(motion) == HAND_CURVES
    for key in motion:
        same = np.array_equal(before[key], after[key])
        assert same == ('.R"]' in key[0]) or not np.ptp(before[key][1::2]), key


def test_a_take_that_is_none_changes_nothing(tmp_path: Path) -> None:
    bpy.ops.s2c.add_hands()
    (tmp_path / "broken.npz").write_bytes(b"no take")
    for name, sentence in (("broken.npz", "cannot be read"), ("gone.npz", "does not exist")):
        with pytest.raises(RuntimeError, match=sentence):
            bpy.ops.s2c.apply_take(filepath=str(tmp_path / name))
    assert not bpy.data.actions


def test_a_piano_comes_without_88_dashed_lines_to_its_keys() -> None:
    bpy.ops.wm.read_factory_settings()

    def shown() -> list[bool]:
        areas = [area for screen in bpy.data.screens for area in screen.areas]
        views = [space for area in areas for space in area.spaces if space.type == "VIEW_3D"]
        return [view.overlay.show_relationship_lines for view in views]

    assert any(shown())
    bpy.ops.s2c.add_piano()
    assert shown() and not any(shown())
