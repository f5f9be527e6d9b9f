# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bone is which joint: the JSON in ``armature["s2c_character"]``, checked (docs/formats.md). No bpy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...errors import UserError
from ..skeleton import FINGERS, HANDS, JOINTS

FORMAT = 1
ARM_PARTS = ("forearm", "upper_arm", "shoulder")
PARTS = (*JOINTS, *ARM_PARTS)
"""What a hand's `bones` may name."""
LONGEST_FILE = 200_000
LONGEST_NAME = 255
FARTHEST = 1e6
Tip = tuple[str, tuple[float, float, float]]
"""A bone's name and a point in that bone's own space, armature units."""
WAY_OUT = "save a mapping anew with Use Character"


@dataclass(frozen=True)
class HandMapping:
    """The bones of one hand and arm."""

    bones: Mapping[str, str] = field(default_factory=dict)
    """Part (one of `PARTS`) to bone name. A finger with two joints has its 1 and 2, a missing finger has none."""
    tips: tuple[Tip | None, ...] = (None,) * 5
    """Contact point of each finger, thumb first; None is found from the bones."""
    arm: str = "chain"
    """How the arm is driven: ``chain`` turns the bones, other words name controls of the family."""
    radii: tuple[tuple[float, float, float, float] | None, ...] = (None,) * 5
    """Thickness at three joints and tip of each finger, armature units; None goes by the finger's length."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.bones) - set(PARTS))
        if unknown:
            raise ValueError(f"a hand has no part {unknown[0]}")
        if len(self.tips) != len(FINGERS) or len(self.radii) != len(FINGERS):
            raise ValueError("tips and radii are those of five fingers")
        numbers = [n for tip in self.tips if tip for n in tip[1]] + [
            n for row in self.radii if row for n in row
        ]
        if not all(abs(number) <= FARTHEST for number in numbers):  # false for what is no number, too
            raise ValueError("tips and radii must be finite")
        if not all(number > 0 for row in self.radii if row for number in row):
            raise ValueError("radii must be above zero")

    def finger_bones(self, finger: int) -> tuple[str, ...]:
        """Names of a finger's bones from the palm on: none to three."""
        names = [self.bones.get(f"{FINGERS[finger]}{i}") for i in (1, 2, 3)]
        return tuple(name for name in names if name is not None)


@dataclass(frozen=True)
class CharacterMapping:
    """The bones of both hands."""

    family: str
    left: HandMapping
    right: HandMapping
    piano: tuple[tuple[float, ...], ...] | None = None
    """4 x 4 rows, world to piano frame; None before a piano was fitted."""

    @property
    def hands(self) -> tuple[HandMapping, HandMapping]:
        """Left, right."""
        return self.left, self.right

    def to_json(self) -> str:
        """The mapping as it lies in the armature and in a file."""
        data: dict[str, Any] = {"format": FORMAT, "family": self.family}
        for name, hand in zip(HANDS, self.hands):
            data[name] = {
                "bones": dict(hand.bones),
                "tips": [tip and [tip[0], list(tip[1])] for tip in hand.tips],
                "arm": hand.arm,
                "radii": [row and list(row) for row in hand.radii],
            }
        if self.piano is not None:
            data["piano"] = [list(row) for row in self.piano]
        return json.dumps(data, ensure_ascii=False, allow_nan=False, indent=1)


def read_mapping(text: str) -> CharacterMapping:
    """The mapping of a JSON text that anybody may have written. Raises UserError."""
    if len(text) > LONGEST_FILE:
        raise _refused(f"is longer than {LONGEST_FILE} characters")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused("is no JSON", str(error)) from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise _refused(f"has another format than {FORMAT}")
    family = _name(data.get("family"), "family")
    left, right = (_hand(data.get(name), name) for name in HANDS)
    return CharacterMapping(family, left, right, _piano(data.get("piano")))


def _hand(data: Any, where: str) -> HandMapping:
    if not isinstance(data, dict) or not isinstance(data.get("bones"), dict):
        raise _refused(f"lists no bones of the {where} hand")
    bones = {}
    for part, bone in data["bones"].items():
        if part not in PARTS:
            raise _refused(f'names a part "{part}" of the {where} hand that no hand has')
        bones[part] = _name(bone, f"{where} hand's {part}")
    tips = tuple(_tip(tip, where) for tip in _five(data.get("tips"), where))
    radii = tuple(_radii(row, where) for row in _five(data.get("radii"), where))
    return HandMapping(bones, tips, _name(data.get("arm", "chain"), f"{where} arm"), radii)


def _five(rows: Any, where: str) -> list[Any]:
    if rows is None:
        return [None] * len(FINGERS)
    if not isinstance(rows, list) or len(rows) != len(FINGERS):
        raise _refused(f"must list five fingertips of the {where} hand, thumb to little finger")
    return rows


def _tip(tip: Any, where: str) -> Tip | None:
    if tip is None:
        return None
    if not isinstance(tip, list) or len(tip) != 2:
        raise _refused(f"has a fingertip of the {where} hand that is not a bone with a point")
    x, y, z = _numbers(tip[1], 3, f"a fingertip of the {where} hand")
    return _name(tip[0], f"{where} hand's fingertip"), (x, y, z)


def _radii(row: Any, where: str) -> tuple[float, float, float, float] | None:
    if row is None:
        return None
    a, b, c, d = _numbers(row, 4, f"a thickness of the {where} hand")
    if min(a, b, c, d) <= 0:
        raise _refused(f"has a finger of the {where} hand without thickness")
    return a, b, c, d


def _piano(rows: Any) -> tuple[tuple[float, ...], ...] | None:
    if rows is None:
        return None
    if not isinstance(rows, list) or len(rows) != 4:
        raise _refused("has a place of the piano that is not 4 rows of 4 numbers")
    return tuple(_numbers(row, 4, "the place of the piano") for row in rows)


def _numbers(values: Any, many: int, what: str) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != many:
        raise _refused(f"must give {many} numbers for {what}")
    plain = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(plain) != many or not all(abs(v) <= FARTHEST for v in plain):  # false for what is no number, too
        raise _refused(f"has something else than numbers up to a million for {what}")
    return tuple(float(v) for v in plain)


def _name(value: Any, what: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise _refused(f"has no name of 1 to {LONGEST_NAME} characters for the {what}")
    return value


def _refused(what: str, detail: str = "") -> UserError:
    return UserError("character_mapping", f"The mapping of the character {what}; {WAY_OUT}.", detail)
