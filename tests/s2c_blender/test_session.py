# SPDX-License-Identifier: GPL-3.0-or-later
"""From the buttons to the keyframes with a worker that only copies a take, and every fault on the way."""

import dataclasses
import importlib
import json
import os
import platform
import stat
import subprocess
import sys
import time
from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import (
    FRAMES,
    HAND_CURVES,
    pump_until,
    read_bone,
    requests,
    state_of_scene,
    use_worker,
    write_sound,
    write_take,
)

import s2c_blender
from s2c_blender import compat
from s2c_blender import handlers as handlers_module
from s2c_blender.core import temporary
from s2c_blender.core.jobs import State
from s2c_blender.errors import UserError
from s2c_blender.rig.armature import create_armature
from s2c_blender.rig.bones import joint_bones
from s2c_blender.session import SessionConfig, View, session
from s2c_blender.takes import clock, follow, read_back, unfinished
from s2c_blender.takes.take_paths import is_reserved
from s2c_blender.takes.write_take import COPYING, UNDO_LABEL
from s2c_blender.ui.operators import jobs as job_operators


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
    scene.sequence_editor.strips.new_sound("Piano", str(write_sound(tmp_path / "song.wav")), 1, 11)
    create_armature(bpy.context, 1.0, scene.collection)
    write_take(tmp_path / "made.npz")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    yield scene
    session.cancel()
    session.machine.shutdown(0.2)
    session.config = SessionConfig()
    session.machine.status.message, session.note, session.runtime_problem = "", "", ""


def hands():
    return next(item for item in bpy.data.objects if item.type == "ARMATURE")


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


def test_undo_takes_the_whole_take_back(scene):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.s2c.generate()
    assert hands().animation_data.action is not None
    bpy.ops.ed.undo()
    data = hands().animation_data
    assert data is None or data.action is None


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


# -- faults -------------------------------------------------------------------------------------------------


def fails(match, code=None):
    """Generate must fail with a sentence that the panel shows, and change nothing."""
    before = state_of_scene()
    with pytest.raises(RuntimeError, match=match):
        bpy.ops.s2c.generate()
    assert state_of_scene() == before
    view = session.view(time.monotonic())
    assert not view.active
    if code is not None:
        assert view.error and session.machine.status.code == code
        assert (
            view.message.endswith((".", "…")) and "\n" not in view.message and "Traceback" not in view.message
        )


def works_again(monkeypatch, tmp_path):
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert hands().animation_data.action is not None
    assert not session.view(time.monotonic()).error


@pytest.mark.parametrize(
    ("fault", "patience", "code"),
    [
        ("ends_at_once", {}, "worker_start"),
        ("old", {}, "worker_protocol"),
        ("dies", {}, "worker_died"),
        ("garbage", {"start_seconds": 4.0}, "worker_garbage"),
        ("hangs", {"silence_seconds": 2.0}, "worker_silent"),
        ("error", {}, "silent_sound"),
    ],
)
def test_a_worker_that_fails(scene, tmp_path, monkeypatch, fault, patience, code):
    use_worker(monkeypatch, tmp_path, fault, **patience)
    fails(".", code)
    works_again(monkeypatch, tmp_path)


def test_a_worker_that_cannot_be_started(scene, tmp_path, monkeypatch):
    session.config = SessionConfig(worker_command=(str(tmp_path / "none"),), data_folder=tmp_path / "data")
    fails("could not be started", "worker_start")
    works_again(monkeypatch, tmp_path)


def test_a_click_does_not_wait_for_the_idle_timer(scene, monkeypatch):
    woken = []
    monkeypatch.setattr(session, "wake", lambda: woken.append(session.active))
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert woken == [True]


def test_a_woken_timer_is_there_once():
    session.wake()
    session.wake()
    assert bpy.app.timers.is_registered(handlers_module.tick)
    bpy.app.timers.unregister(handlers_module.tick)
    assert not bpy.app.timers.is_registered(handlers_module.tick)
    session.wake()
    assert bpy.app.timers.is_registered(handlers_module.tick)


