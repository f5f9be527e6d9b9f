# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hands play which piano: those that lie nearest to it."""

from __future__ import annotations

import bpy

from ..errors import UserError
from ..rig.choice import pairs_of_hands
from ..rig.hands import piano_frame
from .animation import connect, connected_hands
from .build import PIANO_PROPERTY

SAME_PLACE_M = 1e-4


def pianos(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The pianos of a scene."""
    return [item for item in scene.objects if PIANO_PROPERTY in item]


def distance(piano: bpy.types.Object, armature: bpy.types.Object) -> float:
    """How far the hands' piano frame lies from the piano's, in Blender's units."""
    try:
        frame = armature.matrix_world @ piano_frame(armature).matrix
    except UserError:
        return float("inf")
    return (frame.translation - piano.matrix_world.translation).length


def piano_of(
    scene: bpy.types.Scene, armature: bpy.types.Object, but: bpy.types.Object | None = None
) -> bpy.types.Object | None:
    """The piano that these hands play: the nearest of those that have no nearer hands; `but` does not count."""
    hands = pairs_of_hands(scene)
    own = []
    for piano in pianos(scene):
        if piano == but:
            continue
        nearest = min((distance(piano, other) for other in hands), default=float("inf"))
        if distance(piano, armature) <= nearest + SAME_PLACE_M:
            own.append(piano)
    # Beside an override its linked original may still be in the scene, in the same place.
    return min(own, key=lambda p: (round(distance(p, armature), 4), p.library is not None), default=None)


def free_piano(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """A piano that no hands play, the last one added; None where each has its hands."""
    hands = pairs_of_hands(scene)
    taken = {piano_of(scene, armature) for armature in hands}
    return next((piano for piano in reversed(pianos(scene)) if piano not in taken), None)


def connect_all(scene: bpy.types.Scene, armature: bpy.types.Object) -> str:
    """Let the piano of these hands follow their takes; one sentence when it cannot, else nothing."""
    piano = piano_of(scene, armature)
    if piano is None or connected_hands(piano) == armature:
        return ""
    return connect(piano, armature)
