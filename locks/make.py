# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the lock files anew: each package of each environment, with its version and the hashes of its files.

    models/locks/packages.txt    what the worker with torch needs besides it; ships with the extension, as the next two
    models/locks/torch.txt       torch as the usual index has it; on Linux with the libraries for NVIDIA GPUs
    models/locks/torch-cpu.txt   torch for the CPU alone, for Linux; only PyTorch's own index has it
    locks/built_in.txt           what the worker without torch needs: the wheels of the extension's zips
    locks/main.txt               the developer's .venv, but torch
    locks/blender52.txt          the developer's .venv-blender52

They hold for every system and every Python that is supported. `python dev.py lock` runs this with the uv that
pyproject.toml pins. What is locked stays as it is unless a pin asks for something else, or `--upgrade` is given.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORKER, DEVELOPER = Path("models/locks"), Path("locks")
PYTHON_MIN = "3.11"
GPU = re.compile(r"torch|triton|nvidia-.+|cuda-.+")
"""Names of torch and of what only its builds for a GPU ask for."""
ENTRY = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[^\s;\\]+)(?: ; (?P<marker>[^\\]+?))?(?: \\)?$"
)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
HEADER = "# Written by `python dev.py lock`: change the pins in pyproject.toml and run that.\n"


class LockError(Exception):
    """Why no lock can be written, in a sentence."""


@dataclass(frozen=True)
class Entry:
    """One package of a lock file."""

    name: str
    version: str
    marker: str
    """Where it is needed; empty: everywhere."""
    hashes: tuple[str, ...]
    """SHA-256 of each file that may be installed."""

    def __str__(self) -> str:
        first = f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")
        return " \\\n".join([first, *(f"    --hash=sha256:{value}" for value in self.hashes)]) + "\n"


def parse(text: str) -> list[Entry]:
    """The entries of a lock file. LockError for a line that is none."""
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("    --hash=") and blocks:
            blocks[-1].append(line)
        elif line.strip() and not line.lstrip().startswith("#"):
            blocks.append([line])
    entries = []
    for block in blocks:
        found = ENTRY.match(block[0])
        hashes = tuple(value for line in block[1:] for value in HASH.findall(line))
        if found is None or not hashes:
            raise LockError(f"No version or no hash: {block[0]}")
        entries.append(Entry(found["name"], found["version"], found["marker"] or "", hashes))
    return entries


def read(path: Path) -> list[Entry]:
    """The entries of a lock file; none where there is no file."""
    return parse(path.read_text("utf-8")) if path.is_file() else []


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Write a lock file, sorted by name and version, `path` from the project's root on."""
    ordered = sorted(entries, key=lambda entry: (entry.name, entry.version))
    text = HEADER + "".join(map(str, ordered))
    (ROOT / path).write_text(text, "utf-8", newline="\n")
    print(f"{path}: {len(ordered)} packages")


def resolve(uv: str, requirements: Sequence[str], *options: str, known: Iterable[Entry] = ()) -> list[Entry]:
    """The whole tree of some requirements; `known` versions are kept where they fit."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "asked.in", Path(folder) / "answer.txt"
        asked.write_text("\n".join(requirements) + "\n", "utf-8")
        answer.write_text("".join(map(str, known)), "utf-8")
        command = [uv, "pip", "compile", str(asked), "--output-file", str(answer), "--quiet", "--no-config"]
        command += ["--universal", "--python-version", PYTHON_MIN, "--generate-hashes", "--no-header"]
        command += ["--no-annotate", "--only-binary", ":all:", *options]
        plain = {k: v for k, v in os.environ.items() if not k.startswith("UV_") or k == "UV_DEFAULT_INDEX"}
        if subprocess.run(command, env=plain, cwd=folder, check=False).returncode:
            raise LockError("uv found no versions that fit together; its own words are above.")
        found = parse(answer.read_text("utf-8"))
    return [entry for entry in found if "== 'emscripten'" not in entry.marker]


def cpu_torch(uv: str, version: str, index: str) -> list[Entry]:
    """torch's builds for the CPU alone, from their index; without an address what is locked is kept."""
    path = ROOT / WORKER / "torch-cpu.txt"
    wanted = f"{version}+cpu"
    if index:
        pin = f"torch=={wanted}; sys_platform == 'linux'"
        return resolve(uv, [pin], "--no-deps", "--default-index", index)
    present = read(path)
    if [entry.version for entry in present] != [wanted]:
        raise LockError(
            f"torch {version} is new: add --torch-index and the address of PyTorch's index of CPU builds."
        )
    return present


def make(uv: str, *, torch_index: str = "", upgrade: bool = False) -> None:
    """Write all lock files. LockError when that cannot be."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups, alone = project["project"]["optional-dependencies"], project["tool"]["s2c"]["no-deps"]
    environments = project["tool"]["s2c"]["environments"]
    pins = {name: [pin for group in names for pin in groups[group]] for name, names in environments.items()}
    paths = [DEVELOPER / f"{name}.txt" for name in environments]
    paths += [WORKER / name for name in ("packages.txt", "torch.txt")]
    known = () if upgrade else tuple(entry for path in paths for entry in read(ROOT / path))

    without = resolve(uv, alone, "--no-deps", known=known)
    trees = {}
    for name, requirements in pins.items():
        trees[name] = resolve(uv, requirements, known=known)
    built_in = resolve(uv, groups["worker"], known=trees["main"])
    worker = resolve(uv, [*groups["worker"], *groups["torch"]], known=trees["main"])
    torch = [entry for entry in worker if GPU.fullmatch(entry.name)]
    version = next(entry.version for entry in torch if entry.name == "torch")
    cpu = cpu_torch(uv, version, torch_index)

    write(WORKER / "packages.txt", [*(e for e in worker if not GPU.fullmatch(e.name)), *without])
    write(DEVELOPER / "built_in.txt", built_in)
    write(WORKER / "torch.txt", torch)
    write(WORKER / "torch-cpu.txt", cpu)
    for name, tree in trees.items():
        rest = [entry for entry in tree if not GPU.fullmatch(entry.name)]
        write(DEVELOPER / f"{name}.txt", [*rest, *without] if name == "main" else rest)


def main() -> int:
    """Make all lock files; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uv", default="uv", help="the uv to use")
    parser.add_argument("--torch-index", default="", help="address of PyTorch's index of CPU builds")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that the pins allow")
    arguments = parser.parse_args()
    try:
        make(arguments.uv, torch_index=arguments.torch_index, upgrade=arguments.upgrade)
    except LockError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
