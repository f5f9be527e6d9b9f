# SPDX-License-Identifier: GPL-3.0-or-later
"""Families of characters and their bone names, as data in ``families.json``. No bpy.

Keys of a family: ``sides``, the words for left and right (missing where each hand is an armature of its own), and
``long_sides`` where a rig has two; ``words``, a name in the table ``words`` or five words from thumb to little finger,
each one or several; ``wrist``, ``forearm``, ``upper_arm``, ``shoulder`` and ``finger``, one name or several, the first
that is there counts; ``numbers`` of a finger's joints and other ``thumb_numbers`` to try first; ``marks``, other bones
that tell the family from its like; ``prefix``, what stands before all names; ``arm`` and ``controls`` of rigs whose
arms are driven by controls.

Names are compared by `folded`: upper and lower case, dots, blanks and underscores differ from exporter to exporter.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ..skeleton import FINGERS

NUMBERS = ("1", "2", "3")


def folded(name: str) -> str:
    """A bone name without what exporters change: letters and digits alone, small and of plain width."""
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())


@dataclass(frozen=True)
class HandNames:
    """The names that a family gives the bones of one hand."""

    wrist: tuple[str, ...]
    """The first that is there counts; so below."""
    fingers: tuple[tuple[tuple[tuple[str, ...], ...], ...], ...]
    """Thumb to little finger; of each the schemes to try; of each the joints from the palm on; of each the names."""
    arm: dict[str, tuple[str, ...]]
    """forearm, upper_arm, shoulder."""
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """One family of characters."""

    key: str
    title: str
    prefix: str | None
    """Regular expression of what stands before all names, folded; None: anything."""
    hands: tuple[HandNames, ...]
    """Left and right; one where each hand is an armature of its own."""
    arm: str
    """How its arms are driven: ``chain`` by their bones."""
    controls: tuple[dict[str, str], ...]
    """Names of controls of the left and right arm."""


@cache
def families() -> tuple[Family, ...]:
    """All families, special ones before general ones."""
    data = json.loads((Path(__file__).parent / "families.json").read_text(encoding="utf-8"))
    return tuple(_family(entry, data["words"]) for entry in data["families"])


def family(key: str) -> Family | None:
    """The family of this key."""
    return next((one for one in families() if one.key == key), None)


def _family(entry: dict[str, Any], tables: dict[str, Any]) -> Family:
    words = entry["words"]
    fingers = [_several(word) for word in (tables[words] if isinstance(words, str) else words)]
    sides = entry.get("sides", [""])
    hands = []
    for side, long in zip(sides, entry.get("long_sides", sides)):
        schemes = []
        for index in range(len(FINGERS)):
            numbers = [entry.get("numbers", NUMBERS)]
            numbers = [*entry.get("thumb_numbers", []), *numbers] if index == 0 else numbers
            schemes.append(
                tuple(
                    tuple(
                        tuple(
                            pattern.format(side=side, long=long, word=word, n=n)
                            for pattern in _several(entry["finger"])
                        )
                        for n in joints
                    )
                    for joints in numbers
                    for word in fingers[index]
                )
            )

        def named(part: str, side: str = side, long: str = long) -> tuple[str, ...]:
            return tuple(name.format(side=side, long=long) for name in _several(entry.get(part, ())))

        arm = {part: named(part) for part in ("forearm", "upper_arm", "shoulder")}
        hands.append(HandNames(named("wrist"), tuple(schemes), arm, named("marks")))
    controls = [
        {k: name.format(side=side) for k, name in entry.get("controls", {}).items()} for side in sides
    ]
    return Family(
        entry["key"],
        entry["title"],
        entry.get("prefix"),
        tuple(hands),
        entry.get("arm", "chain"),
        tuple(controls),
    )


def _several(names: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
