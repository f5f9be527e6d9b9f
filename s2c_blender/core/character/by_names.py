# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that a family's names find in an armature. No bpy.

All names of a hand may have something before and behind them (``mixamorig2:``, ``Bip001``, ``_Armature``); whatever it
is, it is the same for the whole hand. So it is read off the wrist, and no list of prefixes has to be complete.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from .families import Family, HandNames, folded
from .knuckles import HandBones
from .rest_bones import RestBones

FEWEST_JOINTS = 5
"""A hand has more: a foot, a head or a pair of wheels may have bones of such names, too."""
MOST_PLACES = 50
"""Bones whose name holds the wrist's, as ``LeftHandIndex1`` holds ``LeftHand``."""
NUMBERING = re.compile(r"[._]\d{2,4}$")
"""What Blender and some exporters hang on a name that is there already."""


class Names:
    """The names of an armature's bones, for looking up."""

    def __init__(self, bones: RestBones, numbered: bool = False) -> None:
        """numbered: whether a number at the end of a name counts as none of its own."""
        self.bones = bones
        plain = [NUMBERING.sub("", name) if numbered else name for name in bones.names]
        self.keys = [folded(name) for name in plain]

    @cached_property
    def index(self) -> dict[str, int]:
        """Folded name to bone, for names that only one bone has."""
        many = Counter(self.keys)
        return {key: i for i, key in enumerate(self.keys) if key and many[key] == 1}

    @cached_property
    def text(self) -> str:
        """All folded names, a line each."""
        return "\n".join(self.index)

    def around(self, key: str) -> list[tuple[str, str]]:
        """What stands before and behind a folded name wherever it is part of one; the plain name first."""
        found = re.findall(f"^(.*){re.escape(key)}(.*)$", self.text, re.MULTILINE) if key in self.text else []
        return sorted(found, key=lambda pair: len(pair[0]) + len(pair[1]))[:MOST_PLACES]


@dataclass(frozen=True)
class NamedHand:
    """A hand that a family's names have found."""

    bones: HandBones
    around: str
    """What stands before and behind all names, folded."""
    exact: int
    """How many names are the family's to the letter."""

    @property
    def joints(self) -> int:
        """How many finger joints were found."""
        return sum(map(len, self.bones.fingers))


def named_hands(names: Names, family: Family, hand: HandNames) -> list[NamedHand]:
    """All hands with these names, the likeliest first."""
    found = []
    for place, wrist in enumerate(hand.wrist):
        key = folded(wrist)
        for before, behind in names.around(key):
            if family.prefix is not None and not re.fullmatch(family.prefix, before):
                continue
            one = _hand(names, hand, wrist, (before, behind))
            if one is not None:
                found.append(((-one.joints, not _hangs(names.bones, one.bones), len(one.around), place), one))
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _hand(names: Names, hand: HandNames, wrist: str, around: tuple[str, str]) -> NamedHand | None:
    before, behind = around
    exact = 0

    def look_up(options: tuple[str, ...]) -> int | None:
        nonlocal exact
        for option in options:
            bone = names.index.get(before + folded(option) + behind)
            if bone is not None:
                exact += names.bones.names[bone] == option
                return bone
        return None

    own = look_up((wrist,))
    if own is None or any(names.index.get(before + folded(mark) + behind) is None for mark in hand.marks):
        return None
    fingers = []
    for schemes in hand.fingers:
        chains = [tuple(b for b in map(look_up, joints) if b is not None) for joints in schemes]
        fingers.append(max(chains, key=len))
    if sum(map(len, fingers)) < FEWEST_JOINTS:
        return None
    arm = {part: bone for part, options in hand.arm.items() if (bone := look_up(options)) is not None}
    return NamedHand(HandBones(own, tuple(fingers), arm), before + behind, exact)


def _hangs(bones: RestBones, hand: HandBones) -> bool:
    """Whether fingers follow this wrist: rigs may have several bones of one hand, for control and for skin."""
    return any(chain and hand.wrist in bones.ancestors(chain[0]) for chain in hand.fingers)
