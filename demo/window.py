# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a Blender with a window: steps one after another, between which it draws. On X11, with ImageMagick."""

from __future__ import annotations

import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path

import bpy

WAIT_S = 4.0
"""Between two steps; software drawing is slow."""


def largest_area() -> tuple[bpy.types.Window, bpy.types.Area]:
    """The window and its largest area."""
    window = bpy.context.window_manager.windows[0]
    return window, max(window.screen.areas, key=lambda area: area.width * area.height)


def picture(path: Path, *, width: int | None = None, quality: int = 82) -> None:
    """The largest area, from the X server: with software drawing Blender's own pictures are black.

    width: pixels that the picture is made smaller to; None for as it is. quality: of a JPEG.
    """
    window, area = largest_area()
    top = window.height - area.y - area.height
    crop = f"{area.width}x{area.height}+{area.x}+{top}"
    command = ["import", "-window", "root", "-crop", crop, "+repage", "-strip", "-quality", str(quality)]
    if width is not None:
        command += ["-resize", str(width)]
    subprocess.run([*command, str(path)], check=True)


def run(steps: list[Callable[[], object]], ready: Callable[[], bool] = lambda: True) -> None:
    """Take the steps, each when ``ready`` says so and Blender has drawn what the one before did; then quit."""
    left = [*steps, bpy.ops.wm.quit_blender]

    def step() -> float | None:
        if ready():
            try:
                left.pop(0)()
            except Exception:
                traceback.print_exc()
                bpy.ops.wm.quit_blender()
        return WAIT_S if left else None

    bpy.app.timers.register(step, first_interval=WAIT_S)
