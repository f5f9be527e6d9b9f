# SPDX-License-Identifier: GPL-3.0-or-later
"""The piano frame of a keyboard from the places of two of its keys. No bpy; places in Blender's units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError
from . import keyboard

UP = np.array([0.0, 0.0, 1.0])
LEAST_KEYS = 7
"""The two keys lie at least so many semitones apart: nearer ones would say too little about the line of the keys."""
STEEPEST = np.radians(60.0)
"""A line of keys that rises more is no keyboard."""
SLOPE_SAID = np.radians(1.0)
USUAL_WIDTH = (0.8, 1.15)
"""Widths of a key, as parts of the usual one, that need no remark: narrow keyboards have 0.85."""
SMALLEST, LARGEST = 1e-4, 1e4
"""Blender's units from one key to the other: nearer is one place, farther is a slip."""


@dataclass(frozen=True, eq=False)
class PianoFit:
    """Where a keyboard lies."""

    matrix: NDArray[np.float64]
    """(4, 4) piano frame to world, with one scale for all axes."""
    slope: float
    """By how much the line of the keys rises towards the treble, radians."""

    @property
    def scale(self) -> float:
        """Blender's units in a unit of the piano frame."""
        return float(np.linalg.norm(self.matrix[:3, 0]))

    @property
    def white_pitch(self) -> float:
        """From the middle of a white key to the middle of the next, in Blender's units."""
        return self.scale * keyboard.WHITE_PITCH


def axes_of_line(
    low: NDArray[np.float64], high: NDArray[np.float64], up: ArrayLike = UP
) -> NDArray[np.float64]:
    """Axes (3, 3, columns) of a keyboard: X from `low` to `high`, Z as near to `up` as that leaves.

    Raises UserError where the two are one place, or one above the other.
    """
    line = np.asarray(high, float) - np.asarray(low, float)
    length = float(np.linalg.norm(line))
    if not np.isfinite(length) or not SMALLEST < length < LARGEST:
        raise UserError(
            "keys_in_one_place",
            "The lowest and the highest key are in one place, or endlessly far apart: choose two keys at the two ends "
            "of the keyboard.",
        )
    x = line / length
    up = np.asarray(up, float) / np.linalg.norm(up)
    if abs(float(x @ up)) > np.sin(STEEPEST):
        raise UserError(
            "keyboard_upright",
            "One key is above the other, so there is no keyboard between them: choose the lowest and the highest key "
            "of a keyboard that lies.",
        )
    z = up - (x @ up) * x
    z /= np.linalg.norm(z)
    return np.column_stack([x, np.cross(z, x), z])


def fit(
    low: ArrayLike,
    high: ArrayLike,
    low_pitch: int,
    high_pitch: int,
    *,
    up: ArrayLike = UP,
    lean: float = 0.0,
    lift: float = 0.0,
) -> PianoFit:
    """The frame in which the fronts of two keys are where they were found.

    Args:
        low: (3,) the middle of the lowest key's front edge, on top, in the world.
        high: (3,) the same of the highest key.
        low_pitch: which key that is, a MIDI number.
        high_pitch: which key that is.
        up: (3,) what is above the keys.
        lean: turns the keyboard about its line, radians; above 0 the far ends of the keys rise.
        lift: moves the frame up, in Blender's units.

    Raises:
        UserError: for places or keys from which no frame follows.
    """
    if high_pitch - low_pitch < LEAST_KEYS:
        raise UserError(
            "keys_too_near",
            f"{keyboard.key_name(low_pitch)} and {keyboard.key_name(high_pitch)} are too near each other, or the wrong "
            "way round: name the lowest key first, and a highest key at least a fifth above it.",
        )
    places = np.array([low, high], float)
    axes = axes_of_line(places[0], places[1], up)
    own = np.array([_front(low_pitch), _front(high_pitch)])
    line, own_line = places[1] - places[0], own[1] - own[0]
    scale = float(np.linalg.norm(line) / np.linalg.norm(own_line))
    turn = axes @ axes_of_line(own[0], own[1]).T
    c, s = np.cos(lean), np.sin(lean)
    turn = turn @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn * scale
    matrix[:3, 3] = places.mean(0) - matrix[:3, :3] @ own.mean(0) + lift * turn[:, 2]
    return PianoFit(matrix, float(np.arcsin(np.clip(axes[2, 0], -1, 1))))


def _front(pitch: int) -> tuple[float, float, float]:
    """The middle of a key's front edge, in the piano frame."""
    return keyboard.key_x(pitch), keyboard.key_front(pitch), keyboard.key_top(pitch)


def remarks(found: PianoFit, metre: float) -> list[str]:
    """What is odd about a keyboard, in a sentence each. metre: Blender's units in a metre."""
    said = []
    share = found.scale / metre
    if not USUAL_WIDTH[0] <= share <= USUAL_WIDTH[1]:
        said.append(
            f"Its white keys would be {1000 * share * keyboard.WHITE_PITCH:.3g} mm wide, where a piano's are "
            f"{1000 * keyboard.WHITE_PITCH:g}: if that is wrong, check which keys were chosen, and the scene's units."
        )
    if abs(found.slope) > SLOPE_SAID:
        said.append(
            f"It slopes by {abs(np.degrees(found.slope)):.2g} degrees "
            f"{'up' if found.slope > 0 else 'down'} towards the treble: if it should be level, choose the front edges "
            "of both keys again."
        )
    return said
