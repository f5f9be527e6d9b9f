# SPDX-License-Identifier: GPL-3.0-or-later
"""Which things are which keys by where they lie, where names do not tell. No bpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from . import keyboard
from .key_names import LOWEST_OF
from .piano_fit import UP, axes_of_line

FEWEST = 12
CLEAR_GAP = 0.04
"""By so much of an octave's width black keys stand out: in height above the white ones, or in width."""
NEAR_KEY = 0.75
"""So many white keys' widths a thing may lie from its key's place."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """How far each of n things reaches along three axes: the line of the keys, away from the player, up."""

    low: NDArray[np.float64]
    """(n, 3)"""
    high: NDArray[np.float64]
    """(n, 3)"""

    @property
    def middle(self) -> NDArray[np.float64]:
        """Of each thing (n, 3)."""
        middle: NDArray[np.float64] = (self.low + self.high) / 2
        return middle

    @property
    def size(self) -> NDArray[np.float64]:
        """Of each thing (n, 3)."""
        return self.high - self.low


def rough_axes(middles: NDArray[np.float64], up: NDArray[np.float64] = UP) -> NDArray[np.float64]:
    """Axes (3, 3, columns) of keys with these middles (n, 3): X along their line, which may be the wrong way round."""
    level = middles - middles.mean(0)
    level = level - np.outer(level @ up, up)
    line = np.linalg.svd(level, full_matrices=False)[2][0]
    along = level @ line
    if not np.isfinite(along).all() or np.ptp(along) <= 0:
        raise _unclear("they do not lie in a row")
    return axes_of_line(line * along.min(), line * along.max(), up)


def black_keys(boxes: Boxes) -> NDArray[np.bool_]:
    """(n,) which keys are black: those that stand higher, or else are narrower.

    Raises UserError where none stand out.
    """
    octave = 12 * np.ptp(boxes.middle[:, 0]) / max(len(boxes.low) - 1, 1)
    for measure in (boxes.high[:, 2], -boxes.size[:, 0]):
        order = np.sort(measure)
        gaps = np.diff(order)
        cut = int(gaps.argmax())
        black = measure > (order[cut] + order[cut + 1]) / 2
        if gaps[cut] > CLEAR_GAP * octave and 0.25 < black.mean() < 0.55:
            return np.asarray(black)
    raise _unclear("their black keys stand out neither in height nor in width")


def by_pattern(boxes: Boxes) -> tuple[NDArray[np.int64], bool]:
    """The pitch of each key (n,) from the pattern of black and white, and whether the player sits on the other side.

    On the other side: then X of the boxes runs from the treble to the bass. Raises UserError where the things are no
    keyboard.
    """
    count = len(boxes.low)
    if not FEWEST <= count <= len(keyboard.PITCHES):
        raise _unclear(f"{count} things were chosen")
    black = black_keys(boxes)
    away = float(boxes.middle[black, 1].mean() - boxes.middle[~black, 1].mean())
    if abs(away) < 0.05 * float(boxes.size[~black, 1].mean()):
        raise _unclear(
            "no side is the player's: black keys lie neither before nor behind the middle of the white ones"
        )
    turned = away < 0
    order = np.argsort(boxes.middle[:, 0])[:: -1 if turned else 1]
    lowest = _lowest(black[order])
    pitches = np.empty(count, np.int64)
    pitches[order] = lowest + np.arange(count)
    return pitches, turned


def _lowest(black: NDArray[np.bool_]) -> int:
    """The lowest pitch of keys (n,), lowest first, by which of them are black."""
    count = len(black)
    own = np.array([keyboard.is_black(pitch) for pitch in keyboard.PITCHES])
    fits = [
        keyboard.PITCHES[0] + start
        for start in range(len(own) - count + 1)
        if (own[start : start + count] == black).all()
    ]
    if not fits:
        raise _unclear("black and white do not follow each other as on a piano")
    usual = LOWEST_OF.get(count, (keyboard.PITCHES[0] + keyboard.PITCHES[-1] - count) // 2)
    return min(fits, key=lambda pitch: (abs(pitch - usual), pitch))


def by_frame(boxes: Boxes, colours: NDArray[np.bool_] | None) -> NDArray[np.int64]:
    """The pitch of each key (n,) of boxes in the piano frame: the nearest key, of its colour where that is known.

    Raises UserError where two things are nearest to one key, or one lies far from all.
    """
    pitches = np.array(keyboard.PITCHES, np.int64)
    off = np.abs(boxes.middle[:, :1] - [keyboard.key_x(pitch) for pitch in keyboard.PITCHES])
    if colours is not None:
        own = np.array([keyboard.is_black(pitch) for pitch in keyboard.PITCHES])
        off = np.where(colours[:, None] == own, off, np.inf)
    nearest = off.argmin(1)
    if off.min(1).max() > NEAR_KEY * keyboard.WHITE_PITCH:
        raise _unclear("some lie beside the keyboard that Fit Piano found")
    if len(set(nearest.tolist())) != len(nearest):
        raise _unclear("two of them lie on one key")
    found: NDArray[np.int64] = pitches[nearest]
    return found


def misplaced(boxes: Boxes, pitches: NDArray[np.integer[Any]]) -> float:
    """How far keys lie at most from where a piano has them, in widths of a white key; boxes in the piano frame."""
    own = np.array([keyboard.key_x(int(pitch)) for pitch in pitches])
    return float(np.abs(boxes.middle[:, 0] - own).max() / keyboard.WHITE_PITCH)


def _unclear(why: str) -> UserError:
    return UserError(
        "keys_unclear",
        f"Neither names nor places tell which key is which: {why}. Choose the keys alone, 88 or fewer, or name them "
        "after their notes (A0 to C8).",
    )
