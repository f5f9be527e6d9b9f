# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms in Blender: the rig, a take on it, what is read back, one arm anew, and hands without arms."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector
from session_helpers import FRAMES, START, read_bone, requests, write_arms_take, write_take
from take_helpers import bag, hands, keep_sent_takes, seen, sent

from s2c_blender import fcurves
from s2c_blender.core import skeleton
from s2c_blender.core.natural_arms import natural_arms
from s2c_blender.rig.armature import JOINT_PROPERTY
from s2c_blender.rig.bones import arm_bones, chain_rest, hand_bones, joint_bones
from s2c_blender.takes import layers, sampling
from s2c_blender.takes.natural import with_arms
from s2c_blender.takes.reading import HandReader
from s2c_blender.takes.take_file import load_take

ARM_NAMES = {part + side for part in skeleton.ARM for side in skeleton.SUFFIXES}


@pytest.fixture(autouse=True)
def arms_take(scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker answers with a take that has arms."""
    write_arms_take(tmp_path / "made.npz")
    keep_sent_takes(monkeypatch, tmp_path)


def keys_of_hand(side: str) -> dict[tuple[str, int], bytes]:
    """All that every key of one hand and its arm has."""
    found = {}
    for curve in bag().fcurves:
        if f'{side}"]' in curve.data_path and '"]["' not in curve.data_path:
            parts = []
            for name, (kind, width) in fcurves.KEY_ATTRIBUTES.items():
                values = np.zeros(len(curve.keyframe_points) * width, kind)
                curve.keyframe_points.foreach_get(name, values)
                parts.append(values.tobytes())
            found[curve.data_path, curve.array_index] = b"".join(parts)
    return found


def is_on_the_arms(take: dict[str, np.ndarray], frame: int, size: float = 1.0) -> None:
    """Whether Blender shows shoulders, elbows, wrists and fingertips where the take has them."""
    pose = hands().pose.bones
    bpy.context.scene.frame_set(START + frame)
    for hand, side in enumerate(skeleton.SUFFIXES):
        for bone, places in (("upper_arm", "shoulder"), ("forearm", "elbow"), ("hand", "wrist")):
            np.testing.assert_allclose(pose[bone + side].head, take[places][frame, hand], atol=1e-5)
        wanted = skeleton.forward_kinematics(
            take["euler"][frame, hand], take["wrist"][frame, hand], hand, size
        )
        names = joint_bones(hands())[hand]
        tips = [pose[names[joint]].tail for joint in skeleton.FINGER_JOINTS[:, 2]]
        np.testing.assert_allclose(np.array(tips), wanted[1], atol=2e-5)
        turn = np.array(pose["hand" + side].matrix)[:3, :3]
        np.testing.assert_allclose(turn, wanted[2][0], atol=1e-5)


def read_both_ways() -> list[HandReader]:
    """What is on the hands, from their curves and from evaluation."""
    curves, evaluated = HandReader(hands(), FRAMES), HandReader(hands(), FRAMES)
    assert layers.is_direct(hands())
    for _ in curves.read_curves(hands(), START):
        pass
    for _ in sampling.sample(hands().session_uid, "", range(START, START + FRAMES), evaluated):
        pass
    for name in ("euler", "wrist", "elbow", "shoulder"):
        np.testing.assert_allclose(getattr(curves, name), getattr(evaluated, name), atol=2e-5, err_msg=name)
    return [curves, evaluated]


# -- the rig ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0.8, 1.3])
def test_the_arms_at_rest_are_those_of_the_shared_data(scene: bpy.types.Scene, size: float) -> None:
    bpy.ops.s2c.add_hands(hand_size=size)
    data = hands().data
    for hand, side in enumerate(skeleton.SUFFIXES):
        above = [bone.name for bone in data.bones["hand" + side].parent_recursive]
        assert above == ["forearm" + side, "upper_arm" + side, "shoulder" + side, "root"]
        for bone in skeleton.arm_bones(hand, size):
            there = data.bones[bone.name]
            np.testing.assert_allclose(np.array(there.matrix_local)[:3, :3], bone.frame, atol=2e-6)
            np.testing.assert_allclose(there.head_local, bone.head, atol=1e-6)
            np.testing.assert_allclose(there.tail_local, bone.tail, atol=1e-6)
            assert there[JOINT_PROPERTY] == bone.part + side
    assert all(bone.rotation_mode == "XYZ" for bone in hands().pose.bones)


def test_only_the_shoulders_can_be_moved(scene: bpy.types.Scene) -> None:
    free = {bone.name for bone in hands().pose.bones if not any(bone.lock_location)}
    assert free == {"root", "shoulder.L", "shoulder.R"}


def test_an_arm_that_lacks_a_bone_is_a_sentence_before_the_job(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    remove_bones({"upper_arm.L"})
    with pytest.raises(
        RuntimeError, match=r"The left arm of .* lacks a bone: bring it back, or delete the rest"
    ):
        bpy.ops.s2c.generate()
    assert not bpy.data.actions and not requests(tmp_path)


# -- a take -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["XYZ", "ZYX", "QUATERNION", "AXIS_ANGLE"])
def test_the_arms_are_where_the_take_has_them(scene: bpy.types.Scene, tmp_path: Path, mode: str) -> None:
    for name in ARM_NAMES | {"hand.L", "hand.R"}:
        hands().pose.bones[name].rotation_mode = mode
    take = write_arms_take(tmp_path / "made.npz", seed=3)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    for frame in (0, 23, FRAMES - 1):
        is_on_the_arms(take, frame)
    assert not [c for c in bag().fcurves if "location" in c.data_path and "shoulder" not in c.data_path]
    assert "Something else" not in scene.s2c_settings.result


def test_arms_of_another_size_under_renamed_bones(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.s2c.add_hands(hand_size=1.25)
    take = write_arms_take(tmp_path / "made.npz", size=1.25)
    names = {"upper_arm.L": "oberarm links", "shoulder.R": "schulter"}
    for old, new in names.items():
        hands().data.bones[old].name = new
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    for old, new in names.items():
        hands().data.bones[new].name = old
    for frame in (0, 40):
        is_on_the_arms(take, frame, 1.25)


def test_arms_whose_rest_pose_was_edited_still_carry_the_hands(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.context.view_layer.objects.active = hands()
    bpy.ops.object.mode_set(mode="EDIT")
    bones = hands().data.edit_bones
    for side in skeleton.SUFFIXES:
        bones["upper_arm" + side].tail += Vector((0.01, -0.04, 0.02))  # the forearm's head goes along
        bones["forearm" + side].roll += 0.7
    bones["upper_arm.L"].use_connect = False
    bpy.ops.object.mode_set(mode="OBJECT")
    take = write_arms_take(tmp_path / "made.npz")
    bpy.ops.s2c.generate()
    for frame in (0, 33):
        for hand, side in enumerate(skeleton.SUFFIXES):
            there = {
                name: seen(START + frame, name + side)[:3, 3] for name in ("upper_arm", "forearm", "hand")
            }
            np.testing.assert_allclose(there["upper_arm"], take["shoulder"][frame, hand], atol=1e-5)
            np.testing.assert_allclose(there["hand"], take["wrist"][frame, hand], atol=1e-5)
            assert np.linalg.norm(there["forearm"] - take["elbow"][frame, hand]) < 0.08
    assert not layers.is_direct(hands())  # a bone that is not connected may be moved
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(sent(tmp_path)["wrist"], take["wrist"], atol=1e-5)
    np.testing.assert_allclose(sent(tmp_path)["euler"], take["euler"], atol=1e-4)


def test_between_two_frames_the_wrists_stay_near_their_line(scene: bpy.types.Scene, tmp_path: Path) -> None:
    take = write_arms_take(tmp_path / "made.npz")
    bpy.ops.s2c.generate()
    for frame in range(0, FRAMES - 1, 7):
        scene.frame_set(START + frame, subframe=0.5)
        for hand, side in enumerate(skeleton.SUFFIXES):
            middle = take["wrist"][frame : frame + 2, hand].mean(0)
            np.testing.assert_allclose(hands().pose.bones["hand" + side].head, middle, atol=3e-4)


def test_a_take_without_arms_gets_natural_ones(scene: bpy.types.Scene, tmp_path: Path) -> None:
    take = write_arms_take(tmp_path / "made.npz")
    plain = {name: take[name] for name in ("fps", "euler", "wrist", "notes", "fingering")}
    np.savez(tmp_path / "made.npz", **plain, meta=np.array('{"format": 1}'))
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    is_on_the_arms(take, 30)  # whose arms are natural, too


def test_a_long_takes_arms_are_the_same_in_stretches(tmp_path: Path) -> None:
    write_take(tmp_path / "long.npz", frames=4000)
    with np.load(tmp_path / "long.npz", allow_pickle=False) as data:
        arrays = dict(data)
    time = np.arange(4000)[:, None, None] / 30
    rates, rest = np.array([[0.1, 1.3, 2.0], [0.17, 0.9, 3.0]]), [[-0.2, -0.1, 0.06], [0.2, -0.1, 0.06]]
    arrays["wrist"] = (rest + np.array([0.3, 0.05, 0.03]) * np.sin(time * rates)).astype(np.float32)
    np.savez(tmp_path / "long.npz", **arrays)
    *_, take = load_take(tmp_path / "long.npz")
    steps = list(with_arms(take, 1.1))
    whole = natural_arms(take.wrist, take.euler[:, :, 0], 30.0, 1.1, skeleton.STANDARD_ARMS)
    assert len(steps) > 4 and not any(steps[:-1])
    np.testing.assert_allclose(steps[-1].shoulder, whole[0], atol=1e-5)
    np.testing.assert_allclose(steps[-1].elbow, whole[1], atol=1e-5)


def test_undo_takes_the_arms_back(scene: bpy.types.Scene) -> None:
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.s2c.generate()
    assert (
        np.abs(seen(START + 30, "forearm.L") - np.array(hands().data.bones["forearm.L"].matrix_local)).max()
        > 0.01
    )
    bpy.ops.ed.undo()
    rest = hands().data.bones["forearm.L"].matrix_local
    np.testing.assert_allclose(seen(START + 30, "forearm.L"), np.array(rest), atol=1e-6)
    assert hands().animation_data is None or hands().animation_data.action is None


# -- read back ----------------------------------------------------------------------------------------------


def test_the_take_comes_back_from_the_curves(scene: bpy.types.Scene, tmp_path: Path) -> None:
    take = write_arms_take(tmp_path / "made.npz", seed=4)
    bpy.ops.s2c.generate()
    for reader in read_both_ways():
        for name in ("wrist", "elbow", "shoulder", "euler"):
            np.testing.assert_allclose(getattr(reader, name), take[name], atol=2e-5, err_msg=name)


def test_edits_of_forearm_and_shoulder_are_what_is_given_to_the_worker(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.ops.s2c.generate()
    for bone, path, index, change in (
        ("forearm.R", "rotation_euler", 0, 0.2),
        ("shoulder.R", "rotation_euler", 2, -0.15),
        ("shoulder.R", "location", 1, 0.05),
    ):
        curve = bag().fcurves.find(f'pose.bones["{bone}"].{path}', index=index)
        for point in curve.keyframe_points:
            point.co.y += change * np.sin(0.1 * (point.co.x - START) + 1)
        curve.update()
    read_both_ways()
    places = {bone: seen(START + 33, bone)[:3, 3] for bone in ("upper_arm.R", "forearm.R", "hand.R")}
    before = keys_of_hand(".R")
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    given = sent(tmp_path)
    for bone, name in (("upper_arm.R", "shoulder"), ("forearm.R", "elbow"), ("hand.R", "wrist")):
        np.testing.assert_allclose(given[name][33, 1], places[bone], atol=1e-5)
        np.testing.assert_array_equal(seen(START + 33, bone)[:3, 3], places[bone])
    assert keys_of_hand(".R") == before


def test_whatever_moves_an_arm_is_evaluated(scene: bpy.types.Scene) -> None:
    bpy.ops.s2c.generate()
    assert layers.is_direct(hands())
    hands().pose.bones["forearm.L"].constraints.new("LIMIT_ROTATION").use_limit_x = True
    assert not layers.is_direct(hands())


@pytest.mark.parametrize(("hand", "kept"), [("LEFT", ".R"), ("RIGHT", ".L")])
def test_redo_of_one_hand_keeps_the_other_arms_bytes(
    scene: bpy.types.Scene, tmp_path: Path, hand: str, kept: str
) -> None:
    bpy.ops.s2c.generate()
    before, other = keys_of_hand(kept), keys_of_hand({".L": ".R", ".R": ".L"}[kept])
    take = write_arms_take(tmp_path / "made.npz", seed=8)
    assert bpy.ops.s2c.regenerate_hand(hand=hand) == {"FINISHED"}
    assert keys_of_hand(kept) == before and len(before) == 19 * 3 + 3
    redone = keys_of_hand({".L": ".R", ".R": ".L"}[kept])
    assert redone.keys() == other.keys() and redone != other
    side = "RL".index(kept[1])
    place = seen(START + 20, "forearm" + skeleton.SUFFIXES[side])[:3, 3]
    np.testing.assert_allclose(place, take["elbow"][20, side], atol=1e-5)


@pytest.mark.parametrize("turned", [False, True])
def test_redo_range_joins_the_arms_to_what_stays(
    scene: bpy.types.Scene, tmp_path: Path, turned: bool
) -> None:
    take = write_arms_take(tmp_path / "made.npz", seed=5)
    bpy.ops.s2c.generate()
    if turned:  # the same pose by other numbers: a whole turn, and the other angles of each rotation
        for bone, change in (("forearm.R", None), ("upper_arm.R", 2 * np.pi)):
            for index in range(3):
                curve = bag().fcurves.find(f'pose.bones["{bone}"].rotation_euler', index=index)
                for point in curve.keyframe_points:
                    flipped = (np.pi - point.co.y) if index == 1 else point.co.y + np.pi
                    point.co.y = flipped if change is None else point.co.y + change
                curve.update()
    before = {name: read_bone(bag(), name, START, FRAMES) for name in hand_bones(hands())[1]}
    changed = {name: value.copy() for name, value in take.items()}
    changed["elbow"][20:35, 1, 0] += 0.004 * np.sin(np.linspace(0, np.pi, 15))
    write_arms_take(tmp_path / "made.npz", changed)
    assert bpy.ops.s2c.regenerate_range(hand="RIGHT", frame_start=START + 20, frame_end=START + 34)
    outside = np.r_[0:20, 35:FRAMES]
    for name, values in before.items():
        after = read_bone(bag(), name, START, FRAMES)
        np.testing.assert_array_equal(after[outside], values[outside])
        assert np.abs(np.diff(after, axis=0)).max() < 0.5, name
    for frame in (5, 27):
        place = seen(START + frame, "hand.R")[:3, 3]
        np.testing.assert_allclose(place, take["wrist"][frame, 1], atol=1e-5)
    assert np.abs(seen(START + 27, "forearm.R")[:3, 3] - take["elbow"][27, 1]).max() > 0.001


# -- hands without arms -------------------------------------------------------------------------------------


def remove_bones(names: set[str]) -> None:
    bpy.context.view_layer.objects.active = hands()
    bpy.ops.object.mode_set(mode="EDIT")
    bones = hands().data.edit_bones
    for name in names:
        bones.remove(bones[name])
    bpy.ops.object.mode_set(mode="OBJECT")


@pytest.mark.parametrize("how", ["option", "earlier version"])
def test_hands_without_arms_play(scene: bpy.types.Scene, tmp_path: Path, how: str) -> None:
    if how == "option":
        bpy.ops.s2c.add_hands(hands_only=True)
    else:
        remove_bones(ARM_NAMES)
    assert arm_bones(hands()) == [[], []] and chain_rest(hands(), 0) is None
    assert not ARM_NAMES & {bone.name for bone in hands().data.bones}
    take = write_arms_take(tmp_path / "made.npz")
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert len([c for c in bag().fcurves if '"]["' not in c.data_path]) == 2 * (16 * 3 + 3)
    for hand, side in enumerate(skeleton.SUFFIXES):
        np.testing.assert_allclose(seen(START + 30, "hand" + side)[:3, 3], take["wrist"][30, hand], atol=1e-5)
    assert layers.is_direct(hands())
    before = keys_of_hand(".R")
    new = write_arms_take(tmp_path / "made.npz", seed=9)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    given = sent(tmp_path)
    assert "elbow" not in given and '"format": 1' in str(given["meta"])
    np.testing.assert_allclose(given["wrist"][:, 1], take["wrist"][:, 1], atol=1e-5)
    assert keys_of_hand(".R") == before
    assert bpy.ops.s2c.regenerate_range(hand="LEFT", frame_start=START + 5, frame_end=START + 9) == {
        "FINISHED"
    }
    np.testing.assert_allclose(seen(START + 30, "hand.L")[:3, 3], new["wrist"][30, 0], atol=1e-5)
    bpy.ops.s2c.export_fbx(filepath=str(tmp_path / "hands.fbx"))
    assert (tmp_path / "hands.fbx").stat().st_size > 10_000


# -- the piano's keys ---------------------------------------------------------------------------------------


def test_the_pianos_keys_move_by_the_knots_of_the_take(scene: bpy.types.Scene, tmp_path: Path) -> None:
    take = write_arms_take(tmp_path / "made.npz")
    take["keys"] = np.array(
        [[20, 0, 1], [60, 0.2, 0], [60, 0.4, 0.7], [60, 0.4, 0.8], [60, 1.0, 0.25], [108, 0.1, 1]], np.float32
    )
    write_arms_take(tmp_path / "made.npz", take)
    bpy.ops.s2c.generate()
    found = {c.data_path.split('"key ')[1][:-2]: c for c in bag().fcurves if '"key ' in c.data_path}
    assert len(found) == 88
    assert [found["C4"].evaluate(START + frame) for frame in (0, 6, 9, 12, 21, 30, 45)] == pytest.approx(
        [0, 0, 0.4, 0.8, 0.525, 0.25, 0.25], abs=1e-5
    )
    assert found["C8"].evaluate(START) == 1.0 and found["D4"].evaluate(START + 12) == 0.0
