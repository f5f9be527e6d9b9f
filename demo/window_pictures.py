# SPDX-License-Identifier: GPL-3.0-or-later
r"""The pictures of a new scene and of hands that play in docs/animators.md, taken by a Blender with a window.

    S2C_WORKER_PYTHON=$PWD/.venv/bin/python blender --factory-startup --window-geometry 0 0 1600 900 \
        --python demo/window_pictures.py -- docs/images

On X11, on a screen of 1600 x 900, with ImageMagick. Does what an animator does: New Piano Scene, Add Recording (the
demo's), Generate. Writes new-scene.jpg and panel-result.jpg, and ends.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import bpy

import s2c_blender
from demo.window import picture, run
from s2c_blender.session import SessionConfig, session

NAME = "My Waltz"
FRAME = 278
"""Of the picture in which they play: a chord."""
WIDTH = 1280


def main() -> None:
    """Set the pictures up one after another."""
    folder = Path(sys.argv[sys.argv.index("--") + 1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp())
    recording = work / f"{NAME}.flac"
    shutil.copy(HERE / "recording.flac", recording)
    bpy.context.preferences.view.show_splash = False
    s2c_blender.register()
    session.config = SessionConfig(data_folder=work / "data")
    scene = bpy.context.scene
    steps = [
        lambda: bpy.ops.s2c.new_scene(hide_cube=True),
        lambda: picture(folder / "new-scene.jpg", width=WIDTH),
        lambda: bpy.ops.s2c.add_recording(filepath=str(recording)),
        lambda: bpy.ops.s2c.generate("INVOKE_DEFAULT"),
        lambda: scene.frame_set(FRAME),
        lambda: picture(folder / "panel-result.jpg", width=WIDTH),
        lambda: shutil.rmtree(work, ignore_errors=True),
    ]
    run(steps, ready=lambda: not session.busy)


main()
