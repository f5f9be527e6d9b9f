# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the guide lies, and Blender's Online Manual entry on our buttons and settings, which opens it."""

from __future__ import annotations

from pathlib import Path

import bpy

from .preferences import ROOT

PATTERNS = ("bpy.ops.s2c.*", "bpy.types.s2c_*")
"""What the guide explains; Blender asks in lower case."""


def guide() -> Path:
    """The animator's guide, which ships with the extension."""
    return ROOT / "docs" / "animators.md"


def manual_map() -> tuple[str, tuple[tuple[str, str], ...]]:
    """For `bpy.utils.register_manual_map`: the address that all others begin with, and what follows it."""
    return guide().as_uri(), tuple((pattern, "") for pattern in PATTERNS)


def register() -> None:
    """Let Blender's "Online Manual" find our pages."""
    bpy.utils.register_manual_map(manual_map)


def unregister() -> None:
    """Undo `register`."""
    bpy.utils.unregister_manual_map(manual_map)
