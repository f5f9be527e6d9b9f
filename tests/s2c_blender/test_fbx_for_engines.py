# SPDX-License-Identifier: GPL-3.0-or-later
"""FBX as a game engine's own reader sees it: ufbx, which shares no code with Blender's exporter and importer."""

from pathlib import Path

import bpy
import numpy as np
import pytest
import ufbx

from s2c_blender import compat, fcurves
from s2c_blender.core import skeleton
from s2c_blender.export.fbx import PRESETS, export_fbx
from s2c_blender.rig.armature import create_armature
from s2c_blender.rig.bones import hand_bones
from s2c_blender.rig.hand_mesh import create_hand_mesh
from s2c_blender.takes.read_back import Marks, write_marks

FRAMES, START, FPS = 25, 7, 30
BONES_OF_BOTH_HANDS = 38


@pytest.fixture
def armature() -> bpy.types.Object:
    """Hands with their meshes, each channel on a wave of its own, from frame 7 on."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = FPS
    armature = create_armature(bpy.context, 1.0, scene.collection)
    for hand in (skeleton.LEFT, skeleton.RIGHT):
        create_hand_mesh(armature, hand, 1.0, scene.collection)
    action = bpy.data.actions.new("Hands take")
    slot = action.slots.new(id_type="OBJECT", name=armature.name)
    bag = compat.channelbag(action, slot, create=True)
    rng, time = np.random.default_rng(3), np.linspace(0, 3, FRAMES)
    for hand, names in enumerate(hand_bones(armature)):
        for index, bone in enumerate(names):
            for channel in fcurves.channels(bone, moves=index == 0):
                wave = 0.15 * np.sin(time * (1 + rng.random()) + hand)
                fcurves.write_channel(bag, bone, channel, START, wave.astype(np.float32))
    compat.bind_action(armature, action, slot)
    write_marks(action, Marks(take="", start_frame=START, frames=FRAMES, fps=float(FPS), sound={}))
    return armature


def joint_places(armature: bpy.types.Object, names: list[str]) -> np.ndarray:
    """(frames, bones, 3) metres in Blender's world."""
    places = np.zeros((FRAMES, len(names), 3))
    for frame in range(FRAMES):
        bpy.context.scene.frame_set(START + frame)
        for i, name in enumerate(names):
            places[frame, i] = armature.matrix_world @ armature.pose.bones[name].matrix.translation
    return places


def vector(v: ufbx.Vec3) -> list[float]:
    return [v.x, v.y, v.z]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_an_engines_reader_sees_the_same_joints_in_every_frame(
    armature: bpy.types.Object, tmp_path: Path, preset: str
) -> None:
    names = sorted(bone.name for bone in armature.data.bones if bone.name != "root")
    assert len(names) == BONES_OF_BOTH_HANDS
    truth = joint_places(armature, names)
    path = tmp_path / "hands.fbx"
    export_fbx(bpy.context, armature, path, preset)

    with ufbx.load_file(str(path), target_axes=ufbx.axes_right_handed_z_up, target_unit_meters=1.0) as scene:
        stack = scene.anim_stacks[0]
        assert len(scene.anim_stacks) == 1
        assert stack.time_end - stack.time_begin == pytest.approx((FRAMES - 1) / FPS, abs=1e-6)
        assert len(scene.skin_deformers) == 2
        read = np.zeros_like(truth)
        for frame in range(FRAMES):
            with scene.evaluate(stack.anim, stack.time_begin + frame / FPS) as moment:
                read[frame] = [vector(moment.find_node(name).node_to_world.c3) for name in names]
    assert np.abs(np.diff(truth, axis=0)).max() > 1e-3
    np.testing.assert_allclose(read, truth, atol=2e-5)
