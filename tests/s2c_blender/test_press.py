# SPDX-License-Identifier: GPL-3.0-or-later
"""A key's own numbers for each depth: between rest and bottom too, whatever lies between it and the world."""

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector
from piano_helpers import select

from s2c_blender.piano.parts import SIZES, Channel
from s2c_blender.piano.press import Press, Turn, press_bone, press_object

MODES = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX", "QUATERNION", "AXIS_ANGLE")
TURN = Turn(Vector((1.0, 2.3, 0.7)), Vector((0.6, 0.8, 0.0)), 0.06)
"""Twice as far as a piano's keys turn."""


@pytest.fixture(autouse=True)
def empty() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)


def at_depth(press: Press, thing: bpy.types.Object | bpy.types.PoseBone, depth: float) -> None:
    """Give a thing the numbers that drivers would give it, from their own expressions."""
    for path, numbers in press.numbers.items():
        count = SIZES[path]
        for index in range(count):
            channel = Channel(path, index, *numbers[index::count])
            getattr(thing, path)[index] = eval(channel.expression, {"__builtins__": {}}, {"depth": depth})
    bpy.context.view_layer.update()


def placed(mode: str, *, parented: bool, turned: bool) -> bpy.types.Object:
    item = bpy.data.objects.new("key", None)
    bpy.context.scene.collection.objects.link(item)
    if parented:
        parent = bpy.data.objects.new("parent", None)
        parent.matrix_world = Matrix.LocRotScale((1, -1, 2), Euler((0.3, 0.9, -0.4)), (1.7,) * 3)
        bpy.context.scene.collection.objects.link(parent)
        item.parent = parent
        item.matrix_parent_inverse = Matrix.Translation((0.1, 0.2, 0.3))
    item.rotation_mode = mode
    item.location = (0.4, 0.5, -0.6)
    if turned:
        item.rotation_euler, item.rotation_quaternion = (1.2, -0.7, 2.5), (0.3, -0.5, 0.7, 0.2)
        item.rotation_axis_angle = (1.1, 0.2, -0.5, 0.8)
        item.delta_rotation_euler, item.delta_rotation_quaternion = (0.2, 0.1, -0.3), (0.9, 0.1, 0.3, 0.2)
    item.delta_location, item.scale, item.delta_scale = (0.01, 0.02, 0.03), (1.5, 0.5, 1.0), (2.0, 1.0, 1.0)
    bpy.context.view_layer.update()
    return item


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("parented", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_an_object_goes_down_about_the_line(mode: str, parented: bool, turned: bool) -> None:
    item = placed(mode, parented=parented, turned=turned)
    rest = item.matrix_world.copy()
    press = press_object(item, TURN)
    assert set(press.numbers) <= set(SIZES)
    for depth in (0.0, 0.2, 0.5, 0.8, 1.0):
        at_depth(press, item, depth)
        np.testing.assert_allclose(np.array(item.matrix_world), np.array(TURN.at(depth) @ rest), atol=1e-5)
    np.testing.assert_allclose(np.array(press.matrix), np.array(item.matrix_world), atol=1e-5)


@pytest.mark.parametrize("posed", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_a_bone_goes_down_about_the_line(mode: str, posed: bool) -> None:
    data = bpy.data.armatures.new("rig")
    rig = bpy.data.objects.new("rig", data)
    rig.matrix_world = Matrix.LocRotScale((1, -1, 2), Euler((0.3, 0.9, -0.4)), (0.01,) * 3)
    bpy.context.scene.collection.objects.link(rig)
    select([rig])
    bpy.ops.object.mode_set(mode="EDIT")
    root, key = data.edit_bones.new("root"), data.edit_bones.new("key")
    root.head, root.tail, root.roll = (0, 0, 0), (20, 30, 0), 0.4
    key.head, key.tail, key.roll, key.parent = (50, 40, 30), (60, 20, 35), 1.3, root
    bpy.ops.object.mode_set(mode="OBJECT")
    bone = rig.pose.bones["key"]
    bone.rotation_mode = mode
    rig.pose.bones["root"].rotation_quaternion = (0.9, 0.1, 0.3, 0.2)
    if posed:
        bone.location = (1, 2, 3)
        bone.rotation_euler, bone.rotation_quaternion = (1.2, -0.7, 2.5), (0.3, -0.5, 0.7, 0.2)
        bone.rotation_axis_angle = (1.1, 0.2, -0.5, 0.8)
    bpy.context.view_layer.update()
    rest = rig.matrix_world @ bone.matrix
    press = press_bone(rig, "key", TURN)
    for depth in (0.0, 0.2, 0.5, 0.8, 1.0):
        at_depth(press, bone, depth)
        now = rig.matrix_world @ bone.matrix
        np.testing.assert_allclose(np.array(now), np.array(TURN.at(depth) @ rest), atol=1e-5)
    assert tuple(bone.scale) == (1, 1, 1)