def test_a_runtime_that_is_not_there(scene, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("S2C_WORKER_PYTHON", raising=False)
    session.config = SessionConfig(data_folder=tmp_path / "data")
    fails("not installed yet", "no_runtime")
    session.look_at_runtime(bpy.context)
    assert "not installed yet" in job_operators.S2C_OT_generate.disabled_reason(bpy.context)
    session.runtime_problem = ""
    works_again(monkeypatch, tmp_path)


@pytest.mark.parametrize("fault", ["slow", "hangs", "ignores_cancel"])
def test_cancel_ends_the_job_and_changes_nothing(scene, tmp_path, monkeypatch, fault):
    use_worker(monkeypatch, tmp_path, fault)
    before = state_of_scene()
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.machine.status.step == 1)
    assert "left" in session.view(time.monotonic()).text
    assert bpy.ops.s2c.cancel() == {"FINISHED"}
    assert not session.active and state_of_scene() == before
    assert session.view(time.monotonic()).message == "Cancelled."
    works_again(monkeypatch, tmp_path)


def test_no_strip(scene, tmp_path, monkeypatch):
    scene.sequence_editor.strips.remove(scene.sequence_editor.strips[0])
    fails("There is no sound strip")
    scene.sequence_editor.strips.new_sound("Piano", str(tmp_path / "song.wav"), 1, 1)
    works_again(monkeypatch, tmp_path)


def test_no_rig(scene, tmp_path, monkeypatch):
    bpy.data.objects.remove(hands())
    fails("There are no hands to animate")
    create_armature(bpy.context, 1.0, scene.collection)
    works_again(monkeypatch, tmp_path)


def test_a_rig_that_is_not_a_pair_of_hands(scene, tmp_path, monkeypatch):
    bpy.data.objects.remove(hands())
    other = bpy.data.objects.new("Dog", bpy.data.armatures.new("Dog"))
    scene.collection.objects.link(other)
    fails('"Dog" is no pair of S2C hands: press Use Character')
    bpy.data.objects.remove(other)
    create_armature(bpy.context, 1.0, scene.collection)
    works_again(monkeypatch, tmp_path)


def test_a_missing_file(scene, tmp_path, monkeypatch):
    (tmp_path / "song.wav").unlink()
    fails('"song.wav" of the strip "Piano" is missing', "sound_missing")
    write_sound(tmp_path / "song.wav")
    works_again(monkeypatch, tmp_path)


def test_a_temporary_folder_that_cannot_be_written(scene, tmp_path, monkeypatch):
    scene.sequence_editor.strips[0].sound.pack()
    (tmp_path / "file").write_text("")
    good = session.config
    session.config = SessionConfig(
        worker_command=good.worker_command, data_folder=tmp_path / "data", temporary_root=tmp_path / "file"
    )
    fails("folder for temporary files", "temporary_folder")
    works_again(monkeypatch, tmp_path)


def test_a_data_folder_that_cannot_be_written(scene, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    session.config = SessionConfig(
        worker_command=session.config.worker_command, data_folder=tmp_path / "file" / "x"
    )
    fails("cannot be written", "data_folder")
    works_again(monkeypatch, tmp_path)


def test_a_take_that_cannot_be_read(scene, tmp_path, monkeypatch):
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not a take")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "broken.npz")
    fails("cannot be read", "take_unreadable")
    write_take(tmp_path / "broken.npz")  # the worker goes on with the same file
    works_again(monkeypatch, tmp_path)


def test_a_rig_deleted_during_the_job(scene, tmp_path, monkeypatch):
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    bpy.data.objects.remove(hands())
    before = state_of_scene()
    pump_until(lambda: not session.active)
    view = session.view(time.monotonic())
    assert view.error and '"S2C Hands" was deleted' in view.message and state_of_scene() == before
    create_armature(bpy.context, 1.0, scene.collection)
    works_again(monkeypatch, tmp_path)


def write_slowly(monkeypatch):
    """One piece of work at a time: a fast machine writes such a short take in one go."""
    monkeypatch.setattr(session, "config", dataclasses.replace(session.config, step_seconds=0.0))


def test_a_rig_deleted_while_its_take_is_written(scene, tmp_path, monkeypatch):
    write_slowly(monkeypatch)
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: any(a.slots and compat.channelbag(a, a.slots[0]) for a in bpy.data.actions))
    bpy.data.objects.remove(hands())
    pump_until(lambda: not session.active)
    assert "was deleted" in session.view(time.monotonic()).message and not bpy.data.actions
    create_armature(bpy.context, 1.0, scene.collection)
    works_again(monkeypatch, tmp_path)


