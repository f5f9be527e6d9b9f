# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock files: they hold what pyproject.toml pins, whole and with hashes, and nothing that an index could change."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from locks import make
from locks.make import Entry, LockError, parse, read

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
GROUPS = PROJECT["project"]["optional-dependencies"]
ALONE = PROJECT["tool"]["s2c"]["no-deps"]
SHIPPED = ROOT / "models" / "locks"
LOCKS = sorted([*SHIPPED.glob("*.txt"), *(ROOT / "locks").glob("*.txt")])
MACHINES = [
    {"sys_platform": system, "platform_system": name, "platform_machine": machine, "os_name": kind}
    for system, name, machine, kind in (
        ("linux", "Linux", "x86_64", "posix"),
        ("linux", "Linux", "aarch64", "posix"),
        ("win32", "Windows", "AMD64", "nt"),
        ("darwin", "Darwin", "arm64", "posix"),
    )
]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def environments(pythons: tuple[str, ...]) -> list[dict[str, str]]:
    """Markers' variables for each machine and Python."""
    facts = {"implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": ""}
    return [
        {**machine, **facts, "python_version": version, "python_full_version": f"{version}.0"}
        for machine in MACHINES
        for version in pythons
    ]


def named(environment: dict[str, str]) -> str:
    return f"{environment['platform_machine']}-{environment['python_version']}"


def chosen(entries: list[Entry], environment: dict[str, str]) -> dict[str, str]:
    """Name and version of what a lock installs there; never two versions of one package."""
    found: dict[str, str] = {}
    for entry in entries:
        if not entry.marker or Marker(entry.marker).evaluate(environment):
            assert entry.name not in found
            found[entry.name] = entry.version
    return found


def wanted(pins: list[str], environment: dict[str, str]) -> dict[str, str]:
    found = {}
    for pin in map(Requirement, pins):
        if pin.marker is None or pin.marker.evaluate(environment):
            (specifier,) = pin.specifier
            found[canonicalize_name(pin.name)] = specifier.version
    return found


@pytest.mark.parametrize(
    "environment", environments(PYTHONS), ids=lambda e: f"{e['platform_machine']}-{e['python_version']}"
)
def test_the_workers_locks_hold_its_pins_everywhere(environment: dict[str, str]) -> None:
    packages = chosen(read(SHIPPED / "packages.txt"), environment)
    usual = chosen(read(SHIPPED / "torch.txt"), environment)
    for_cpu = chosen(read(SHIPPED / "torch-cpu.txt"), environment)
    pins = wanted([*GROUPS["worker"], *GROUPS["torch"], *ALONE], environment)
    assert pins.items() <= {**packages, **usual}.items()
    assert not set(packages) & set(usual) and not [n for n in packages if make.GPU.fullmatch(n)]
    linux = environment["sys_platform"] == "linux"
    assert (len(usual) > 1) == linux
    assert for_cpu == ({"torch": f"{pins['torch']}+cpu"} if linux else {})


@pytest.mark.parametrize("environment", environments(PYTHONS), ids=named)
def test_the_built_in_engines_lock_holds_its_pins_and_no_torch(environment: dict[str, str]) -> None:
    found = chosen(read(ROOT / "locks" / "built_in.txt"), environment)
    assert wanted(GROUPS["worker"], environment).items() <= found.items()
    assert found.items() <= chosen(read(SHIPPED / "packages.txt"), environment).items()
    assert not [name for name in found if make.GPU.fullmatch(name)]


@pytest.mark.parametrize(
    ("name", "python"), [("main", "3.11"), ("blender52", "3.13")], ids=["main", "blender52"]
)
def test_the_developers_locks_hold_their_pins(name: str, python: str) -> None:
    pins = [pin for group in PROJECT["tool"]["s2c"]["environments"][name] for pin in GROUPS[group]]
    pins += ALONE if name == "main" else []
    worker = read(SHIPPED / "packages.txt")
    for environment in environments((python,)):
        found = chosen(read(ROOT / "locks" / f"{name}.txt"), environment)
        needed = wanted(pins, environment)
        needed.pop("torch", None)
        assert needed.items() <= found.items()
        if name == "main":  # tests run with what is shipped
            assert chosen(worker, environment).items() <= found.items()


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_lock_has_only_versions_and_hashes(path: Path) -> None:
    text = path.read_text("utf-8")
    entries = parse(text)
    assert text == make.HEADER + "".join(map(str, entries))  # no address, no option, no folder
    assert entries and all(re.fullmatch(r"[\w.+!]+", entry.version) for entry in entries)


def test_what_is_installed_here_asks_for_nothing_that_is_not_locked() -> None:
    environment = environments((f"{sys.version_info[0]}.{sys.version_info[1]}",))[0]
    locked = chosen(read(SHIPPED / "packages.txt"), environment)
    everything = {*locked, *chosen(read(SHIPPED / "torch.txt"), environment)}
    for name in set(locked) - {canonicalize_name(Requirement(pin).name) for pin in ALONE}:
        try:
            asked = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # the environment of Blender 5.2 holds few of them
        for requirement in map(Requirement, asked):
            if requirement.marker is None or requirement.marker.evaluate(environment):
                assert canonicalize_name(requirement.name) in everything, f"{name} asks for {requirement}"


def test_a_line_without_a_hash_is_no_lock() -> None:
    good = "one==1.0 ; python_version > '3' \\\n    --hash=sha256:" + "a" * 64 + "\n"
    assert [str(entry) for entry in parse("# words\n" + good)] == [good]
    for bad in ("one==1.0\n", good.replace("==", ">="), "--extra-index-url https://x\n" + good):
        with pytest.raises(LockError):
            parse(bad)


def test_another_torch_needs_the_address_of_its_cpu_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make.cpu_torch("no uv", wanted(GROUPS["torch"], environments(("3.11",))[0])["torch"], "")
    with pytest.raises(LockError, match="--torch-index"):
        make.cpu_torch("no uv", "9.9.9", "")
