# SPDX-License-Identifier: GPL-3.0-or-later
"""How a character's arm is driven: which bones a take moves so that the hand gets where it has to be.

A plain arm is turned bone by bone. A Rigify arm is moved through its controls, by IK or FK as its switch stands. A hand
without an arm is moved itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import bpy

from ...core.character.mapping import HandMapping
from ...core.skeleton import HANDS
from ...errors import UserError

CHAIN, IK, FREE = "chain", "ik", "free"
RIGIFY = "rigify"
"""Beginning of the words by which a mapping says that the arm is a Rigify one."""
RIGIFY_HAND = re.compile(r"(?:DEF-|ORG-)?hand(?:_ik|_fk)?([._].{1,60})?")
SWITCH, USES_POLE = "IK_FK", "pole_vector"
"""Properties of Rigify's `upper_arm_parent`: 0 is IK and 1 is FK; whether the elbow is drawn by a control."""


@dataclass(frozen=True)
class Limb:
    """The bones that a take moves to place a hand, and those that say how long the arm is."""

    kind: str
    """`CHAIN`, `IK` or `FREE`."""
    written: list[str]
    """Chain: upper arm, forearm, hand. IK: what turns the elbow, the hand's control. Free: the hand."""
    moving: list[str]
    """The written ones that change their place as well."""
    chain: list[str]
    """Upper arm, forearm and hand whose rest says where shoulder, elbow and wrist are; of a free hand, itself."""
    swivel: bool = False
    """IK: whether the elbow's control turns the arm about its line instead of drawing the elbow."""


def limb_of(armature: bpy.types.Object, mapping: HandMapping, hand: int) -> Limb:
    """The arm of a hand. Raises UserError where it is not whole."""
    if mapping.arm.startswith(RIGIFY):
        return _rigify(armature, mapping, hand)
    parts = [mapping.bones.get(part) for part in ("upper_arm", "forearm", "wrist")]
    wrist = parts[2]
    if wrist is None:
        raise UserError(
            "character_hand",
            f"The {HANDS[hand]} hand of this character has no wrist: choose its bone in the list.",
        )
    if parts[0] is None and parts[1] is None:
        if armature.data.bones[wrist].use_connect:
            raise UserError(
                "character_arm",
                f'The hand "{wrist}" hangs on an arm that is not in the list: choose its forearm and upper arm.',
            )
        return Limb(FREE, [wrist], [wrist], [wrist])
    if parts[0] is None or parts[1] is None:
        raise UserError(
            "character_arm",
            f"The {HANDS[hand]} arm of this character lacks a bone: choose both its upper arm and its forearm.",
        )
    names = [str(name) for name in parts]
    return Limb(CHAIN, names, [], names)


def _rigify(armature: bpy.types.Object, mapping: HandMapping, hand: int) -> Limb:
    wrist = mapping.bones.get("wrist", "")
    found = RIGIFY_HAND.fullmatch(wrist)
    side = (found.group(1) or "") if found is not None else ""
    names = [f"{part}_fk{side}" for part in ("upper_arm", "forearm", "hand")]
    switches = armature.pose.bones.get(f"upper_arm_parent{side}")
    if found is None or switches is None or any(name not in armature.data.bones for name in names):
        raise UserError(
            "character_arm",
            f"The {HANDS[hand]} arm of this character is not Rigify's usual one: choose its upper arm and forearm in "
            "the list and set Arm to plain bones.",
            wrist,
        )
    if _number(switches.get(SWITCH), 0.0) > 0.5:
        return Limb(CHAIN, names, [], names)
    pole = _number(switches.get(USES_POLE), 0.0) > 0.5
    elbow = f"upper_arm_ik_target{side}" if pole else f"upper_arm_ik{side}"
    written = [elbow, f"hand_ik{side}"]
    missing = next((name for name in written if name not in armature.data.bones), None)
    if missing is not None:
        raise UserError(
            "character_arm",
            f'The {HANDS[hand]} arm of this character has no control "{missing}": switch the arm to FK (IK-FK = 1).',
        )
    return Limb(IK, written, written if pole else written[1:], names, swivel=not pole)


def _number(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, (bool, int, float)) else otherwise