def test_a_rig_and_a_bone_renamed_during_the_job(scene):
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    armature = hands()
    armature.name = "Clara"
    armature.data.bones["f_index.01.L"].name = "finger of fate"
    pump_until(lambda: not session.active)
    assert not session.view(time.monotonic()).error
    bag = compat.channelbag(armature.animation_data.action, armature.animation_data.action_slot)
    assert (
        len(bag.fcurves.find('pose.bones["finger of fate"].rotation_euler', index=0).keyframe_points)
        == FRAMES
    )


@pytest.mark.parametrize("when", ["running", "writing"])
def test_loading_a_file_during_a_job_cancels_it_and_says_so(scene, tmp_path, monkeypatch, when):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), copy=True)
    if when == "running":
        use_worker(monkeypatch, tmp_path, "slow")
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    if when == "running":
        pump_until(lambda: session.machine.status.step == 1)
    else:
        pump_until(lambda: session.view(0).text == "Writing keyframes")
        session.pump(time.monotonic())
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    pump_until(lambda: not session.active)
    assert session.view(time.monotonic()).message == handlers_module.FILE_LOADED
    assert not bpy.data.actions
    works_again(monkeypatch, tmp_path)


def test_cancel_while_keyframes_are_written_removes_them(scene, tmp_path, monkeypatch):
    write_slowly(monkeypatch)
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: any(a.slots and compat.channelbag(a, a.slots[0]) for a in bpy.data.actions))
    bpy.ops.s2c.cancel()
    assert not bpy.data.actions and hands().animation_data is None
    works_again(monkeypatch, tmp_path)


def test_a_second_job_has_to_wait(scene, tmp_path, monkeypatch):
    use_worker(monkeypatch, tmp_path, "slow")
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    with pytest.raises(RuntimeError, match="being generated"):
        bpy.ops.s2c.generate()
    assert session.active
    session.cancel()
    pump_until(lambda: not session.active)


def leftovers(tmp_path):
    """Takes without anything in them, halves of takes, and temporary folders."""
    takes = [
        path.name
        for path in (tmp_path / "data" / "takes").glob("*")
        if path.suffix != ".npz" or is_reserved(path)
    ]
    return takes + [path.name for path in (tmp_path / "tmp").glob("*")]


@pytest.fixture
def tidy(scene, tmp_path):
    """A session whose temporary folders are all in one place."""
    (tmp_path / "tmp").mkdir()

    def use(**changes):
        session.config = dataclasses.replace(session.config, temporary_root=tmp_path / "tmp", **changes)

    use()
    scene.sequence_editor.strips[0].sound.pack()
    return use


def takes(tmp_path):
    return sorted(path.name for path in (tmp_path / "data" / "takes").glob("*"))


def test_the_take_has_a_name_that_one_can_read(scene, tmp_path):
    bpy.ops.s2c.generate()
    bpy.ops.s2c.generate()
    bpy.ops.s2c.regenerate_hand(hand="LEFT")
    bpy.ops.s2c.regenerate_range(hand="RIGHT", frame_start=20, frame_end=30)
    bpy.ops.s2c.regenerate_range(hand="BOTH", frame_start=1, frame_end=30)
    assert takes(tmp_path) == [
        "song, seed 1 (2).npz",
        "song, seed 1.npz",
        "song, seed 2, left hand.npz",
        "song, seed 3, right hand, frames 20 to 30.npz",
        "song, seed 4, frames 11 to 30.npz",
    ]


