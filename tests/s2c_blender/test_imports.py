# SPDX-License-Identifier: GPL-3.0-or-later
"""What the code that runs in Blender imports, wherever in a file: what Blender ships, and itself by relative path."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

SHIPPED = {
    "bpy",
    "bmesh",
    "mathutils",
    "bpy_extras",
    "aud",
    "gpu",
    "gpu_extras",
    "addon_utils",
    "blf",
    "numpy",
}


def imported(source: str) -> set[str]:
    """Top-level names of all absolute imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module).split(".")[0])
    return names


def sources(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import torch.nn\nfrom numpy import array", {"torch", "numpy"}),
        ("def f():\n    from models.body.take import load", {"models"}),
        ("from . import compat\nfrom ..core import jobs", set()),
    ],
)
def test_imports_are_seen(text: str, names: set[str]) -> None:
    assert imported(text) == names


def test_only_what_blender_ships(project_root: Path) -> None:
    """Itself only relatively: an installed extension is `bl_ext.<repository>.s2c_blender.s2c_blender`."""
    allowed = SHIPPED | sys.stdlib_module_names
    package = project_root / "s2c_blender"
    wrong = {
        str(path.relative_to(package)): imported(path.read_text("utf-8")) - allowed
        for path in sources(package)
    }
    assert {path: names for path, names in wrong.items() if names} == {}


def test_the_core_needs_no_blender_at_all(project_root: Path) -> None:
    core = project_root / "s2c_blender" / "core"
    allowed = {"numpy"} | sys.stdlib_module_names
    wrong = {path.name: imported(path.read_text("utf-8")) - allowed for path in sources(core)}
    assert {name: names for name, names in wrong.items() if names} == {}
