# SPDX-License-Identifier: GPL-3.0-or-later
"""How an object or a bone of the user's goes down as a key: what its own numbers are for each depth.

Going down is a turn about a line in the world. Whatever parents, scales, rotation modes and rest poses lie between
that line and a key's numbers, they are worked out at half and at full depth, and a parabola goes through these and the
rest. For turns of a few degrees it is off by less than a hundredth of a millimetre. Objects move by their delta
transforms, so that what the animator set or keyed on them stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Euler, Matrix, Quaternion, Vector

NO_TURN = 1e-6
"""Of a rest given as axis and angle: below it the axis means nothing."""


Numbers = Callable[[float], tuple[list[float], list[float], Matrix]]
"""Place, rotation and matrix in the world at a depth."""


@dataclass(frozen=True)
class Turn:
    """A turn about a line in the world."""

    place: Vector
    """A point of the line."""
    axis: Vector
    """Its direction, of length 1."""
    angle: float
    """At full depth, radians."""

    def at(self, depth: float) -> Matrix:
        """(4 x 4) in the world."""
        there = Matrix.Translation(self.place)
        return there @ Matrix.Rotation(self.angle * depth, 4, self.axis) @ there.inverted()


@dataclass(frozen=True)
class Press:
    """What a key's numbers are."""

    numbers: dict[str, list[float]]
    """For each path its numbers at rest, how they change with the depth, and with its square."""
    matrix: Matrix
    """(4 x 4) where the key is at full depth, in the world, with these numbers."""


def press_object(item: bpy.types.Object, turn: Turn) -> Press:
    """How an object goes down. It must be evaluated, and up."""
    basis = item.matrix_basis.copy()
    outer = item.matrix_world @ basis.inverted_safe()  # parents, and constraints where there are any
    angles = item.rotation_mode not in ("QUATERNION", "AXIS_ANGLE")
    path = f"delta_rotation_{'euler' if angles else 'quaternion'}"
    if item.rotation_mode == "AXIS_ANGLE":  # which has no delta
        path = "rotation_axis_angle"
    rest = list(item.delta_location), _at_rest(item, path)

    def numbers(depth: float) -> tuple[list[float], list[float], Matrix]:
        moved = outer.inverted_safe() @ turn.at(depth) @ outer
        turned = _rotation(moved)
        place = moved @ basis.translation
        loc = Vector(rest[0]) + place - basis.translation
        if path == "rotation_axis_angle":
            now = turned @ Quaternion(rest[1][1:], rest[1][0])
            values = _axis_angle(now, rest[1])
        elif angles:
            order = item.rotation_mode
            before = Euler(rest[1], order)
            values = list((turned.to_matrix() @ before.to_matrix()).to_euler(order, before))
        else:
            values = _near(turned @ Quaternion(rest[1]), Quaternion(rest[1]))
        shape = turned.to_matrix() @ basis.to_3x3()
        return list(loc), values, outer @ (Matrix.Translation(place) @ shape.to_4x4())

    return _press("delta_location", path, rest, numbers)


def press_bone(armature: bpy.types.Object, name: str, turn: Turn) -> Press:
    """How a bone goes down; one that is connected to its parent turns about its head. It must be evaluated, and up."""
    bone = armature.pose.bones[name]
    basis = bone.matrix_basis.copy()
    outer = armature.matrix_world @ bone.matrix @ basis.inverted_safe()
    stays = bone.bone.use_connect and bone.parent is not None
    if stays:
        turn = Turn(armature.matrix_world @ bone.head, turn.axis, turn.angle)
    mode = bone.rotation_mode
    path = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(
        mode, "rotation_euler"
    )
    rest = list(bone.location), _at_rest(bone, path)

    def numbers(depth: float) -> tuple[list[float], list[float], Matrix]:
        moved = outer.inverted_safe() @ turn.at(depth) @ outer @ basis
        turned = _rotation(moved)
        place = Vector(rest[0]) if stays else moved.translation
        if path == "rotation_quaternion":
            values = _near(turned, Quaternion(rest[1]))
        elif path == "rotation_axis_angle":
            values = _axis_angle(turned, rest[1])
        else:
            values = list(turned.to_euler(mode, Euler(rest[1], mode)))
        now = Matrix.LocRotScale(place, turned, bone.scale)
        return list(place), values, outer @ now

    return _press("location", path, rest, numbers)


def _press(location: str, rotation: str, rest: tuple[list[float], list[float]], numbers: Numbers) -> Press:
    half, full = numbers(0.5), numbers(1.0)
    found = {}
    for path, own, middle, end in zip((location, rotation), rest, half, full, strict=False):
        if path == "rotation_axis_angle" and abs(own[0]) < NO_TURN:
            own = [0.0, *end[1:]]  # its axis turns nothing at rest: the one it goes down about is as good
            middle = [middle[0], *end[1:]]
        start, by_half, by_full = np.array(own), np.array(middle), np.array(end)
        slope = 4 * (by_half - start) - (by_full - start)
        bend = 2 * (by_full - start) - 4 * (by_half - start)
        found[path] = [*start.tolist(), *slope.tolist(), *bend.tolist()]
    return Press(found, full[2])


def _at_rest(thing: bpy.types.Object | bpy.types.PoseBone, path: str) -> list[float]:
    """The numbers of a rotation, an axis with length 1: Blender takes any length, but not to and fro."""
    numbers = list(getattr(thing, path))
    if path != "rotation_axis_angle":
        return numbers
    return [numbers[0], *(Vector(numbers[1:]).normalized() or Vector((0.0, 1.0, 0.0)))]


def _rotation(matrix: Matrix) -> Quaternion:
    return matrix.decompose()[1]


def _near(turned: Quaternion, rest: Quaternion) -> list[float]:
    """The sign of a quaternion that is nearest to another: both mean the same turn."""
    return list(turned if turned.dot(rest) >= 0 else -turned)


def _axis_angle(turned: Quaternion, rest: list[float]) -> list[float]:
    """Angle and axis, the axis on the same side as at rest; of small turns exacter than mathutils gives them."""
    length = Vector(turned[1:]).length
    axis = Vector(turned[1:]) / length if length > 0 else Vector(rest[1:])
    angle = 2 * math.atan2(length, turned[0])
    if abs(rest[0]) >= NO_TURN and axis.dot(Vector(rest[1:])) * rest[0] * angle < 0:
        axis, angle = -axis, -angle
    return [angle, *axis]
