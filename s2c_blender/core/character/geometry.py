# SPDX-License-Identifier: GPL-3.0-or-later
"""The hand geometry file of a character (docs/formats.md), as far as the generator takes such hands. No bpy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import UserError
from ...plain_text import shown
from ..skeleton import FINGERS, HANDS
from .axes import FINGER_WORDS, STANDARD_LENGTHS, standard_bases, standard_frames

if TYPE_CHECKING:
    from .hands import CharacterHand

Array = NDArray[np.float64]

FORMAT = 1
LONGEST_NAME = 120
SIZES = (0.5, 2.0)
"""Of a straight finger, from the wrist to its tip, in standard fingers: what the generator takes."""
SHORTEST = 0.001
RADII = (0.0005, 0.05)
"""Metres."""


def geometry_of(hands: Iterable[CharacterHand], name: str) -> dict[str, Any]:
    """The object of the file: metres, canonical axes. Raises UserError for hands too large or too small to play."""
    found = []
    for hand in hands:
        frames = standard_frames(hand.hand)[1]
        fingers: dict[str, Any] = dict.fromkeys(FINGERS)
        for own in filter(None, hand.fingers):
            fingers[FINGERS[own.finger]] = finger_object(
                hand.hand,
                own.finger,
                base=own.base,
                axes=frames[own.finger],
                lengths=own.lengths,
                radii=own.radii,
                locked=own.locked,
            )
        found.append(fingers)
    return file_of(found, name)


def file_of(hands: Iterable[dict[str, Any]], name: str) -> dict[str, Any]:
    """The object of the file, of the objects of both hands' fingers, left and right."""
    data: dict[str, Any] = {"format": FORMAT, "name": shown(name, LONGEST_NAME)}
    return data | {hand: {"fingers": fingers} for hand, fingers in zip(HANDS, hands, strict=True)}


def finger_object(
    hand: int,
    finger: int,
    *,
    base: Array,
    axes: Array,
    lengths: Array,
    radii: Array,
    locked: tuple[int, ...] = (),
) -> dict[str, Any]:
    """The object of a finger. Raises UserError for one too long, too short or too thick to play.

    Args:
        base: (3,) from the wrist to its first joint. axes: (3, 3) of its straight pose, as columns.
        lengths: (3,) from joint to joint. radii: (4,). locked: joints (1 to 3) that it does not have.
    """
    _check_size(hand, finger, base, lengths, radii)
    return {
        "base": base.tolist(),
        "y_axis": axes[:, 1].tolist(),
        "z_axis": axes[:, 2].tolist(),
        "lengths": lengths.tolist(),
        "radii": radii.tolist(),
        "locked": list(locked),
    }


def _check_size(hand: int, finger: int, base: Array, lengths: Array, radii: Array) -> None:
    where = f"The {HANDS[hand]} hand's {FINGER_WORDS[finger]}"
    usual = np.linalg.norm(standard_bases(hand)[finger]) + STANDARD_LENGTHS[finger].sum()
    reach = float(np.linalg.norm(base) + lengths.sum())
    if not SIZES[0] <= reach / usual <= SIZES[1]:
        low, high = (100 * size * usual for size in SIZES)
        raise UserError(
            "character_size",
            f"{where} is {100 * reach:.3g} cm long from the wrist on, and can be {low:.0f} to {high:.0f} cm at a real "
            "piano; scale the character, or fit the piano to it.",
        )
    if lengths.min() < SHORTEST:
        raise UserError(
            "character_size", f"{where} has a bone shorter than 1 mm; choose its bones anew in the list."
        )
    if radii.min() < RADII[0] or radii.max() > RADII[1]:
        raise UserError(
            "character_size",
            f"{where} is {200 * radii.max():.3g} cm thick, and can be 0.1 to 10 cm; correct its thickness.",
        )
