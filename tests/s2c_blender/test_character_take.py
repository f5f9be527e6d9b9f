# SPDX-License-Identifier: GPL-3.0-or-later
"""A take on a character's own armature: fingertips where the generator's geometry has them, and all of it read back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from character_helpers import (
    geometry_tips,
    mixamo_mapping,
    mpfb_armature,
    pole_rig,
    seated,
    seated_character,
    tips_seen,
)
from mathutils import Matrix
from session_helpers import FRAMES, requests, use_worker, write_arms_take, write_sound

from s2c_blender import compat, fcurves
from s2c_blender.core.turns import matrices_of as turns_of
from s2c_blender.rig.character import stored
from s2c_blender.rig.hands import hands_of
from s2c_blender.session import session
from s2c_blender.takes import read_back, sampling, write_take
from s2c_blender.takes.hands_on import reader_of
from s2c_blender.takes.take_order import TakeOrder

START = 5
MODES = ("QUATERNION", "AXIS_ANGLE", "XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")


pytestmark = pytest.mark.usefixtures("registered", "empty_scene", "session_ends")


def apply_take(folder: Path, **options: Any) -> dict[str, np.ndarray]:
    arrays = write_arms_take(folder / "made.npz")
    done = bpy.ops.s2c.apply_take(filepath=str(folder / "made.npz"), frame_start=START, **options)
    assert done == {"FINISHED"}
    return arrays


def read(armature: bpy.types.Object, frames: int = FRAMES) -> Any:
    reader = reader_of(armature, frames)
    wanted = range(START, START + frames)
    for _ in sampling.sample(armature.session_uid, armature.name, wanted, reader):
        pass
    return reader


def tips_off(armature: bpy.types.Object, arrays: dict[str, np.ndarray], frame: int) -> float:
    """Metres between a fingertip in the world and where the generator's geometry has it, the largest."""
    hands = stored.character_hands(armature)
    piano = stored.piano_matrix(armature, stored.mapping_of(armature))
    wanted = geometry_tips(hands.geometry("x"), arrays["euler"], arrays["wrist"])[frame - START]
    seen = tips_seen(armature, hands, frame)
    return float(np.nanmax(np.linalg.norm(seen @ piano[:3, :3].T + piano[:3, 3] - wanted, axis=-1)))


PLACES = {
    "as it is": (1.0, 1.0, None),
    "centimetres, object scaled": (100.0, 1.0, None),
    "turned and moved": (
        100.0,
        1.0,
        Matrix.Translation((3, -2, 0.5)) @ Matrix.Rotation(2.1, 4, (0.2, 1, 0.3)),
    ),
    "a scene in centimetres": (1.0, 0.01, None),
}


@pytest.mark.parametrize("how", PLACES)
def test_fingertips_are_where_the_geometry_has_them_and_all_is_read_back(how: str, tmp_path: Path) -> None:
    armature = seated_character(*PLACES[how])
    arrays = apply_take(tmp_path)
    for frame in (START, START + 17, START + FRAMES - 1):
        assert tips_off(armature, arrays, frame) < 1e-4
    found = read(armature)
    assert np.abs(found.euler - arrays["euler"]).max() < 2e-5
    assert np.abs(found.wrist - arrays["wrist"]).max() < 2e-5
    assert "too short" not in bpy.context.scene.s2c_settings.result
    assert "Something else" not in bpy.context.scene.s2c_settings.result


def test_centimetres_may_be_scaled_on_a_parent(tmp_path: Path) -> None:
    """As engines' characters come: the armature is in centimetres, the empty that it hangs on has the scale."""
    armature = mpfb_armature(scale=100.0)
    stage = bpy.data.objects.new("Stage", None)
    bpy.context.scene.collection.objects.link(stage)
    stage.location, stage.rotation_euler.z, stage.scale = (1, 2, 0), 0.7, (0.01,) * 3
    armature.parent, armature.scale = stage, (1, 1, 1)
    bpy.context.view_layer.update()
    stored.remember(armature, stored.with_piano(mixamo_mapping(armature), seated(armature)))
    bpy.context.scene.s2c_settings.armature = armature
    assert 0.85 < stored.character_hands(armature).size < 1.3
    arrays = apply_take(tmp_path)
    for frame in (START, START + 17, START + FRAMES - 1):
        assert tips_off(armature, arrays, frame) < 1e-4
    found = read(armature)
    assert np.abs(found.wrist - arrays["wrist"]).max() < 2e-5


