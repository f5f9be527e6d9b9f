# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of hands on an armature, our own or a character's: which bones a take moves, and where the piano lies.

Who does not care whose hands these are asks here.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from . import bones as built_in
from .character import stored
from .character.stored import is_character

__all__ = ["Hands", "are_hands", "hands_of", "is_character", "piano_frame"]


@dataclass(frozen=True)
class Hands:
    """What a take needs to know of the hands on an armature. Index 0 is left, 1 is right."""

    wrists: tuple[str, str]
    """The bones that carry the take's clock: one of each hand that a take always moves."""
    bones: tuple[list[str], list[str]]
    """All bones that a take moves, those of the arm first."""
    moving: frozenset[str]
    """Those of them that change their place as well."""
    carrier: str
    """The bone whose curves hold how far the piano's keys are down."""


def hands_of(armature: bpy.types.Object) -> Hands:
    """The hands on an armature. Raises UserError where there are none, or not whole ones."""
    if is_character(armature):
        return _character_hands(armature)
    joints = built_in.joint_bones(armature)
    both = [arm + hand for arm, hand in zip(built_in.arm_bones(armature), joints, strict=True)]
    shared = built_in.common_parent(armature)
    return Hands(
        wrists=(joints[0][0], joints[1][0]),
        bones=(both[0], both[1]),
        moving=frozenset(names[0] for names in both),
        carrier=shared.name if shared is not None else joints[0][0],
    )


def _character_hands(armature: bpy.types.Object) -> Hands:
    mapping = stored.mapping_of(armature)
    limbs = stored.limb(armature, mapping, 0), stored.limb(armature, mapping, 1)
    left, right = (
        [*limb.written, *stored.finger_bones(own)] for limb, own in zip(limbs, mapping.hands, strict=True)
    )
    wrists = limbs[0].written[-1], limbs[1].written[-1]
    return Hands(
        wrists=wrists,
        bones=(left, right),
        moving=frozenset(name for limb in limbs for name in limb.moving),
        carrier=stored.shared_parent(armature, limbs) or wrists[0],
    )


def piano_frame(armature: bpy.types.Object) -> built_in.Frame:
    """Where the piano frame lies in the armature's space, and how large the hands are. Raises as `hands_of` does."""
    if is_character(armature):
        return stored.piano_frame(armature)
    return built_in.piano_frame(armature)


def are_hands(item: bpy.types.Object) -> bool:
    """Whether an object is an armature with hands that a take can move."""
    return item.type == "ARMATURE" and (is_character(item) or built_in.are_built_in(item))
