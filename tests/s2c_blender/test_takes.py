# SPDX-License-Identifier: GPL-3.0-or-later
"""The take is what is on the armature: whatever an animator did to it, Redo and Export go by what is seen."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from session_helpers import FRAMES, requests, use_worker, write_sound, write_take
from ui_helpers import draw

import s2c_blender
from s2c_blender import compat, fcurves
from s2c_blender.core import skeleton
from s2c_blender.rig.bones import joint_bones, piano_frame
from s2c_blender.session import SessionConfig, session
from s2c_blender.takes import clock, follow, layers, read_back, sampling
from s2c_blender.takes.reading import HandReader
from s2c_blender.ui import panels

START = 11


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    s2c_blender.register()
    yield
    s2c_blender.unregister()


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.Scene]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.0
    scene.sequence_editor_create()
    scene.sequence_editor.strips.new_sound("Piano", str(write_sound(tmp_path / "song.wav")), 1, START)
    bpy.ops.s2c.add_hands()
    write_take(tmp_path / "made.npz")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    keep_sent_takes(monkeypatch, tmp_path)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    yield scene
    session.cancel()
    session.machine.shutdown(0.2)
    session.config = SessionConfig()


def keep_sent_takes(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Leave a copy of each take that the worker is given in folder/sent.npz."""
    write_keep = read_back.write_keep

    def watched(keep, params):  # type: ignore[no-untyped-def]
        yield from write_keep(keep, params)
        (folder / "sent.npz").write_bytes(keep.path.read_bytes())

    monkeypatch.setattr(read_back, "write_keep", watched)


def sent(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "sent.npz", allow_pickle=False) as data:
        return dict(data)


def hands() -> bpy.types.Object:
    return bpy.context.scene.s2c_settings.armature


def data() -> bpy.types.AnimData:
    return hands().animation_data


def bag() -> bpy.types.ActionChannelbag:
    return compat.channelbag(data().action, data().action_slot)


def seen(frame: int, bone: str, armature: bpy.types.Object | None = None) -> np.ndarray:
    """A bone's place and turn in the world as Blender evaluates it."""
    armature = armature or hands()
    bpy.context.scene.frame_set(frame)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array(evaluated.matrix_world @ evaluated.pose.bones[bone].matrix)


def move_keys(shift: float, stretch: float = 1.0, curves: list[bpy.types.FCurve] | None = None) -> None:
    """As in the Dope Sheet."""
    for curve in curves if curves is not None else bag().fcurves:
        for name in ("co", "handle_left", "handle_right"):
            values = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get(name, values)
            values[0::2] = START + (values[0::2] - START) * stretch + shift
            curve.keyframe_points.foreach_set(name, values)
        curve.update()


def push_down(start: float) -> bpy.types.NlaStrip:
    """The active action onto a strip of a track."""
    action, slot = data().action, data().action_slot
    data().action = None
    strip = data().nla_tracks.new().strips.new("take", 1, action)
    strip.action_slot = slot
    strip.frame_start_ui = start
    return strip