def test_arms_keep_their_lengths_and_elbows_hang_and_turn_smoothly(tmp_path: Path) -> None:
    armature = seated_character()
    apply_take(tmp_path)
    found = read(armature)
    bones = armature.data.bones
    for hand, side in enumerate(("Left", "Right")):
        upper, fore = (bones[f"mixamorig:{side}{part}"].length for part in ("Arm", "ForeArm"))
        shoulder, elbow, wrist = (part[:, hand] for part in (found.shoulder, found.elbow, found.wrist))
        assert np.allclose(np.linalg.norm(elbow - shoulder, axis=1), upper, atol=1e-4)
        assert np.allclose(np.linalg.norm(wrist - elbow, axis=1), fore, atol=1e-4)
        assert (elbow[:, 2] < shoulder[:, 2]).all(), "an elbow is above its shoulder"
        outward = elbow[:, 0] * (1 if hand else -1)
        assert (outward > shoulder[:, 0] * (1 if hand else -1) - 0.05).all(), "an elbow is inside the body"
        assert np.linalg.norm(np.diff(elbow, axis=0), axis=1).max() < 0.03


def test_the_palm_faces_the_keys(tmp_path: Path) -> None:
    armature = seated_character()
    arrays = apply_take(tmp_path)
    hands = stored.character_hands(armature)
    bpy.context.scene.frame_set(START)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    for hand in hands.hands:
        pose = np.array(evaluated.pose.bones[hand.wrist].matrix)[:3, :3]
        back_of_hand = pose @ hand.wrist_rest.T @ hand.frame[:, 2]  # the character stands upright
        assert back_of_hand[2] > 0.8, arrays["euler"][0, hand.hand, 0]


@pytest.mark.parametrize("mode", MODES)
def test_every_rotation_mode_is_kept_and_shows_the_same(mode: str, tmp_path: Path) -> None:
    armature = seated_character()
    for bone in armature.pose.bones:
        bone.rotation_mode = mode
    arrays = apply_take(tmp_path)
    assert {bone.rotation_mode for bone in armature.pose.bones} == {mode}
    assert tips_off(armature, arrays, START + 17) < 1e-4
    bag = compat.channelbag(armature.animation_data.action, armature.animation_data.action_slot)
    half = np.arange(0, FRAMES - 0.9, 0.5)
    for bone in (name for hand in hands_of(armature).bones for name in hand):
        curves = [bag.fcurves.find(path, index=index) for path, index in fcurves.channels(bone, mode)]
        values = np.array([[curve.evaluate(START + frame) for curve in curves] for frame in half])
        turns = turns_of(values, mode)
        steps = np.swapaxes(turns[:-1], 1, 2) @ turns[1:]
        angles = np.arccos(np.clip((np.trace(steps, axis1=1, axis2=2) - 1) / 2, -1, 1))
        assert angles.max() < 0.3, bone  # nothing jumps, between two keys neither


def test_the_first_frame_of_a_body_that_moves_and_turns_does_not_stand_for_the_others(tmp_path: Path) -> None:
    armature = seated_character()
    parent = bpy.data.objects.new("Stage", None)
    bpy.context.scene.collection.objects.link(parent)
    armature.parent = parent
    for frame, x, turn in ((START, 0.0, 0.0), (START + FRAMES, 0.06, 0.2)):
        parent.location.x, parent.rotation_euler.z = x, turn
        parent.keyframe_insert("location", frame=frame)
        parent.keyframe_insert("rotation_euler", frame=frame)
    spine = armature.pose.bones["mixamorig:Spine"]
    spine.rotation_mode = "XYZ"
    for frame, turn in ((START, 0.0), (START + FRAMES, 0.15)):
        spine.rotation_euler.x = turn
        spine.keyframe_insert("rotation_euler", frame=frame)
    arrays = apply_take(tmp_path)
    for frame in (START, START + 30, START + FRAMES - 1):
        assert tips_off(armature, arrays, frame) < 1e-4
    bag = compat.channelbag(armature.animation_data.action, armature.animation_data.action_slot)
    assert bag.fcurves.find('pose.bones["mixamorig:Spine"].rotation_euler', index=0), "the lean was lost"


