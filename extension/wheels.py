# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels of a zip: what the lock file names for its platform and Python, fetched as published, hashes checked."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.markers import Marker

from extension.targets import Target
from locks.make import ROOT, Entry, read

LOCK = ROOT / "locks" / "built_in.txt"
LEFT_TO_BLENDER = ("numpy",)
"""Blender has its own, which the other wheels work with (docs/editions.md)."""
PIP = (sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet")
LOCKED = ("--require-hashes", "--only-binary", ":all:", "--no-deps", "--progress-bar", "off")


class WheelError(Exception):
    """Why the wheels of a target are not there, in a sentence."""


def wanted(target: Target) -> list[Entry]:
    """The packages of the built-in engine there, less what Blender has."""
    markers = target.markers()
    return [
        entry
        for entry in read(LOCK)
        if entry.name not in LEFT_TO_BLENDER
        and (not entry.marker or Marker(entry.marker).evaluate(dict(markers)))
    ]


def fetch(target: Target, folder: Path) -> list[Path]:
    """The wheels of a target, one for each package; what is in `folder` already is not fetched again.

    WheelError when they cannot be fetched, or when what came is not what was asked for.
    """
    entries = wanted(target)
    found = present(entries, folder)
    if found is None:
        download(target, entries, folder)
        found = present(entries, folder)
    if found is None:
        raise WheelError(f"Not one wheel for each package of {target.name}: {sorted(folder.iterdir())}")
    return found


def download(target: Target, entries: list[Entry], folder: Path) -> None:
    """Let pip download what is locked. pip reads markers for the Python that runs it, so it gets plain lines."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        lines = Path(temporary) / "wheels.txt"
        plain = (Entry(entry.name, entry.version, "", entry.hashes) for entry in entries)
        lines.write_text("".join(map(str, plain)), "utf-8")
        command = [*PIP, *LOCKED, "--dest", str(folder), "--python-version", target.tag]
        command += ["--implementation", "cp", "--requirement", str(lines)]
        command += [f"--platform={tag}" for tag in target.platform.tags]
        command += [f"--abi={abi}" for abi in (f"cp{target.tag}", "abi3", "none")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=temporary)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise WheelError(f"The wheels of {target.name} cannot be fetched: {' '.join(said) or done.stderr}")


def present(entries: list[Entry], folder: Path) -> list[Path] | None:
    """The wheels in a folder, in the order of the entries; None unless each has exactly one, as it is locked."""
    found = []
    for entry in entries:
        pattern = f"{entry.name.replace('-', '_')}-{entry.version}-*.whl"
        matching = list(folder.glob(pattern))
        if len(matching) != 1:
            return None
        if hashlib.sha256(matching[0].read_bytes()).hexdigest() not in entry.hashes:
            return None
        found.append(matching[0])
    return found
