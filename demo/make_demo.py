# SPDX-License-Identifier: GPL-3.0-or-later
"""From the recording in this folder to a .blend file, an FBX and pictures, through the real extension and worker.

    python dev.py demo                              everything, from a bare clone
    .venv/bin/python -m demo.make_demo --out out/demo --seed 7 --no-pictures

Runs Blender as a Python module, without a window, and presses the same buttons as an animator.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import bpy

import s2c_blender
from demo import stage
from s2c_blender.session import SessionConfig, session

HERE = Path(__file__).resolve().parent
RECORDING = HERE / "recording.flac"


def main(arguments: list[str] | None = None) -> int:
    """Make the demo; returns the exit status."""
    options = _options(arguments)
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("S2C_WORKER_PYTHON", sys.executable)
    began = time.monotonic()

    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    session.config = SessionConfig(data_folder=out / "data")
    try:
        scene = bpy.context.scene
        scene.render.fps, scene.render.fps_base = 30, 1.0
        add_recording(scene, options.sound)
        bpy.ops.s2c.add_piano()
        bpy.ops.s2c.add_hands()
        scene.s2c_settings.seed = options.seed
        _say(f"generating from {options.sound.name} (transcription, diffusion, key contact) ...")
        bpy.ops.s2c.generate()
        _say(scene.s2c_settings.result)

        armature = scene.s2c_settings.armature
        cameras = set_the_stage(scene)
        blend, fbx = out / "demo.blend", out / "demo.fbx"
        bpy.ops.s2c.export_fbx(filepath=str(fbx), preset="UNREAL")
        bpy.ops.file.pack_all()
        bpy.ops.wm.save_as_mainfile(filepath=str(blend), compress=True)
        _say(f"wrote {blend} and {fbx}")
        if options.pictures:
            frame = busiest_frame(scene, armature) if options.frame is None else options.frame
            for name in options.views:
                camera = cameras[name]
                picture = out / f"{name}.png"
                stage.render_still(scene, camera, frame, picture, size=options.size)
                _say(f"wrote {picture} (frame {frame})")
    finally:
        s2c_blender.unregister()
    _say(f"done in {time.monotonic() - began:.0f} s")
    return 0


def add_recording(scene: bpy.types.Scene, path: Path) -> None:
    """Put the recording on the timeline from frame 1, and let the scene last as long as it."""
    editor = scene.sequence_editor_create()
    strip = editor.strips.new_sound(path.stem, str(path), channel=1, frame_start=1)
    scene.frame_start, scene.frame_end = 1, max(2, int(strip.frame_final_end) + 15)
    scene.sync_mode = "AUDIO_SYNC"


def set_the_stage(scene: bpy.types.Scene) -> dict[str, bpy.types.Object]:
    """Lights, and a camera for every view, looking at where the hands play."""
    collection = bpy.data.collections.new("Demo Stage")
    scene.collection.children.link(collection)
    stage.light_the_stage(scene, collection)
    middle = middle_of_play(scene)
    cameras = {
        name: stage.add_camera(collection, f"Camera {name}", view, middle)
        for name, view in stage.VIEWS.items()
    }
    scene.camera = cameras["shoulder"]
    return cameras


def middle_of_play(scene: bpy.types.Scene) -> float:
    """X between the two wrists, on average over the take, metres."""
    armature = scene.s2c_settings.armature
    positions = []
    for frame in range(scene.frame_start, scene.frame_end, 15):
        scene.frame_set(frame)
        positions.append(sum(armature.pose.bones[name].head.x for name in ("hand.L", "hand.R")) / 2)
    return sum(positions) / len(positions)


def busiest_frame(scene: bpy.types.Scene, armature: bpy.types.Object) -> int:
    """The frame in which most fingertips are below the key tops: a chord."""
    best, most = scene.frame_start, -1
    tips = [bone.name for bone in armature.pose.bones if ".03." in bone.name]
    for frame in range(scene.frame_start + 30, scene.frame_end - 15, 2):
        scene.frame_set(frame)
        down = sum(armature.pose.bones[name].tail.z < -0.003 for name in tips)
        if down > most:
            best, most = frame, down
    return best


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make_demo", description="Make the demo: .blend, FBX and pictures.")
    parser.add_argument(
        "--out", type=Path, default=HERE.parent / "out" / "demo", help="folder for the results"
    )
    parser.add_argument("--sound", type=Path, default=RECORDING, help="recording to play")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--views", nargs="+", choices=sorted(stage.VIEWS), default=["shoulder"], help="pictures to render"
    )
    parser.add_argument("--frame", type=int, help="frame of the pictures; default: the fullest chord")
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument(
        "--no-pictures", dest="pictures", action="store_false", help="skip the Cycles renders"
    )
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    print(f"demo: {text}", flush=True)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the bpy module may hang in its own exit (Blender 4.5)
