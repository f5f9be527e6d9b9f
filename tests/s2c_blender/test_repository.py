# SPDX-License-Identifier: GPL-3.0-or-later
"""The static repository: a Blender adds it by its address, installs from it, and updates to the next version."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from extension.contents import Edition
from extension.zips import make_repository, make_zip

FIRST, SECOND = "0.8.1", "0.8.2"
VISIT = """
import json, os, shutil, sys, tomllib
from pathlib import Path
import bpy

address, public, later = sys.argv[1:]
bpy.ops.preferences.addon_enable(module="bl_pkg")
preferences = bpy.context.preferences
preferences.system.use_online_access = True
preferences.extensions.repos.new(name="Ours", module="ours", remote_url=address)
index = [repo.module for repo in preferences.extensions.repos].index("ours")
module = "bl_ext.ours.s2c_blender"


def look():
    manifest = Path(sys.modules[module].__file__).with_name("blender_manifest.toml")
    return [tomllib.loads(manifest.read_text("utf-8"))["version"], module in preferences.addons]


bpy.ops.extensions.repo_sync(repo_index=index)
bpy.ops.extensions.package_install(repo_index=index, pkg_id="s2c_blender", enable_on_install=True)
facts = [look()]
shutil.rmtree(public)
shutil.copytree(later, public)
bpy.ops.extensions.repo_sync(repo_index=index)
bpy.ops.extensions.package_upgrade_all()
facts.append(look())
before = len(bpy.data.objects)
bpy.ops.s2c.add_hands()
facts.append(len(bpy.data.objects) > before)
print("FACTS" + json.dumps(facts))
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A repository's folder for each of two versions; without wheels, which Blender installs alike."""
    folders = {}
    for version in (FIRST, SECOND):
        folders[version] = tmp_path_factory.mktemp("dist")
        make_zip(Edition.FULL, None, folders[version], version=version)
        make_repository(folders[version], version)
    return folders


@pytest.fixture
def server(tmp_path: Path, versions: dict[str, Path]) -> Iterator[tuple[str, Path]]:
    """Address of the first version's index on the loopback, and the folder that is served."""
    public = tmp_path / "public"
    shutil.copytree(versions[FIRST], public)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(public))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/index.json", public
        serving.shutdown()


def test_it_is_installed_from_its_address_and_updated(
    server: tuple[str, Path], versions: dict[str, Path], tmp_path: Path
) -> None:
    address, public = server
    variables = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "profile")}
    variables.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", VISIT, address, str(public), str(versions[SECOND])],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FACTS")]
    assert lines, done.stdout[-3000:] + done.stderr
    assert json.loads(lines[0].removeprefix("FACTS")) == [[FIRST, True], [SECOND, True], True]


def test_there_is_a_page_to_read(versions: dict[str, Path]) -> None:
    page = (versions[FIRST] / "index.html").read_text("utf-8")
    assert f"s2c_blender-{FIRST}.zip" in page and "S2C Piano Hands" in page


def test_an_index_names_one_version(versions: dict[str, Path], tmp_path: Path) -> None:
    for folder in versions.values():
        shutil.copytree(folder, tmp_path / "dist", dirs_exist_ok=True)
    make_repository(tmp_path / "dist", SECOND)
    index = json.loads((tmp_path / "dist" / "index.json").read_text("utf-8"))
    assert [entry["version"] for entry in index["data"]] == [SECOND]
