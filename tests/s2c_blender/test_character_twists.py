# SPDX-License-Identifier: GPL-3.0-or-later
"""Twist bones of a character's forearm take their share of the hand's roll, wherever the hand hangs."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Quaternion, Vector
from measured_armatures import at_a_piano
from session_helpers import FRAMES, write_arms_take

from s2c_blender import compat
from s2c_blender.rig.character import stored
from s2c_blender.rig.character.twists import roll_shares
from s2c_blender.takes import sampling
from s2c_blender.takes.hands_on import reader_of

START = 3
TWISTS = {
    "unreal4": ["lowerarm_twist_01_l"],
    "daz_genesis9": ["l_forearmtwist1", "l_forearmtwist2"],
    "daz_genesis8": ["lForearmTwist"],
    "makehuman": ["lowerarm02.L"],
}
"""Beside the hand; two of them; the hand hangs on one; on one that no word tells."""


pytestmark = pytest.mark.usefixtures("registered", "empty_scene")


def play(folder: Path, seed: int = 1, **options: str) -> dict[str, np.ndarray]:
    arrays = write_arms_take(folder / "made.npz", seed=seed)
    done = bpy.ops.s2c.apply_take(filepath=str(folder / "made.npz"), frame_start=START, **options)
    assert done == {"FINISHED"}
    return arrays


def keyed(armature: bpy.types.Object) -> set[str]:
    data = armature.animation_data
    bag = compat.channelbag(data.action, data.action_slot)
    return {curve.data_path.split('"')[1] for curve in bag.fcurves}


def rolls(armature: bpy.types.Object, frame: int, names: list[str]) -> list[float]:
    """Degrees by which bones are turned about the left forearm's line, beyond the forearm itself."""
    bpy.context.scene.frame_set(frame)
    pose = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    own = stored.mapping_of(armature).left.bones
    forearm, wrist = (armature.data.bones[own[part]] for part in ("forearm", "wrist"))
    line = (wrist.head_local - forearm.head_local).normalized()

    def since_rest(name: str) -> Quaternion:
        return (pose[name].matrix @ pose[name].bone.matrix_local.inverted()).to_quaternion()

    found = []
    for name in names:
        turn = since_rest(own["forearm"]).inverted() @ since_rest(name)
        degrees = np.degrees(2 * np.arctan2(Vector(turn[1:]).dot(line), turn.w))
        found.append(float((degrees + 180) % 360 - 180))
    return found


@pytest.mark.parametrize("name", TWISTS)
def test_the_roll_grows_from_elbow_to_hand(name: str, tmp_path: Path) -> None:
    armature = at_a_piano(name)
    play(tmp_path)
    assert set(TWISTS[name]) <= keyed(armature)
    wrist = stored.mapping_of(armature).left.bones["wrist"]
    for frame in (START, START + 20, START + FRAMES - 1):
        found = np.array([0.0, *rolls(armature, frame, [*TWISTS[name], wrist])])
        found *= np.sign(found[-1])
        assert found[-1] > 15
        steps = np.diff(found)
        assert (steps > 0.1 * found[-1]).all() and steps.max() < 0.75 * found[-1]


@pytest.mark.parametrize("name", ["unreal4", "makehuman"])
def test_a_second_take_and_a_redone_hand_lie_on_twisted_arms(name: str, tmp_path: Path) -> None:
    armature = at_a_piano(name)
    play(tmp_path)
    bpy.context.scene.frame_set(START + 20)
    first = play(tmp_path, seed=2)
    second = play(tmp_path, seed=3, hand="LEFT")
    reader = reader_of(armature, FRAMES)
    for _ in sampling.sample(armature.session_uid, armature.name, range(START, START + FRAMES), reader):
        pass
    assert np.abs(reader.wrist[:, 0] - second["wrist"][:, 0]).max() < 1e-4
    assert np.abs(reader.wrist[:, 1] - first["wrist"][:, 1]).max() < 1e-4
    assert np.abs(reader.euler[:, 0] - second["euler"][:, 0]).max() < 1e-4


def test_twists_that_the_rig_turns_itself_and_other_helpers_are_left_alone(tmp_path: Path) -> None:
    armature = at_a_piano("daz_genesis9")
    armature.pose.bones["l_forearmtwist1"].driver_add("rotation_quaternion", 2)
    copied = armature.pose.bones["r_forearmtwist2"].constraints.new("COPY_ROTATION")
    copied.target, copied.subtarget, copied.influence = armature, "r_hand", 0.5
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    twist = armature.data.edit_bones["l_forearmtwist2"]
    helper = armature.data.edit_bones.new("l_forearm_controller")
    helper.head, helper.tail, helper.parent = twist.head, twist.tail, twist.parent
    far = armature.data.edit_bones.new("l_twist_handle")
    far.head = twist.head + Vector((0, 0, 0.3))
    far.tail, far.parent = far.head + Vector((0, 0, 0.1)), twist.parent
    bpy.ops.object.mode_set(mode="OBJECT")
    play(tmp_path)
    alone = {"l_forearmtwist1", "r_forearmtwist2", "l_forearm_controller", "l_twist_handle"}
    assert not alone & keyed(armature)
    assert {"l_forearmtwist2", "r_forearmtwist1"} <= keyed(armature)


def test_shares_are_the_middles_of_what_is_covered() -> None:
    assert roll_shares([]) == [0.5]
    assert roll_shares([0.5]) == [0.25, 0.75]
    assert roll_shares([0.0, 0.5]) == [0.0, 0.25, 0.75]
