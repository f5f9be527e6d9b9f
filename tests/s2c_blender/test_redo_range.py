# SPDX-License-Identifier: GPL-3.0-or-later
"""Redo Range: the frames of a range are new, and every key outside it is what it was, bit for bit."""

import bpy
import numpy as np
import pytest
from session_helpers import FRAMES, read_bone, requests, state_of_scene, use_worker, write_sound, write_take

import s2c_blender
from s2c_blender import compat, fcurves
from s2c_blender.core.splicing import LINEAR, Stretch, splice
from s2c_blender.rig.armature import create_armature
from s2c_blender.rig.bones import joint_bones
from s2c_blender.session import SessionConfig, session

START = 11
FIRST, LAST = 31, 45
"""The scene frames that are made anew."""


@pytest.fixture(scope="module", autouse=True)
def registered():
    s2c_blender.register()
    yield
    s2c_blender.unregister()


@pytest.fixture
def scene(tmp_path, monkeypatch):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.0
    scene.sequence_editor_create()
    scene.sequence_editor.strips.new_sound("Piano", str(write_sound(tmp_path / "song.wav")), 1, START)
    create_armature(bpy.context, 1.0, scene.collection)
    write_take(tmp_path / "made.npz")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    bpy.ops.s2c.generate()
    yield scene
    session.cancel()
    session.machine.shutdown(0.2)
    session.config = SessionConfig()


def hands():
    return next(item for item in bpy.data.objects if item.type == "ARMATURE")


def bag():
    data = hands().animation_data
    return compat.channelbag(data.action, data.action_slot)


def keys_of(curve):
    """Every attribute of every key, by name; (n, ...) each."""
    found = {}
    for name, (kind, width) in fcurves.KEY_ATTRIBUTES.items():
        values = np.zeros(len(curve.keyframe_points) * width, kind)
        curve.keyframe_points.foreach_get(name, values)
        found[name] = values.reshape(-1, width)
    return found


def outside(curve):
    """The bytes of every key outside the range."""
    keys = keys_of(curve)
    mask = (keys["co"][:, 0] < FIRST) | (keys["co"][:, 0] > LAST)
    return {name: values[mask].tobytes() for name, values in keys.items()}


def snapshot(of):
    return {(curve.data_path, curve.array_index): of(curve) for curve in bag().fcurves}


def values(curve):
    return [curve.evaluate(frame) for frame in range(START, START + FRAMES)]


def edit_a_few_curves():
    """Edits of an animator on both sides of the range, and across its edges."""
    for suffix in ("L", "R"):
        found = bag().fcurves
        nudged = found.find(f'pose.bones["f_index.01.{suffix}"].rotation_euler', index=0)
        nudged.keyframe_points[5].co[1] = 0.123456
        nudged.keyframe_points[7].interpolation = "BEZIER"
        nudged.update()
        sparse = found.find(f'pose.bones["f_middle.01.{suffix}"].rotation_euler', index=0)
        for index in reversed([n for n in range(FRAMES) if n % 9]):
            sparse.keyframe_points.remove(sparse.keyframe_points[index], fast=True)
        for point in sparse.keyframe_points:
            point.interpolation = "BEZIER"
        sparse.update()
        found.remove(found.find(f'pose.bones["thumb.03.{suffix}"].rotation_euler', index=2))


@pytest.mark.parametrize("hand", ["BOTH", "LEFT", "RIGHT"])
def test_everything_outside_is_bit_identical(scene, tmp_path, hand):
    edit_a_few_curves()
    before, played = snapshot(outside), snapshot(values)
    whole = snapshot(keys_of)
    euler, _ = write_take(tmp_path / "made.npz", seed=9)
    scene.s2c_settings.redo_start, scene.s2c_settings.redo_end = FIRST, LAST
    old_action = hands().animation_data.action
    assert bpy.ops.s2c.regenerate_range(hand=hand) == {"FINISHED"}
    assert hands().animation_data.action != old_action
    after, plays = snapshot(outside), snapshot(values)
    first = FIRST - START
    for curve, kept in before.items():
        new_hand = hand == "BOTH" or f'.{hand[0]}"' in curve[0]
        if not new_hand:
            assert all(np.array_equal(whole[curve][n], v) for n, v in snapshot(keys_of)[curve].items())
            continue
        if "f_middle.01" not in curve[0]:  # segments across the edge get keys for what they were
            assert after[curve] == kept, curve
        old, new = played[curve], plays[curve]
        assert old[:first] == pytest.approx(new[:first], abs=1e-6)
        assert old[LAST - START + 1 :] == pytest.approx(new[LAST - START + 1 :], abs=1e-6)
    for index, side in enumerate("LR"):
        bone = f"f_index.02.{side}"
        joint = joint_bones(hands())[index].index(bone)
        read = read_bone(bag(), bone, FIRST, LAST - FIRST + 1)
        new = hand == "BOTH" or hand[0] == side
        assert np.array_equal(read, euler[first : LAST - START + 1, index, joint]) == new
    missing = bag().fcurves.find('pose.bones["thumb.03.L"].rotation_euler', index=2)
    if hand != "RIGHT":
        assert missing.evaluate(FIRST - 1) == missing.evaluate(LAST + 1) == 0.0


