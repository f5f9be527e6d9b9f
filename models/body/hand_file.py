# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands of other bodies as a file (docs/formats.md, "Hand geometry"), and as the same object in a take's description.

Each hand has its own true coordinates: metres, the axes of the flat open hand, palm down, fingers along +Y; the thumb
of the right hand is at -X, that of the left one at +X. Nothing is believed before it has been looked at; each error is
one sentence that says where in the file something is wrong.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.skeleton import FINGER_JOINTS, FINGERS, HANDS, STANDARD_HANDS, HandGeometry
from models.checks import setting_name, shown
from models.errors import UserError, quoted
from models.plain_file import Kind, read_plain
from models.plain_text import printable, shortened
from models.whole_file import write_text_whole

FORMAT = 1
HAND_FILE = Kind("hand geometry", "hand_geometry", 64 << 10, "choose the character again")
SIZES = (0.5, 2.0)
"""Of a finger, stretched, from the wrist to its tip: as a factor on ours."""
SHORTEST_M, LONGEST_M = 0.001, 0.3
"""From joint to joint, and of any number in the file."""
RADII_M = (0.0005, 0.05)
UNIT = 1e-4
"""Axes may be so far from unit length and from a right angle."""
LONGEST_NAME = 120
"""Letters of a name that are kept; an armature may be called anything."""
_SAME_M, _SAME_AXIS = 2e-4, 2e-3
"""Hands that differ less are the same: measured twice, on an armature that was moved between."""

_FINGER_KEYS = {"base": 3, "y_axis": 3, "z_axis": 3, "lengths": 3, "radii": 4}
_STUB_APART_M, _STUB_BACK_M, _STUB_M = 0.006, -0.012, 0.002
"""A finger that a hand does not have is as long as this, lies behind the wrist and points away from the keys."""


class BadHand(ValueError):
    """What is no pair of hands; the text goes on after "because"."""


def read_hand_file(path: Path) -> dict[str, Any]:
    """The hands of a file as the checked object that takes keep; `hands_of` makes a geometry of it.

    Raises:
        UserError: the file is missing, is too large, or holds no pair of hands.
    """
    data = read_plain(path, HAND_FILE)
    try:
        found = json.loads(data.decode("utf-8"), parse_constant=_no_number)
        return object_of(hands_of(found), shortened(printable(found["name"]), LONGEST_NAME))
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, BadHand) else "it is no JSON text"
        sentence = (
            f"The hand geometry {quoted(path)} cannot be used, because {why}; choose the character again."
        )
        raise UserError("hand_geometry_unusable", sentence, repr(error)) from error


def write_hand_file(path: Path, hands: HandGeometry, name: str) -> None:
    """Write a geometry as a file; what `read_hand_file` reads of it is the same, bit for bit."""
    write_text_whole(path, json.dumps(object_of(hands, name), indent=1) + "\n")


def object_of(hands: HandGeometry, name: str) -> dict[str, Any]:
    """A geometry as an object for JSON; its limits are taken for the standard ones, but for locked joints."""
    found: dict[str, Any] = {"format": FORMAT, "name": name}
    for side, hand in enumerate(HANDS):
        fingers = {
            finger: _finger_object(hands, side, index) if hands.present[side, index] else None
            for index, finger in enumerate(FINGERS)
        }
        found[hand] = {"fingers": fingers}
    return found


def hands_of(data: Any) -> HandGeometry:
    """The geometry that an object describes. Raises `BadHand` where it describes none."""
    _check_keys("the file", data, {"format", "name", *HANDS})
    if data["format"] != FORMAT or isinstance(data["format"], bool):
        raise BadHand(f"its format is {shown(data['format'])} and this version reads {FORMAT}")
    if not isinstance(data["name"], str):
        raise BadHand(f"its name is {shown(data['name'])} and must be a text")
    bases, frames, lengths, radii = (np.zeros((2, 5, *shape)) for shape in ((3,), (3, 3), (3,), (4,)))
    limits, present = STANDARD_HANDS.limits.copy(), np.ones((2, 5), bool)
    for side, hand in enumerate(HANDS):
        _check_keys(f'"{hand}"', data[hand], {"fingers"})
        _check_keys(f'"fingers" of "{hand}"', data[hand]["fingers"], set(FINGERS))
        for index, finger in enumerate(FINGERS):
            where, value = f"the {hand} {finger}", data[hand]["fingers"][finger]
            present[side, index] = value is not None
            stub = _stub(index) if value is None else None
            part, locked = stub or _finger(where, value, side, index)
            bases[side, index], lengths[side, index], radii[side, index] = part[0], part[3], part[4]
            frames[side, index] = np.stack([np.cross(part[1], part[2]), part[1], part[2]], 1)
            limits[side, FINGER_JOINTS[index][locked]] = 0.0
        if present[side].sum() < 2:
            raise BadHand(f"the {hand} hand has fewer than two fingers")
    return HandGeometry(
        wrist_frames=STANDARD_HANDS.wrist_frames,
        finger_bases=bases,
        finger_frames=frames,
        lengths=lengths,
        radii=radii,
        limits=limits,
        present=present,
    )


