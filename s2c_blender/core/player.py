# SPDX-License-Identifier: GPL-3.0-or-later
"""The names and ranges of the style values, read from ``hands.json`` as the generator does. No bpy.

A hand's size is a factor on all its lengths in Blender, and a style value (0 is average) for the generator.
"""

from __future__ import annotations

from .skeleton import DATA

_PLAYER = DATA["player"]

HAND_SIZE = "hand_size"
STYLES: tuple[str, ...] = tuple(name for name in _PLAYER["styles"] if name != HAND_SIZE)
"""Names of the style sliders, as the worker knows them. The size of the hands belongs to the armature."""
SLIDER_RANGE: tuple[float, float] = tuple(_PLAYER["usual_range"])
_LOW, _HIGH = _PLAYER["hand_size_range"]
_STEP: float = _PLAYER["hand_size_step"]
HAND_SIZE_RANGE: tuple[float, float] = (1 + _STEP * _LOW, 1 + _STEP * _HIGH)
"""Smallest and largest factor on a hand's lengths that the generator takes: 0.7 to 1.4."""


def style_of_hand_size(factor: float) -> float:
    """The style value of a hand's size, the nearest one that the generator takes."""
    return min(_HIGH, max(_LOW, (factor - 1.0) * (1 / _STEP)))
