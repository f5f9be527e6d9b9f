# SPDX-License-Identifier: GPL-3.0-or-later
"""What else moves a key of the user's: their keyframes, strips, drivers and constraints."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from .. import compat
from .parts import SIZES, VARIABLE, path_of


def is_ours(driver: bpy.types.FCurve) -> bool:
    """Whether a driver is one of ours."""
    variables = driver.driver.variables
    return len(variables) == 1 and variables[0].name == VARIABLE


def own_curves(owner: bpy.types.Object, bone: str) -> Iterator[bpy.types.FCurve]:
    """The curves that place or turn an object or one of its bones, in its action and on its strips; no muted ones."""
    data = owner.animation_data
    if data is None:
        return
    paths = {path_of(path, bone) for path in SIZES}
    played = [(data.action, data.action_slot)]
    played += [(strip.action, strip.action_slot) for track in data.nla_tracks for strip in track.strips]
    for action, slot in played:
        bag = compat.channelbag(action, slot) if action is not None and slot is not None else None
        for curve in bag.fcurves if bag is not None else ():
            if curve.data_path in paths and not curve.mute:
                yield curve


def own_drivers(owner: bpy.types.Object, bone: str) -> list[bpy.types.FCurve]:
    """The drivers of the user's that place or turn an object or one of its bones."""
    data = owner.animation_data
    paths = {path_of(path, bone) for path in SIZES}
    return [d for d in data.drivers if d.data_path in paths and not is_ours(d)] if data is not None else []


def constrained(owner: bpy.types.Object, bone: str) -> bool:
    """Whether a constraint has a say in where an object or one of its bones is."""
    constraints = owner.pose.bones[bone].constraints if bone else owner.constraints
    return any(not constraint.mute and constraint.influence > 0 for constraint in constraints)
