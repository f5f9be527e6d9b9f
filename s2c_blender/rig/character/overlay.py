# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of a mapping over the character: a palm, and a coloured finger on every chain, to its fingertip.

It is a mesh that the mapped bones move, so it shows in every viewport, in the pose that is there; it does not render.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.character.hands import CharacterHand
from ...errors import UserError
from .. import materials
from ..armature import OVERLAY_PROPERTY
from .stored import character_hands

Array = NDArray[np.float64]

NAME = "S2C Mapping"
COLOURS = {
    "palm": (0.75, 0.75, 0.75),
    "thumb": (0.9, 0.08, 0.06),
    "index": (0.95, 0.5, 0.05),
    "middle": (0.9, 0.85, 0.1),
    "ring": (0.1, 0.65, 0.2),
    "pinky": (0.1, 0.35, 0.95),
}
WIDE = 0.12
"""How wide a bone is drawn, in its length; the palm's spokes are thinner."""
SPOKE = 0.03
FACES = ((0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 1), (5, 2, 1), (5, 3, 2), (5, 4, 3), (5, 1, 4))


def overlay_of(armature: bpy.types.Object) -> bpy.types.Object | None:
    """The picture of an armature's mapping; None while it is not shown."""
    return next((item for item in bpy.data.objects if item.get(OVERLAY_PROPERTY) == armature), None)


def hide_overlay(armature: bpy.types.Object) -> None:
    """Take the picture away."""
    item = overlay_of(armature)
    if item is not None:
        bpy.data.meshes.remove(item.data)


def show_overlay(armature: bpy.types.Object) -> bpy.types.Object:
    """Draw the mapping of an armature beside it. Raises UserError where it is no pair of hands, or in no collection."""
    hands = character_hands(armature)
    collection = next(iter(armature.users_collection), None)
    if collection is None:
        raise UserError("character_nowhere", f'"{armature.name}" is in no collection: link it to one first.')
    mesh = bpy.data.meshes.new(NAME)
    item = bpy.data.objects.new(NAME, mesh)
    item[OVERLAY_PROPERTY] = armature
    collection.objects.link(item)
    vertices: list[Array] = []
    faces: list[tuple[int, ...]] = []
    colours: list[int] = []
    owners: list[tuple[str, int]] = []
    for hand in hands.hands:
        for bone, colour, start, end, wide in _pieces(armature, hand):
            owners.append((bone, len(vertices)))
            faces += [tuple(len(vertices) + corner for corner in face) for face in FACES]
            colours += [colour] * len(FACES)
            vertices += list(_octahedron(start, end, wide))
    mesh.from_pydata([list(vertex) for vertex in vertices], [], faces)
    for name, shade in COLOURS.items():
        mesh.materials.append(materials.plain(f"{NAME} {name}", shade, 0.6))
    mesh.polygons.foreach_set("material_index", colours)
    for bone, first in owners:
        name = _deforming(armature, bone)
        group = item.vertex_groups.get(name) or item.vertex_groups.new(name=name)
        group.add(list(range(first, first + 6)), 1.0, "REPLACE")
    item.parent = armature
    item.modifiers.new("Armature", "ARMATURE").object = armature
    item.show_in_front, item.hide_render, item.hide_select = True, True, True
    return item


def _deforming(armature: bpy.types.Object, bone: str) -> str:
    """The bone that moves skin where this one goes: of a control, the one that follows it."""
    follows = armature.data.bones.get(f"DEF-{bone}")
    moves = armature.data.bones[bone].use_deform
    return follows.name if follows is not None and follows.use_deform and not moves else bone


def _pieces(armature: bpy.types.Object, hand: CharacterHand) -> list[tuple[str, int, Array, Array, float]]:
    """Bone, colour, both ends in armature space and width of all that is drawn of a hand."""
    wrist = np.array(armature.data.bones[hand.wrist].head_local)
    found = []
    for finger in filter(None, hand.fingers):
        heads, colour = finger.axes.heads, 1 + finger.finger
        found.append((hand.wrist, 0, wrist, heads[0], SPOKE))
        for bone, start, end in zip(finger.bones, heads, heads[1:], strict=False):
            found.append((bone, colour, start, end, WIDE))
    return found


def _octahedron(start: Array, end: Array, wide: float) -> Array:
    """(6, 3) corners: one end, four around a fifth of the way, the other end."""
    way = end - start
    side = np.cross(way, np.eye(3)[int(np.argmin(np.abs(way)))])
    side = side / np.linalg.norm(side) * wide * np.linalg.norm(way)
    up = np.cross(way, side) / np.linalg.norm(way)
    middle = start + 0.2 * way
    return np.array([start, middle + side, middle + up, middle - side, middle - up, end])
