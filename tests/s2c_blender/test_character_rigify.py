# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes on Rigify's metarig and on the rig that it generates, by IK and by FK, made here by the add-on itself."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from character_helpers import far_take, geometry_tips, made_and_applied, read_back, tips_seen
from session_helpers import FRAMES, write_arms_take

import s2c_blender
from s2c_blender.rig.character import stored
from s2c_blender.rig.character.leaning import leaning_bone
from s2c_blender.rig.character.overlay import overlay_of

START = 5
META, RIG, TRUNK = "person", "RIG-person", "spine_fk.002"


@pytest.fixture(scope="module")
def blend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file with the human metarig and the rig that Rigify generates of it."""
    import addon_utils  # Blender's, which is found once bpy is there

    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_human_metarig_add()
    bpy.context.object.name = META
    bpy.ops.pose.rigify_generate()
    path = tmp_path_factory.mktemp("rigify") / "rig.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    s2c_blender.register()
    yield path
    s2c_blender.unregister()
    addon_utils.disable("rigify", default_set=True)


def opened(blend: Path, name: str) -> bpy.types.Object:
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 30, 1.0
    return bpy.data.objects[name]


def switch(armature: bpy.types.Object, *, fk: bool = False, pole: bool = False) -> None:
    for side in "LR":
        switches = armature.pose.bones[f"upper_arm_parent.{side}"]
        switches["IK_FK"], switches["pole_vector"] = float(fk), pole
    armature.update_tag()
    bpy.context.view_layer.update()


def play(
    armature: bpy.types.Object,
    folder: Path,
    write: Callable[[Path], dict[str, np.ndarray]] = write_arms_take,
) -> dict[str, np.ndarray]:
    assert bpy.ops.s2c.use_character(armature=armature.name) == {"FINISHED"}
    found: dict[str, np.ndarray] = made_and_applied(folder, START, write)
    return found


def read(armature: bpy.types.Object) -> Any:
    return read_back(armature, START)


def check_tips(armature: bpy.types.Object, arrays: dict[str, np.ndarray], within: float) -> None:
    hands = stored.character_hands(armature)
    piano = stored.piano_matrix(armature, stored.mapping_of(armature))
    wanted = geometry_tips(hands.geometry("x"), arrays["euler"], arrays["wrist"])
    for frame in (START, START + 25, START + FRAMES - 1):
        seen = tips_seen(armature, hands, frame) @ piano[:3, :3].T + piano[:3, 3]
        assert np.linalg.norm(seen - wanted[frame - START], axis=-1).max() < within


@pytest.mark.parametrize("pole", [False, True], ids=["swivel", "pole"])
def test_ik_controls_bring_hands_and_fingertips_where_they_belong(
    pole: bool, blend: Path, tmp_path: Path
) -> None:
    armature = opened(blend, RIG)
    switch(armature, pole=pole)
    arrays = play(armature, tmp_path)
    check_tips(armature, arrays, 5e-4)
    found = read(armature)
    assert np.abs(found.wrist - arrays["wrist"]).max() < 5e-4
    assert np.abs(found.euler - arrays["euler"]).max() < 2e-3
    for hand in (0, 1):  # elbows hang outside and below the shoulders, and do not flip
        shoulder, elbow = found.shoulder[:, hand], found.elbow[:, hand]
        assert (elbow[:, 2] < shoulder[:, 2]).all()
        assert ((elbow[:, 0] - shoulder[:, 0]) * (1 if hand else -1) > -0.05).all()
        assert np.linalg.norm(np.diff(elbow, axis=0), axis=1).max() < 0.03
    for frame in range(START, START + FRAMES, 10):
        bpy.context.scene.frame_set(frame)
        evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        for name in ("DEF-upper_arm.L", "DEF-forearm.L", "DEF-forearm.R", "DEF-hand.L"):
            assert evaluated.pose.bones[name].matrix.to_scale().y < 1.001, "the arm is stretched"


def test_only_controls_are_keyed(blend: Path, tmp_path: Path) -> None:
    armature = opened(blend, RIG)
    switch(armature)
    play(armature, tmp_path)
    strip = armature.animation_data.action.layers[0].strips[0]
    keyed = {c.data_path.split('"')[1] for c in strip.channelbag(armature.animation_data.action_slot).fcurves}
    assert {"hand_ik.L", "hand_ik.R", "upper_arm_ik.L", "upper_arm_ik.R", "f_index.01.L"} <= keyed
    assert not [name for name in keyed if name.startswith(("DEF-f", "DEF-t", "DEF-h", "MCH-f", "hand_fk"))]


def test_fk_arms_are_turned_bone_by_bone(blend: Path, tmp_path: Path) -> None:
    armature = opened(blend, RIG)
    switch(armature, fk=True)
    arrays = play(armature, tmp_path)
    check_tips(armature, arrays, 1e-4)
    found = read(armature)
    assert np.abs(found.wrist - arrays["wrist"]).max() < 1e-4
    assert np.abs(found.euler - arrays["euler"]).max() < 1e-4


def test_a_leaning_torso_leaves_the_hands_on_the_keys(blend: Path, tmp_path: Path) -> None:
    armature = opened(blend, RIG)
    switch(armature)
    torso = armature.pose.bones["torso"]
    for frame, shift in ((START, 0.0), (START + FRAMES, 0.05)):
        torso.location.x = shift
        torso.keyframe_insert("location", frame=frame)
    arrays = play(armature, tmp_path)
    check_tips(armature, arrays, 5e-4)


@pytest.mark.parametrize("driven", ["swivel", "pole", "fk"])
def test_the_chest_leans_after_far_keys_and_hands_stay_on_them(
    driven: str, blend: Path, tmp_path: Path
) -> None:
    armature = opened(blend, RIG)
    switch(armature, fk=driven == "fk", pole=driven == "pole")
    settings = bpy.context.scene.s2c_settings
    settings.lean = False
    arrays = play(armature, tmp_path, far_take)
    assert "too short" in settings.result and leaning_bone(armature) is None
    legs = at_frame(armature, START + 30, LEGS)
    settings.lean = True
    play(armature, tmp_path, far_take)
    assert "too short" not in settings.result and leaning_bone(armature) == TRUNK
    found = read(armature)
    assert np.abs(found.wrist - arrays["wrist"]).max() < 1e-4
    assert np.abs(found.euler - arrays["euler"]).max() < 2e-3
    assert np.abs(found.shoulder[30] - found.shoulder[0]).max() > 0.03
    assert np.abs(at_frame(armature, START + 30, LEGS) - legs).max() < 1e-6
    bones = ("DEF-upper_arm.L", "DEF-forearm.L", "DEF-upper_arm.R", "DEF-forearm.R")
    lengths = np.linalg.norm(at_frame(armature, START + 30, bones)[:, :3, 1], axis=1)
    assert lengths.max() < 1.001, "the arm is stretched"
    assert [c.name for c in armature.pose.bones[TRUNK].constraints] == ["S2C Lean"]


LEGS = ("DEF-spine", "DEF-thigh.L", "DEF-thigh.R", "DEF-foot.L", "DEF-foot.R")


def at_frame(armature: bpy.types.Object, frame: int, bones: tuple[str, ...]) -> np.ndarray:
    """(bones, 4, 4) poses."""
    bpy.context.scene.frame_set(frame)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([evaluated.pose.bones[name].matrix for name in bones])


@pytest.mark.parametrize("parent", [2, 4, 6], ids=["torso", "chest", "shoulder"])
def test_hands_that_go_with_the_body_stay_on_far_keys_too(parent: int, blend: Path, tmp_path: Path) -> None:
    armature = opened(blend, RIG)
    switch(armature)
    for side in "LR":
        armature.pose.bones[f"upper_arm_parent.{side}"]["IK_parent"] = parent
    arrays = play(armature, tmp_path, far_take)
    assert leaning_bone(armature) == TRUNK
    assert np.abs(read(armature).wrist - arrays["wrist"]).max() < 1e-4


@pytest.mark.parametrize("follows", ["arms", "rotation"])
def test_a_chest_that_does_not_carry_the_arms_as_a_body_does_is_left_alone(
    follows: str, blend: Path, tmp_path: Path
) -> None:
    armature = opened(blend, RIG)
    switch(armature, fk=True)
    for side in "LR":  # whose arms keep their direction while the chest turns
        armature.pose.bones[f"upper_arm_parent.{side}"]["FK_limb_follow"] = 1.0
    if follows == "arms":
        held = armature.pose.bones["tweak_spine.003"].constraints.new("COPY_TRANSFORMS")
        held.target, held.subtarget = armature, "root"
        held.target_space = held.owner_space = "LOCAL_WITH_PARENT"
    play(armature, tmp_path, far_take)
    settings = bpy.context.scene.s2c_settings
    assert "too short" in settings.result and leaning_bone(armature) is None
    assert not armature.pose.bones[TRUNK].constraints


def test_the_metarig_plays_as_a_plain_one(blend: Path, tmp_path: Path) -> None:
    armature = opened(blend, META)
    arrays = play(armature, tmp_path)
    check_tips(armature, arrays, 1e-4)


def test_a_posed_finger_master_is_said(blend: Path, tmp_path: Path) -> None:
    armature = opened(blend, RIG)
    switch(armature)
    armature.pose.bones["f_index.01_master.L"].scale.y = 0.7
    bpy.ops.s2c.use_character(armature=RIG)
    write_arms_take(tmp_path / "made.npz")
    with pytest.raises(RuntimeError, match="f_index"):
        bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START)


def test_the_picture_of_the_mapping_goes_with_the_hands(blend: Path, tmp_path: Path) -> None:
    armature = opened(blend, RIG)
    switch(armature)
    play(armature, tmp_path)
    bpy.ops.s2c.show_mapping()
    picture = overlay_of(armature)
    assert picture is not None
    hands = stored.character_hands(armature)
    bpy.context.scene.frame_set(START + 20)
    evaluated = picture.evaluated_get(bpy.context.evaluated_depsgraph_get())
    places = np.array([list(evaluated.matrix_world @ vertex.co) for vertex in evaluated.data.vertices])
    tips = tips_seen(armature, hands, START + 20).reshape(-1, 3)
    assert max(np.linalg.norm(places - tip, axis=1).min() for tip in tips) < 2e-3
