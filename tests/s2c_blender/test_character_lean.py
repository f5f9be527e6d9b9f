# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's trunk leans after keys that its arms do not reach: a layer of its own, new with each whole take."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from character_helpers import far_take, geometry_tips, seated_character, tips_seen
from session_helpers import FRAMES, write_arms_take

from s2c_blender import compat
from s2c_blender.core import character_lean
from s2c_blender.rig.character import stored
from s2c_blender.rig.character.leaning import is_lean_curve, leaning_bone
from s2c_blender.takes import sampling
from s2c_blender.takes.hands_on import reader_of

START = 5
TRUNK = "mixamorig:Spine"


@pytest.fixture
def armature(registered: None, empty_scene: bpy.types.Scene) -> bpy.types.Object:
    return seated_character(scale=100.0)


def play(folder: Path, arrays: dict[str, np.ndarray] | None = None, **options: str) -> None:
    if arrays is not None:
        write_arms_take(folder / "made.npz", arrays)
    done = bpy.ops.s2c.apply_take(filepath=str(folder / "made.npz"), frame_start=START, **options)
    assert done == {"FINISHED"}


def off(armature: bpy.types.Object, arrays: dict[str, np.ndarray], frame: int, hand: int = 1) -> float:
    hands = stored.character_hands(armature)
    piano = stored.piano_matrix(armature, stored.mapping_of(armature))
    wanted = geometry_tips(hands.geometry("x"), arrays["euler"], arrays["wrist"])[frame - START]
    seen = tips_seen(armature, hands, frame) @ piano[:3, :3].T + piano[:3, 3]
    return float(np.linalg.norm(seen - wanted, axis=-1)[hand].max())


def test_the_trunk_leans_where_the_arm_is_too_short_and_only_there(
    armature: bpy.types.Object, tmp_path: Path
) -> None:
    arrays = far_take(tmp_path / "made.npz")
    bpy.context.scene.s2c_settings.lean = False
    play(tmp_path)
    assert "too short" in bpy.context.scene.s2c_settings.result
    assert off(armature, arrays, START + 30) > 0.02
    assert leaning_bone(armature) is None
    bpy.context.scene.s2c_settings.lean = True
    play(tmp_path)
    assert "too short" not in bpy.context.scene.s2c_settings.result
    assert "Something else" not in bpy.context.scene.s2c_settings.result
    for frame in (START, START + 20, START + 30, START + FRAMES - 1):
        assert off(armature, arrays, frame) < 1e-4
        assert off(armature, arrays, frame, hand=0) < 1e-4
    action = armature.animation_data.action
    bag = compat.channelbag(action, armature.animation_data.action_slot)
    on_trunk = [curve for curve in bag.fcurves if f'"{TRUNK}"' in curve.data_path]
    assert len(on_trunk) == 3 and all(map(is_lean_curve, on_trunk))  # no key on the body's own channels
    turns = [tilt(armature, frame) for frame in range(START, START + FRAMES)]
    assert max(turns) > 0.05 and turns[0] < 0.5 * max(turns)
    assert np.abs(np.diff(turns)).max() < 0.03


def tilt(armature: bpy.types.Object, frame: int) -> float:
    """Radians by which the trunk is turned from rest."""
    bpy.context.scene.frame_set(frame)
    bone = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[TRUNK]
    return float((bone.matrix @ bone.bone.matrix_local.inverted()).to_quaternion().angle)


def test_the_lean_can_be_muted_and_a_take_that_needs_none_is_upright(
    armature: bpy.types.Object, tmp_path: Path
) -> None:
    far_take(tmp_path / "made.npz")
    play(tmp_path)
    constraint = armature.pose.bones[TRUNK].constraints["S2C Lean"]
    assert tilt(armature, START + 30) > 0.05
    constraint.mute = True
    assert tilt(armature, START + 30) < 1e-6
    constraint.mute = False
    play(tmp_path)  # the same once more, though the body leans now
    assert [c.name for c in armature.pose.bones[TRUNK].constraints] == ["S2C Lean"]
    assert tilt(armature, START + 30) > 0.05
    far = armature.animation_data.action
    write_arms_take(tmp_path / "made.npz")
    play(tmp_path)
    assert max(tilt(armature, frame) for frame in range(START, START + FRAMES, 5)) < 1e-6
    armature.animation_data.action = far  # the earlier take leans as it did
    armature.animation_data.action_slot = far.slots[0]
    assert tilt(armature, START + 30) > 0.05


