# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading and writing takes where more than their own curves moves the hands, and in other rotation modes."""

import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import FRAMES, START, write_take
from take_helpers import bag, data, hands, push_down, remake, seen, sent

from s2c_blender import compat, fcurves
from s2c_blender.core import skeleton
from s2c_blender.rig.bones import joint_bones
from s2c_blender.takes import clock, layers, sampling
from s2c_blender.takes.reading import HandReader

pytestmark = pytest.mark.usefixtures("take")


def test_curves_alone_and_evaluation_read_the_same_hands(scene: bpy.types.Scene) -> None:
    armature = hands()
    armature.pose.bones["root"].location = (0.2, 0.1, 0.0)  # carries both hands: no part of the take
    bag().fcurves.remove(bag().fcurves.find('pose.bones["thumb.02.L"].rotation_euler', index=2))
    armature.pose.bones["thumb.02.L"].rotation_euler.z = 0.3
    assert layers.is_direct(armature)
    curves, evaluated = HandReader(armature, FRAMES), HandReader(armature, FRAMES)
    for _ in curves.read_curves(armature, START):
        pass
    for _ in sampling.sample(armature.session_uid, "", range(START, START + FRAMES), evaluated):
        pass
    np.testing.assert_allclose(curves.euler, evaluated.euler, atol=2e-5)
    np.testing.assert_allclose(curves.wrist, evaluated.wrist, atol=2e-6)
    np.testing.assert_allclose(curves.clock, evaluated.clock, atol=1e-4)
    assert (curves.euler[:, 0, skeleton.JOINTS.index("thumb2"), 2] == np.float32(0.3)).all()


@pytest.mark.parametrize("what", ["constraint", "driver", "mute", "influence"])
def test_whatever_else_moves_the_hands_is_evaluated(scene: bpy.types.Scene, what: str) -> None:
    armature = hands()
    if what == "constraint":
        armature.pose.bones["f_index.02.L"].constraints.new("LIMIT_ROTATION").use_limit_x = True
    elif what == "driver":
        armature.pose.bones["f_index.02.L"].driver_add("rotation_euler", 0).driver.expression = "0.5"
    elif what == "mute":
        bag().fcurves.find('pose.bones["f_index.02.L"].rotation_euler', index=0).mute = True
    else:
        data().action_influence = 0.5
    assert not layers.is_direct(armature)


