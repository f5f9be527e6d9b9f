# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python runs the worker, of those that there may be, and where this program keeps its files. No bpy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

APP_NAME = "S2C Piano Hands"


def user_data_folder(
    platform: str = sys.platform, environment: Mapping[str, str] | None = None, home: Path | None = None
) -> Path:
    """The per-user data folder of this program, by each system's rule (as platformdirs' `user_data_path`)."""
    environment = os.environ if environment is None else environment
    home = Path.home() if home is None else home
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / APP_NAME
    if platform == "darwin":
        return home / "Library" / "Application Support" / APP_NAME
    return Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / APP_NAME


@dataclass(frozen=True)
class PythonChoice:
    """A Python that may run the worker, or one sentence why it cannot."""

    path: str = ""
    problem: str = ""
    source: str = ""
    """Where it comes from: `environment`, `preferences`, `installed` or `built-in`."""
    folders: tuple[str, ...] = ()
    """Folders of packages that it does not find by itself."""
    libraries: str = ""
    """Folder of the system's libraries that those packages may lack; Windows alone."""
    remarks: tuple[str, ...] = ()
    """Sentences that whoever checks the generator should read."""

    @property
    def named(self) -> bool:
        """Whether the user named it: then no other is taken in its place."""
        return self.source in ("environment", "preferences")


def first_usable(choices: Iterable[PythonChoice]) -> PythonChoice:
    """The first Python that the user named or that can run; where there is none, the first one, which says why."""
    ranked = tuple(choices)
    return next((choice for choice in ranked if choice.path or choice.named), ranked[0])