def test_the_worker_is_told_the_seconds_and_the_hand(scene, tmp_path):
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = FIRST, LAST
    bpy.ops.s2c.regenerate_range(hand="LEFT")
    params = requests(tmp_path)[-1]["params"]
    assert params["range"] == pytest.approx([(FIRST - START) / 30, (LAST - START + 1) / 30])
    assert params["hand"] == "left" and params["sound"] is None and params["seed"] == 2
    assert f"left hand, frames {FIRST} to {LAST}" in scene.s2c_settings.result
    bpy.ops.s2c.regenerate_range(frame_start=1, frame_end=20)
    params = requests(tmp_path)[-1]["params"]
    assert params["range"] == pytest.approx([0.0, 10 / 30]) and params["hand"] is None


def test_a_range_without_frames_of_the_take_is_a_sentence(scene):
    before = state_of_scene()
    with pytest.raises(RuntimeError, match="hold nothing of the take, which plays from 11 to 70"):
        bpy.ops.s2c.regenerate_range(frame_start=80, frame_end=90)
    assert state_of_scene() == before


def test_a_curve_with_a_modifier_is_a_sentence_for_its_hand_only(scene):
    bag().fcurves.find('pose.bones["f_ring.01.R"].rotation_euler', index=0).modifiers.new("NOISE")
    with pytest.raises(RuntimeError, match=r"f_ring\.01\.R.* has modifiers"):
        bpy.ops.s2c.regenerate_range(frame_start=FIRST, frame_end=LAST)
    assert bpy.ops.s2c.regenerate_range(hand="LEFT", frame_start=FIRST, frame_end=LAST) == {"FINISHED"}
    assert len(bag().fcurves.find('pose.bones["f_ring.01.R"].rotation_euler', index=0).modifiers) == 1


def test_undo_takes_the_range_back_in_one_step(scene, tmp_path):  # frees `scene`
    bpy.ops.ed.undo_push(message="before")
    before = snapshot(values)
    write_take(tmp_path / "made.npz", seed=9)
    bpy.ops.s2c.regenerate_range(frame_start=FIRST, frame_end=LAST)
    assert snapshot(values) != before
    bpy.ops.ed.undo()
    assert snapshot(values) == before and bpy.context.scene.s2c_settings.seed == 1


# -- the splice itself ---------------------------------------------------------------------------------------


def make_keys(frames, values, kind=LINEAR):
    count = len(frames)
    return {
        "co": np.stack([frames, values], 1).astype(np.float32),
        "interpolation": np.full(count, kind, np.int32),
        "handle_left": np.zeros((count, 2), np.float32),
        "select_control_point": np.ones(count, np.bool_),
    }


def test_a_flat_segment_needs_one_key_beside_the_range():
    stretch = Stretch(5, np.array([1, 2], np.float32), 1, 20)
    spliced = splice(make_keys([1, 20], [0.5, 0.5]), stretch, lambda frame: 0.5)
    assert spliced["co"].tolist() == [[1, 0.5], [4, 0.5], [5, 1], [6, 2], [7, 0.5], [20, 0.5]]
    assert spliced["interpolation"].tolist() == [LINEAR] * 6
    assert spliced["select_control_point"].tolist() == [True, False, False, False, False, True]


def test_a_shaped_segment_gets_a_key_a_frame_outside_the_range():
    stretch = Stretch(5, np.array([9, 9], np.float32), 1, 10)
    spliced = splice(make_keys([2, 8.5], [0, 6.5], kind=2), stretch, lambda frame: frame - 2)
    assert spliced["co"][:, 0].tolist() == [2, 3, 4, 5, 6, 7, 8, 8.5]
    assert spliced["co"][:, 1].tolist() == [0, 1, 2, 9, 9, 5, 6, 6.5]
    assert spliced["interpolation"].tolist() == [2, LINEAR, LINEAR, LINEAR, LINEAR, LINEAR, LINEAR, 2]


def test_a_range_at_the_ends_of_the_take_adds_nothing_outside():
    stretch = Stretch(1, np.array([7, 8, 9], np.float32), 1, 3)
    assert splice(make_keys([1, 3], [0, 0]), stretch, lambda frame: 0.0)["co"][:, 0].tolist() == [1, 2, 3]