def test_the_name_is_taken_when_the_job_begins(scene, tmp_path, monkeypatch):
    order = job_operators.order_new_take(bpy.context, 1)
    (tmp_path / "data" / "takes").mkdir(parents=True)
    order.output.write_bytes(b"of another Blender in the same moment")
    use_worker(monkeypatch, tmp_path, "slow")
    session.order_take(bpy.context, order)
    assert takes(tmp_path) == ["song, seed 1 (2).npz", "song, seed 1.npz"]
    pump_until(lambda: session.machine.status.step == 1)
    assert requests(tmp_path)[-1]["params"]["output"].endswith("song, seed 1 (2).npz")
    session.cancel()
    pump_until(lambda: not session.active)
    assert takes(tmp_path) == ["song, seed 1.npz"]
    assert order.output.read_bytes() == b"of another Blender in the same moment"


@pytest.mark.parametrize("fault", ["ends_at_once", "old", "dies", "error", "slow", "hangs", "ignores_cancel"])
def test_a_job_that_comes_to_nothing_leaves_no_file(tidy, tmp_path, monkeypatch, fault):
    use_worker(monkeypatch, tmp_path, fault)
    tidy()
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    assert leftovers(tmp_path), "the test sees what is there during the job"
    if fault in ("slow", "hangs", "ignores_cancel"):
        pump_until(lambda: session.machine.status.step == 1)
        session.cancel()
    pump_until(lambda: not session.active)
    assert not leftovers(tmp_path) and not takes(tmp_path)


def test_a_worker_that_cannot_be_started_leaves_no_file(tidy, tmp_path):
    tidy(worker_command=(str(tmp_path / "none"),))
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: not session.active)
    assert session.machine.status.code == "worker_start" and not leftovers(tmp_path)


def test_a_cancel_while_the_worker_starts_leaves_no_file(tidy, tmp_path, monkeypatch):
    use_worker(monkeypatch, tmp_path, "garbage")
    tidy()
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.machine.status.state is State.STARTING)
    session.cancel()
    assert not session.active and not leftovers(tmp_path) and not takes(tmp_path)


def test_what_stops_the_preparation_leaves_no_file(tidy, scene, tmp_path):
    bpy.ops.s2c.generate()
    for path in (tmp_path / "data" / "takes").iterdir():
        path.unlink()
    del hands().animation_data.action[clock.NOTES_PROPERTY]
    scene.sequence_editor.strips.remove(scene.sequence_editor.strips[0])
    (tmp_path / "song.wav").unlink()
    session.order_take(bpy.context, job_operators.order_part(bpy.context, 2, "left"))
    assert takes(tmp_path) == ["song, seed 2, left hand.npz"]
    pump_until(lambda: not session.active)
    assert session.view(0).code == "take_missing" and not leftovers(tmp_path) and not takes(tmp_path)


def test_a_session_that_ends_leaves_no_file(tidy, tmp_path, monkeypatch):
    use_worker(monkeypatch, tmp_path, "slow")
    tidy()
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.machine.status.step == 1)
    session.shutdown()
    assert not session.active and not leftovers(tmp_path) and not takes(tmp_path)


def test_a_cancel_while_the_take_is_saved_leaves_no_take(tidy, tmp_path, monkeypatch):
    use_worker(monkeypatch, tmp_path, "steady", tmp_path / "made.npz")
    tidy()
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.machine.status.stage == "write")
    process, take = session.machine._client.process, session._reserved
    session.cancel()
    assert not session.active
    take.write_bytes(b"what was on its way when the worker was killed")
    pump_until(lambda: process.returncode() is not None and not session._forsaken)
    assert not leftovers(tmp_path) and not takes(tmp_path)


def test_a_cancel_that_comes_just_before_the_take_is_saved_leaves_no_take(tidy, tmp_path, monkeypatch):
    use_worker(monkeypatch, tmp_path, "late", tmp_path / "made.npz", cancel_grace_seconds=20.0)
    tidy()
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.machine.status.stage == "contact")
    process = session.machine._client.process
    session.cancel()
    pump_until(lambda: not session.active)
    assert session.view(0).message == "Cancelled."
    pump_until(lambda: process.returncode() is not None or takes(tmp_path))
    assert not takes(tmp_path)


