# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs during which everything happens at a random moment; nothing is left behind after any of them.

S2C_SOAK_SEED sets the first seed (1), S2C_SOAK_JOBS the number of jobs with the stand-in worker (60),
S2C_SOAK_REAL_JOBS that with the real one (3).
"""

import gc
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import bpy
import pytest
from session_helpers import FAKE, HAND_CURVES, write_sound, write_take
from test_real_worker import RECORDING, worker_python

import s2c_blender
from s2c_blender import compat
from s2c_blender import handlers as handlers_module
from s2c_blender.core import worker_client
from s2c_blender.errors import UserError
from s2c_blender.install.environment import PYTHON_VARIABLE
from s2c_blender.order_from_scene import order_new_take, order_part
from s2c_blender.session import SessionConfig, session
from s2c_blender.takes import read_back, unfinished
from s2c_blender.takes.take_file import load_take
from s2c_blender.takes.take_paths import is_reserved

JOBS = int(os.environ.get("S2C_SOAK_JOBS", "60"))
SEED = int(os.environ.get("S2C_SOAK_SEED", "1"))
REAL_JOBS = int(os.environ.get("S2C_SOAK_REAL_JOBS", "3"))
CLOCKS, PIANO_KEYS, PEDALS = 2, 88, 1
PATIENCE = {"start_seconds": 60.0, "silence_seconds": 60.0, "cancel_grace_seconds": 1.0}
PATIENCE |= {"ping_seconds": 0.5, "stopped_seconds": 4.0}
CAN_STOP = hasattr(signal, "SIGSTOP")
WARM_UP = 8
"""Jobs until every cache is filled."""
GROWTH_KB = 30_000
GROWTH_KB_PER_JOB = 300
"""More memory than this a job is a leak."""


def step_back():
    """Undo, where there is something to undo."""
    if bpy.ops.ed.undo.poll():
        bpy.ops.ed.undo()


class Soak:
    """A scene, a session, and a source of trouble."""

    def __init__(self, tmp_path, seed, command=(), recording=None):
        self.folder, self.random, self.first_seed = tmp_path, random.Random(seed), seed
        self.recording = recording or write_sound(tmp_path / "my song.wav")
        self.processes = []
        self.seed = 0
        self.happened = []
        self.deleted = False
        """Whether a take may be there that nothing plays, because its armature is gone."""
        (tmp_path / "tmp").mkdir()
        session.config = SessionConfig(
            worker_command=command,
            patience=PATIENCE,
            data_folder=tmp_path / "data",
            temporary_root=tmp_path / "tmp",
            step_seconds=0.0005,
        )
        self.prepare()
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"), copy=True)

    def prepare(self):
        """What a job needs, where an undo, a file or a deletion took it away."""
        scene = bpy.context.scene
        scene.render.fps = 30
        editor = scene.sequence_editor_create() if scene.sequence_editor is None else scene.sequence_editor
        if not compat.sound_strips(scene):
            strip = editor.strips.new_sound("Piano", str(self.recording), 1, 1)
            if self.random.random() < 0.3:
                strip.sound.pack()
        settings = scene.s2c_settings
        if settings.armature is None or settings.armature.name not in scene.objects:
            bpy.ops.s2c.add_hands()
            bpy.ops.s2c.add_piano()
        settings.strip_name = ""
        bpy.ops.ed.undo_push(message="prepared")

    def order(self):
        """Begin a job of some kind; what is refused is refused in a sentence."""
        self.seed += 1
        scene, armature = bpy.context.scene, bpy.context.scene.s2c_settings.armature
        kinds = ["new", "new"] + (["hand", "range", "both"] if read_back.has_take(armature) else [])
        kind = self.random.choice(kinds)
        self.happened.append(kind)
        try:
            if kind == "new":
                order = order_new_take(bpy.context, self.seed)
            else:
                hand = self.random.choice(("left", "right")) if kind != "both" else ""
                window = (5, 20) if kind in ("range", "both") else None
                order = order_part(bpy.context, self.seed, hand, window)
            session.order_take(bpy.context, order)
        except UserError as fault:
            session.refuse(fault)
            assert session.view(0).refused and session.view(0).code == fault.code  # noqa: PT017  a fault may come or not
            return False
        assert scene == bpy.context.scene
        return True

    def pump(self, seconds):
        end = time.monotonic() + seconds
        while session.active and time.monotonic() < end:
            session.pump(time.monotonic())
            time.sleep(0.0005)

    def finish(self):
        self.pump(90.0)
        assert not session.active, session.view(time.monotonic())
        session.pump(time.monotonic())

    def trouble(self):
        """One of the things that happen in a day."""
        name = self.random.choice(
            ["nothing", "cancel", "cancel", "kill", "push", "undo", "undo redo", "open", "home"]
            + ["delete", "rate", "save", "rename", "refused"]
            + (["stop", "stop and go on"] if CAN_STOP else [])
        )
        self.happened.append(f"{name} at {session.view(time.monotonic()).text or 'the end'}")
        getattr(self, name.replace(" ", "_"))()

    def nothing(self):
        pass

    def cancel(self):
        session.cancel()

    def kill(self):
        if session.machine._client is not None:
            session.machine._client.process._process.kill()

    def stop(self):
        """The worker stands still, for good."""
        self.signal("SIGSTOP")

    def stop_and_go_on(self):
        """It stands still for a moment, as when a laptop is closed."""
        self.signal("SIGSTOP")
        self.pump(self.random.uniform(0, 0.3))
        self.signal("SIGCONT")

    def signal(self, name):
        client = session.machine._client
        if client is not None and client.process.returncode() is None:
            os.kill(client.process.pid, getattr(signal, name))

    def push(self):
        """Another step of the animator's, so that half of a take is in the history."""
        bpy.context.scene.frame_current += 1
        bpy.ops.ed.undo_push(message="frame")

    def undo(self):
        if self.random.random() < 0.5:
            self.push()
            self.pump(self.random.uniform(0, 0.05))
        step_back()

    def undo_redo(self):
        step_back()
        self.pump(self.random.uniform(0, 0.05))
        if self.random.random() < 0.3:
            self.check_actions_unless_working()
        if bpy.ops.ed.redo.poll():
            bpy.ops.ed.redo()

    def open(self):
        bpy.ops.wm.open_mainfile(filepath=str(self.folder / "other.blend"))
        self.deleted = False
        bpy.ops.ed.undo_push(message="opened")  # a window does this by itself

    def home(self):
        bpy.ops.wm.read_homefile(use_empty=True)
        self.deleted = False
        bpy.ops.ed.undo_push(message="opened")  # a window does this by itself

    def delete(self):
        armature = bpy.context.scene.s2c_settings.armature
        if armature is not None:
            bpy.data.objects.remove(armature)
            self.deleted = True

    def rate(self):
        bpy.context.scene.render.fps = self.random.choice((24, 25, 60))

    def save(self):
        bpy.ops.wm.save_as_mainfile(filepath=str(self.folder / "saved.blend"), copy=True)

    def rename(self):
        armature = bpy.context.scene.s2c_settings.armature
        if armature is not None:
            armature.name = self.random.choice(("Clara", "Robert"))

    def refused(self):
        """A job while one runs, and a refusal while none does."""
        session.refuse(UserError("no_strip", "There is no sound strip."))
        if self.random.random() < 0.5:
            session.dismiss()

    # -- what must hold -------------------------------------------------------------------------------

    def check(self):
        assert not list((self.folder / "tmp").glob("s2c-*"))
        self.check_takes()
        self.check_actions()
        self.check_view()
        assert len(self.running()) <= 1

    def running(self):
        return [process for process in self.processes if process.returncode() is None]

    def check_takes(self):
        for path in (self.folder / "data" / "takes").iterdir():
            assert path.suffix == ".npz" and not is_reserved(path), path
            assert list(load_take(path))[-1] is not None

    def check_actions_unless_working(self):
        if not session.active:
            self.check_actions()

    def check_actions(self):
        for action in bpy.data.actions:
            assert unfinished.MARK not in action, action.name
            complete = read_back.read_marks(action) is not None
            assert action.users or (self.deleted and complete), f"{action.name} is left over"
            if not complete:
                continue
            bags = [compat.channelbag(action, slot) for slot in action.slots]
            for bag in bags:
                motion = [curve for curve in bag.fcurves if '"]["' not in curve.data_path]
                ends = {tuple(curve.range()) for curve in motion}
                assert len(motion) == HAND_CURVES and len(ends) == 1, action.name
                assert len(bag.fcurves) == HAND_CURVES + CLOCKS + PIANO_KEYS + PEDALS, action.name

    def check_view(self):
        view = session.view(time.monotonic())
        assert not view.active and view.code != "defect"
        assert "\n" not in view.message and "Traceback" not in view.message
        assert not view.message or view.message.endswith(".")
        assert view.error == bool(view.code)

    def round(self, longest):
        self.happened = []
        before = self.takes()
        self.prepare()
        if self.order():
            for _ in range(self.random.choice((1, 1, 2))):
                self.pump(self.random.uniform(0, longest))
                self.trouble()
            self.finish()
            if session.view(0).message in ("Cancelled.", handlers_module.FILE_LOADED):
                assert self.takes() == before, "a job that was given up leaves no take"
        if self.random.random() < 0.3:
            self.happened.append("undo after the end")
            step_back()
        self.check()

    def takes(self):
        return {path.name for path in (self.folder / "data" / "takes").glob("*")}