def test_an_earlier_action_is_left_as_it_was(tmp_path: Path) -> None:
    armature = seated_character()
    bone = armature.pose.bones["mixamorig:LeftHandIndex2"]
    bone.rotation_quaternion = (0.9, 0.1, 0, 0)
    bone.keyframe_insert("rotation_quaternion", frame=3)
    own = armature.animation_data.action
    keys = [list(p.co) for c in compat.channelbag(own, own.slots[0]).fcurves for p in c.keyframe_points]
    apply_take(tmp_path)
    assert armature.animation_data.action != own
    assert own.use_fake_user
    after = [list(p.co) for c in compat.channelbag(own, own.slots[0]).fcurves for p in c.keyframe_points]
    assert keys == after


def test_a_wrist_out_of_reach_is_met_as_near_as_can_be_and_said(tmp_path: Path) -> None:
    armature = seated_character()
    bpy.context.scene.s2c_settings.lean = False
    arrays = write_arms_take(tmp_path / "made.npz")
    arrays["wrist"][:, 1, 0] += 0.6
    write_arms_take(tmp_path / "made.npz", arrays)
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START)
    result = bpy.context.scene.s2c_settings.result
    assert "The right arm is too short" in result
    assert "left arm" not in result
    assert "Something else" not in result
    found = read(armature)
    way, wanted = (w - found.shoulder[:, 1] for w in (found.wrist[:, 1], arrays["wrist"][:, 1]))
    along = np.sum(way * wanted, 1) / np.linalg.norm(way, axis=1) / np.linalg.norm(wanted, axis=1)
    assert (along > 0.9999).all()
    reach = sum(armature.data.bones[f"mixamorig:Right{part}"].length for part in ("Arm", "ForeArm"))
    assert np.allclose(np.linalg.norm(way, axis=1), reach, rtol=2e-3)


def test_hands_without_arms_are_placed_themselves(tmp_path: Path) -> None:
    armature = mpfb_armature(scale=100.0)
    piano = seated(armature)
    mapping = mixamo_mapping(armature, piano=tuple(map(tuple, piano.tolist())))
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in list(armature.data.edit_bones):
        if "Hand" not in bone.name:
            armature.data.edit_bones.remove(bone)
    bpy.ops.object.mode_set(mode="OBJECT")
    kept = [
        replace(own, bones={part: name for part, name in own.bones.items() if name in armature.data.bones})
        for own in mapping.hands
    ]
    stored.remember(armature, replace(mapping, left=kept[0], right=kept[1]))
    bpy.context.scene.s2c_settings.armature = armature
    arrays = apply_take(tmp_path)
    assert tips_off(armature, arrays, START + 17) < 1e-4
    found = read(armature)
    assert not found.has_arms
    assert np.abs(found.euler - arrays["euler"]).max() < 2e-5
    assert np.abs(found.wrist - arrays["wrist"]).max() < 2e-5


# -- what cannot be written is said first ----------------------------------------------------------------------


def add_constraint(armature: bpy.types.Object) -> None:
    armature.pose.bones["mixamorig:LeftHandIndex2"].constraints.new("LIMIT_ROTATION").name = "Curl Limit"


def add_driver(armature: bpy.types.Object) -> None:
    armature.pose.bones["mixamorig:LeftHandIndex2"].driver_add("rotation_quaternion", 1)


def cut_inheritance(armature: bpy.types.Object) -> None:
    armature.data.bones["mixamorig:RightForeArm"].use_inherit_rotation = False


def stretch_object(armature: bpy.types.Object) -> None:
    armature.scale.y *= 1.5
    bpy.context.view_layer.update()


def mirror_object(armature: bpy.types.Object) -> None:
    armature.scale.x *= -1
    bpy.context.view_layer.update()


def scale_finger(armature: bpy.types.Object) -> None:
    armature.pose.bones["mixamorig:RightHandRing1"].scale = (1, 1.3, 1)


def scale_body(armature: bpy.types.Object) -> None:
    armature.pose.bones["mixamorig:Spine1"].scale = (1.2, 1.2, 1.2)


def shift_finger(armature: bpy.types.Object) -> None:
    armature.pose.bones["mixamorig:RightHandRing1"].location = (0, 0.02, 0)


def rename_bone(armature: bpy.types.Object) -> None:
    armature.data.bones["mixamorig:RightHandRing1"].name = "ring finger"


