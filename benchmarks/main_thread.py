# SPDX-License-Identifier: GPL-3.0-or-later
"""How long Blender's main thread is held while a job runs, phase by phase.

    S2C_WORKER_PYTHON=.venv/bin/python .venv/bin/python benchmarks/main_thread.py --sound demo/SONG.wav
    .venv-blender52/bin/python benchmarks/main_thread.py --frames 9000       # five minutes, no generator
    .venv/bin/python benchmarks/main_thread.py --character                   # the same on a character of 160 bones

With `--sound` the real worker makes the take. With `--frames` a stand-in hands over a take of that many frames at
30 frames a second, so that only Blender's side is measured; it moves the channels that joints can move (64 of 120),
`--all-channels` moves all. With `--character` Mixamo's names on MPFB's rest data play, in quaternions. Bar: no call of
the pump above 50 ms. The second column is the main thread's own processor time, which other programs stretch less than
the first, what a clock on the wall shows. For comparison there is what an undo step takes in which nothing changed:
no undo step in that file takes less.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "s2c_blender")]

import bpy
import numpy as np
from character_helpers import mixamo_mapping, mpfb_armature, seated
from session_helpers import FRAMES, write_arms_take, write_sound, write_take

import s2c_blender
from s2c_blender.core import skeleton
from s2c_blender.order_from_scene import order_new_take, order_part
from s2c_blender.rig.armature import create_armature
from s2c_blender.rig.character import stored
from s2c_blender.session import SessionConfig, session

BAR_MS = 50.0


def still_channels() -> np.ndarray:
    """(16, 3) True where a joint cannot turn about an axis."""
    limits, joints = skeleton.DATA["limits"], []
    for joint in skeleton.JOINTS:
        finger, number = joint[:-1], joint[-1]
        joints.append(limits["wrist"] if joint == "wrist" else limits_of(finger, int(number) - 1))
    return np.array([[low == high for low, high in joint] for joint in joints])


def limits_of(finger: str, bone: int) -> list[list[float]]:
    """Limits (3, 2) of a finger's bone."""
    return skeleton.DATA["limits"]["thumb" if finger == "thumb" else "finger"][bone]


def write_stand_in(path: Path, frames: int, all_channels: bool) -> None:
    """A take for the stand-in to hand over."""
    write_take(path, frames)
    if all_channels:
        return
    with np.load(path, allow_pickle=False) as data:
        arrays = dict(data)
    arrays["euler"][:, :, still_channels()] = 0.0
    np.savez(path, **arrays)


def write_reachable(path: Path, frames: int) -> None:
    """A take that a character's arms reach: two seconds to and fro."""
    arrays = write_arms_take(path)
    for name in ("euler", "wrist", "elbow", "shoulder"):
        there_and_back = np.concatenate([arrays[name], arrays[name][::-1]])
        arrays[name] = np.concatenate([there_and_back] * -(-frames // (2 * FRAMES)))[:frames]
    write_arms_take(path, arrays)


def make_character(bones: int = 160) -> bpy.types.Object:
    """A character at its piano, with so many bones."""
    armature = mpfb_armature()
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    edits = armature.data.edit_bones
    for number in range(bones - len(edits)):
        extra = edits.new(f"face {number}")
        extra.head, extra.tail = (0.01 * number, 0, 1.5), (0.01 * number, 0, 1.55)
        extra.parent = edits["mixamorig:Head"]
    bpy.ops.object.mode_set(mode="OBJECT")
    stored.remember(armature, stored.with_piano(mixamo_mapping(armature), seated(armature)))
    return armature


def run_job(title: str) -> tuple[float, float]:
    """Pump until the job is done and print the longest call of each phase.

    Returns:
        The longest call of all, ms by the wall and of processor time.
    """
    longest: dict[str, float] = {}
    computed: dict[str, float] = {}
    calls: dict[str, int] = {}
    begin = time.perf_counter()
    while session.active:
        phase = session.view(time.monotonic()).text.split(",")[0]
        start, cpu = time.perf_counter(), time.thread_time()
        session.pump(time.monotonic())
        spent, used = 1000 * (time.perf_counter() - start), 1000 * (time.thread_time() - cpu)
        longest[phase] = max(longest.get(phase, 0.0), spent)
        computed[phase] = max(computed.get(phase, 0.0), used)
        calls[phase] = calls.get(phase, 0) + 1
        time.sleep(0.002)
    print(f"{title}: {time.perf_counter() - begin:.1f} s, {session.machine.status.state.value}")
    print(f"  {'phase':<32}{'pumps':>8}{'longest, ms':>14}{'processor, ms':>15}")
    for phase, value in longest.items():
        print(f"  {phase:<32}{calls[phase]:>8}{value:>14.2f}{computed[phase]:>15.2f}")
    if session.view(time.monotonic()).error:
        raise SystemExit(session.machine.status.message + "\n" + session.machine.status.detail)
    cpu = time.thread_time()
    bpy.ops.ed.undo_push(message="nothing")
    print(
        f"  an undo step in which nothing changed: {1000 * (time.thread_time() - cpu):.1f} ms of processor time"
    )
    return max(longest.values()), max(computed.values())


def push_down(armature: bpy.types.Object) -> None:
    """The take onto a strip: from then on it is evaluated frame by frame instead of read from its curves."""
    data = armature.animation_data
    action, slot = data.action, data.action_slot
    data.action = None
    data.nla_tracks.new().strips.new("take", 1, action).action_slot = slot


def main() -> None:
    """Measure what the command line asks for and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sound", type=Path, help="recording for the real worker")
    parser.add_argument("--frames", type=int, default=9000, help="length of the stand-in's take")
    parser.add_argument(
        "--all-channels", action="store_true", help="the stand-in moves all 114 that turn or move"
    )
    parser.add_argument(
        "--character", action="store_true", help="the stand-in's take goes onto a character of 160 bones"
    )
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
        if options.character:
            scene.s2c_settings.armature = make_character()
        else:
            create_armature(bpy.context, 1.0, scene.collection)
        config = SessionConfig(data_folder=folder / "data")
        if options.sound is None:
            if options.character:
                write_reachable(folder / "made.npz", options.frames)
            else:
                write_stand_in(folder / "made.npz", options.frames, options.all_channels)
            fake = ROOT / "tests" / "s2c_blender" / "fake_worker.py"
            command = (sys.executable, str(fake), "good", str(folder / "log"), str(folder / "made.npz"))
            config = SessionConfig(data_folder=folder / "data", worker_command=command)
        session.config = config
        print(f"Blender {bpy.app.version_string}")
        jobs = [
            ("Both hands", lambda: order_new_take(bpy.context, 1)),
            ("Left hand anew", lambda: order_part(bpy.context, 2, "left")),
            ("Both hands, ten seconds anew", lambda: order_part(bpy.context, 3, "", (301, 600))),
        ]
        worst = []
        for title, order in jobs:
            session.order_take(bpy.context, order())
            worst.append(run_job(title))
        push_down(scene.s2c_settings.armature)
        session.order_take(bpy.context, order_part(bpy.context, 4, "left"))
        worst.append(run_job("Left hand anew, the take on the NLA"))
        wall, cpu = (max(values) for values in zip(*worst, strict=True))
        print(
            f"longest hold of the main thread: {wall:.1f} ms, {cpu:.1f} ms of processor time (bar {BAR_MS:.0f} ms)"
        )
        s2c_blender.unregister()


if __name__ == "__main__":
    main()
