# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own command for extensions, from the bpy package of the Python that runs this."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path


class ToolError(Exception):
    """What Blender's command said when it failed."""


def run(command: str, *arguments: str) -> str:
    """Run one of its commands (`build`, `validate`, `server-generate`); returns what it said. ToolError."""
    spec = importlib.util.find_spec("bpy")
    if spec is None or not spec.submodule_search_locations:
        raise ToolError(f"{sys.executable} has no bpy, whose command builds extensions.")
    (version,) = Path(spec.submodule_search_locations[0]).glob("*/scripts")
    program = version / "addons_core" / "bl_pkg" / "cli" / "blender_ext.py"
    if command in ("build", "validate"):
        tags = version / "modules" / "_bpy_internal" / "extensions" / "tags.py"
        arguments = (f"--valid-tags={tags}", *arguments)
    done = subprocess.run(
        [sys.executable, "-I", str(program), command, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ToolError(f"Blender's `{command}` failed: {done.stdout}{done.stderr}".strip())
    return done.stdout
