# SPDX-License-Identifier: GPL-3.0-or-later
"""The zips for every system and Blender, by their content, and what the self-contained edition promises."""

from __future__ import annotations

import ast
import hashlib
import itertools
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from extension.contents import Edition
from extension.manifest import WEIGHTS_OF, as_toml, credits_of, manifest, package_of
from extension.targets import PYTHONS, Target, choose
from extension.wheels import LEFT_TO_BLENDER, LOCK, WheelError, fetch, wanted
from extension.zips import MOST_BYTES, make_repository, make_zip
from locks.make import read

ROOT = Path(__file__).resolve().parents[2]
TARGETS = choose()
NETWORK = set(
    "urllib http socket socketserver ssl ftplib smtplib telnetlib xmlrpc requests httpx aiohttp asyncio webbrowser "
    "huggingface_hub transformers pip ensurepip venv".split()
)
"""Modules that go online, open a port, or install something."""
NETWORKS_BYTES = 36_000_000
"""What the exported networks add to a zip, and a little more; test_zip_plays.py measures a whole one."""
PLATFORM_TAGS = {"linux-x64": "manylinux", "windows-x64": "win_amd64", "macos-arm64": "macosx"}


def named(target: Target) -> str:
    return target.name


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """The wheels of every target, as pip fetches them; hashes are checked there."""
    folder = tmp_path_factory.mktemp("wheels")
    try:
        return {target.name: fetch(target, folder / target.name) for target in TARGETS}
    except WheelError as error:
        pytest.skip(f"the wheels of other systems cannot be fetched here: {error}")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, list[Path]]) -> Path:
    """A folder with the full zip of every target and their repository; the networks are not exported for it."""
    folder = tmp_path_factory.mktemp("dist")
    for target in TARGETS:
        make_zip(Edition.FULL, target, folder, wheels=wheels[target.name])
    make_repository(folder, version_of_project())
    return folder


def version_of_project() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def archive_of(dist: Path, target: Target) -> Path:
    return dist / f"s2c_blender-{version_of_project()}-{target.name}.zip"


def manifest_in(archive: Path) -> dict[str, object]:
    with zipfile.ZipFile(archive) as opened:
        return tomllib.loads(opened.read("blender_manifest.toml").decode("utf-8"))


# -- every target ---------------------------------------------------------------------------------------


@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", TARGETS, ids=named)
def test_a_zip_holds_the_wheels_of_its_system_as_they_were_published(target: Target, dist: Path) -> None:
    archive = archive_of(dist, target)
    hashes = {entry.name: entry.hashes for entry in read(LOCK)}
    found = {}
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if name.endswith(".whl"):
                found[name] = hashlib.sha256(opened.read(name)).hexdigest()
    assert {package_of(Path(name).name) for name in found} == {entry.name for entry in wanted(target)}
    assert sorted(f"./{name}" for name in found) == manifest_in(archive)["wheels"]
    for name, digest in found.items():
        wheel = Path(name).name
        assert digest in hashes[package_of(wheel)]
        python, abi, system = wheel.removesuffix(".whl").split("-")[-3:]
        assert system == "any" or PLATFORM_TAGS[target.platform.name] in system
        assert abi in ("none", "abi3") or python == f"cp{target.tag}"


@pytest.mark.parametrize("target", TARGETS, ids=named)
def test_a_zip_leaves_room_for_the_networks(target: Target, dist: Path) -> None:
    assert archive_of(dist, target).stat().st_size + NETWORKS_BYTES <= MOST_BYTES


def test_each_blender_gets_its_own_zip(dist: Path) -> None:
    found = [manifest_in(archive_of(dist, target)) for target in TARGETS]
    assert len({(str(m["platforms"]), m["blender_version_min"]) for m in found}) == len(TARGETS)
    spans = [(python.first, python.end or "9.9.9") for python in PYTHONS]
    assert spans[0][0] == "4.5.0" and all(a[1] == b[0] for a, b in itertools.pairwise(spans))


def test_the_repository_offers_all_of_them(dist: Path) -> None:
    index = (dist / "index.json").read_text("utf-8")
    assert all(archive_of(dist, target).name in index for target in TARGETS)
    assert "index.json" in (dist / "index.html").read_text("utf-8")


def test_another_python_than_blenders_can_be_asked_for() -> None:
    (target,) = choose("linux-x64", "3.14")
    assert target.name == "linux-x64-py314" and {"onnxruntime", "scipy"} <= {e.name for e in wanted(target)}
    with pytest.raises(ValueError, match="there is linux-x64, windows-x64, macos-arm64"):
        choose("amiga")


