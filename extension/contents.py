# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into a zip of each edition: named one by one, so that notes or data in a working copy never ship."""

from __future__ import annotations

import shutil
from enum import Enum
from pathlib import Path

from locks.make import ROOT


class Edition(Enum):
    """Two zips from one source."""

    FULL = "full"
    """With Install Generator, which downloads torch for GPUs and for models that listen."""
    SELF_CONTAINED = "self-contained"
    """Downloads nothing and runs nothing else, as extensions.blender.org asks."""


SHIPPED = (
    "__init__.py",
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "docs/animators.md",  # the guide, which the panel opens
    "models",
    "s2c_blender",
)
OF_THE_FULL_EDITION = (
    "models/locks",
    "models/networks",
    "s2c_blender/install",
)
"""What downloads, and what only that needs. The code looks whether it is there."""
ONNX = Path("models") / "onnx"
"""Where the networks of the built-in engine lie in a zip, and their licences."""


def copy(edition: Edition, folder: Path) -> None:
    """Copy what an edition ships into an empty folder."""
    for name in SHIPPED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, target)
    if edition is Edition.SELF_CONTAINED:
        for name in OF_THE_FULL_EDITION:
            unwanted = folder / name
            if unwanted.is_dir():
                shutil.rmtree(unwanted)
            else:
                unwanted.unlink()
