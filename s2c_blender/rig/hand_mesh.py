# SPDX-License-Identifier: GPL-3.0-or-later
"""The skinned mesh objects of the built-in hands; the left hand is the mirror image of the right."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core import skeleton
from . import hand_file, materials, parts


def create_hand_mesh(
    armature: bpy.types.Object,
    hand: int,
    hand_size: float,
    collection: bpy.types.Collection,
    unit: float = 1.0,
) -> bpy.types.Object:
    """Add the mesh of one hand, parented to the armature and bound with weights that sum to one.

    A hand whose armature has arm bones gets sleeves as far as the shoulder, one without them a short cuff.
    unit: Blender's units in a metre.
    """
    names = [name + skeleton.SUFFIXES[hand] for name in parts.COLUMNS]
    arm = all(name in armature.data.bones for name in names)
    shape, equal = _shape(arm)
    mirror = hand == skeleton.LEFT
    wrist = skeleton.rest_bones(hand, hand_size)[0].head
    vertices = shape.vertices * hand_size * (skeleton.MIRROR if mirror else 1.0) + wrist
    vertices = vertices * unit
    faces = shape.faces[:, ::-1] if mirror else shape.faces

    name = "S2C Hand" + skeleton.SUFFIXES[hand]
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.loops.add(faces.size)
    mesh.polygons.add(len(faces))
    # Through the attributes: the collections' own properties convert number by number, ten times as slow.
    _fill(mesh, "position", "vector", vertices.astype(np.float32))
    _fill(mesh, ".corner_vert", "value", faces.astype(np.int32))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 4, dtype=np.int32))
    for material in (
        materials.skin(),
        materials.nail(),
        materials.plain("S2C Shirt", (0.82, 0.82, 0.80), 0.85, sheen=0.2),
        materials.plain("S2C Sleeve", (0.012, 0.013, 0.017), 0.8, sheen=0.25),
    ):
        mesh.materials.append(material)
    mesh.attributes.new("material_index", "INT", "FACE")
    _fill(mesh, "material_index", "value", shape.materials)
    mesh.attributes.new(materials.BLUSH_ATTRIBUTE, "FLOAT", "POINT")
    _fill(mesh, materials.BLUSH_ATTRIBUTE, "value", shape.blush)
    mesh.update(calc_edges=True)
    mesh.shade_smooth()

    body = bpy.data.objects.new(name, mesh)
    collection.objects.link(body)
    _add_weights(body, names, equal)
    body.parent = armature
    modifier = body.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    return body


def _fill(mesh: bpy.types.Mesh, attribute: str, member: str, values: NDArray[Any]) -> None:
    mesh.attributes[attribute].data.foreach_set(member, np.ascontiguousarray(values).ravel())


@lru_cache(maxsize=2)
def _shape(arm: bool) -> tuple[parts.Part, list[tuple[int, float, list[int]]]]:
    """The right hand, and its vertices of equal weight for one bone: column, weight, vertices."""
    shape = hand_file.read().whole(arm)
    columns, vertices = np.nonzero(np.ascontiguousarray(shape.weights.T))
    steps = np.rint(shape.weights[vertices, columns] * hand_file.WEIGHT_STEPS).astype(int)
    kind = (columns * (hand_file.WEIGHT_STEPS + 1) + steps).astype(np.uint16)
    order = np.argsort(kind, kind="stable")
    kinds, first = np.unique(kind[order], return_index=True)
    ordered = vertices[order].tolist()
    equal = []
    for one, start, end in zip(kinds.tolist(), first.tolist(), [*first[1:].tolist(), None], strict=True):
        column, step = divmod(one, hand_file.WEIGHT_STEPS + 1)
        equal.append((column, step / hand_file.WEIGHT_STEPS, ordered[start:end]))
    return shape, equal


def _add_weights(body: bpy.types.Object, names: list[str], equal: list[tuple[int, float, list[int]]]) -> None:
    """Vertex groups of the bones; equal weights are written together, which is ten times as fast as one by one."""
    used = sorted({column for column, _, _ in equal})  # not the arm of a hand that has none
    groups = {column: body.vertex_groups.new(name=names[column]) for column in used}
    for column, weight, vertices in equal:
        groups[column].add(vertices, weight, "REPLACE")