def test_a_whole_take_stays_when_its_hands_are_gone(tidy, tmp_path, monkeypatch):
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    bpy.data.objects.remove(hands())
    pump_until(lambda: not session.active)
    assert "use Apply Take" in session.view(0).message
    assert takes(tmp_path) == ["song, seed 1.npz"] and not leftovers(tmp_path)


def test_a_cancel_at_the_last_step_leaves_no_take(tidy, tmp_path, monkeypatch):
    bpy.ops.ed.undo_push(message="before")
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.view(0).text == "Saving the undo step")
    session.cancel()
    assert not session.active and session.view(0).message == "Cancelled."
    assert not takes(tmp_path) and not leftovers(tmp_path)
    assert not bpy.data.actions and hands().animation_data is None


def written(share):
    """Whether so much of the keyframes is written."""
    view = session.view(0)
    return view.text == "Writing keyframes" and view.factor > share


def test_an_undo_while_keyframes_are_written_begins_them_afresh(scene, monkeypatch):
    write_slowly(monkeypatch)
    bpy.ops.ed.undo_push(message="before")
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: written(0.3))
    scene.frame_current += 1
    bpy.ops.ed.undo_push(message="half of the take is in this step")
    pump_until(lambda: written(0.6))
    scene.frame_current += 1
    bpy.ops.ed.undo_push(message="more of it")
    bpy.ops.ed.undo()
    assert session.active
    pump_until(lambda: not session.active)
    assert not session.view(0).error and len(bpy.data.actions) == 1
    bag = compat.channelbag(hands().animation_data.action, hands().animation_data.action_slot)
    assert len([c for c in bag.fcurves if '"]["' not in c.data_path]) == HAND_CURVES


def test_an_undo_at_the_last_step_and_one_after_it(scene, tmp_path, monkeypatch):
    """Blender 5.2 crashed here: after a file was opened, undo left the hands an action that was gone."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), copy=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.ed.undo_push(message="opened")
    bpy.ops.ed.undo_push(message="before")
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.view(0).text == "Saving the undo step")
    bpy.ops.ed.undo()
    assert hands().animation_data is None or hands().animation_data.action is None
    pump_until(lambda: not session.active)
    assert hands().animation_data.action is not None and not session.view(0).error
    bpy.ops.ed.undo()
    assert not bpy.data.actions
    bpy.ops.ed.redo()
    assert hands().animation_data.action is not None


def test_undo_brings_no_half_of_a_take_back(scene, monkeypatch):
    write_slowly(monkeypatch)
    bpy.ops.ed.undo_push(message="before")
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: written(0.3))
    scene.frame_current += 1
    bpy.ops.ed.undo_push(message="half of the take is in this step")
    pump_until(lambda: not session.active)
    whole = bpy.data.actions[0].name
    assert hands().animation_data.action.name == whole
    bpy.ops.ed.undo()
    assert not bpy.data.actions, "the half of the take is back"
    bpy.ops.ed.redo()
    assert [action.name for action in bpy.data.actions] == [whole] and not bpy.data.actions[0].get(
        "s2c_unfinished"
    )


def to_the_last_step(redo=False):
    """Pump until only the last step is left; the action that is to be put on then."""
    order = (
        job_operators.order_part(bpy.context, 2, "left")
        if redo
        else job_operators.order_new_take(bpy.context, 1)
    )
    session.order_take(bpy.context, order)
    pump_until(lambda: session.view(0).text == COPYING)
    bpy.context.view_layer.update()  # as a window that draws
    pump_until(lambda: session.view(0).text == UNDO_LABEL)
    return next(action for action in bpy.data.actions if unfinished.MARK in action)


@pytest.mark.parametrize("redo", [False, True])
def test_keys_are_copied_for_evaluation_before_the_hands_get_them_and_once(scene, redo):
    """Blender's copy is written to here, which shows on the hands unless Blender copies the keys again."""
    if redo:
        bpy.ops.s2c.generate()
    played = hands().animation_data.action if redo else None
    copied = to_the_last_step(redo).evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert copied.is_evaluated
    assert not redo or hands().animation_data.action == played
    bag = compat.channelbag(copied, copied.slots[0])
    curve = bag.fcurves.find('pose.bones["f_index.02.L"].rotation_euler', index=0)
    for point in curve.keyframe_points:
        point.co.y = 0.123
    pump_until(lambda: not session.active)
    assert not session.view(0).error and not scene.get(unfinished.AHEAD)
    scene.frame_set(20)
    assert hands().pose.bones["f_index.02.L"].rotation_euler.x == pytest.approx(0.123)