def remake(tmp_path: Path, frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return write_take(tmp_path / "made.npz", frames=frames, seed=seed)


# -- where the motion is now --------------------------------------------------------------------------------


def test_keys_moved_in_the_dope_sheet_redo_goes_where_they_are(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    before = seen(START + 40, "f_index.02.R")
    move_keys(100)
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(seen(START + 140, "f_index.02.R"), before, atol=1e-6)
    for frame in (0, 33, FRAMES - 1):
        place = seen(START + 100 + frame, "hand.L")[:3, 3]
        np.testing.assert_allclose(place, wrist[frame, 0], atol=1e-5)
    np.testing.assert_allclose(sent(tmp_path)["notes"][:, 0], [0.1, 1.0], atol=1e-4)
    assert read_back.read_marks(data().action).start_frame == START + 100


def test_stretched_keys_stretch_the_music(scene: bpy.types.Scene, tmp_path: Path) -> None:
    move_keys(0, 2.0)
    remake(tmp_path, 2 * FRAMES - 1, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    given = sent(tmp_path)
    assert len(given["euler"]) == 2 * FRAMES - 1
    np.testing.assert_allclose(given["notes"][:, :2], [[0.2, 1.0], [2.0, 2.8]], atol=1e-3)


def test_what_is_left_of_a_cut_take_keeps_its_notes(scene: bpy.types.Scene, tmp_path: Path) -> None:
    for curve in bag().fcurves:
        for point in reversed([p for p in curve.keyframe_points if p.co.x < START + 20]):
            curve.keyframe_points.remove(point)
    remake(tmp_path, FRAMES - 20, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    given = sent(tmp_path)
    assert len(given["euler"]) == FRAMES - 20
    np.testing.assert_allclose(given["notes"], [[1.0 - 20 / 30, 1.4 - 20 / 30, 64, 80]], atol=1e-3)
    np.testing.assert_array_equal(given["fingering"], [[1, 2]])


def test_only_one_hand_was_moved_and_the_other_is_redone(scene: bpy.types.Scene, tmp_path: Path) -> None:
    move_keys(50, curves=[c for c in bag().fcurves if '.R"]' in c.data_path])
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(seen(START + 50 + 30, "hand.L")[:3, 3], wrist[30, 0], atol=1e-5)


def test_reordered_parts_are_refused_before_anything_changes(scene: bpy.types.Scene, tmp_path: Path) -> None:
    for curve in bag().fcurves:
        points = curve.keyframe_points
        if len(points) == FRAMES:
            for index, point in enumerate(points):
                point.co.x += 30 if index < 30 else -30
            curve.update()
    action = data().action
    with pytest.raises(RuntimeError, match="another order"):
        bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert data().action == action and len(bpy.data.actions) == 1


def test_a_take_of_an_earlier_version_goes_by_its_keys(scene: bpy.types.Scene, tmp_path: Path) -> None:
    for curve in [c for c in bag().fcurves if '"]["' in c.data_path]:
        bag().fcurves.remove(curve)
    for bone in ("hand.L", "hand.R"):
        del hands().pose.bones[bone][clock.CLOCK_PROPERTY]
    del data().action[clock.NOTES_PROPERTY]
    move_keys(100)
    remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(sent(tmp_path)["notes"][:, 0], [0.1, 1.0], atol=1e-4)


# -- NLA ----------------------------------------------------------------------------------------------------


def test_a_strip_moved_in_the_nla_redo_goes_along(scene: bpy.types.Scene, tmp_path: Path) -> None:
    push_down(201)
    before = {frame: seen(frame, "f_ring.01.R") for frame in (201, 230, 260)}
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    for frame, matrix in before.items():
        np.testing.assert_array_equal(seen(frame, "f_ring.01.R"), matrix)
    np.testing.assert_allclose(seen(201 + 30, "hand.L")[:3, 3], wrist[30, 0], atol=1e-5)
    assert sent(tmp_path)["notes"][0, 0] == pytest.approx(0.1, abs=1e-3)


def correction(bone: str, height: float) -> bpy.types.Action:
    """An additive layer above the take, as the active action."""
    action = bpy.data.actions.new("correction")
    slot = action.slots.new(id_type="OBJECT", name=hands().name)
    path = f'pose.bones["{bone}"].location'
    curve = compat.new_fcurve(compat.channelbag(action, slot, create=True), path, 2, bone)
    for frame in (1, 300):
        curve.keyframe_points.insert(frame, height)
    data().action = action
    data().action_slot = slot
    data().action_blend_type = "ADD"
    return action


def test_corrections_over_a_take_are_seen_kept_and_given_to_the_worker(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    _, wrist = write_take(tmp_path / "same.npz")
    push_down(START)
    own = correction("shoulder.R", 0.1)
    before = {frame: seen(frame, "f_index.03.R") for frame in (START, START + 25)}
    remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    rest = np.array(hands().data.bones["shoulder.R"].matrix_local)[:3, 2]
    np.testing.assert_allclose(sent(tmp_path)["wrist"][:, 1], wrist[:, 1] + 0.1 * rest, atol=1e-5)
    for frame, matrix in before.items():
        np.testing.assert_allclose(seen(frame, "f_index.03.R"), matrix, atol=1e-6)
    strips = [strip.action for track in data().nla_tracks for strip in track.strips]
    assert own in strips and data().action_blend_type == "REPLACE"


def test_a_range_over_layers_changes_nothing_outside(scene: bpy.types.Scene, tmp_path: Path) -> None:
    push_down(START)
    correction("shoulder.R", 0.02)
    before = {frame: seen(frame, "f_index.03.R") for frame in (START + 2, START + 50)}
    bpy.ops.s2c.regenerate_hand(hand="LEFT")  # fills sent.npz
    given = sent(tmp_path)
    new = {**given, "euler": given["euler"].copy()}
    new["euler"][20:30, 1] += 0.3
    np.savez(tmp_path / "made.npz", **new)
    assert bpy.ops.s2c.regenerate_range(hand="RIGHT", frame_start=START + 20, frame_end=START + 29)
    for frame, matrix in before.items():
        np.testing.assert_allclose(seen(frame, "f_index.03.R"), matrix, atol=1e-5)
    assert np.abs(seen(START + 25, "f_index.03.R") - before[START + 50]).max() > 1e-3


def test_takes_over_a_strip_replace_one_another(scene: bpy.types.Scene, tmp_path: Path) -> None:
    push_down(START)
    for _ in range(3):
        assert bpy.ops.s2c.resample() == {"FINISHED"}
    assert len(data().nla_tracks) == 1
    right = seen(START + 25, "f_index.03.R")
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_array_equal(seen(START + 25, "f_index.03.R"), right)
    np.testing.assert_allclose(seen(START + 30, "hand.L")[:3, 3], wrist[30, 0], atol=1e-5)
    assert len(data().nla_tracks) == 1


def test_a_take_in_tweak_mode_gives_way_to_a_new_one(scene: bpy.types.Scene, tmp_path: Path) -> None:
    push_down(51)
    for track in data().nla_tracks:
        track.select = track.strips[0].select = True
    data().use_tweak_mode = True
    assert read_back.has_take(hands())
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert not data().use_tweak_mode and len(data().nla_tracks) == 1
    np.testing.assert_allclose(seen(START + 30, "hand.L")[:3, 3], wrist[30, 0], atol=1e-5)


def test_a_solo_track_is_said_beforehand(scene: bpy.types.Scene) -> None:
    push_down(51)
    data().nla_tracks[0].is_solo = True
    with pytest.raises(RuntimeError, match="plays solo"):
        bpy.ops.s2c.generate()
    with pytest.raises(RuntimeError, match="plays solo"):
        bpy.ops.s2c.regenerate_hand(hand="LEFT")


def test_muted_tracks_take_no_part(scene: bpy.types.Scene) -> None:
    push_down(51)
    data().nla_tracks[0].mute = True
    assert not read_back.has_take(hands()) and layers.is_plain(hands())
    assert not bpy.ops.s2c.regenerate_hand.poll()


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


# -- rotation modes, own keys, constraints ---------------------------------------------------------------


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


def test_the_users_own_curves_go_on_in_every_new_take(scene: bpy.types.Scene, tmp_path: Path) -> None:
    armature = hands()
    for frame, value in ((START, 0.0), (START + FRAMES, 0.5)):
        armature.pose.bones["root"].rotation_euler = (0, 0, value)
        armature.pose.bones["root"].keyframe_insert("rotation_euler", frame=frame)
        armature.location.x = value
        armature.keyframe_insert("location", frame=frame)
        armature.pose.bones["f_index.01.L"].scale = (1 + value,) * 3
        armature.pose.bones["f_index.01.L"].keyframe_insert("scale", frame=frame)
    paths = {c.data_path for c in bag().fcurves}
    for operator in (bpy.ops.s2c.generate, bpy.ops.s2c.resample):
        assert operator() == {"FINISHED"}
        assert {c.data_path for c in bag().fcurves} == paths
        scene.frame_set(START + FRAMES)
        assert armature.location.x == pytest.approx(0.5)
        assert armature.pose.bones["root"].rotation_euler.z == pytest.approx(0.5)


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


# -- which rig ----------------------------------------------------------------------------------------------


def edit_mode() -> None:
    bpy.context.view_layer.objects.active = hands()
    bpy.ops.object.mode_set(mode="EDIT")


def test_duplicated_bones_do_not_get_the_take(scene: bpy.types.Scene) -> None:
    edit_mode()
    for bone in hands().data.edit_bones:
        bone.select = bone.select_head = bone.select_tail = bone.name.startswith("f_index")
    bpy.ops.armature.duplicate()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert any(bone.name.endswith(".001") for bone in hands().data.bones)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert not [c for c in bag().fcurves if ".001" in c.data_path]


def test_two_pairs_of_hands_in_one_armature_are_a_sentence(scene: bpy.types.Scene) -> None:
    first = hands()
    bpy.ops.s2c.add_hands()
    second = hands()
    for item in scene.objects:
        item.select_set(item in (first, second))
    bpy.context.view_layer.objects.active = first
    skins = [item for item in scene.objects if item.parent == second]
    bpy.ops.object.join()
    scene.s2c_settings.armature = first
    assert bpy.ops.s2c.generate() == {"FINISHED"}  # the second pair moves no skin
    for skin in skins:
        skin.modifiers[0].object = first
        for group in skin.vertex_groups:
            group.name += ".001"
    with pytest.raises(RuntimeError, match="more than one pair of hands"):
        bpy.ops.s2c.generate()


def test_hands_joined_into_a_moved_and_scaled_armature_play_on_the_keys(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    armature, own = hands(), None
    body = bpy.data.armatures.new("Body")
    own = bpy.data.objects.new("Body", body)
    scene.collection.objects.link(own)
    bpy.context.view_layer.objects.active = own
    bpy.ops.object.mode_set(mode="EDIT")
    bone = body.edit_bones.new("spine")
    bone.head, bone.tail = (0, 0, 0), (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    own.matrix_world = Matrix.LocRotScale(
        (1.0, 2.0, 0.5), Matrix.Rotation(0.7, 3, "Z").to_quaternion(), (2, 2, 2)
    )
    bpy.context.view_layer.update()
    for item in scene.objects:
        item.select_set(item in (armature, own))
    bpy.context.view_layer.objects.active = own
    bpy.ops.object.join()
    scene.s2c_settings.armature = own
    bpy.context.view_layer.update()
    frame = own.matrix_world @ piano_frame(own).matrix
    np.testing.assert_allclose(np.array(frame), np.eye(4), atol=1e-5)
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    for hand, bone in enumerate(("hand.L", "hand.R")):
        place = seen(START + 30, bone, own)[:3, 3]
        np.testing.assert_allclose(place, wrist[30, hand], atol=1e-4)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(sent(tmp_path)["wrist"][:, 1], wrist[:, 1], atol=1e-4)


def test_in_a_scene_of_centimetres_hands_are_as_large_as_hands(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.data.objects.remove(hands())
    scene.unit_settings.scale_length = 0.01
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    euler, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    place = seen(START + 30, "hand.R")[:3, 3] * scene.unit_settings.scale_length
    np.testing.assert_allclose(place, wrist[30, 1], atol=1e-5)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(sent(tmp_path)["wrist"][:, 1], wrist[:, 1], atol=1e-5)
    np.testing.assert_allclose(sent(tmp_path)["euler"][:, 1], euler[:, 1], atol=1e-4)


@pytest.mark.parametrize("how", ["linked", "overridden"])
def test_hands_from_a_library(scene: bpy.types.Scene, tmp_path: Path, how: str) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.collections = ["S2C Hands"]
    scene = bpy.context.scene
    scene.render.fps = 30
    collection = wanted.collections[0]
    scene.collection.children.link(collection)
    bpy.context.view_layer.update()
    if how == "overridden":
        collection.override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
        bpy.context.view_layer.update()
    armature = next(
        o for o in scene.objects if o.type == "ARMATURE" and bool(o.override_library) == (how == "overridden")
    )
    scene.s2c_settings.armature = armature
    _, wrist = remake(tmp_path, FRAMES, 7)
    if how == "linked":
        with pytest.raises(RuntimeError, match="linked from another file and cannot be animated"):
            bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"))
        return
    assert bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz")) == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    np.testing.assert_allclose(seen(31, "hand.R")[:3, 3], wrist[30, 1], atol=1e-5)


def test_hands_that_the_view_layer_leaves_out_play_after_the_file_is_reopened(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.context.view_layer.layer_collection.children["S2C Hands"].exclude = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START) == {"FINISHED"}
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.context.view_layer.layer_collection.children["S2C Hands"].exclude = False
    np.testing.assert_allclose(seen(START + 30, "hand.R")[:3, 3], wrist[30, 1], atol=1e-5)


@pytest.mark.parametrize("state", ["edit", "rest"])
def test_hands_that_show_their_rest_pose_are_a_sentence(scene: bpy.types.Scene, state: str) -> None:
    if state == "edit":
        edit_mode()
    else:
        hands().data.pose_position = "REST"
    with pytest.raises(RuntimeError, match=r"leave it first|Pose Position"):
        bpy.ops.s2c.generate()


# -- nothing is lost ----------------------------------------------------------------------------------------


def test_the_newest_take_survives_another_action_and_saving(scene: bpy.types.Scene, tmp_path: Path) -> None:
    name, path = data().action.name, 'pose.bones["f_index.02.R"].rotation_euler'
    bag().fcurves.find(path).keyframe_points[3].co.y = 0.4321
    data().action = bpy.data.actions.new("walk")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    action = bpy.data.actions[name]
    curve = compat.channelbag(action, action.slots[0]).fcurves.find(path)
    assert curve.keyframe_points[3].co.y == pytest.approx(0.4321)


def test_notes_are_kept_with_the_take_and_bad_ones_are_not_believed(scene: bpy.types.Scene) -> None:
    action = data().action
    notes, fingering = clock.read_notes(action)
    np.testing.assert_allclose(notes, [[0.1, 0.5, 60, 80], [1.0, 1.4, 64, 80]], atol=1e-6)
    np.testing.assert_array_equal(fingering, [[1, 0], [1, 2]])
    for bad in ([1.0, 2.0], "text", [float("nan")] * 6, [2.0, 1.0, 60, 80, 0, 0], [0.0, 1.0, 60, 80, 0, 9]):
        action[clock.NOTES_PROPERTY] = bad
        assert clock.read_notes(action) is None


# -- the strip ----------------------------------------------------------------------------------------------


def strip_start(frame: int) -> None:
    strip = bpy.context.scene.sequence_editor.strips_all[0]
    if hasattr(strip, "content_start"):
        strip.content_start = frame
    else:
        strip.frame_start = frame


def test_a_moved_strip_is_said_and_followed(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    before = seen(START + 30, "f_index.02.R")
    strip_start(START + 45)
    remake(tmp_path, FRAMES, 7)
    bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert "begin 1.5 s earlier than the recording" in scene.s2c_settings.result
    scene.frame_set(START + 75)
    assert bpy.ops.s2c.follow_strip() == {"FINISHED"}
    evaluated = hands().evaluated_get(bpy.context.evaluated_depsgraph_get())
    at_once = np.array(evaluated.matrix_world @ evaluated.pose.bones["f_index.02.R"].matrix)
    np.testing.assert_allclose(at_once, before, atol=1e-5)
    np.testing.assert_allclose(seen(START + 75, "f_index.02.R"), before, atol=1e-5)
    keys = next(c for c in bag().fcurves if "key C4" in c.data_path)
    assert keys.keyframe_points[0].co.x == pytest.approx(START + 45 + (0.1 - 0.0297) * 30, abs=0.1)
    bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert "recording" not in scene.s2c_settings.result


def test_the_panel_says_within_a_second_that_they_were_moved_apart(scene: bpy.types.Scene) -> None:
    follow.watch.look_in(bpy.context)
    assert follow.watch.text == "" and "s2c.follow_strip" not in draw(panels.S2C_PT_view3d).names()
    strip_start(START + 45)
    assert follow.watch.look_in(bpy.context) and "begin 1.5 s earlier" in follow.watch.text
    assert not follow.watch.look_in(bpy.context)  # nothing was moved since
    drawn = draw(panels.S2C_PT_view3d)
    assert "s2c.follow_strip" in drawn.names() and "begin 1.5 s earlier" in drawn.text()
    bpy.ops.s2c.follow_strip()
    assert follow.watch.look_in(bpy.context) and follow.watch.text == ""
    assert "s2c.follow_strip" not in draw(panels.S2C_PT_view3d).names()


def test_a_changed_frame_rate_is_followed_by_stretching(scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene.render.fps = 24
    strip_start(START)
    with pytest.raises(RuntimeError, match="press Follow Strip"):
        bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert bpy.ops.s2c.follow_strip() == {"FINISHED"}
    assert layers.seen_span(hands()) == (START, START + round((FRAMES - 1) * 0.8))
    remake(tmp_path, round((FRAMES - 1) * 0.8) + 1, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    given = sent(tmp_path)
    assert float(given["fps"]) == 24.0
    np.testing.assert_allclose(given["notes"][:, 0], [0.1, 1.0], atol=0.01)


def test_a_strip_in_the_nla_follows_as_a_strip(scene: bpy.types.Scene, tmp_path: Path) -> None:
    strip = push_down(START)
    before = seen(START + 30, "f_index.02.R")
    strip_start(START + 45)
    assert bpy.ops.s2c.follow_strip() == {"FINISHED"}
    assert strip.frame_start == pytest.approx(START + 45)
    np.testing.assert_allclose(seen(START + 75, "f_index.02.R"), before, atol=1e-5)


def test_another_recording_is_not_followed(scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene.sequence_editor.strips.remove(scene.sequence_editor.strips[0])
    scene.sequence_editor.strips.new_sound("Other", str(write_sound(tmp_path / "other.wav")), 1, 40)
    with pytest.raises(RuntimeError, match="another recording"):
        bpy.ops.s2c.follow_strip()
    assert requests(tmp_path) and json.loads(data().action["s2c_take"])["start_frame"] == START


# -- a stranger's file --------------------------------------------------------------------------------------


def mark(**changes: object) -> None:
    """Change the marks of the take, as a stranger's .blend may have them."""
    marks = json.loads(data().action["s2c_take"])
    marks.update(changes)
    data().action["s2c_take"] = json.dumps(marks)


def test_marks_choose_neither_an_output_nor_consent(scene: bpy.types.Scene, tmp_path: Path) -> None:
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work")
    sound = {"sound": str(tmp_path / "song.wav"), "sound_start_s": 0.0, "sound_end_s": 2.0}
    mark(
        take="/nowhere.npz", sound={**sound, "output": str(victim), "allow_download": True, "device": "cuda"}
    )
    del data().action[clock.NOTES_PROPERTY]
    scene.sequence_editor.strips.remove(scene.sequence_editor.strips[0])
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    params = requests(tmp_path)[-1]["params"]
    assert params["sound"] == sound["sound"] and params["allow_download"] is False
    assert Path(params["output"]).parent == tmp_path / "data" / "takes" and params["device"] != "cuda"
    assert victim.read_text() == "years of work"


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": "x"},
        {"frames": -5},
        {"fps": 0},
        {"fps": "x"},
        {"fps": "30"},
        {"fps": float("inf")},
        {"start_frame": 1.5},
        {"sound": None},
        {"sound": [1]},
        {"take": 7},
        {"more": 1},
        {"frames": 12_000_000},
        {"frames": True},
        {"start_frame": 10**12},
        {"fps": 10**400},
        {"fps": 1e300},
        {"take": "x" * 100_000},
        {"take": "a\0b"},
    ],
)
def test_marks_that_make_no_sense_are_no_take(scene: bpy.types.Scene, changes: dict[str, object]) -> None:
    mark(**changes)
    with pytest.raises(RuntimeError, match="plays no take yet"):
        bpy.ops.s2c.regenerate_hand(hand="LEFT")


@pytest.mark.parametrize(
    "sound",
    [
        {"sounds": ["x"]},
        {"sounds": [{"path": 3}]},
        {"sounds": [{"path": "a"}]},
        {"sound": 3},
        {"sound_start_s": "x"},
        {"sound_start_s": 10**400},
        {"sounds": [{"path": "a", "start_s": 10**400}]},
        {"sound": "a\0b"},
    ],
)
def test_the_panels_watch_survives_marks_of_any_kind(
    scene: bpy.types.Scene, sound: dict[str, object]
) -> None:
    mark(sound=sound)
    strip_start(START + 45)
    follow.watch.look_in(bpy.context)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}


def test_a_pipe_as_the_takes_file_is_not_waited_for(scene: bpy.types.Scene, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    mark(take=str(tmp_path / "pipe.npz"))
    del data().action[clock.NOTES_PROPERTY]
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    assert requests(tmp_path)[-1]["params"]["sound"].endswith("song.wav")


def test_keys_that_reach_over_millions_of_frames_are_refused(scene: bpy.types.Scene) -> None:
    curve = bag().fcurves.find('pose.bones["shoulder.R"].location', index=0)
    curve.keyframe_points.insert(1_000_000, 0.0)
    for operator in (lambda: bpy.ops.s2c.regenerate_hand(hand="LEFT"), export_somewhere):
        with pytest.raises(RuntimeError, match="reach over"):
            operator()


def export_somewhere() -> None:
    bpy.ops.s2c.export_fbx(filepath=bpy.app.tempdir + "a.fbx")


def test_hands_that_hold_still_can_be_redone_around(scene: bpy.types.Scene, tmp_path: Path) -> None:
    for path in [c.data_path for c in bag().fcurves if '"]["' in c.data_path]:
        curve = bag().fcurves.find(path)
        bag().fcurves.remove(curve)
    for curve in bag().fcurves:
        for point in curve.keyframe_points:
            point.co.y = 0.0
        curve.update()
    assert layers.seen_span(hands()) == (START, START + FRAMES - 1)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    assert len(sent(tmp_path)["euler"]) == FRAMES
