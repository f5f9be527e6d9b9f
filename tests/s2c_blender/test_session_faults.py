# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault on the way to a take: one sentence, nothing changed, and the next job works."""

import time

import bpy
import pytest
from session_helpers import (
    FRAMES,
    hands,
    pump_until,
    state_of_scene,
    use_worker,
    write_slowly,
    write_sound,
    write_take,
)

from s2c_blender import compat
from s2c_blender import handlers as handlers_module
from s2c_blender.core.jobs import State
from s2c_blender.errors import UserError
from s2c_blender.rig.armature import create_armature
from s2c_blender.session import SessionConfig, View, session
from s2c_blender.ui.operators import jobs as job_operators


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


def test_one_state_machine_state_is_shown_at_a_time(scene):
    assert session.machine.status.state in (State.IDLE, State.DONE, State.FAILED)
    assert not session.view(0).active
