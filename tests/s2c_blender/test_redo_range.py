# SPDX-License-Identifier: GPL-3.0-or-later
"""Redo Range: the frames of a range are new, and every key outside it is what it was, bit for bit."""

import bpy
import numpy as np
import pytest
from session_helpers import (
    FRAMES,
    START,
    hands,
    read_bone,
    requests,
    state_of_scene,
    write_take,
)

from s2c_blender import compat, fcurves
from s2c_blender.rig.bones import joint_bones

FIRST, LAST = 31, 45
"""The scene frames that are made anew."""


pytestmark = pytest.mark.usefixtures("take")


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
