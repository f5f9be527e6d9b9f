# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's zip: what is in it, and whether a Blender with a clean profile installs and runs it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from extension.contents import Edition
from extension.zips import make_zip

INSTALL = """
import json, os, sys
import bpy

bpy.ops.preferences.addon_enable(module="bl_pkg")
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
module = "bl_ext.user_default.s2c_blender"
facts = {"enabled": module in bpy.context.preferences.addons, "folder": os.path.dirname(sys.modules[module].__file__)}
addon = bpy.context.preferences.addons[module]
facts["preferences"] = type(addon.preferences).__name__
facts["guide"] = str(sys.modules[module + ".s2c_blender.ui.manual"].guide())
before = set(bpy.data.objects)
facts["answer"] = sorted(bpy.ops.s2c.add_hands())
facts["bones"] = [len(o.data.bones) for o in bpy.data.objects if o not in before and o.type == "ARMATURE"]
bpy.ops.preferences.addon_disable(module=module)
facts["operators_left"] = [name for name in dir(bpy.types) if name.startswith("S2C_")]
print("FACTS" + json.dumps(facts))
sys.stdout.flush()
os._exit(0)
"""


SELF_CONTAINED = """
import json, os, sys
import bpy

bpy.ops.preferences.addon_enable(module="bl_pkg")
bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
module = "bl_ext.user_default.s2c_blender"
preferences = bpy.context.preferences.addons[module].preferences
session = sys.modules[module + ".s2c_blender.session"].session
facts = {
    "operators": [name for name in dir(bpy.types) if name.startswith("S2C_OT_")],
    "preferences": sorted(preferences.bl_rna.properties.keys()),
    "python": session.choose_python(bpy.context).path,
    "problem": session.choose_python(bpy.context).problem,
    "hands": sorted(bpy.ops.s2c.add_hands()),
    "installing": session.installer.active,
}
bpy.ops.preferences.addon_disable(module=module)
print("FACTS" + json.dumps(facts))
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full edition without wheels, built and validated by the builder of the Blender under test."""
    return make_zip(Edition.FULL, None, tmp_path_factory.mktemp("dist"))


def in_clean_profile(script: str, archive: Path, folder: Path, **more: str) -> dict[str, Any]:
    """The facts that a script prints in a Blender with an empty profile in `folder`; more: variables for it."""
    variables = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "profile"), **more}
    variables.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", script, str(archive)],
        cwd=folder,  # not the checkout: the installed copy must find everything in itself
        env=variables,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FACTS")]
    assert lines, done.stdout[-3000:] + done.stderr
    found = json.loads(lines[0].removeprefix("FACTS"))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def names(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        return set(opened.namelist())


def test_everything_that_the_extension_needs_is_in_the_zip(names: set[str], project_root: Path) -> None:
    files = [path for package in ("s2c_blender", "models") for path in (project_root / package).rglob("*")]
    paths = [path.relative_to(project_root) for path in files if path.is_file()]
    existing = {path.as_posix() for path in paths if "__pycache__" not in path.parts and path.name[0] != "."}
    assert {"models/hands.json", "s2c_blender/__init__.py"} <= existing
    assert {f"models/locks/{name}.txt" for name in ("packages", "torch", "torch-cpu")} <= existing
    assert existing <= names
    assert {"__init__.py", "blender_manifest.toml", "LICENSE", "README.md"} <= names


def test_nothing_else_is_in_the_zip(names: set[str]) -> None:
    top = {name.split("/")[0] for name in names}
    allowed = {
        "__init__.py",
        "blender_manifest.toml",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "docs",
        "models",
        "s2c_blender",
    }
    assert top <= allowed
    assert [name for name in names if name.startswith("docs/") and not name.endswith("/")] == [
        "docs/animators.md"
    ]
    assert not [
        name for name in names if "__pycache__" in name or "/." in name or name.endswith((".pyc", ".zip"))
    ]


def test_the_archive_is_small_enough_to_ship(archive: Path) -> None:
    assert archive.stat().st_size < 45e6


def test_a_clean_profile_installs_it_and_adds_hands(archive: Path, tmp_path: Path) -> None:
    facts = in_clean_profile(INSTALL, archive, tmp_path)
    assert facts["enabled"]
    assert Path(facts["folder"]).is_relative_to(tmp_path / "profile")
    assert facts["preferences"] == "S2C_Preferences"
    assert Path(facts["guide"]).is_file() and Path(facts["guide"]).is_relative_to(facts["folder"])
    assert facts["answer"] == ["FINISHED"]
    assert len(facts["bones"]) == 1 and facts["bones"][0] >= 32
    assert facts["operators_left"] == []


def test_the_self_contained_edition_works_and_knows_no_other_python(tmp_path: Path) -> None:
    archive = make_zip(Edition.SELF_CONTAINED, None, tmp_path)
    facts = in_clean_profile(SELF_CONTAINED, archive, tmp_path, S2C_WORKER_PYTHON=sys.executable)
    assert "S2C_OT_generate" in facts["operators"] and facts["hands"] == ["FINISHED"]
    assert not {"S2C_OT_install_runtime", "S2C_OT_delete_runtime"} & set(facts["operators"])
    assert {"rna_type", "name"} >= {name for name in facts["preferences"] if not name.startswith("bl_")}
    assert facts["python"] == "" and "no engine in it" in facts["problem"]  # it has no wheels here
    assert not facts["installing"]


def test_versions_have_one_source(project_root: Path) -> None:
    data = tomllib.loads((project_root / "pyproject.toml").read_text("utf-8"))
    manifest = tomllib.loads((project_root / "blender_manifest.toml").read_text("utf-8"))
    assert f'__version__ = "{manifest["version"]}"' in (project_root / "models" / "__init__.py").read_text(
        "utf-8"
    )
    assert manifest["version"] == data["project"]["version"]


def test_the_blender_under_test_is_the_pinned_one(project_root: Path) -> None:
    pinned = tomllib.loads((project_root / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    wanted = {pin.split(";")[0].removeprefix("bpy==").strip() for pin in pinned["blender"]}
    assert importlib.metadata.version("bpy") in wanted
