# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of the user's own piano: an empty at the origin of the piano frame, and which keys that piano has."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..core import keyboard
from .build import PIANO_PROPERTY

LOWEST_PROPERTY = "s2c_lowest_pitch"
"""Custom property of the empty: the MIDI pitch of the lowest key. What has it is the user's own piano."""
KEYS_PROPERTY = "s2c_keys"
"""Custom property of the empty: how many keys there are, black ones included."""
FEWEST_KEYS = 12
"""The generator plays on no fewer (`models.body.keyboard_size`)."""
NAME = "S2C Piano Frame"


def is_own(piano: bpy.types.Object) -> bool:
    """Whether a piano is the user's own, not the built-in one."""
    return LOWEST_PROPERTY in piano


def own_piano(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The frame of the user's piano in a scene; the last one where there are several."""
    own = [item for item in scene.objects if PIANO_PROPERTY in item and is_own(item)]
    return own[-1] if own else None


def key_range(piano: bpy.types.Object | None) -> range:
    """The pitches of a piano's keys; all 88 where it does not say, or says something that cannot be."""
    if piano is None or not is_own(piano):
        return keyboard.PITCHES
    lowest, keys = piano.get(LOWEST_PROPERTY), piano.get(KEYS_PROPERTY)
    if not isinstance(lowest, int) or not isinstance(keys, int):
        return keyboard.PITCHES
    fits = lowest in keyboard.PITCHES and keys >= FEWEST_KEYS and lowest + keys - 1 in keyboard.PITCHES
    return range(lowest, lowest + keys) if fits else keyboard.PITCHES


def keyboard_param(piano: bpy.types.Object | None) -> dict[str, int] | None:
    """The worker's parameter `keyboard` for a piano; None for all 88 keys.

    The hands' size is that beside the keys already, because both are in the piano frame: the keys have the usual width
    there.
    """
    keys = key_range(piano)
    return None if keys == keyboard.PITCHES else {"lowest_pitch": keys[0], "keys": len(keys)}


def place_frame(
    scene: bpy.types.Scene,
    matrix: NDArray[np.float64],
    keys: range,
    carrier: bpy.types.Object | None = None,
) -> bpy.types.Object:
    """Put the frame of the user's piano where it belongs: the one of the scene, else a new one.

    carrier: the object that carries the keys, which the frame goes with.
    """
    piano = own_piano(scene)
    if piano is None:
        piano = bpy.data.objects.new(NAME, None)
        piano.empty_display_type = "ARROWS"
        piano.empty_display_size = 0.2
        piano[PIANO_PROPERTY] = True
        scene.collection.objects.link(piano)
    piano[LOWEST_PROPERTY], piano[KEYS_PROPERTY] = keys[0], len(keys)
    piano.parent = carrier
    if carrier is not None:
        piano.matrix_parent_inverse = carrier.matrix_world.inverted_safe()
    piano.matrix_basis = Matrix(matrix.tolist())
    bpy.context.view_layer.update()
    return piano
