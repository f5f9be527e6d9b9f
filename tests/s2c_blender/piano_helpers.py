# SPDX-License-Identifier: GPL-3.0-or-later
"""A piano as a user might have it: a mesh a key, anywhere in the world, with names of their own."""

from collections.abc import Callable, Iterable
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix
from session_helpers import write_take

from s2c_blender.core import keyboard

SHAPES = {shape.pitch: shape for shape in keyboard.key_shapes()}


def name_of(pitch: int) -> str:
    return f"Key {keyboard.key_name(pitch)}"


def corners(pitch: int) -> np.ndarray:
    """(n, 3) the vertices of a key in the piano frame; they end at the fallboard, as most models' do."""
    points = SHAPES[pitch].vertices + (SHAPES[pitch].x, keyboard.HINGE_Y, keyboard.HINGE_Z)
    return np.minimum(points, (np.inf, keyboard.WHITE_LENGTH, np.inf))


def add_keys(
    frame: Matrix,
    pitches: Iterable[int] = keyboard.PITCHES,
    name: Callable[[int], str] = name_of,
    own: Callable[[int], Matrix] = lambda _pitch: Matrix(),
) -> dict[int, bpy.types.Object]:
    """Keys whose vertices lie where a piano in `frame` has them; own: where each object's own origin and axes lie."""
    found = {}
    for pitch in pitches:
        mesh = bpy.data.meshes.new("key")
        to_own = (frame @ own(pitch)).inverted() @ frame
        vertices = [to_own @ Matrix.Translation(point).translation for point in corners(pitch).tolist()]
        mesh.from_pydata(vertices, [], SHAPES[pitch].faces)
        item = bpy.data.objects.new(name(pitch), mesh)
        item.matrix_world = frame @ own(pitch)
        bpy.context.scene.collection.objects.link(item)
        found[pitch] = item
    bpy.context.view_layer.update()
    return found


def select(items: Iterable[bpy.types.Object], active: bpy.types.Object | None = None) -> None:
    for item in bpy.context.selected_objects:
        item.select_set(False)
    chosen = list(items)
    for item in chosen:
        item.select_set(True)
    bpy.context.view_layer.objects.active = active or chosen[-1]


def front_of(pitch: int, frame: Matrix) -> np.ndarray:
    """(3,) the middle of a key's front edge, on top, in the world, where a piano in `frame` has it."""
    own = (keyboard.key_x(pitch), keyboard.key_front(pitch), keyboard.key_top(pitch))
    return np.array(frame @ Matrix.Translation(own).translation)


def down(item: bpy.types.Object, pitch: int, frame: Matrix, frame_number: float) -> tuple[float, float]:
    """How far the front edge of a key is down at a frame of the scene, and how far it is when all the way down.

    Metres of the piano frame, measured on the vertices of the edge, as Blender evaluates them, against those of a key
    that is up.
    """
    scene = bpy.context.scene
    scene.frame_set(int(frame_number), subframe=frame_number - int(frame_number))
    evaluated = item.evaluated_get(bpy.context.evaluated_depsgraph_get())
    to_frame = frame.inverted() @ evaluated.matrix_world
    now = np.array([to_frame @ vertex.co for vertex in evaluated.data.vertices])
    up = corners(pitch)
    edge = up[:, 1] < up[:, 1].min() + 1e-6
    front = float(up[edge, 1].mean())
    dip, reach = (0.009, 0.23) if keyboard.is_black(pitch) else (0.010, 0.28)
    return float((up[edge, 2] - now[edge, 2]).mean()), dip * (keyboard.HINGE_Y - front) / reach


def save_take(path: Path, notes: list[list[float]], seed: int = 1) -> str:
    """A take file of two seconds in which the right thumb plays these notes."""
    write_take(path, seed=seed)
    with np.load(path, allow_pickle=False) as data:
        arrays = dict(data)
    fingering = np.tile(np.array([[1, 0]], np.int8), (len(notes), 1))
    np.savez(path, **{**arrays, "notes": np.array(notes, np.float32), "fingering": fingering})
    return str(path)
