# SPDX-License-Identifier: GPL-3.0-or-later
"""What an armature remembers of being a character: the mapping of its bones, and where its piano lies.

The mapping is text that a stranger's file may hold, so it is checked each time it is read.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ...core.character.hands import CharacterHands
from ...core.character.mapping import CharacterMapping, HandMapping, read_mapping
from ...errors import UserError
from ..bones import Frame
from . import overrides
from .limbs import Limb, limb_of
from .rest import rest_bones

PROPERTY = "s2c_character"
"""Custom property of the armature object: the mapping as JSON (docs/formats.md)."""
PIANO_PROPERTY = "s2c_character_piano"
"""Custom property of the armature object: the object at which it plays, whose matrix is the piano frame's."""


def is_character(item: bpy.types.Object) -> bool:
    """Whether an object is an armature that was made a character with Use Character."""
    return item.type == "ARMATURE" and PROPERTY in item


def read_stored(armature: bpy.types.Object) -> CharacterMapping:
    """The mapping that an armature remembers, whatever became of its bones. Raises UserError where it is none."""
    stored = armature.get(PROPERTY)
    if not isinstance(stored, str):
        raise UserError(
            "character_mapping",
            f'"{armature.name}" remembers no mapping of its hands that can be read: press Use Character again.',
        )
    return _read(stored)


def mapping_of(armature: bpy.types.Object) -> CharacterMapping:
    """The mapping that an armature remembers. Raises UserError where it is none, or names bones that are gone."""
    mapping = read_stored(armature)
    for hand in mapping.hands:
        for name in hand.bones.values():
            if name not in armature.data.bones:
                raise UserError(
                    "character_bones",
                    f'The bone "{name}", a part of the hands of "{armature.name}", was renamed or deleted: '
                    "press Use Character again, or choose it in the list of bones.",
                )
    return mapping


@lru_cache(maxsize=8)
def _read(text: str) -> CharacterMapping:
    return read_mapping(text)


def remember(armature: bpy.types.Object, mapping: CharacterMapping) -> None:
    """Let an armature remember a mapping."""
    armature[PROPERTY] = mapping.to_json()
    overrides.keep(armature, (PROPERTY, PIANO_PROPERTY))


def give_back() -> list[bpy.types.Object]:
    """Let overrides remember again, once a file is open; those that had forgotten."""
    return overrides.give_back((PROPERTY, PIANO_PROPERTY))


def piano_matrix(armature: bpy.types.Object, mapping: CharacterMapping) -> NDArray[np.float64]:
    """4 x 4, world to piano frame: of the piano that the character plays where it is now, else as it is remembered.

    Raises UserError where no piano has a place yet.
    """
    piano = piano_object(armature)
    if piano is not None:
        return np.array(piano.matrix_world.inverted_safe())
    if mapping.piano is None:
        raise UserError(
            "character_piano",
            "This character has no piano yet: press Use Character, which places one or takes the scene's own.",
        )
    matrix = np.array(mapping.piano)
    if abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise UserError(
            "character_piano",
            "The place of this character's piano makes no sense: press Use Character again.",
        )
    return matrix


def piano_object(armature: bpy.types.Object) -> bpy.types.Object | None:
    """The piano that a character plays; None where it was deleted, or never was there."""
    found = armature.get(PIANO_PROPERTY)
    return found if isinstance(found, bpy.types.Object) and found.users_scene else None


def play_at(armature: bpy.types.Object, piano: bpy.types.Object) -> None:
    """Let a character play at a piano, an object whose matrix is the piano frame's."""
    armature[PIANO_PROPERTY] = piano
    place = np.array(piano.matrix_world.inverted_safe())
    remember(armature, with_piano(mapping_of(armature), place))


def with_piano(mapping: CharacterMapping, piano: NDArray[np.float64]) -> CharacterMapping:
    """The mapping with another piano; piano: 4 x 4, world to piano frame."""
    return replace(mapping, piano=tuple(tuple(float(value) for value in row) for row in piano))


def character_hands(armature: bpy.types.Object) -> CharacterHands:
    """The hands of a character in metres of its piano's frame. Raises UserError where they are no pair of hands."""
    mapping = mapping_of(armature)
    return CharacterHands.of(rest_bones(armature, piano_matrix(armature, mapping)), mapping)


def piano_frame(armature: bpy.types.Object) -> Frame:
    """Where the piano frame lies in the armature's space now, and how large the hands are."""
    mapping = mapping_of(armature)
    to_world = Matrix(np.linalg.inv(piano_matrix(armature, mapping)).tolist())
    size = character_hands(armature).size
    return Frame(armature.matrix_world.inverted_safe() @ to_world, size)


def limb(armature: bpy.types.Object, mapping: CharacterMapping, hand: int) -> Limb:
    """How the arm of a hand is driven."""
    return limb_of(armature, mapping, hand)


def finger_bones(mapping: HandMapping) -> list[str]:
    """All bones of the fingers, thumb first, from the palm on."""
    return [name for finger in range(5) for name in mapping.finger_bones(finger)]


def shared_parent(armature: bpy.types.Object, limbs: tuple[Limb, Limb]) -> str | None:
    """The nearest bone that carries both arms; None where there is none."""
    first, second = (armature.data.bones[own.chain[0]].parent_recursive for own in limbs)
    above = {bone.name for bone in second}
    return next((bone.name for bone in first if bone.name in above), None)
