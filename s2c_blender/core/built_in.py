# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that comes with the extension: Blender's own Python, and the wheels of the zip as Blender unpacked them.

No bpy. Blender unpacks the wheels of all its extensions into one folder. Of each package the newest wheel wins, so
another extension may have brought another version than ours. That is said where the generator is checked.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..plain_text import shown
from .runtime import PythonChoice

SOURCE = "built-in"
NO_WHEELS = "This copy of the extension has no engine in it; install the zip for your system and Blender."
_found: dict[tuple[object, ...], PythonChoice] = {}


def choose(wheels: Path, python: str = sys.executable, search: Sequence[str] | None = None) -> PythonChoice:
    """Blender's Python with the packages of the zip, or why they cannot be used.

    wheels: the extension's folder of wheels; search: where Blender looks for packages. What was found complete is
    remembered: Blender unpacks wheels only where an extension comes, changes or goes.
    """
    search = sys.path if search is None else search
    key = (wheels, python, tuple(search))
    if key not in _found:
        choice = _look(wheels, python, search)
        if not choice.path:
            return choice
        _found[key] = choice
    return _found[key]


def wheel_names(wheels: Path) -> dict[str, str]:
    """Name, lower case with hyphens, and version of each wheel in a folder; empty where there is none."""
    try:
        names = sorted(path.name for path in wheels.iterdir() if path.name.endswith(".whl"))
    except OSError:
        return {}
    parts = [name.split("-", 2) for name in names]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version, _ in parts}


def _look(wheels: Path, python: str, search: Sequence[str]) -> PythonChoice:
    wanted = wheel_names(wheels)
    if not wanted:
        return PythonChoice("", NO_WHEELS, SOURCE)
    found = {name: _installed(name, version, search) for name, version in wanted.items()}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        problem = (
            f"Blender has not unpacked all of the generator ({shown(', '.join(missing), 80)}): turn the extension "
            "off and on again under Preferences > Add-ons."
        )
        return PythonChoice("", problem, SOURCE)
    if not os.path.isfile(python):
        return PythonChoice(
            "", f'Blender\'s own Python "{shown(python)}" is not there: install Blender again.', SOURCE
        )
    places = [place for place in found.values() if place is not None]
    return PythonChoice(
        python,
        "",
        SOURCE,
        folders=tuple(dict.fromkeys(folder for _, folder in places)),
        libraries=_system_libraries(python),
        remarks=tuple(_other_versions(wanted, (version for version, _ in places))),
    )


def _installed(name: str, version: str, search: Sequence[str]) -> tuple[str, str] | None:
    """Version and folder of a package, our version before others, Blender's folder of wheels (the last) before others.

    None where it is not installed.
    """
    found = [
        (distribution.version, str(distribution.locate_file("")))
        for distribution in importlib.metadata.distributions(name=name, path=list(search))
    ]
    return next((place for place in reversed(found) if place[0] == version), found[0] if found else None)


def _other_versions(wanted: dict[str, str], versions: Iterable[str]) -> Iterable[str]:
    for (name, ours), version in zip(wanted.items(), versions, strict=True):
        if version != ours:
            yield (
                f"Another extension brings {shown(name, 40)} {shown(version, 20)} in the place of {ours}: if the "
                "generator fails, turn that one off."
            )


def _system_libraries(python: str) -> str:
    """Where Blender for Windows keeps Microsoft's C++ library, beside its program; empty where it does not."""
    for folder in Path(python).parents:
        if (folder / "blender.crt").is_dir():
            return str(folder / "blender.crt")
    return ""
