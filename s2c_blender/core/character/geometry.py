# SPDX-License-Identifier: GPL-3.0-or-later
"""The hand geometry file of a character (docs/formats.md), as far as the generator takes such hands. No bpy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import UserError
from ...plain_text import shown
from ..skeleton import FINGERS, HANDS
from .axes import FINGER_WORDS, STANDARD_LENGTHS, standard_bases, standard_frames

if TYPE_CHECKING:
    from .hands import CharacterHand, Finger

FORMAT = 1
LONGEST_NAME = 120
SIZES = (0.5, 2.0)
"""Of a straight finger, from the wrist to its tip, in standard fingers: what the generator takes."""
SHORTEST = 0.001
RADII = (0.0005, 0.05)
"""Metres."""


def geometry_of(hands: Iterable[CharacterHand], name: str) -> dict[str, Any]:
    """The object of the file: metres, canonical axes. Raises UserError for hands too large or too small to play."""
    data: dict[str, Any] = {"format": FORMAT, "name": shown(name, LONGEST_NAME)}
    for hand in hands:
        frames = standard_frames(hand.hand)[1]
        fingers: dict[str, Any] = dict.fromkeys(FINGERS)
        for finger in filter(None, hand.fingers):
            _check_size(hand.hand, finger)
            fingers[FINGERS[finger.finger]] = {
                "base": finger.base.tolist(),
                "y_axis": frames[finger.finger][:, 1].tolist(),
                "z_axis": frames[finger.finger][:, 2].tolist(),
                "lengths": finger.lengths.tolist(),
                "radii": finger.radii.tolist(),
                "locked": list(finger.locked),
            }
        data[HANDS[hand.hand]] = {"fingers": fingers}
    return data


def _check_size(hand: int, finger: Finger) -> None:
    where = f"The {HANDS[hand]} hand's {FINGER_WORDS[finger.finger]}"
    usual = np.linalg.norm(standard_bases(hand)[finger.finger]) + STANDARD_LENGTHS[finger.finger].sum()
    reach = float(np.linalg.norm(finger.base) + finger.lengths.sum())
    if not SIZES[0] <= reach / usual <= SIZES[1]:
        low, high = (100 * size * usual for size in SIZES)
        raise UserError(
            "character_size",
            f"{where} is {100 * reach:.3g} cm long from the wrist on, and can be {low:.0f} to {high:.0f} cm at a real "
            "piano; scale the character, or fit the piano to it.",
        )
    if finger.lengths.min() < SHORTEST:
        raise UserError(
            "character_size", f"{where} has a bone shorter than 1 mm; choose its bones anew in the list."
        )
    if finger.radii.min() < RADII[0] or finger.radii.max() > RADII[1]:
        raise UserError(
            "character_size",
            f"{where} is {200 * finger.radii.max():.3g} cm thick, and can be 0.1 to 10 cm; correct its thickness.",
        )
