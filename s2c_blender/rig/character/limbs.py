# SPDX-License-Identifier: GPL-3.0-or-later
"""How a character's arm is driven: which bones a take moves so that the hand gets where it has to be.

A plain arm is turned bone by bone. An arm with controls is moved through these, by IK or FK as its switch stands. A
hand without an arm is moved itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ...core.character.families import family
from ...core.character.mapping import CharacterMapping
from ...core.skeleton import HANDS
from ...errors import UserError
from .twists import forearm_twists

CHAIN, IK, FREE = "chain", "ik", "free"
PARTS = ("upper_arm", "forearm", "hand")
"""Bones of an arm, by which controls are named: ``hand_ik``, ``forearm_fk``."""
SWITCHES, USES_POLE = ("IK_FK", "ik_fk_switch"), "pole_vector"
"""Properties of the bone that switches an arm: 0 is IK and 1 is FK; whether a control draws the elbow."""


@dataclass(frozen=True)
class Limb:
    """The bones that a take moves to place a hand, and those that say how long the arm is."""

    kind: str
    """`CHAIN`, `IK` or `FREE`."""
    written: list[str]
    """Chain: upper arm, forearm, its twists, hand. IK: what turns the elbow, the hand's control. Free: the hand."""
    moving: list[str]
    """The written ones that change their place as well."""
    chain: list[str]
    """Upper arm, forearm and hand whose rest says where shoulder, elbow and wrist are; of a free hand, itself."""
    swivel: bool = False
    """IK: whether the elbow's control turns the arm about its line instead of drawing the elbow."""
    twists: tuple[str, ...] = ()
    """Chain: bones along the forearm that take a share of the hand's roll, from the elbow on."""
    trunk: str = ""
    """The control that bends the trunk below the arms, where the rig has one."""


def limb_of(armature: bpy.types.Object, mapping: CharacterMapping, hand: int) -> Limb:
    """The arm of a hand. Raises UserError where it is not whole."""
    own = mapping.hands[hand]
    if own.arm != CHAIN:
        return _controlled(armature, mapping, hand)
    parts = [own.bones.get(part) for part in ("upper_arm", "forearm", "wrist")]
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
    twists = forearm_twists(armature, names[1], names[2])
    return Limb(CHAIN, [*names[:2], *twists, names[2]], [], names, twists=tuple(twists))


def _controlled(armature: bpy.types.Object, mapping: CharacterMapping, hand: int) -> Limb:
    """An arm that a rig moves by controls, which the family names."""
    known = family(mapping.family)
    names = known.controls[hand] if known is not None and len(known.controls) > hand else {}
    chain = [_there(armature, names, f"{part}_fk", hand) for part in PARTS]
    switches = armature.pose.bones[_there(armature, names, "switch", hand)]
    switch = next((switches[name] for name in SWITCHES if name in switches), 0.0)
    if _number(switch, 0.0) > 0.5:
        return Limb(CHAIN, chain, [], chain, trunk=names.get("trunk", ""))
    pole = "swivel" not in names or _number(switches.get(USES_POLE), 0.0) > 0.5
    written = [_there(armature, names, part, hand) for part in ("pole" if pole else "swivel", "hand_ik")]
    moving = written if pole else written[1:]
    own = [names.get(f"{part}_ik", "") for part in PARTS]  # the bones that find their way by themselves
    chain = own if all(name in armature.data.bones for name in own) else chain
    return Limb(IK, written, moving, chain, swivel=not pole, trunk=names.get("trunk", ""))


def _there(armature: bpy.types.Object, names: dict[str, str], part: str, hand: int) -> str:
    name = names.get(part, "")
    if name not in armature.data.bones:
        missing = f'the control "{name}"' if name else "a control"
        raise UserError(
            "character_arm",
            f"The {HANDS[hand]} arm of this character lacks {missing}: press Find Again, or load a mapping.",
            part,
        )
    return name


def _number(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, (bool, int, float)) else otherwise
