# SPDX-License-Identifier: GPL-3.0-or-later
"""From the buttons to the keyframes with a worker that only copies a take: both hands, one hand, another try."""

import dataclasses
import json
import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import (
    FRAMES,
    HAND_CURVES,
    hands,
    pump_until,
    read_bone,
    requests,
    use_worker,
    write_take,
)

from s2c_blender import compat
from s2c_blender.rig.bones import joint_bones
from s2c_blender.session import session
from s2c_blender.takes import clock, read_back
from s2c_blender.ui.operators import jobs as job_operators


def test_a_channel_that_never_changes_gets_two_keys(scene, tmp_path):
    euler, _ = write_take(tmp_path / "made.npz", seed=4)
    with np.load(tmp_path / "made.npz", allow_pickle=False) as data:
        arrays = dict(data)
    euler[:, :, 2, 1], euler[:, 1, 5, 2] = 0.0, 0.25
    np.savez(tmp_path / "made.npz", **{**arrays, "euler": euler})
    bpy.ops.s2c.generate()
    bag = compat.channelbag(hands().animation_data.action, hands().animation_data.action_slot)
    counts = [len(curve.keyframe_points) for curve in bag.fcurves if '"]["' not in curve.data_path]
    shoulders = 6  # whose bones only move
    assert sorted(set(counts)) == [2, FRAMES] and counts.count(2) == 3 + shoulders
    assert tuple(hands().animation_data.action.frame_range) == (11, 11 + FRAMES - 1)
    for hand in (0, 1):
        for joint in range(1, 16):
            bone = joint_bones(hands())[hand][joint]
            np.testing.assert_array_equal(read_bone(bag, bone, 11, FRAMES), euler[:, hand, joint])


def test_progress_moves_while_keyframes_are_written(scene):
    session.config = dataclasses.replace(session.config, step_seconds=0.0)
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.view(0).text == "Writing keyframes")
    factors = []
    while session.active:
        factors.append(session.view(0).factor)
        session.pump(time.monotonic())
    assert factors == sorted(factors) and factors[0] == 0.0 and factors[-1] == 1.0
    assert len(set(factors)) > 100


def test_a_cancelled_job_leaves_the_seed_where_it_was(scene, tmp_path, monkeypatch):
    bpy.ops.s2c.generate()
    use_worker(monkeypatch, tmp_path, "slow")
    for order in (job_operators.order_new_take, job_operators.order_part):
        session.order_take(bpy.context, order(bpy.context, 2))
        pump_until(lambda: session.machine.status.step == 1)
        bpy.ops.s2c.cancel()
        assert scene.s2c_settings.seed == 1


def curves(action=None):
    """Every curve's keys and handles, by path and index."""
    armature = hands()
    action = action or armature.animation_data.action
    found = {}
    for curve in compat.channelbag(action, armature.animation_data.action_slot).fcurves:
        points, parts = curve.keyframe_points, [curve.extrapolation, curve.group.name]
        for name in ("co", "handle_left", "handle_right"):
            keys = np.empty(len(points) * 2, np.float32)
            points.foreach_get(name, keys)
            parts.append(keys.tobytes())
        found[curve.data_path, curve.array_index] = (*parts, [point.interpolation for point in points])
    return found


def test_generate_writes_both_hands_in_one_undo_step(scene, tmp_path):
    euler, wrist = write_take(tmp_path / "made.npz", seed=5)
    scene.s2c_settings.armature = None  # so that the hands have to be found
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    armature = hands()
    action = armature.animation_data.action
    assert armature.animation_data.action_slot is not None and action.name.startswith("S2C Hands take")
    bag = compat.channelbag(action, armature.animation_data.action_slot)
    assert len([c for c in bag.fcurves if '"]["' not in c.data_path]) == HAND_CURVES
    for hand in (0, 1):
        for joint in range(1, 16):
            bone = joint_bones(armature)[hand][joint]
            np.testing.assert_array_equal(read_bone(bag, bone, 11, FRAMES), euler[:, hand, joint])
            assert armature.pose.bones[bone].rotation_mode == "XYZ"
    scene.frame_set(11 + 40)
    for hand in (0, 1):
        head = armature.pose.bones[joint_bones(armature)[hand][0]].head
        assert tuple(head) == pytest.approx(tuple(wrist[40, hand]), abs=1e-5)
    settings = scene.s2c_settings
    assert "seed 1: 1 of 2 notes played, made in " in settings.result
    assert settings.armature == armature and Path(settings.take_path).is_file()


def test_the_worker_is_told_what_the_strip_plays(scene, tmp_path):
    settings = scene.s2c_settings
    settings.contact, settings.energy, settings.looseness = 0.5, 0.25, -0.5
    hands()["s2c_hand_size"] = 1.05
    bpy.ops.s2c.generate()
    params = requests(tmp_path)[-1]["params"]
    assert params["sound"].endswith("song.wav") and params["fps"] == 30.0 and params["seed"] == 1
    assert (params["sound_start_s"], params["sound_end_s"]) == pytest.approx((0.0, 2.0), abs=0.05)
    assert params["contact"] == 0.5
    style = {"curl": 0, "wrist_height": 0, "energy": 0.25, "looseness": -0.5, "hand_size": 0.5}
    assert params["style"] == pytest.approx(style)
    assert "energy +0.25, looseness -0.5, hand size +0.5" in settings.result and "curl" not in settings.result


def test_resample_takes_the_next_seed(scene, tmp_path):
    bpy.ops.s2c.generate()
    bpy.ops.s2c.resample()
    assert scene.s2c_settings.seed == 2
    assert [r["params"]["seed"] for r in requests(tmp_path) if r["method"] == "generate"] == [1, 2]
    assert job_operators.next_seed(2**31 - 1) == 0


