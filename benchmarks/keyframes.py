# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to write a take's keyframes.

    .venv/bin/python benchmarks/keyframes.py
    .venv-blender52/bin/python benchmarks/keyframes.py --seconds 300 --fps 30 60

Prints a table: every key of both hands and arms (2 x 57 curves that move), written into a new action as the extension
does it, natural arms included.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bpy
import numpy as np

import s2c_blender


def write_take(path: Path, seconds: float, fps: float) -> int:
    """A take of smooth motion without notes; its number of keyframes."""
    frames = int(seconds * fps)
    phase = np.arange(frames, dtype=np.float32)[:, None, None, None] / fps
    euler = 0.4 * np.sin(phase * np.linspace(0.5, 3, 96, dtype=np.float32).reshape(2, 16, 3))
    wrist = 0.1 * np.sin(phase[..., 0] * np.linspace(0.5, 1, 6, dtype=np.float32).reshape(2, 3))
    np.savez(
        path,
        fps=np.float64(fps),
        euler=euler.astype(np.float32),
        wrist=wrist.astype(np.float32),
        notes=np.zeros((0, 4), np.float32),
        fingering=np.zeros((0, 2), np.int8),
        meta=np.array(json.dumps({"format": 1})),
    )
    return frames * 2 * 57


def measure(seconds: float, fps: int, folder: Path) -> tuple[int, float]:
    """Keys written, and the seconds that Apply Take took, its undo step included."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = fps
    bpy.ops.s2c.add_hands()
    path = folder / f"take{fps}.npz"
    keys = write_take(path, seconds, fps)
    began = time.perf_counter()
    bpy.ops.s2c.apply_take(filepath=str(path))
    return keys, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="length of the music")
    parser.add_argument("--fps", type=int, nargs="+", default=[24, 30, 60])
    options = parser.parse_args()
    s2c_blender.register()
    try:
        print(
            f"Blender {bpy.app.version_string}, {os.cpu_count()} cores, {options.seconds:g} s of music, both hands"
        )
        print(f"{'fps':>5} {'keyframes':>10} {'seconds':>8} {'keys/s':>10}")
        with tempfile.TemporaryDirectory() as folder:
            for fps in options.fps:
                keys, seconds = measure(options.seconds, fps, Path(folder))
                print(f"{fps:>5} {keys:>10,} {seconds:>8.2f} {keys / seconds:>10,.0f}")
    finally:
        s2c_blender.unregister()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the bpy module may hang in its own exit (Blender 4.5)