@pytest.fixture
def soak(tmp_path, monkeypatch):
    made = []

    def make(seed, command=(), recording=None):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        s2c_blender.register()
        found = Soak(tmp_path, seed, command, recording)
        made.append(found)

        class Recorded(worker_client.ChildProcess):
            def __init__(self, *arguments, **named):
                super().__init__(*arguments, **named)
                found.processes.append(self)

        monkeypatch.setattr(worker_client, "ChildProcess", Recorded)
        return found

    yield make
    session.shutdown()
    for found in made:
        assert not found.running() and not list((tmp_path / "tmp").iterdir())
    session.config = SessionConfig()
    s2c_blender.unregister()


def resources():
    """Open files, threads, children and resident kilobytes of this process; zeros where nobody tells (no /proc)."""
    gc.collect()
    own = Path("/proc/self")
    if not own.exists():
        return 0, threading.active_count(), 0, 0
    children = (own / "task" / str(os.getpid()) / "children").read_text().split()
    memory = next(line for line in (own / "status").read_text().splitlines() if line.startswith("VmRSS"))
    return len(list((own / "fd").iterdir())), threading.active_count(), len(children), int(memory.split()[1])


def at_rest(soak):
    """What is held when the worker has ended and an empty file is open."""
    session.machine.shutdown()
    soak.home()
    end = time.monotonic() + 5
    while any(t.name == "s2c-pipe" for t in threading.enumerate()) and time.monotonic() < end:
        time.sleep(0.01)
    blocks = [getattr(bpy.data, name) for name in dir(bpy.data)]
    counted = sum(len(found) for found in blocks if isinstance(found, bpy.types.bpy_prop_collection))
    lists = [getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)]
    handlers = sum(len(found) for found in lists if isinstance(found, list))
    return *resources(), counted, handlers, bpy.app.timers.is_registered(handlers_module.tick)


