# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts one zip together and lets Blender's own command pack and check it; makes the repository of several."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from extension import blender_tool
from extension.contents import ONNX, Edition, copy
from extension.manifest import as_toml, manifest
from extension.targets import Target

MOST_BYTES = 130_000_000
"""A zip should not be larger; docs/editions.md says which one is."""


def zip_name(version: str, target: Target | None) -> str:
    """A zip's file name; each edition's lie in a folder of its own."""
    return f"s2c_blender-{version}{f'-{target.name}' if target else ''}.zip"


def make_zip(
    edition: Edition,
    target: Target | None,
    folder: Path,
    *,
    wheels: Sequence[Path] = (),
    onnx: Path | None = None,
    version: str = "",
) -> Path:
    """Build and validate a zip in `folder`; its path. ToolError when Blender's command refuses it.

    target: None for a zip without wheels. onnx: the folder of exported networks. version: another than the project's.
    """
    values = manifest(edition, target, [wheel.name for wheel in wheels])
    values["version"] = version or values["version"]
    archive = folder / zip_name(values["version"], target)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        copied = Path(name)
        copy(edition, copied)
        (copied / "blender_manifest.toml").write_text(as_toml(values), "utf-8")
        for wheel in wheels:
            (copied / "wheels").mkdir(exist_ok=True)
            shutil.copy(wheel, copied / "wheels")
        if onnx is not None:
            shutil.copytree(onnx, copied / ONNX, dirs_exist_ok=True)
        blender_tool.run("build", "--source-dir", str(copied), "--output-filepath", str(archive))
    blender_tool.run("validate", str(archive))
    return archive


def make_repository(folder: Path, version: str) -> None:
    """Make the static repository of the zips in `folder`: index.json for Blender, index.html for people.

    Zips of other versions are removed: where an index names two versions, Blender takes either.
    """
    for old in folder.glob("s2c_blender-*.zip"):
        if old.name.split("-")[1].removesuffix(".zip") != version:
            old.unlink()
    blender_tool.run("server-generate", f"--repo-dir={folder}", "--html")