@pytest.mark.parametrize("target", TARGETS, ids=named)
def test_everybody_whose_work_is_in_it_is_named(target: Target) -> None:
    packages = [entry.name for entry in wanted(target)]
    values = manifest(
        Edition.FULL, target, [f"{name.replace('-', '_')}-1.0-py3-none-any.whl" for name in packages]
    )
    for name in (*packages, WEIGHTS_OF):
        credited = credits_of([name])
        assert credited["license"] and set(credited["license"]) <= set(values["license"])
        assert credited["copyright"] and set(credited["copyright"]) <= set(values["copyright"])
    assert "2026 S2C Piano Hands developers" in values["copyright"]
    with pytest.raises(KeyError):
        credits_of(["nobody-knows"])


def test_what_blender_has_is_not_brought() -> None:
    for target in TARGETS:
        assert not {entry.name for entry in wanted(target)} & set(LEFT_TO_BLENDER)


def test_a_manifest_is_written_as_it_is_read() -> None:
    values = manifest(Edition.FULL, TARGETS[0], ["scipy-1-py3-none-any.whl"])
    assert tomllib.loads(as_toml(values)) == values


# -- the self-contained edition ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def self_contained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The self-contained edition, without wheels, unpacked."""
    folder = tmp_path_factory.mktemp("self-contained")
    with zipfile.ZipFile(make_zip(Edition.SELF_CONTAINED, None, folder)) as opened:
        opened.extractall(folder / "unpacked")
    return folder / "unpacked"


def trees(folder: Path) -> dict[Path, ast.Module]:
    """Every module of an unpacked zip."""
    found = {path: ast.parse(path.read_text("utf-8")) for path in folder.rglob("*.py")}
    assert len(found) > 100
    return found


def imported(node: ast.AST) -> list[str]:
    """What an import statement names; nothing for another statement and for imports of neighbours."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module]
    return []


def test_it_asks_for_no_network(self_contained: Path) -> None:
    values = tomllib.loads((self_contained / "blender_manifest.toml").read_text("utf-8"))
    assert list(values["permissions"]) == ["files"]
    assert "network" in manifest(Edition.FULL, None, [])["permissions"]


def test_nothing_in_it_goes_online_or_installs(self_contained: Path) -> None:
    found = {
        f"{path.relative_to(self_contained)}: {name}"
        for path, tree in trees(self_contained).items()
        for node in ast.walk(tree)
        for name in imported(node)
        if name.split(".")[0] in NETWORK
    }
    assert found == set()
    assert not (self_contained / "s2c_blender" / "install").exists()
    assert not list(self_contained.rglob("locks"))
    text = "\n".join(path.read_text("utf-8") for path in self_contained.rglob("*.py"))
    assert not re.search(r"""["']-m["'], *["']pip["']|https?://""", text)


def test_the_full_edition_would_be_found() -> None:
    """The search above finds what the full edition has."""
    source = (ROOT / "s2c_blender" / "install" / "installer.py").read_text("utf-8")
    assert re.search(r"""["']-m["'], *["']pip["']""", source)


def test_nothing_in_it_runs_code_that_comes_from_elsewhere(self_contained: Path) -> None:
    for path, tree in trees(self_contained).items():
        for node in ast.walk(tree):
            called = node.func if isinstance(node, ast.Call) else None
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            assert not (isinstance(called, ast.Name) and name in ("exec", "eval", "compile", "__import__")), (
                path
            )
            if name == "system":
                assert not isinstance(called, ast.Attribute) or ast.unparse(called.value) != "os", path
            assert not {"pickle", "marshal", "shelve", "dill"} & {
                part.split(".")[0] for part in imported(node)
            }
        assert "shell=True" not in path.read_text("utf-8")


def test_what_its_modules_import_first_is_in_it(self_contained: Path) -> None:
    """Nothing that was left out is needed to begin with; what a function imports it may look for."""
    missing = {
        f"{path.relative_to(self_contained)}: {name}"
        for path, tree in trees(self_contained).items()
        for node in tree.body
        for name in imported(node)
        if name.split(".")[0] == "models"
        and not (self_contained / Path(*name.split("."))).with_suffix(".py").exists()
        and not (self_contained / Path(*name.split(".")) / "__init__.py").exists()
    }
    assert missing == set()


def test_all_of_it_can_be_read(self_contained: Path) -> None:
    """Source code and data; the wheels besides are as they were published."""
    kinds = {path.suffix for path in self_contained.rglob("*") if path.is_file()}
    assert kinds <= {".py", ".toml", ".md", ".json", ".safetensors", ".npz", ".txt", ".onnx", ""}
    assert [path.name for path in self_contained.rglob("*") if path.is_file() and not path.suffix] == [
        "LICENSE"
    ]
