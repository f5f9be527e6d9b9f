# SPDX-License-Identifier: GPL-3.0-or-later
"""How long Blender's main thread is held while a job runs, phase by phase.

    S2C_WORKER_PYTHON=.venv/bin/python .venv/bin/python benchmarks/main_thread.py --sound demo/SONG.wav
    .venv-blender52/bin/python benchmarks/main_thread.py --frames 9000       # five minutes, no generator

With `--sound` the real worker makes the take. With `--frames` a stand-in hands over a take of that many frames at
30 frames a second, so that only Blender's side is measured. Bar: no call of the pump above 50 ms.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "s2c_blender")]

import bpy  # noqa: E402
from session_helpers import write_sound, write_take  # noqa: E402

import s2c_blender  # noqa: E402
from s2c_blender.operators.jobs import order_hand, order_new_take  # noqa: E402
from s2c_blender.rig.armature import create_armature  # noqa: E402
from s2c_blender.session import SessionConfig, session  # noqa: E402

BAR_MS = 50.0


def run_job(title: str) -> float:
    """Pump until the job is done and print the longest call of each phase; returns the longest of all in ms."""
    longest: dict[str, float] = {}
    calls: dict[str, int] = {}
    begin = time.perf_counter()
    while session.active:
        phase = session.view(time.monotonic()).text.split(",")[0]
        start = time.perf_counter()
        session.pump(time.monotonic())
        spent = 1000 * (time.perf_counter() - start)
        longest[phase] = max(longest.get(phase, 0.0), spent)
        calls[phase] = calls.get(phase, 0) + 1
        time.sleep(0.002)
    print(f"{title}: {time.perf_counter() - begin:.1f} s, {session.machine.status.state.value}")
    print(f"  {'phase':<32}{'pumps':>8}{'longest, ms':>14}")
    for phase, value in longest.items():
        print(f"  {phase:<32}{calls[phase]:>8}{value:>14.2f}")
    if session.view(time.monotonic()).error:
        raise SystemExit(session.machine.status.message + "\n" + session.machine.status.detail)
    return max(longest.values())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sound", type=Path, help="recording for the real worker")
    parser.add_argument("--frames", type=int, default=9000, help="length of the stand-in's take")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        s2c_blender.register()
        scene = bpy.context.scene
        scene.render.fps, scene.render.fps_base = 30, 1.0
        scene.sequence_editor_create()
        sound = options.sound or write_sound(folder / "song.wav", options.frames / 30)
        scene.sequence_editor.strips.new_sound("Piano", str(sound.resolve()), 1, 1)
        create_armature(bpy.context, 1.0, scene.collection)
        config = SessionConfig(data_folder=folder / "data")
        if options.sound is None:
            write_take(folder / "made.npz", options.frames)
            fake = ROOT / "tests" / "s2c_blender" / "fake_worker.py"
            command = (sys.executable, str(fake), "good", str(folder / "log"), str(folder / "made.npz"))
            config = SessionConfig(data_folder=folder / "data", worker_command=command)
        session.config = config
        print(f"Blender {bpy.app.version_string}")
        session.order_take(bpy.context, order_new_take(bpy.context, 1))
        worst = run_job("Both hands")
        session.order_take(bpy.context, order_hand(bpy.context, 2, "left"))
        worst = max(worst, run_job("Left hand anew"))
        print(f"longest hold of the main thread: {worst:.1f} ms (bar {BAR_MS:.0f} ms)")
        s2c_blender.unregister()


if __name__ == "__main__":
    main()
