# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hands are meant: those of the panel, the active ones, or the only ones."""

from __future__ import annotations

import bpy

from ..errors import UserError
from .bones import are_built_in
from .hands import are_hands


def pairs_of_hands(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The armatures of a scene that are hands."""
    return [item for item in scene.objects if are_hands(item)]


def chosen_character(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature that Use Character is about: the panel's, else the active one; None for our own hands."""
    chosen = context.scene.s2c_settings.armature or context.active_object
    if chosen is None or chosen.type != "ARMATURE" or are_built_in(chosen):
        return None
    return chosen


def find_armature(context: bpy.types.Context) -> bpy.types.Object:
    """The armature of the panel, else the active one, else the only one of the scene. Raises UserError."""
    scene = context.scene
    chosen = scene.s2c_settings.armature
    if chosen is not None:
        if chosen.name not in scene.objects:
            raise UserError(
                "rig_elsewhere", f'The armature "{chosen.name}" is not in this scene; choose another one.'
            )
        return chosen
    active = context.active_object
    if active is not None and active.type == "ARMATURE":
        return active
    hands = pairs_of_hands(scene) or [item for item in scene.objects if item.type == "ARMATURE"]
    if not hands:
        raise UserError(
            "no_rig",
            "There are no hands to animate: press Add Hands, or choose an armature in the S2C panel.",
        )
    if len(hands) > 1:
        raise UserError("which_rig", "There are several pairs of hands: choose one in the S2C panel.")
    return hands[0]