def test_a_file_saved_before_the_last_step_has_nothing_of_the_take(scene, tmp_path):
    to_the_last_step()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"), copy=True)
    with bpy.data.libraries.load(str(tmp_path / "a.blend")) as (there, _):
        assert not there.actions
    pump_until(lambda: not session.active)
    assert not session.view(0).error and hands().animation_data.action is not None


def test_a_file_in_which_blender_died_before_the_last_step_opens_without_the_half(scene, tmp_path):
    """Blender's own rescue file is written without asking anybody."""
    action = to_the_last_step()
    bpy.data.libraries.write(str(tmp_path / "a.blend"), {scene, action}, fake_user=False)
    session.cancel()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert not bpy.data.actions and not any(unfinished.AHEAD in found for found in bpy.data.scenes)


@pytest.mark.parametrize("redo", [False, True])
def test_an_undo_step_taken_before_the_last_step_brings_nothing_of_the_take_back(scene, redo):
    if redo:
        bpy.ops.s2c.generate()
    there = len(bpy.data.actions)
    bpy.ops.ed.undo_push(message="before")
    to_the_last_step(redo)
    scene.frame_current += 1
    bpy.ops.ed.undo_push(message="frame")
    pump_until(lambda: not session.active)
    assert len(bpy.data.actions) == there + 1
    bpy.ops.ed.undo()
    assert len(bpy.data.actions) == there
    assert not any(unfinished.AHEAD in found for found in bpy.data.scenes)
    assert all(unfinished.MARK not in action for action in bpy.data.actions)
    bpy.ops.ed.redo()
    assert len(bpy.data.actions) == there + 1 and hands().animation_data.action is not None


def test_another_frame_rate_while_a_hand_is_made_is_a_sentence(scene, tmp_path):
    bpy.ops.s2c.generate()
    before = curves()
    session.order_take(bpy.context, job_operators.order_part(bpy.context, 2, "left"))
    scene.render.fps = 24
    pump_until(lambda: not session.active)
    assert session.view(0).code == "rate_changed" and curves() == before and len(bpy.data.actions) == 1


def test_a_job_that_runs_keeps_its_temporary_folder(tidy, tmp_path, monkeypatch):
    use_worker(monkeypatch, tmp_path, "slow")
    tidy()
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.machine.status.step == 1)
    with pytest.raises(UserError, match="being generated"):
        job_operators.order_new_take(bpy.context, 2)
    assert list((tmp_path / "tmp").glob("s2c-*/packed.wav"))


def test_a_job_without_temporary_files_has_no_temporary_folder(scene, tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    use_worker(monkeypatch, tmp_path, "slow")
    session.config = dataclasses.replace(session.config, temporary_root=tmp_path / "tmp")
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.machine.status.step == 1)
    assert not list((tmp_path / "tmp").iterdir())


def test_a_refusal_is_told_from_a_job_that_failed_and_can_be_dismissed(scene, tmp_path, monkeypatch):
    (tmp_path / "song.wav").unlink()
    with pytest.raises(RuntimeError):
        bpy.ops.s2c.generate()
    view = session.view(0)
    assert (view.refused, view.error, view.code) == (True, True, "sound_missing")
    session.dismiss()
    assert session.view(0) == View()
    write_sound(tmp_path / "song.wav")
    use_worker(monkeypatch, tmp_path, "error")
    with pytest.raises(RuntimeError):
        bpy.ops.s2c.generate()
    view = session.view(0)
    assert (view.refused, view.error, view.code) == (False, True, "silent_sound")
    bpy.ops.wm.read_homefile(use_empty=True)
    assert session.view(0) == View(), "the message belonged to the other file"


