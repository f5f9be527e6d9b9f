# SPDX-License-Identifier: GPL-3.0-or-later
"""The hand geometry file that tells the generator about a character's hands (docs/formats.md)."""

from __future__ import annotations

import json
from pathlib import Path

import bpy

from ...core.whole_file import whole_file
from ...errors import UserError
from .stored import character_hands

NAME = "hands.json"


def write_geometry(armature: bpy.types.Object, folder: Path) -> Path:
    """Write the hands of a character into a job's folder. Raises UserError where that cannot be done."""
    path = folder / NAME
    data = character_hands(armature).geometry(armature.name)
    try:
        with whole_file(path) as part:
            part.write_text(json.dumps(data, allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise UserError(
            "temporary_folder",
            f'The folder for temporary files "{folder}" cannot be written; '
            "choose another under Preferences > File Paths > Temporary Files.",
            str(error),
        ) from error
    return path