def same_hands(one: HandGeometry, other: HandGeometry) -> bool:
    """Whether two geometries are of the same body: angles of one put the fingertips of the other in the same places."""
    return (
        np.array_equal(one.present, other.present)
        and np.array_equal(one.locked, other.locked)
        and np.abs(one.finger_bases - other.finger_bases).max() < _SAME_M
        and np.abs(one.lengths - other.lengths).max() < _SAME_M
        and np.abs(one.finger_frames - other.finger_frames).max() < _SAME_AXIS
    )


_Part = tuple[NDArray[np.float64], ...]


def _finger_object(hands: HandGeometry, side: int, index: int) -> dict[str, Any]:
    frame = hands.finger_frames[side, index]
    return {
        "base": hands.finger_bases[side, index].tolist(),
        "y_axis": frame[:, 1].tolist(),
        "z_axis": frame[:, 2].tolist(),
        "lengths": hands.lengths[side, index].tolist(),
        "radii": hands.radii[side, index].tolist(),
        "locked": (np.flatnonzero(hands.locked[side, index]) + 1).tolist(),
    }


def _finger(where: str, value: Any, side: int, index: int) -> tuple[_Part, list[int]]:
    """Base, two axes, lengths and radii of a finger, and its locked joints counted from 0."""
    _check_keys(where, value, {*_FINGER_KEYS, "locked"})
    part = tuple(_numbers(f'"{key}" of {where}', value[key], count) for key, count in _FINGER_KEYS.items())
    base, y_axis, z_axis, lengths, radii = part
    for key, axis in (("y_axis", y_axis), ("z_axis", z_axis)):
        if abs(np.linalg.norm(axis) - 1) > UNIT:
            raise BadHand(f'"{key}" of {where} is not of length 1')
    if abs(y_axis @ z_axis) > UNIT:
        raise BadHand(f"the axes of {where} are not at a right angle")
    if lengths.min() < SHORTEST_M or np.abs([*base, *lengths]).max() > LONGEST_M:
        raise BadHand(f"a bone of {where} is shorter than 1 mm or longer than 30 cm")
    if radii.min() < RADII_M[0] or radii.max() > RADII_M[1]:
        raise BadHand(f"{where} is thinner than 1 mm or thicker than 10 cm")
    reach = np.linalg.norm(base) + lengths.sum()
    usual = (
        np.linalg.norm(STANDARD_HANDS.finger_bases[side, index]) + STANDARD_HANDS.lengths[side, index].sum()
    )
    if not SIZES[0] <= reach / usual <= SIZES[1]:
        raise BadHand(
            f"{where} is {100 * reach:.1f} cm long from the wrist to its tip, and fingers can be "
            f"{100 * SIZES[0] * usual:.1f} to {100 * SIZES[1] * usual:.1f} cm long (is the armature's scale right?)"
        )
    locked = value["locked"]
    if not isinstance(locked, list) or not all(type(joint) is int and 1 <= joint <= 3 for joint in locked):
        raise BadHand(f'"locked" of {where} must be a list of joints from 1 to 3')
    if len(set(locked)) != len(locked) or len(locked) == 3:
        raise BadHand(f'"locked" of {where} names a joint twice, or all of them')
    return part, [joint - 1 for joint in locked]


def _stub(index: int) -> tuple[_Part, list[int]]:
    """What stands for a finger that is not there: behind the wrist, where it meets no key and no finger."""
    base = np.array([_STUB_APART_M * (index - 2), _STUB_BACK_M, 0.0])
    back, down = np.array([0.0, -1.0, 0.0]), np.array([0.0, 0.0, -1.0])
    return (base, back, down, np.full(3, _STUB_M), np.full(4, _STUB_M)), [0, 1, 2]


def _numbers(where: str, value: Any, count: int) -> NDArray[np.float64]:
    fits = isinstance(value, list) and len(value) == count
    if not fits or not all(type(item) in (int, float) and abs(item) <= 2.0 for item in value):
        raise BadHand(f"{where} must be {count} numbers of at most 2")
    return np.array(value, np.float64)


def _check_keys(where: str, value: Any, wanted: set[str]) -> None:
    if not isinstance(value, dict):
        raise BadHand(f"{where} is {shown(value)} and must be an object")
    missing, more = sorted(wanted - set(value)), sorted(set(value) - wanted)
    if missing:
        raise BadHand(f"{where} has no {setting_name(missing[0])}")
    if more:
        raise BadHand(f"{where} has {printable(setting_name(more[0]))}, which is not known")


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
