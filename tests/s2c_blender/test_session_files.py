# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job leaves on the disk: takes with names that one can read, and nothing else."""

import dataclasses
import json
import os
import platform
import stat
import subprocess
import sys

import bpy
import pytest
from session_helpers import (
    hands,
    pump_until,
    requests,
    use_worker,
)

from s2c_blender import handlers as handlers_module
from s2c_blender.core import temporary
from s2c_blender.core.jobs import State
from s2c_blender.errors import UserError
from s2c_blender.session import session
from s2c_blender.takes import clock
from s2c_blender.takes.take_paths import is_reserved
from s2c_blender.ui.operators import jobs as job_operators


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


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_the_workers_log_is_this_blenders_own_and_private(scene, tmp_path):
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    (log,) = (tmp_path / "data" / "logs").iterdir()
    assert log.name.endswith(f"-{os.getpid()}.log") and stat.S_IMODE(log.stat().st_mode) == 0o600
