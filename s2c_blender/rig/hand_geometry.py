# SPDX-License-Identifier: GPL-3.0-or-later
"""The hands of an armature for the generator (docs/formats.md): contact is solved on the hands that are there.

Characters have hands of their own; built-in hands that an earlier version added, or that were changed in Edit Mode,
differ from those that the generator knows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..core import skeleton
from ..core.character.own_hands import JointsAtRest, own_geometry, standard_geometry
from ..core.character.same_hands import same_hands
from ..core.whole_file import whole_file
from ..errors import UserError
from .bones import joint_bones, piano_frame
from .character.stored import character_hands, is_character

NAME = "hands.json"


def hand_geometry(armature: bpy.types.Object) -> dict[str, Any]:
    """The geometry of an armature's hands. Raises UserError for hands too large or small to play, or for none."""
    other = other_geometry(armature)
    return other if other is not None else standard_geometry(piano_frame(armature).hand_size)


def other_geometry(armature: bpy.types.Object) -> dict[str, Any] | None:
    """The same of hands that the generator does not know by their size; None for those that it knows.

    Built-in hands whose fingers are not straight at rest count as known ones: no geometry describes them.
    """
    if is_character(armature):
        return character_hands(armature).geometry(armature.name)
    size = piano_frame(armature).hand_size
    own = own_geometry(_joints(armature), size, armature.name)
    return None if own is None or same_hands(own, standard_geometry(size)) else own


def write_geometry(geometry: dict[str, Any], folder: Path) -> Path:
    """Write hands into a job's folder. Raises UserError where that cannot be done."""
    path = folder / NAME
    try:
        with whole_file(path) as part:
            part.write_text(json.dumps(geometry, allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise UserError(
            "temporary_folder",
            f'The folder for temporary files "{folder}" cannot be written; '
            "choose another under Preferences > File Paths > Temporary Files.",
            str(error),
        ) from error
    return path


def _joints(armature: bpy.types.Object) -> list[JointsAtRest]:
    """Both built-in hands at rest in the piano frame."""
    to_piano = piano_frame(armature).matrix.inverted()
    hands = []
    for names in joint_bones(armature):
        bones = [armature.data.bones[name] for name in names]
        matrices = np.array([to_piano @ bone.matrix_local for bone in bones])
        tips = [to_piano @ bones[joint].tail_local for joint in skeleton.FINGER_JOINTS[:, 2]]
        frames = matrices[:, :3, :3] / np.linalg.norm(matrices[:, :3, :3], axis=1, keepdims=True)
        hands.append(JointsAtRest(matrices[:, :3, 3], np.array(tips), frames))
    return hands
