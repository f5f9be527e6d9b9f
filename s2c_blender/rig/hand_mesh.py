# SPDX-License-Identifier: GPL-3.0-or-later
"""The skinned mesh objects of the built-in hands; the left hand is the mirror image of the right."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core import skeleton
from . import hand_file, materials


def create_hand_mesh(
    armature: bpy.types.Object,
    hand: int,
    hand_size: float,
    collection: bpy.types.Collection,
    unit: float = 1.0,
) -> bpy.types.Object:
    """Add the mesh of one hand, parented to the armature and bound with weights that sum to one.

    unit: Blender's units in a metre.
    """
    shape = hand_file.read()
    mirror = hand == skeleton.LEFT
    bones = skeleton.rest_bones(hand, hand_size)
    vertices = shape.vertices * hand_size * (skeleton.MIRROR if mirror else 1.0) + bones[0].head
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
    _add_weights(body, bones, shape.weights)
    body.parent = armature
    modifier = body.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    return body


def _fill(mesh: bpy.types.Mesh, attribute: str, member: str, values: NDArray[Any]) -> None:
    mesh.attributes[attribute].data.foreach_set(member, np.ascontiguousarray(values).ravel())


def _add_weights(body: bpy.types.Object, bones: list[skeleton.Bone], weights: NDArray[Any]) -> None:
    """Vertex groups from weights (n, 16); equal weights are written together, which is fast."""
    for bone in bones:
        group = body.vertex_groups.new(name=bone.name)
        held = np.flatnonzero(weights[:, bone.joint])
        column = weights[held, bone.joint]
        for level in np.unique(column):
            group.add(held[column == level].tolist(), float(level), "REPLACE")