@pytest.mark.parametrize(("side", "suffix", "other"), [("LEFT", ".L", ".R"), ("RIGHT", ".R", ".L")])
def test_redo_one_hand_leaves_the_other_bit_identical_even_where_it_was_edited(
    scene, tmp_path, side, suffix, other
):
    bpy.ops.s2c.generate()
    armature, action = hands(), hands().animation_data.action
    bag = compat.channelbag(action, armature.animation_data.action_slot)
    path = f'pose.bones["f_index.01{other}"].rotation_euler'
    edited = bag.fcurves.find(path, index=0)
    edited.keyframe_points[7].co[1] = 0.123456
    edited.keyframe_points.remove(edited.keyframe_points[20])
    edited.update()
    before, middle = curves(), edited.evaluate(11 + 20)
    write_take(tmp_path / "made.npz", seed=9)
    assert bpy.ops.s2c.regenerate_hand(hand=side) == {"FINISHED"}
    after = curves()
    assert before.keys() == after.keys()
    kept = [key for key in before if f'{other}"' in key[0] and '"]["' not in key[0]]
    assert len(kept) == HAND_CURVES // 2 and all(before[key] == after[key] for key in kept)
    anew = {k for k in before if f'{suffix}"' in k[0] and '"]["' not in k[0] and before[k] != after[k]}
    assert len(anew) == HAND_CURVES // 2 - 3  # all but the shoulder's angles, which are 0
    params = requests(tmp_path)[-1]["params"]
    assert params["hand"] == side.lower() and params["sound"] is None and params["seed"] == 2
    assert read_back.read_marks(hands().animation_data.action).sound["sound"].endswith("song.wav")
    assert middle == pytest.approx(middle)


def test_what_is_kept_is_read_from_the_curves(scene, tmp_path, monkeypatch):
    euler, wrist = write_take(tmp_path / "made.npz", seed=3)
    bpy.ops.s2c.generate()
    bag = compat.channelbag(hands().animation_data.action, hands().animation_data.action_slot)
    bag.fcurves.find('pose.bones["thumb.02.L"].rotation_euler', index=1).keyframe_points[4].co[1] = 0.75
    keep = read_back.plan_keep(scene, hands(), tmp_path)
    list(read_back.write_keep(keep, {}))
    with np.load(keep.path, allow_pickle=False) as data:
        expected = euler.copy()
        expected[4, 0, 14, 1] = 0.75
        np.testing.assert_allclose(data["euler"], expected, atol=2e-5)
        np.testing.assert_allclose(data["wrist"], wrist, atol=1e-6)
        assert data["notes"].shape == (2, 4) and json.loads(str(data["meta"]))["seed"] == 3


def test_redo_without_the_takes_file_plays_the_notes_kept_with_the_action(scene, tmp_path, monkeypatch):
    bpy.ops.s2c.generate()
    Path(scene.s2c_settings.take_path).unlink()
    seen = []
    write_keep = read_back.write_keep

    def watched(keep, params):
        yield from write_keep(keep, params)
        with np.load(keep.path, allow_pickle=False) as data:
            seen.append((data["notes"], data["fingering"]))

    monkeypatch.setattr(read_back, "write_keep", watched)
    bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert requests(tmp_path)[-1]["params"]["sound"] is None
    np.testing.assert_allclose(seen[0][0], [[0.1, 0.5, 60, 80], [1.0, 1.4, 64, 80]], atol=1e-5)
    np.testing.assert_array_equal(seen[0][1], [[1, 0], [1, 2]])


def test_redo_without_any_notes_listens_to_the_sound_again(scene, tmp_path):
    bpy.ops.s2c.generate()
    Path(scene.s2c_settings.take_path).unlink()
    del hands().animation_data.action[clock.NOTES_PROPERTY]
    bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert requests(tmp_path)[-1]["params"]["sound"].endswith("song.wav")


def test_redo_at_another_frame_rate_is_a_sentence(scene):
    bpy.ops.s2c.generate()
    scene.render.fps = 24
    with pytest.raises(RuntimeError, match="made for 30 frames a second"):
        bpy.ops.s2c.regenerate_hand(hand="LEFT")


def test_a_packed_sound_reaches_the_worker(scene, tmp_path):
    scene.sequence_editor.strips[0].sound.pack()
    (tmp_path / "song.wav").unlink()
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    sound = Path(requests(tmp_path)[-1]["params"]["sound"])
    assert sound.name == "packed.wav" and not sound.exists()


def test_keyframes_are_written_in_small_steps_one_curve_each(scene):
    armature = hands()
    session.config = dataclasses.replace(session.config, step_seconds=0.0)
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.view(0).text == "Writing keyframes")
    most, total = 0, 0
    while session.active:
        before = sum(
            len(compat.channelbag(a, a.slots[0]).fcurves)
            for a in bpy.data.actions
            if compat.channelbag(a, a.slots[0])
        )
        session.pump(time.monotonic())
        after = sum(
            len(compat.channelbag(a, a.slots[0]).fcurves)
            for a in bpy.data.actions
            if compat.channelbag(a, a.slots[0])
        )
        most, total = max(most, after - before), after
    assert (most, total) == (1, HAND_CURVES + 2 + 88 + 1) and armature.animation_data.action is not None


def test_another_frame_rate_while_a_hand_is_made_is_a_sentence(scene, tmp_path):
    bpy.ops.s2c.generate()
    before = curves()
    session.order_take(bpy.context, job_operators.order_part(bpy.context, 2, "left"))
    scene.render.fps = 24
    pump_until(lambda: not session.active)
    assert session.view(0).code == "rate_changed" and curves() == before and len(bpy.data.actions) == 1