def test_the_lean_goes_where_the_keys_of_the_take_go(armature: bpy.types.Object, tmp_path: Path) -> None:
    arrays = far_take(tmp_path / "made.npz")
    play(tmp_path)
    bag = compat.channelbag(armature.animation_data.action, armature.animation_data.action_slot)
    for curve in bag.fcurves:
        for point in curve.keyframe_points:
            point.co.x += 100
        curve.update()
    hands = stored.character_hands(armature)
    piano = stored.piano_matrix(armature, stored.mapping_of(armature))
    wanted = geometry_tips(hands.geometry("x"), arrays["euler"], arrays["wrist"])[30]
    seen = tips_seen(armature, hands, START + 130) @ piano[:3, :3].T + piano[:3, 3]
    assert np.linalg.norm(seen - wanted, axis=-1).max() < 1e-4


def test_one_hand_redone_leaves_lean_and_other_hand(armature: bpy.types.Object, tmp_path: Path) -> None:
    first = far_take(tmp_path / "made.npz")
    play(tmp_path)
    before = tilt(armature, START + 30)
    second = write_arms_take(tmp_path / "other.npz", seed=3)
    (tmp_path / "made.npz").write_bytes((tmp_path / "other.npz").read_bytes())
    play(tmp_path, hand="LEFT")
    assert tilt(armature, START + 30) == pytest.approx(before, abs=1e-6)
    reader = reader_of(armature, FRAMES)
    for _ in sampling.sample(armature.session_uid, armature.name, range(START, START + FRAMES), reader):
        pass
    assert np.abs(reader.wrist[:, 1] - first["wrist"][:, 1]).max() < 5e-5
    assert np.abs(reader.wrist[:, 0] - second["wrist"][:, 0]).max() < 5e-5


def test_a_body_that_moves_leans_on_top_of_that(armature: bpy.types.Object, tmp_path: Path) -> None:
    spine = armature.pose.bones[TRUNK]
    spine.rotation_mode = "XYZ"
    for frame, turn in ((START, 0.0), (START + FRAMES, 0.1)):
        spine.rotation_euler.x = turn
        spine.keyframe_insert("rotation_euler", frame=frame)
    arrays = far_take(tmp_path / "made.npz")
    play(tmp_path)
    assert "too short" not in bpy.context.scene.s2c_settings.result
    for frame in (START, START + 20, START + 30, START + FRAMES - 1):
        assert off(armature, arrays, frame) < 1e-4


def test_lean_is_in_time_and_nothing_where_arms_reach() -> None:
    shoulder = np.broadcast_to(np.array([[-0.18, -0.35, 0.4], [0.18, -0.35, 0.4]]), (90, 2, 3))
    wrist = np.array([[-0.2, -0.1, 0.06], [0.2, -0.1, 0.06]]) + np.zeros((90, 2, 3))
    pivot = np.broadcast_to([0.0, -0.4, -0.1], (90, 3))
    lengths = np.full((2, 2), 0.25)
    turns, carried = character_lean.lean(shoulder, wrist, lengths, pivot, 30.0)
    assert np.array_equal(turns, np.broadcast_to(np.eye(3), (90, 3, 3)))
    assert carried is shoulder
    wrist[40:50, 1, 0] += 0.25
    turns, carried = character_lean.lean(shoulder, wrist, lengths, pivot, 30.0)
    assert (np.linalg.norm(wrist - carried, axis=2)[40:50, 1] < 0.5).all()
    assert np.allclose(turns[:3], np.eye(3))
    up = turns[45] @ [0, 0, 1]
    assert up[0] > 0.015 and up[1] > 0  # to the treble, and toward the keys
    assert np.linalg.norm(wrist[45, 1] - shoulder[45, 1]) > 0.5  # which it was not without the lean


def test_undo_takes_back_take_and_lean_in_one_step(armature: bpy.types.Object, tmp_path: Path) -> None:
    bone = armature.pose.bones["mixamorig:Head"]
    bone.keyframe_insert("rotation_quaternion", frame=1)
    own = armature.animation_data.action.name
    bpy.ops.ed.undo_push(message="before")
    far_take(tmp_path / "made.npz")
    play(tmp_path)
    assert leaning_bone(armature) == TRUNK
    bpy.ops.ed.undo()
    back = bpy.data.objects["Character"]
    assert back.animation_data.action.name == own
    assert leaning_bone(back) is None
    bpy.ops.ed.redo()
    again = bpy.data.objects["Character"]
    assert again.animation_data.action.name != own
    assert leaning_bone(again) == TRUNK
