# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes on a character rigged as Auto-Rig Pro does it: controls that hang on others by constraints, by IK and by FK."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from auto_rig_pro_rig import SIDES, auto_rig_pro
from character_helpers import far_take, made_and_applied, read_back
from session_helpers import FRAMES, write_arms_take

from s2c_blender.rig.character import stored
from s2c_blender.rig.character.leaning import leaning_bone

START = 5
TRUNK = "c_spine_01.x"


pytestmark = pytest.mark.usefixtures("registered", "empty_scene")


def switched(armature: bpy.types.Object, *, fk: bool) -> None:
    for end in SIDES.values():
        armature.pose.bones[f"c_hand_ik{end}"]["ik_fk_switch"] = float(fk)
    armature.update_tag()
    bpy.context.view_layer.update()


def play(
    armature: bpy.types.Object,
    folder: Path,
    write: Callable[[Path], dict[str, np.ndarray]] = write_arms_take,
) -> dict[str, np.ndarray]:
    if not stored.is_character(armature):
        assert bpy.ops.s2c.use_character(armature=armature.name) == {"FINISHED"}
    found: dict[str, np.ndarray] = made_and_applied(folder, START, write)
    return found


def read(armature: bpy.types.Object) -> Any:
    return read_back(armature, START)


@pytest.mark.parametrize("how", ["ik", "fk", "fk_with_the_shoulder"])
def test_hands_are_on_the_keys_by_every_switch(how: str, tmp_path: Path) -> None:
    armature = auto_rig_pro(turns_with_the_shoulder=how == "fk_with_the_shoulder")
    switched(armature, fk=how != "ik")
    arrays = play(armature, tmp_path)
    assert stored.mapping_of(armature).family == "auto_rig_pro"
    found = read(armature)
    assert np.abs(found.wrist - arrays["wrist"]).max() < 2e-4
    assert np.abs(found.euler - arrays["euler"]).max() < 2e-3
    for hand in (0, 1):
        shoulder, elbow = found.shoulder[:, hand], found.elbow[:, hand]
        assert (elbow[:, 2] < shoulder[:, 2]).all()
        assert np.linalg.norm(np.diff(elbow, axis=0), axis=1).max() < 0.03


def test_hands_and_elbows_stay_where_they_are_when_what_they_hang_on_moves(tmp_path: Path) -> None:
    """The hand's control is a child of c_traj, the pole of the root: both move under the take."""
    armature = auto_rig_pro()
    bpy.ops.s2c.use_character(armature=armature.name)
    for name, axis, far in (("c_traj", 0, 0.05), ("c_root_master.x", 2, -0.04)):
        bone = armature.pose.bones[name]
        bone.rotation_mode = "XYZ"
        for frame, share in ((START, 0.0), (START + FRAMES, 1.0)):
            bone.location[axis], bone.rotation_euler.x = share * far, share * 0.05
            bone.keyframe_insert("location", frame=frame)
            bone.keyframe_insert("rotation_euler", frame=frame)
    arrays = play(armature, tmp_path)
    found = read(armature)
    assert np.abs(found.wrist - arrays["wrist"]).max() < 2e-4
    assert np.abs(found.euler - arrays["euler"]).max() < 2e-3
    assert np.linalg.norm(found.shoulder[-1] - found.shoulder[0], axis=1).min() > 0.02
    assert (found.elbow[..., 2] < found.shoulder[..., 2]).all()


@pytest.mark.parametrize("how", ["ik", "fk_with_the_shoulder"])
def test_the_spine_leans_after_far_keys(how: str, tmp_path: Path) -> None:
    armature = auto_rig_pro(turns_with_the_shoulder=how != "ik")
    switched(armature, fk=how != "ik")
    if how == "ik":
        hang_arms_on_the_ground(armature)  # which IK does not ask about
    settings = bpy.context.scene.s2c_settings
    settings.lean = False
    arrays = play(armature, tmp_path, far_take)
    assert "too short" in settings.result and leaning_bone(armature) is None
    settings.lean = True
    play(armature, tmp_path, far_take)
    assert "too short" not in settings.result and leaning_bone(armature) == TRUNK
    found = read(armature)
    assert np.abs(found.wrist - arrays["wrist"]).max() < 2e-4
    assert np.abs(found.euler - arrays["euler"]).max() < 2e-3
    assert np.abs(found.shoulder[30] - found.shoulder[0]).max() > 0.03
    bpy.context.scene.frame_set(START + 30)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    hips = evaluated.pose.bones["c_root_master.x"]
    assert np.abs(np.array(hips.matrix) - np.array(hips.bone.matrix_local)).max() < 1e-5


def test_arms_that_do_not_turn_with_the_spine_leave_it_upright(tmp_path: Path) -> None:
    armature = auto_rig_pro()
    switched(armature, fk=True)
    hang_arms_on_the_ground(armature)
    play(armature, tmp_path, far_take)
    assert "too short" in bpy.context.scene.s2c_settings.result and leaning_bone(armature) is None


def hang_arms_on_the_ground(armature: bpy.types.Object) -> None:
    """FK arms that keep their direction whatever the spine does."""
    bpy.ops.object.mode_set(mode="EDIT")
    for end in SIDES.values():
        armature.data.edit_bones[f"c_arm_fk{end}"].parent = armature.data.edit_bones["c_traj"]
    bpy.ops.object.mode_set(mode="OBJECT")


def test_a_hand_goes_with_something_that_carries_nothing_else(tmp_path: Path) -> None:
    armature = auto_rig_pro()
    bpy.ops.object.mode_set(mode="EDIT")
    cart = armature.data.edit_bones.new("cart")
    cart.head, cart.tail = (0, -0.5, 0), (0, -0.7, 0)
    bpy.ops.object.mode_set(mode="OBJECT")
    child = armature.pose.bones["c_hand_ik.l"].constraints["Child Of"]
    child.subtarget, child.inverse_matrix = "cart", armature.data.bones["cart"].matrix_local.inverted()
    bone = armature.pose.bones["cart"]
    for frame, shift in ((START, 0.0), (START + FRAMES, 0.2)):
        bone.location.x = shift
        bone.keyframe_insert("location", frame=frame)
    arrays = play(armature, tmp_path)
    assert np.abs(read(armature).wrist - arrays["wrist"]).max() < 2e-4


def half(constraint: bpy.types.Constraint) -> None:
    constraint.influence = 0.5


def without_rotation(constraint: bpy.types.Constraint) -> None:
    constraint.use_rotation_x = False


@pytest.mark.parametrize("spoil", [half, without_rotation], ids=lambda spoil: spoil.__name__)
def test_a_control_that_is_carried_in_part_is_said(spoil: Any, tmp_path: Path) -> None:
    armature = auto_rig_pro()
    spoil(armature.pose.bones["c_hand_ik.r"].constraints["Child Of"])
    bpy.ops.s2c.use_character(armature=armature.name)
    write_arms_take(tmp_path / "made.npz")
    with pytest.raises(RuntimeError, match=r'"Child Of" moves the bone "c_hand_ik.r"'):
        bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START)