def test_scenes_for_reading_are_in_no_file_and_come_back_by_no_undo(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    steps = sampling.sample(hands().session_uid, "", range(1, 3000), lambda evaluated: None)
    next(steps)
    assert len(bpy.data.scenes) == 2
    bpy.ops.ed.undo_push(message="meanwhile")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"), copy=True)
    assert len(bpy.data.scenes) == 1
    next(steps)  # copies the keys anew
    assert next(steps) > 0  # goes on in a scene made anew
    bpy.ops.ed.undo_push(message="later")
    steps.close()
    bpy.ops.ed.undo()
    bpy.ops.ed.redo()
    assert [found for found in bpy.data.scenes if sampling.MARK in found] == []
    with bpy.data.libraries.load(str(tmp_path / "a.blend")) as (there, _):
        assert len(there.scenes) == 1


def copies(scene: bpy.types.Scene) -> list[bpy.types.Action]:
    """The actions of which Blender has a copy for a scene."""
    depsgraph = scene.view_layers[0].depsgraph
    return [action for action in bpy.data.actions if action.evaluated_get(depsgraph).is_evaluated]


@pytest.mark.parametrize("hidden", [False, True])
def test_keys_are_copied_an_action_a_step_before_the_hands_are_read_and_once(
    scene: bpy.types.Scene, hidden: bool
) -> None:
    """Blender's copy is written to here, which is read unless Blender copies the keys again."""
    armature = hands()
    push_down(START)
    bpy.ops.s2c.regenerate_hand(hand="LEFT")
    armature.hide_viewport = hidden
    read: list[float] = []

    def read_slowly(evaluated: bpy.types.Object) -> None:
        read.append(evaluated.pose.bones["f_index.02.L"].rotation_euler.x)
        time.sleep(sampling.STEP_SECONDS)  # one frame a step

    steps = sampling.sample(armature.session_uid, "", range(START, START + 5), read_slowly)
    counted = []
    while not read:
        next(steps)
        own = next(found for found in bpy.data.scenes if sampling.MARK in found)
        counted.append(len(copies(own)))
        if counted == [1, 2]:
            copied = armature.animation_data.action.evaluated_get(own.view_layers[0].depsgraph)
            curves = compat.channelbag(copied, copied.slots[0]).fcurves
            for point in curves.find('pose.bones["f_index.02.L"].rotation_euler', index=0).keyframe_points:
                point.co.y = 0.123
    assert counted == [1, 2, 2]
    for _ in steps:
        pass
    assert read == pytest.approx([0.123] * 5)
    assert armature.hide_viewport == hidden


def test_a_hand_on_quaternion_keys_stays_and_can_be_made_anew(scene: bpy.types.Scene, tmp_path: Path) -> None:
    armature = hands()
    right = joint_bones(armature)[1]
    before = {frame: seen(frame, "f_middle.03.R") for frame in (START, START + 31)}
    for bone in right:  # as Pose > Convert Rotation Modes does it
        turns = []
        for frame in range(START, START + FRAMES):
            scene.frame_set(frame)
            turns.append(armature.pose.bones[bone].rotation_euler.to_quaternion())
        armature.pose.bones[bone].rotation_mode = "QUATERNION"
        for column in range(3):
            bag().fcurves.remove(bag().fcurves.find(f'pose.bones["{bone}"].rotation_euler', index=column))
        for column in range(4):
            values = np.array([turn[column] for turn in turns], np.float32)
            fcurves.write_channel(
                bag(), bone, (f'pose.bones["{bone}"].rotation_quaternion', column), START, values
            )
    euler, _ = write_take(tmp_path / "same.npz")
    new, _ = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(sent(tmp_path)["euler"][:, 1], euler[:, 1], atol=1e-4)
    for frame, matrix in before.items():
        np.testing.assert_allclose(seen(frame, "f_middle.03.R"), matrix, atol=1e-5)
    assert bpy.ops.s2c.regenerate_hand(hand="RIGHT") == {"FINISHED"}
    assert armature.pose.bones["f_index.01.R"].rotation_mode == "QUATERNION"
    scene.frame_set(START + 31)
    joint = right.index("f_index.01.R")
    found = armature.pose.bones["f_index.01.R"].rotation_quaternion.to_matrix()
    wanted = skeleton.euler_matrices(new[31, 1, joint])
    np.testing.assert_allclose(np.array(found), wanted, atol=1e-5)


@pytest.mark.parametrize("mode", ["AXIS_ANGLE", "ZYX", "YXZ"])
def test_a_take_is_written_in_the_mode_of_each_bone(
    scene: bpy.types.Scene, tmp_path: Path, mode: str
) -> None:
    for bone in hands().pose.bones:
        bone.rotation_mode = mode
    euler, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert "Something else" not in scene.s2c_settings.result
    scene.frame_set(START + 17)
    for hand in (0, 1):
        tips = skeleton.forward_kinematics(euler[17, hand], wrist[17, hand], hand)[1]
        bones = joint_bones(hands())[hand]
        found = [hands().pose.bones[bones[joint]].tail for joint in skeleton.FINGER_JOINTS[:, 2]]
        np.testing.assert_allclose(np.array(found), tips, atol=2e-5)


def test_a_constraint_that_holds_the_hands_elsewhere_is_said(scene: bpy.types.Scene, tmp_path: Path) -> None:
    target = bpy.data.objects.new("target", None)
    scene.collection.objects.link(target)
    target.location = (0.1, -0.1, 0.1)
    constraint = hands().pose.bones["forearm.R"].constraints.new("IK")
    constraint.target, constraint.chain_count = target, 2
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert "Something else moves the hands" in scene.s2c_settings.result
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    given = sent(tmp_path)["wrist"][:, 1]
    np.testing.assert_allclose(given[20], seen(START + 20, "hand.R")[:3, 3], atol=1e-5)
    np.testing.assert_allclose(given[20], target.location, atol=2e-3)
    assert "Something else" not in scene.s2c_settings.result


def test_notes_are_kept_with_the_take_and_bad_ones_are_not_believed(scene: bpy.types.Scene) -> None:
    action = data().action
    notes, fingering = clock.read_notes(action)
    np.testing.assert_allclose(notes, [[0.1, 0.5, 60, 80], [1.0, 1.4, 64, 80]], atol=1e-6)
    np.testing.assert_array_equal(fingering, [[1, 0], [1, 2]])
    for bad in ([1.0, 2.0], "text", [float("nan")] * 6, [2.0, 1.0, 60, 80, 0, 0], [0.0, 1.0, 60, 80, 0, 9]):
        action[clock.NOTES_PROPERTY] = bad
        assert clock.read_notes(action) is None
