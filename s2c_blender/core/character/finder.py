# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the hands of an armature: by the VRM add-on's own list, by names, or else by shape. No bpy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...errors import UserError
from ..skeleton import FINGERS
from .by_names import NamedHand, Names, named_hands
from .by_shape import hands_by_shape, side_of
from .families import Family, families
from .hands import CharacterHands
from .human_bones import by_human_bones
from .knuckles import HandBones, arm_above, phalanges
from .mapping import CharacterMapping, HandMapping
from .rest_bones import RestBones

SHAPE = "shape"
"""The family of an armature that no names fit."""


@dataclass(frozen=True)
class Found:
    """What was found in an armature."""

    mapping: CharacterMapping
    title: str
    """The family for people."""
    problem: UserError | None = None
    """Why these hands cannot play yet; the list of bones may be corrected. None: they can."""


def find(bones: RestBones, human_bones: Mapping[str, str] | None = None) -> Found:
    """The hands of an armature; a mapping that can play before one that cannot.

    human_bones: human bone (``leftHand``, ``leftThumbProximal`` ...) to bone name, as the VRM add-on has it. Raises
    UserError where there is nothing like a hand.
    """
    first = None
    for mapping, title in _candidates(bones, human_bones or {}):
        try:
            CharacterHands.of(bones, mapping)
        except UserError as problem:
            first = first or Found(mapping, title, problem)
            continue
        return Found(mapping, title)
    if first is None:
        raise UserError(
            "character_unknown",
            "No hands were found: no names of known characters, and no bone with three fingers or more; "
            "choose the bones of both hands in the list, or load a mapping.",
        )
    return first


def _candidates(bones: RestBones, human_bones: Mapping[str, str]) -> Iterator[tuple[CharacterMapping, str]]:
    version, listed = by_human_bones(bones, human_bones)
    if any(listed):
        yield _mapping(bones, f"vrm{version}", "chain", listed), f"VRM {version}"
    for numbered in (False, True):
        names = Names(bones, numbered)
        if numbered and names.keys == Names(bones).keys:
            continue
        for family, pair in _by_names(names):
            yield _mapping(bones, family.key, family.arm, pair), family.title
    shaped = hands_by_shape(bones)
    if any(shaped):
        yield _mapping(bones, SHAPE, "chain", shaped), "found by its shape"


Pair = tuple[HandBones | None, HandBones | None]
"""Left, right."""


def _by_names(names: Names) -> list[tuple[Family, Pair]]:
    """Families that fit, best first: most joints, then most names to the letter, then their order in the file."""
    found = []
    for order, family in enumerate(families()):
        lists = [named_hands(names, family, hand) for hand in family.hands]
        if len(lists) == 1:
            lists = _apart(names.bones, lists[0])
        best = [hands[0] for hands in lists if hands]
        if best:
            score = (-sum(one.joints for one in best), -sum(one.exact for one in best), order)
            left, right = (hands[0].bones if hands else None for hands in lists)
            found.append((score, family, (left, right)))
    return [(family, pair) for _, family, pair in sorted(found, key=lambda entry: entry[0])]


def _apart(bones: RestBones, hands: list[NamedHand]) -> list[list[NamedHand]]:
    """Left and right hands among those of one name, by what stands before or behind it, or by their shape."""
    sides: list[list[NamedHand]] = [[], []]
    for one in hands:
        sides[side_of(bones, one.bones)].append(one)
    return sides


def _mapping(bones: RestBones, family: str, driven: str, hands: Pair) -> CharacterMapping:
    left, right = (
        HandMapping() if own is None else _hand(bones, driven, own, other)
        for own, other in (hands, hands[::-1])
    )
    return CharacterMapping(family, left, right)


def _hand(bones: RestBones, driven: str, hand: HandBones, other: HandBones | None) -> HandMapping:
    hand = replace(hand, fingers=phalanges(bones, hand))
    arm = arm_above(bones, hand, other)
    if hand.arm and hand.arm.get("forearm") != arm.get("forearm"):
        arm = {}
    parts = {"wrist": hand.wrist, **arm, **hand.arm}
    for finger, chain in zip(FINGERS, hand.fingers, strict=True):
        parts |= {f"{finger}{i + 1}": bone for i, bone in enumerate(chain)}
    return HandMapping({part: bones.names[bone] for part, bone in parts.items()}, arm=driven)
