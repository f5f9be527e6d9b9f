# SPDX-License-Identifier: GPL-3.0-or-later
"""The skinned mesh objects of the built-in hands; the left hand is the mirror image of the right."""

from __future__ import annotations

import bpy
import numpy as np

from ..core import skeleton
from . import hand_shape, materials


def create_hand_mesh(
    armature: bpy.types.Object, hand: int, hand_size: float, collection: bpy.types.Collection
) -> bpy.types.Object:
    """Add the mesh of one hand, parented to the armature and bound with weights that sum to one."""
    shape = hand_shape.build()
    mirror = hand == skeleton.LEFT
    bones = skeleton.rest_bones(hand, hand_size)
    vertices = shape.vertices * hand_size * (skeleton.MIRROR if mirror else 1.0) + bones[0].head
    faces = shape.faces[:, ::-1] if mirror else shape.faces

    name = "S2C Hand" + skeleton.SUFFIXES[hand]
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
    mesh.loops.add(faces.size)
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(faces, np.int32).ravel())
    mesh.polygons.add(len(faces))
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 4, dtype=np.int32))
    for material in (
        materials.skin(),
        materials.nail(),
        materials.plain("S2C Shirt", (0.82, 0.82, 0.80), 0.85, sheen=0.2),
        materials.plain("S2C Sleeve", (0.012, 0.013, 0.017), 0.8, sheen=0.25),
    ):
        mesh.materials.append(material)
    mesh.polygons.foreach_set("material_index", shape.materials)
    mesh.attributes.new(materials.BLUSH_ATTRIBUTE, "FLOAT", "POINT").data.foreach_set(
        "value", shape.blush.astype(np.float32)
    )
    mesh.update(calc_edges=True)
    mesh.validate()
    mesh.shade_smooth()

    body = bpy.data.objects.new(name, mesh)
    collection.objects.link(body)
    _add_weights(body, bones, shape.weights)
    body.parent = armature
    modifier = body.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    return body


def _add_weights(body: bpy.types.Object, bones: list[skeleton.Bone], weights: np.ndarray) -> None:
    """Vertex groups from weights (n, 16); equal weights are written together, which is fast."""
    for bone in bones:
        group = body.vertex_groups.new(name=bone.name)
        column = weights[:, bone.joint].astype(np.float32)
        for vertex in np.flatnonzero((column > 0) & (column < 1)):
            group.add([int(vertex)], float(column[vertex]), "REPLACE")
        whole = np.flatnonzero(column >= 1)
        if len(whole):
            group.add(whole.tolist(), 1.0, "REPLACE")
