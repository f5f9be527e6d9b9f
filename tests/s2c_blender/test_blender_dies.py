# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender is killed in the middle of a job: its worker goes at once, its files when Blender is started again."""

import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import bpy

from s2c_blender import handlers
from s2c_blender.core.temporary import process_runs
from s2c_blender.session import SessionConfig, session

ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import sys, time
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests/s2c_blender"]
import bpy
import s2c_blender
from session_helpers import FAKE, write_sound
from s2c_blender.order_from_scene import order_new_take
from s2c_blender.session import SessionConfig, session
folder = Path(sys.argv[2])
bpy.ops.wm.read_factory_settings(use_empty=True)
s2c_blender.register()
session.config = SessionConfig(
    worker_command=(sys.executable, str(FAKE), "slow"),
    data_folder=folder / "data",
    temporary_root=folder / "tmp",
)
scene = bpy.context.scene
strip = scene.sequence_editor_create().strips.new_sound("Piano", str(write_sound(folder / "song.wav")), 1, 1)
strip.sound.pack()
bpy.ops.s2c.add_hands()
session.order_take(bpy.context, order_new_take(bpy.context, 1))
while session.machine.status.step != 1:
    session.pump(time.monotonic())
print("WORKER", session.machine._client.process.pid, flush=True)
time.sleep(600)
"""


def test_nothing_is_left_of_a_blender_that_was_killed(tmp_path):
    (tmp_path / "tmp").mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(ROOT), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        worker = next(int(line.split()[1]) for line in child.stdout if line.startswith("WORKER"))
        takes = tmp_path / "data" / "takes"
        assert process_runs(worker)
        assert len(list((tmp_path / "tmp").glob("s2c-*/packed.wav"))) == len(list(takes.iterdir())) == 1
        bpy.ops.wm.read_factory_settings(use_empty=True)
        session.config = SessionConfig(data_folder=tmp_path / "data", temporary_root=tmp_path / "tmp")
        deque(handlers.tidy(), maxlen=0)
        assert list((tmp_path / "tmp").iterdir()) and list(takes.iterdir()), "that Blender still runs"
    finally:
        child.kill()
        child.wait()
    end = time.monotonic() + 60
    while process_runs(worker) and time.monotonic() < end:
        time.sleep(0.05)
    assert not process_runs(worker)
    deque(handlers.tidy(), maxlen=0)
    assert not list((tmp_path / "tmp").iterdir()) and not list(takes.iterdir())
    session.config = SessionConfig()
