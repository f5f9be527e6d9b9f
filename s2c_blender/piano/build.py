# SPDX-License-Identifier: GPL-3.0-or-later
"""The piano's objects: an empty at the origin of the piano frame, keys and a pedal that turn about hinges, a case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core import keyboard
from ..rig import materials

Corner = tuple[float, float, float]

PIANO_PROPERTY = "s2c_piano"
"""Custom property of the empty."""
PITCH_PROPERTY = "s2c_pitch"
"""Custom property of a key: its MIDI pitch."""
PEDAL_PROPERTY = "s2c_pedal"
"""Custom property of a pedal: which one it is."""
SUSTAIN = "sustain"
PRESS_PROPERTY = "s2c_press_angle"
"""Custom property of a key or pedal: the turn about X when it is all the way down, radians."""
PEDAL_HINGE = (0.075, 0.29, -0.62)
"""Where the sustain pedal turns, in the piano frame: in the lyre, to the right of the middle."""
PEDAL_ANGLE = 0.11
PEDAL_LOW, PEDAL_HIGH = (-0.02, -0.17, -0.006), (0.02, 0.0, 0.006)
"""Corners of a pedal, from its hinge: it reaches towards the player."""


def create_piano(
    collection: bpy.types.Collection, name: str = "S2C Piano", unit: float = 1.0
) -> bpy.types.Object:
    """Add a piano to `collection`; its origin is the origin of the piano frame. unit: Blender's units in a metre."""
    piano = bpy.data.objects.new(name, None)
    piano.scale = (unit,) * 3
    piano.empty_display_size = 0.1
    piano[PIANO_PROPERTY] = True
    collection.objects.link(piano)
    ivory = materials.plain("S2C Ivory", (0.86, 0.84, 0.78), 0.22, coat=0.5)
    ebony = materials.plain("S2C Ebony", (0.012, 0.011, 0.011), 0.32, coat=0.4)
    for shape in keyboard.key_shapes():
        key = _add_mesh(
            collection,
            piano,
            f"Key {shape.name}",
            shape.vertices,
            shape.faces,
            ebony if shape.black else ivory,
        )
        key.location = (shape.x, keyboard.HINGE_Y, keyboard.HINGE_Z)
        key[PITCH_PROPERTY] = shape.pitch
        _let_turn(key, shape.press_angle)
    _add_case(collection, piano)
    _add_pedals(collection, piano)
    return piano


def piano_keys(piano: bpy.types.Object) -> dict[int, bpy.types.Object]:
    """The keys of a piano by pitch."""
    return {int(key[PITCH_PROPERTY]): key for key in piano.children if PITCH_PROPERTY in key}


def sustain_pedal(piano: bpy.types.Object) -> bpy.types.Object | None:
    """The pedal that lifts the dampers; pianos of earlier versions have none."""
    return next((item for item in piano.children if item.get(PEDAL_PROPERTY) == SUSTAIN), None)


def find_piano(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The first piano of a scene."""
    return next((item for item in scene.objects if PIANO_PROPERTY in item), None)


def _add_case(collection: bpy.types.Collection, piano: bpy.types.Object) -> None:
    """Key bed, key slip, fallboard, felt and cheek blocks."""
    lacquer = materials.plain("S2C Lacquer", (0.006, 0.006, 0.007), 0.12, coat=1.0)
    felt = materials.plain("S2C Felt", (0.28, 0.015, 0.02), 0.95, sheen=0.6)
    half, end = keyboard.KEYBOARD_WIDTH / 2, 0.075
    length, low = keyboard.WHITE_LENGTH, -keyboard.KEY_HEIGHT
    boxes = {
        "Key Bed": ((-half - end, -0.035, low - 0.06), (half + end, 0.34, low - 0.014), lacquer),
        "Key Slip": ((-half - end, -0.035, low - 0.014), (half + end, -0.006, -0.011), lacquer),
        "Fallboard": (
            (-half - end, length + 0.006, keyboard.BLACK_HEIGHT + 0.003),
            (half + end, length + 0.03, 0.13),
            lacquer,
        ),
        "Felt": ((-half, length - 0.001, 0.0012), (half, length + 0.006, 0.005), felt),
        "Cheek Low": ((-half - end, -0.006, low - 0.014), (-half - 0.001, length + 0.006, 0.012), lacquer),
        "Cheek High": ((half + 0.001, -0.006, low - 0.014), (half + end, length + 0.006, 0.012), lacquer),
    }
    for name, (low_corner, high_corner, material) in boxes.items():
        _bevel(_add_mesh(collection, piano, f"Piano {name}", *_boxes((low_corner, high_corner)), material))


def _add_pedals(collection: bpy.types.Collection, piano: bpy.types.Object) -> None:
    """The lyre under the key bed with three pedals, of which the sustain pedal moves."""
    lacquer = materials.plain("S2C Lacquer", (0.006, 0.006, 0.007), 0.12, coat=1.0)
    brass = materials.plain("S2C Brass", (0.72, 0.5, 0.2), 0.25, metallic=1.0)
    x, y, z = PEDAL_HINGE
    lyre = [
        ((-0.13, y - 0.025, z - 0.03), (0.13, y + 0.045, z + 0.03)),
        ((-0.105, y, z + 0.03), (-0.075, y + 0.03, -keyboard.KEY_HEIGHT - 0.06)),
        ((0.075, y, z + 0.03), (0.105, y + 0.03, -keyboard.KEY_HEIGHT - 0.06)),
    ]
    _bevel(_add_mesh(collection, piano, "Piano Lyre", *_boxes(*lyre), lacquer))
    for name, at in (("Soft", -x), ("Sostenuto", 0.0), ("Sustain", x)):
        pedal = _add_mesh(collection, piano, f"Piano Pedal {name}", *_boxes((PEDAL_LOW, PEDAL_HIGH)), brass)
        _bevel(pedal)
        pedal.location = (at, y, z)
        pedal[PEDAL_PROPERTY] = name.lower()
        _let_turn(pedal, PEDAL_ANGLE)


def _let_turn(item: bpy.types.Object, press_angle: float) -> None:
    """A key or pedal turns about X and does nothing else."""
    item[PRESS_PROPERTY] = press_angle
    item.lock_location = (True, True, True)
    item.lock_rotation = (False, True, True)


def _boxes(*corners: tuple[Corner, Corner]) -> tuple[NDArray[np.float64], list[tuple[int, ...]]]:
    """Vertices and faces of boxes, each between its low and its high corner."""
    unit = np.array([(x, y, z) for z in (0, 1) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))])
    sides = np.array([(3, 2, 1, 0), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7)])
    vertices = np.concatenate([np.where(unit == 1, high, low) for low, high in corners])
    faces = np.concatenate([sides + 8 * i for i in range(len(corners))])
    return vertices, [tuple(face) for face in faces.tolist()]


def _bevel(item: bpy.types.Object) -> None:
    bevel = item.modifiers.new("Bevel", "BEVEL")
    bevel.width, bevel.segments = 0.0015, 2


def _add_mesh(
    collection: bpy.types.Collection,
    piano: bpy.types.Object,
    name: str,
    vertices: NDArray[Any],
    faces: Sequence[tuple[int, ...]],
    material: bpy.types.Material,
) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces)
    mesh.materials.append(material)
    item = bpy.data.objects.new(name, mesh)
    item.parent = piano
    collection.objects.link(item)
    return item
