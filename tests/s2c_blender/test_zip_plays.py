# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip as it ships, installed in a Blender with an empty profile: it plays a recording with nothing else there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from test_extension import in_clean_profile

from extension.build import export
from extension.contents import Edition
from extension.targets import Target, choose
from extension.wheels import WheelError, fetch
from extension.zips import MOST_BYTES, make_zip

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = "Scripts/python.exe" if os.name == "nt" else "bin/python"
EXPORTING = ROOT / ".venv" / SCRIPTS
"""The checkout's Python with torch, which exports the networks."""
PLAY = """
import dataclasses, json, os, sys
from pathlib import Path
import bpy

bpy.ops.preferences.addon_enable(module="bl_pkg")
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
ours = "bl_ext.user_default.s2c_blender.s2c_blender"
session = sys.modules[ours + ".session"].session
choice = session.choose_python(bpy.context)
unpacked = [folder for folder in choice.folders if ".local" in folder]
# This Blender is a module of a Python that has packages of ours. Blender's own has NumPy alone, so that is what the
# worker gets here.
bare = dataclasses.replace(choice, path=os.environ["BARE_PYTHON"], folders=(*unpacked, os.environ["ONLY_NUMPY"]))
session.choose_python = lambda _context: bare
session.config = dataclasses.replace(session.config, data_folder=Path(os.environ["DATA"]))
scene = bpy.context.scene
scene.render.fps = 30
bpy.ops.s2c.add_hands()
bpy.ops.s2c.add_recording(filepath=os.environ["RECORDING"])
scene.s2c_settings.range_mode = "CUSTOM"
scene.s2c_settings.frame_start, scene.s2c_settings.frame_end = 1, 120
answer = sorted(bpy.ops.s2c.generate())
facts = {
    "source": choice.source,
    "problem": choice.problem,
    "unpacked": unpacked,
    "online": bpy.app.online_access,
    "answer": answer,
    "result": scene.s2c_settings.result,
    "packages": session.machine.hello["packages"],
    "executable": session.machine.hello["executable"],
}
bpy.ops.preferences.addon_disable(module="bl_ext.user_default.s2c_blender")
print("FACTS" + json.dumps(facts))
sys.stdout.flush()
os._exit(0)
"""


def target() -> Target:
    """The zip for the Blender under test."""
    system = {"linux": "linux-x64", "win32": "windows-x64", "darwin": "macos-arm64"}[sys.platform]
    (found,) = choose(system, f"{sys.version_info[0]}.{sys.version_info[1]}")
    return found


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The self-contained edition, whole."""
    if not EXPORTING.is_file():
        pytest.skip("no .venv with torch, which exports the networks: python dev.py setup makes one")
    folder = tmp_path_factory.mktemp("dist")
    try:
        wheels = fetch(target(), folder / "wheels")
    except WheelError as error:
        pytest.skip(f"the wheels cannot be fetched here: {error}")
    export(str(EXPORTING), folder / "onnx")
    return make_zip(Edition.SELF_CONTAINED, target(), folder, wheels=wheels, onnx=folder / "onnx")


@pytest.fixture
def only_numpy(tmp_path: Path) -> Path:
    """A folder of packages with NumPy in it, as Blender's Python has it."""
    import numpy

    site, folder = Path(numpy.__file__).parents[1], tmp_path / "only-numpy"
    folder.mkdir()
    for name in ("numpy", "numpy.libs"):
        if (site / name).exists():
            (folder / name).symlink_to(site / name)
    return folder


def test_the_zip_is_no_larger_than_the_docs_say(archive: Path) -> None:
    page = (ROOT / "docs" / "editions.md").read_text("utf-8")
    line = next(line for line in page.splitlines() if line.startswith(f"| {target().platform.name} |"))
    said = max(float(number) for number in re.findall(r"[\d.]+", line.replace(target().platform.name, "")))
    assert archive.stat().st_size <= min(1.01e6 * said, MOST_BYTES)


def test_the_licence_of_the_published_transcriber_lies_beside_its_weights(archive: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        files = {PurePosixPath(name) for name in opened.namelist()}
        (weights,) = {path.parent for path in files if path.suffix == ".onnx" and "transcriber" in path.parts}
        licence = opened.read(str(weights / "LICENSE.txt")).decode()
    assert "MIT License" in licence and "Permission is hereby granted" in licence and "Copyright" in licence


@pytest.mark.timeout(600)
def test_a_recording_is_played_with_nothing_but_the_zip(
    archive: Path, only_numpy: Path, tmp_path: Path
) -> None:
    python = str(Path(getattr(sys, "_base_executable", sys.executable)).resolve())
    facts = in_clean_profile(
        PLAY,
        archive,
        tmp_path,
        BARE_PYTHON=python,
        ONLY_NUMPY=str(only_numpy),
        DATA=str(tmp_path / "data"),
        RECORDING=str(ROOT / "demo" / "recording.flac"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert (facts["source"], facts["problem"], facts["online"]) == ("built-in", "", False)
    assert len(facts["unpacked"]) == 1 and Path(facts["unpacked"][0]).is_relative_to(tmp_path / "profile")
    assert facts["answer"] == ["FINISHED"] and "notes played" in facts["result"]
    packages = facts["packages"]
    assert (packages["torch"], packages["av"]) == (None, None) and packages["onnxruntime"]
    assert not list((tmp_path / "cache").rglob("*.onnx"))  # those of the zip are used


def test_the_bare_python_of_the_test_has_no_torch(only_numpy: Path) -> None:
    python = getattr(sys, "_base_executable", sys.executable)
    done: Any = subprocess.run([python, "-I", "-c", "import torch"], capture_output=True, check=False)
    assert done.returncode != 0