def spoil_mapping(armature: bpy.types.Object) -> None:
    armature["s2c_character"] = '{"format": 1, "left": 3}'


REFUSALS = {
    add_constraint: ("Curl Limit", "influence to 0"),
    add_driver: ("mixamorig:LeftHandIndex2", "Delete Drivers"),
    cut_inheritance: ("mixamorig:RightForeArm", "Inherit Rotation"),
    stretch_object: ("stretched", "make the three scales the same"),
    mirror_object: ("mirrored", "apply its scale"),
    scale_finger: ("mixamorig:RightHandRing1", "Alt+S"),
    scale_body: ("scaled", "take the scale off"),
    shift_finger: ("mixamorig:RightHandRing1", "Alt+G"),
    rename_bone: ("mixamorig:RightHandRing1", "Use Character again"),
    spoil_mapping: ("mapping", "Use Character"),
}


@pytest.mark.parametrize("spoil", REFUSALS, ids=lambda spoil: spoil.__name__)
def test_what_would_hide_a_take_is_said_with_the_way_out(spoil: Any, tmp_path: Path) -> None:
    armature = seated_character()
    spoil(armature)
    write_arms_take(tmp_path / "made.npz")
    actions = len(bpy.data.actions)
    with pytest.raises(RuntimeError) as said:
        bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START)
    for words in REFUSALS[spoil]:
        assert words in str(said.value)
    assert len(bpy.data.actions) == actions
    assert armature.animation_data is None or armature.animation_data.action is None


def test_locks_do_not_keep_a_take_off(tmp_path: Path) -> None:
    armature = seated_character()
    for bone in armature.pose.bones:
        bone.lock_rotation, bone.lock_rotation_w = (True, True, True), True
    arrays = apply_take(tmp_path)
    assert tips_off(armature, arrays, START + 17) < 1e-4


# -- what a take is for ----------------------------------------------------------------------------------------


def test_generate_and_redo_know_the_hands_and_keep_what_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_scene: bpy.types.Scene
) -> None:
    armature = seated_character(100.0)
    empty_scene.sequence_editor_create()
    empty_scene.sequence_editor.strips.new_sound("Piano", str(write_sound(tmp_path / "song.wav")), 1, START)
    first = write_arms_take(tmp_path / "made.npz")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    seen = {}
    order_take = session.order_take

    def watched(context: bpy.types.Context, order: Any) -> None:
        path = Path(order.params["hand_geometry"])
        seen["geometry"] = path.read_text()
        order_take(context, order)

    monkeypatch.setattr(session, "order_take", watched)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert '"name": "Character"' in seen["geometry"]
    asked = [r["params"] for r in requests(tmp_path) if r["method"] == "generate"]
    assert Path(asked[0]["hand_geometry"]).name == "hands.json"
    second = write_arms_take(tmp_path / "made.npz", seed=9)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    found = read(armature)
    assert np.abs(found.euler[:, 0] - second["euler"][:, 0]).max() < 2e-5
    assert np.abs(found.euler[:, 1] - first["euler"][:, 1]).max() < 2e-5
    empty_scene.s2c_settings.redo_start, empty_scene.s2c_settings.redo_end = START + 10, START + 29
    third = write_arms_take(tmp_path / "made.npz", seed=4)
    assert bpy.ops.s2c.regenerate_range(hand="RIGHT") == {"FINISHED"}
    found = read(armature)
    assert np.abs(found.euler[10:30, 1] - third["euler"][10:30, 1]).max() < 2e-5
    assert np.abs(found.euler[:10, 1] - first["euler"][:10, 1]).max() < 2e-5
    assert np.abs(found.euler[:, 0] - second["euler"][:, 0]).max() < 2e-5


def test_what_redo_is_given_is_what_is_seen_and_names_the_hands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    armature = seated_character()
    arrays = apply_take(tmp_path)
    keep = read_back.plan_keep(bpy.context.scene, armature, tmp_path)
    for _ in read_back.write_keep(keep, {}):
        pass
    with np.load(keep.path, allow_pickle=False) as data:
        assert np.abs(data["euler"] - arrays["euler"]).max() < 2e-5
        assert np.abs(data["wrist"] - arrays["wrist"]).max() < 2e-5
        meta = json.loads(str(data["meta"]))
    assert meta["hand_geometry"] == json.loads(
        json.dumps(stored.character_hands(armature).geometry("Character"))
    )