def run(soak, jobs, longest):
    held = None
    print(f"soak: seed {soak.first_seed}, {jobs} jobs")
    for number in range(jobs):
        try:
            soak.round(longest)
        except Exception:
            print(f"seed {soak.first_seed}, job {number}: {soak.happened}", file=sys.stderr)
            raise
        if number == WARM_UP:
            held = at_rest(soak)
    if held is not None:
        now = at_rest(soak)
        print(f"soak: files, threads, children, kB, data blocks, handlers, timer: {held} -> {now}")
        assert now[:3] == held[:3] and now[4:] == held[4:]
        assert now[3] - held[3] < GROWTH_KB + GROWTH_KB_PER_JOB * (jobs - WARM_UP)
    # Whatever was busy is left in the midst of it.
    soak.prepare()
    soak.order()
    soak.pump(soak.random.uniform(0, longest))
    session.shutdown()
    soak.check()
    assert not soak.running()


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_jobs_leave_nothing_behind(seed, soak, tmp_path, monkeypatch):
    write_take(tmp_path / "made.npz")
    monkeypatch.setenv("FAKE_TAKE", str(tmp_path / "made.npz"))
    run(soak(seed, (sys.executable, str(FAKE), "steady")), JOBS // 2, 0.4)


@pytest.mark.timeout(600)
def test_jobs_of_the_real_worker_leave_nothing_behind(soak, tmp_path, monkeypatch):
    python = worker_python()
    if not python:
        pytest.skip("no Python with torch and transkun: python dev.py setup makes one")
    monkeypatch.setenv(PYTHON_VARIABLE, python)
    found = soak(3, (), RECORDING)
    scene = bpy.context.scene
    scene.s2c_settings.range_mode, scene.frame_start, scene.frame_end = "SCENE", 1, 60
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"), copy=True)
    run(found, REAL_JOBS, 8.0)