def test_dismiss_leaves_a_running_job_alone(scene, tmp_path, monkeypatch):
    use_worker(monkeypatch, tmp_path, "slow")
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.machine.status.step == 1)
    session.dismiss()
    session.refuse(UserError("busy", "A take is being generated."))
    assert session.active and session.machine.status.step == 1 and not session.view(0).refused


def ours():
    """How often each of our handlers is there, by event."""
    names = {handler.__name__ for _, handler in handlers_module.HANDLERS}
    return {
        event: [h.__name__ for h in getattr(bpy.app.handlers, event, []) if h.__name__ in names]
        for event, _ in handlers_module.HANDLERS
    }


def test_there_is_one_timer_and_one_set_of_handlers_whatever_happens(scene):
    expected = ours()
    assert all(len(found) == 1 for event, found in expected.items() if hasattr(bpy.app.handlers, event))
    s2c_blender.register()
    assert ours() == expected and bpy.app.timers.is_registered(handlers_module.tick)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.script.reload()
    assert ours() == expected and bpy.app.timers.is_registered(handlers_module.tick)
    stale, stale_timer = handlers_module.on_load_pre, handlers_module.tick
    importlib.reload(handlers_module)
    assert handlers_module.on_load_pre is not stale
    handlers_module.register()
    assert ours() == expected and stale not in bpy.app.handlers.load_pre
    assert bpy.app.timers.is_registered(handlers_module.tick) and not bpy.app.timers.is_registered(
        stale_timer
    )
    s2c_blender.unregister()
    s2c_blender.unregister()
    assert not any(ours().values()) and not bpy.app.timers.is_registered(handlers_module.tick)
    s2c_blender.register()
    assert ours() == expected


def test_the_timer_outlives_an_error(scene, monkeypatch, capsys):
    def broken(now):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(session, "pump", broken)
    assert handlers_module.tick() == session.config.idle_seconds
    assert "a defect" in capsys.readouterr().err


def test_what_dead_blenders_left_goes_when_the_extension_starts(scene, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    session.config = dataclasses.replace(session.config, temporary_root=tmp_path / "tmp" / "blender_mine")
    takes_folder = tmp_path / "data" / "takes"
    takes_folder.mkdir(parents=True)
    old = takes_folder / "song, seed 1.npz"
    left = tmp_path / "tmp" / "blender_dead" / "s2c-left"
    left.mkdir(parents=True)
    owner = {"pid": process.pid, "host": platform.node()}
    (left / temporary.MARKER).write_text(json.dumps(owner))
    old.write_text(json.dumps(owner))
    handlers_module.register()
    assert not left.exists() and not old.exists()


def test_registering_twice_leaves_nothing_behind(scene, tmp_path):
    bpy.ops.s2c.generate()
    process = session.machine._client.process
    handlers = [len(getattr(bpy.app.handlers, name, [])) for name, _ in handlers_module.HANDLERS]
    s2c_blender.unregister()
    assert process.returncode() is not None
    assert not bpy.app.timers.is_registered(handlers_module.tick) and not hasattr(
        bpy.types.Scene, "s2c_settings"
    )
    assert not hasattr(bpy.types, "S2C_PT_view3d")
    s2c_blender.register()
    assert [len(getattr(bpy.app.handlers, name, [])) for name, _ in handlers_module.HANDLERS] == handlers
    assert bpy.app.timers.is_registered(handlers_module.tick)


def test_one_state_machine_state_is_shown_at_a_time(scene):
    assert session.machine.status.state in (State.IDLE, State.DONE, State.FAILED)
    assert not session.view(0).active


def test_the_timer_goes_on_whatever_is_wrong_with_the_scene(scene, monkeypatch, capsys):
    def broken():
        raise AttributeError("something odd in a file")

    monkeypatch.setattr(follow.watch, "look", broken)
    assert handlers_module.tick() == session.config.idle_seconds
    assert "something odd" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_the_workers_log_is_this_blenders_own_and_private(scene, tmp_path):
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    (log,) = (tmp_path / "data" / "logs").iterdir()
    assert log.name.endswith(f"-{os.getpid()}.log") and stat.S_IMODE(log.stat().st_mode) == 0o600