def test_the_clock_lies_on_the_hands_and_the_keys_on_the_body(tmp_path: Path) -> None:
    armature = seated_character()
    apply_take(tmp_path)
    hands = hands_of(armature)
    assert hands.wrists == ("mixamorig:LeftHand", "mixamorig:RightHand")
    assert hands.carrier == "mixamorig:Spine2"
    found = read(armature)
    assert np.allclose(found.clock[:, 0], np.arange(FRAMES) / 30, atol=1e-4)


def test_other_rigs_with_a_pole_are_moved_by_their_controls(tmp_path: Path) -> None:
    armature = pole_rig()
    assert bpy.ops.s2c.use_character(armature=armature.name) == {"FINISHED"}
    assert stored.mapping_of(armature).family == "auto_rig_pro"
    arrays = apply_take(tmp_path)
    assert "Something else" not in bpy.context.scene.s2c_settings.result
    for frame in (START, START + 17, START + FRAMES - 1):
        assert tips_off(armature, arrays, frame) < 5e-4
    assert {"c_hand_ik.l", "c_arms_pole.r", "c_thumb1.l"} <= keyed(armature)
    assert not {"hand.l", "arm.l", "c_arm_fk.l"} & keyed(armature)


def keyed(armature: bpy.types.Object) -> set[str]:
    data = armature.animation_data
    return {
        curve.data_path.split('"')[1] for curve in compat.channelbag(data.action, data.action_slot).fcurves
    }


def test_a_take_for_other_hands_is_said_to_be_one(tmp_path: Path) -> None:
    armature = seated_character()
    arrays = write_arms_take(tmp_path / "made.npz")
    results = {}
    own = stored.character_hands(armature).geometry("whoever")
    longer = json.loads(json.dumps(own))
    longer["left"]["fingers"]["ring"]["lengths"][1] += 0.001
    for name, hands in {"own": own, "none": None, "longer": longer, "odd": {"left": 3}}.items():
        meta = {"format": 2, "seed": 1} | ({"hand_geometry": hands} if hands else {})
        write_arms_take(tmp_path / "made.npz", {**arrays, "meta": np.array(json.dumps(meta))})
        bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START)
        results[name] = "other hands" in bpy.context.scene.s2c_settings.result
    assert results == {"own": False, "none": True, "longer": True, "odd": True}


def _all_keys() -> int:
    """Keyframes in the file."""
    return sum(
        len(curve.keyframe_points)
        for action in bpy.data.actions
        for layer in action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        for curve in bag.fcurves
    )


def test_five_minutes_on_a_hundred_and_sixty_bones_are_written_in_short_steps(tmp_path: Path) -> None:
    """No step writes more than one channel; the take is put on, with Blender's undo step, when all are there.

    What steps take is printed by `benchmarks/main_thread.py --character`.
    """
    armature = seated_character()
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for number in range(160 - len(armature.data.edit_bones)):
        extra = armature.data.edit_bones.new(f"face {number}")
        extra.head, extra.tail = (0.01 * number, 0, 1.5), (0.01 * number, 0, 1.55)
        extra.parent = armature.data.edit_bones["mixamorig:Head"]
    bpy.ops.object.mode_set(mode="OBJECT")
    frames = 5 * 60 * 30
    arrays = write_arms_take(tmp_path / "made.npz")
    turns = -(-frames // FRAMES)
    for name in ("euler", "wrist", "elbow", "shoulder"):  # to and fro, so that nothing jumps
        arrays[name] = np.concatenate([arrays[name], arrays[name][::-1]] * turns)[:frames]
    write_arms_take(tmp_path / "made.npz", arrays)
    order = TakeOrder(
        armature_uid=armature.session_uid,
        armature_name=armature.name,
        scene_uid=bpy.context.scene.session_uid,
        start_frame=START,
        output=tmp_path / "made.npz",
        params={"seed": 1},
    )
    counts, labels = [_all_keys()], []
    for label in write_take.deliver(order, {}, 0.0):
        counts.append(_all_keys())
        labels.append(label)
    assert len(armature.data.bones) == 160
    assert counts[-1] - counts[0] > 140 * frames
    assert np.diff(counts).max() <= frames
    bound = labels.index(write_take.UNDO_LABEL) + 1  # the step after its label
    assert labels[bound] == write_take.LOOKING
    assert counts[bound] == counts[-1]
