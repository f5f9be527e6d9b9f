# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether mapped bones hang together as a hand: only then do rotations from the palm on add up. No bpy."""

from __future__ import annotations

from ...errors import UserError
from ..skeleton import FINGERS, HANDS
from .axes import FINGER_WORDS
from .mapping import HandMapping
from .rest_bones import RestBones


def wrist_bone(bones: RestBones, mapping: HandMapping, hand: int) -> int:
    """Index of the wrist's bone. Raises UserError."""
    name = mapping.bones.get("wrist")
    if name is None:
        raise UserError(
            "character_hand",
            f"The {HANDS[hand]} hand has no wrist bone; choose it in the list, or join the armature with that hand "
            "to this one (Object > Join).",
        )
    return _bone(bones, name, hand)


def finger_chain(bones: RestBones, mapping: HandMapping, hand: int, finger: int) -> list[int]:
    """Indices of a finger's bones from the palm on; empty for a missing finger. Raises UserError.

    Bones that nobody mapped may lie in between (palm, twist, control bones): they stay at rest and pass rotations on.
    """
    where = f"The {HANDS[hand]} hand's {FINGER_WORDS[finger]}"
    numbers = [i for i in (1, 2, 3) if f"{FINGERS[finger]}{i}" in mapping.bones]
    if numbers != list(range(1, len(numbers) + 1)):
        raise UserError(
            "character_hand", f"{where} lacks a joint before its last one; choose its bones from the palm on."
        )
    chain = [_bone(bones, name, hand) for name in mapping.finger_bones(finger)]
    mapped = {bones.index[name] for name in mapping.bones.values() if name in bones.index}
    if len(mapped) < len(mapping.bones):
        _twice(bones, mapping, hand)
    expected = wrist_bone(bones, mapping, hand)
    for bone in chain:
        above = bones.ancestors(bone)
        nearest = next((other for other in above if other in mapped), None)
        if nearest != expected:
            name, parent = bones.names[bone], bones.names[expected]
            raise UserError(
                "character_chain",
                f'{where}: "{name}" does not hang on "{parent}"; make that its parent in Edit Mode, '
                "or choose other bones.",
            )
        between = [bone, *above[: above.index(expected)]]
        loose = next((other for other in between if not bones.inherits[other]), None)
        if loose is not None:
            raise UserError(
                "character_chain",
                f'{where}: "{bones.names[loose]}" does not turn with its parent; switch on Inherit Rotation.',
            )
        expected = bone
    return chain


def _bone(bones: RestBones, name: str, hand: int) -> int:
    bone = bones.index.get(name)
    if bone is None:
        raise UserError(
            "character_hand",
            f'The {HANDS[hand]} hand: the armature has no bone "{name}"; choose another in the list.',
        )
    bones.check_axes(bone)
    return bone


def _twice(bones: RestBones, mapping: HandMapping, hand: int) -> None:
    seen: dict[str, str] = {}
    for part, name in mapping.bones.items():
        _bone(bones, name, hand)
        if name in seen:
            raise UserError(
                "character_hand",
                f'The {HANDS[hand]} hand has "{name}" twice, as {seen[name]} and as {part}; choose another.',
            )
        seen[name] = part
