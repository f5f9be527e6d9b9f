# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame of the user's own piano: an empty at the origin of the piano frame; which keys that piano has, how deep."""

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
DIP_PROPERTY = "s2c_dip"
"""Custom property of the empty: how far the front of a white key goes down, metres of the piano frame; where it is not
there, as far as ours."""
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


def own_dip(piano: bpy.types.Object | None) -> float | None:
    """How far the front of a white key goes down, metres of the piano frame; None where it is as far as ours."""
    dip = piano.get(DIP_PROPERTY) if piano is not None and is_own(piano) else None
    fits = isinstance(dip, float) and keyboard.DIP_RANGE[0] <= dip <= keyboard.DIP_RANGE[1]
    return dip if fits else None


def dip_factor(piano: bpy.types.Object | None) -> float:
    """How deep a piano's keys go, in dips of ours."""
    return (own_dip(piano) or keyboard.WHITE_DIP) / keyboard.WHITE_DIP


def keyboard_param(piano: bpy.types.Object | None) -> dict[str, int | float] | None:
    """The worker's parameter `keyboard` for a piano; None for all 88 keys that go as deep as ours.

    The hands' size is that beside the keys already, because both are in the piano frame: the keys have the usual width
    there.
    """
    keys, dip = key_range(piano), own_dip(piano)
    if keys == keyboard.PITCHES and dip is None:
        return None
    deep = {} if dip is None else {"white_dip": dip}
    return {"lowest_pitch": keys[0], "keys": len(keys), **deep}


def place_frame(
    scene: bpy.types.Scene,
    matrix: NDArray[np.float64],
    keys: range,
    carrier: bpy.types.Object | None = None,
    dip: float | None = None,
) -> bpy.types.Object:
    """Put the frame of the user's piano where it belongs: the one of the scene, else a new one.

    carrier: the object that carries the keys, which the frame goes with. dip: see `own_dip`.
    """
    piano = own_piano(scene)
    if piano is None:
        piano = bpy.data.objects.new(NAME, None)
        piano.empty_display_type = "ARROWS"
        piano.empty_display_size = 0.2
        piano[PIANO_PROPERTY] = True
        scene.collection.objects.link(piano)
    piano[LOWEST_PROPERTY], piano[KEYS_PROPERTY] = keys[0], len(keys)
    if dip is not None:
        piano[DIP_PROPERTY] = dip
    elif DIP_PROPERTY in piano:
        del piano[DIP_PROPERTY]
    piano.parent = carrier
    if carrier is not None:
        piano.matrix_parent_inverse = carrier.matrix_world.inverted_safe()
    piano.matrix_basis = Matrix(matrix.tolist())
    bpy.context.view_layer.update()
    return piano
