# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the environment with torch lies, whether it is complete, and which Python the user named instead. No bpy.

The environment is a folder that the user may choose, never inside the extension (which Blender deletes and
replaces). It counts as installed only when the completion marker, written last, names the requirements
that this version of the extension asks for: a download that broke off half-way is never mistaken for one.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.runtime import PythonChoice
from ..core.whole_file import whole_file

PYTHON_VARIABLE = "S2C_WORKER_PYTHON"
"""Environment variable naming the worker's Python; farms and tests set it, it wins over everything."""
PYTHON_MIN = (3, 11)


@dataclass(frozen=True)
class Runtime:
    """A managed environment in `folder`."""

    folder: Path

    @property
    def venv(self) -> Path:
        """The virtual environment in the runtime's folder."""
        return self.folder / "venv"

    @property
    def downloads(self) -> Path:
        """Files that were downloaded and not yet installed; the next attempt goes on with them."""
        return self.folder / "downloads"

    @property
    def python(self) -> Path:
        """The environment's Python."""
        return self.venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def marker(self) -> Path:
        """The file that tells what was installed, written at the very end."""
        return self.folder / "installed.json"

    def complete(self, requirements: Path) -> bool:
        """True when everything that `requirements` names was installed to the end."""
        wanted = fingerprint(requirements)
        return bool(wanted) and self.python.exists() and self.read_marker().get("requirements") == wanted

    def begun(self) -> bool:
        """True when there is something of ours in the folder, finished or not."""
        return self.venv.exists() or self.downloads.exists() or self.marker.exists()

    def read_marker(self) -> dict[str, Any]:
        """What was installed; empty where the marker is missing or no JSON object."""
        try:
            value = json.loads(self.marker.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def write_marker(self, requirements: Path) -> None:
        """Say that the installation is complete. OSError when the folder cannot be written."""
        marker = {"requirements": fingerprint(requirements), "python": str(self.python)}
        with whole_file(self.marker) as part:
            part.write_text(json.dumps(marker), "utf-8")


def fingerprint(requirements: Path) -> str:
    """SHA-256 of a folder's lock files, line ends aside; empty when there is none that can be read."""
    digest = hashlib.sha256()
    try:
        files = sorted(requirements.glob("*.txt"))
        for path in files:
            digest.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    except OSError:
        return ""
    return digest.hexdigest() if files else ""


def choices(preferred: str, runtime: Runtime, requirements: Path) -> Iterator[PythonChoice]:
    """Pythons before the built-in one: environment variable, then preferences, then the managed environment."""
    for path, source, where in (
        (os.environ.get(PYTHON_VARIABLE, ""), "environment", f"the environment variable {PYTHON_VARIABLE}"),
        (preferred, "preferences", "the extension's preferences"),
    ):
        if path.startswith("//"):  # beside a .blend that may be a stranger's
            yield PythonChoice(
                "", f"The Python in {where} must be a whole path, not one beside the .blend.", source
            )
        elif path and not os.path.isabs(path):  # whatever folder Blender was started in would complete it
            yield PythonChoice("", f'The Python "{path}" named in {where} must be a whole path.', source)
        elif path and not os.path.isfile(path):
            yield PythonChoice("", f'The Python "{path}" named in {where} does not exist.', source)
        elif path:
            yield PythonChoice(path, "", source)
    if runtime.complete(requirements):
        yield PythonChoice(str(runtime.python), "", "installed")
    elif runtime.begun():
        yield PythonChoice(
            "", "The generator is not completely installed; press Install Generator again.", "installed"
        )
    else:
        yield PythonChoice(
            "",
            "The generator is not installed yet; press Install Generator, or name a Python in the preferences.",
            "installed",
        )
