# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the user's keys in the world: of an object and what hangs on it, or of what a bone carries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..core.key_places import Boxes
from ..core.piano_fit import UP
from ..rig.bones import skinned_meshes

SAME_UP = np.cos(np.radians(1.0))
"""Keys whose own axes agree so well on what is up are not turned one by one."""
MANY = 5
"""What has so many of the chosen objects on it carries the keys and is none."""
WEIGHT = 0.5
"""A vertex belongs to the bone that has so much of it."""


@dataclass(frozen=True, eq=False)
class OwnKey:
    """An object or a bone of the user's that may be a key."""

    owner: bpy.types.Object
    bone: str
    """Empty for an object."""
    points: NDArray[np.float64]
    """(n, 3) what it looks like, in the world; none where it has no shape."""

    @property
    def name(self) -> str:
        """As the user calls it."""
        return self.bone or self.owner.name

    @property
    def marked(self) -> bpy.types.Object | bpy.types.PoseBone:
        """What holds its marks."""
        return self.owner.pose.bones[self.bone] if self.bone else self.owner


def keys_of_objects(items: Sequence[bpy.types.Object]) -> list[OwnKey]:
    """Objects as keys; what is a child of another one of them belongs to that, unless that carries many of them."""
    graph, children = bpy.context.evaluated_depsgraph_get(), _children()
    chosen = set(items)
    carriers = {item for item in items if len(chosen & set(children[item])) >= MANY}
    whole = chosen - carriers
    tops = [item for item in items if item in whole and not any(p in whole for p in _parents(item))]
    keys = [OwnKey(item, "", _points_of(item, graph, children)) for item in tops]
    return keys + [OwnKey(item, "", _own_points(item, graph)) for item in items if item in carriers]


def keys_of_bones(armature: bpy.types.Object, names: Collection[str]) -> list[OwnKey]:
    """Bones as keys: what they deform or carry, else the bone from head to tail."""
    graph, children = bpy.context.evaluated_depsgraph_get(), _children()
    shapes: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for mesh in skinned_meshes(bpy.context.scene.objects, armature):
        for name, points in _deformed(mesh, names).items():
            shapes[name].append(points)
    for item in children[armature]:
        if item.parent_type == "BONE" and item.parent_bone in names:
            shapes[item.parent_bone].append(_points_of(item, graph, children))
    found = []
    for name in names:
        bone = armature.pose.bones[name]
        ends = np.array([armature.matrix_world @ bone.head, armature.matrix_world @ bone.tail])
        found.append(OwnKey(armature, name, np.concatenate(shapes[name]) if shapes[name] else ends))
    return found


def boxes_along(keys: Sequence[OwnKey], axes: NDArray[np.float64]) -> Boxes:
    """How far keys reach along axes (3, 3, columns)."""
    corners = [key.points @ axes for key in keys]
    return Boxes(np.array([c.min(0) for c in corners]), np.array([c.max(0) for c in corners]))


def boxes_in(keys: Sequence[OwnKey], frame: Matrix) -> Boxes:
    """How far keys reach in a frame."""
    inverse = np.array(frame.inverted_safe())
    corners = [key.points @ inverse[:3, :3].T + inverse[:3, 3] for key in keys]
    return Boxes(np.array([c.min(0) for c in corners]), np.array([c.max(0) for c in corners]))


def front_edge(key: OwnKey, axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) the middle of a key's front edge, on top, in the world, by the axes of its keyboard."""
    corners = key.points @ axes
    low, high = corners.min(0), corners.max(0)
    upper = corners[
        corners[:, 2] >= (low[2] + high[2]) / 2
    ]  # a black key's foot stands out in front of its top
    front: NDArray[np.float64] = axes @ np.array([(low[0] + high[0]) / 2, upper[:, 1].min(), high[2]])
    return front


def common_up(keys: Iterable[OwnKey]) -> NDArray[np.float64]:
    """(3,) what is above keys: the axis of their own that is nearest to the world's up, where they agree; else that."""
    ups = []
    for owner in {key.owner for key in keys}:
        axes = np.array(owner.matrix_world)[:3, :3]
        axes = axes / np.maximum(np.linalg.norm(axes, axis=0), 1e-12)
        best = int(np.abs(axes[2]).argmax())
        ups.append(axes[:, best] * np.sign(axes[2, best]))
    mean = np.mean(ups, axis=0)
    mean = mean / max(float(np.linalg.norm(mean)), 1e-12)
    return mean if bool((np.array(ups) @ mean > SAME_UP).all()) else UP


def common_parent(keys: Sequence[OwnKey]) -> bpy.types.Object | None:
    """What carries all of these keys; None where nothing does."""
    if keys[0].bone:
        return keys[0].owner
    owners = {key.owner for key in keys}
    shared = [set(_parents(owner)) - owners for owner in owners]
    return next((parent for parent in _parents(keys[0].owner) if all(parent in s for s in shared)), None)


def _parents(item: bpy.types.Object) -> list[bpy.types.Object]:
    """The parent, its parent, and so on."""
    found: list[bpy.types.Object] = []
    while item.parent is not None and item.parent not in found:
        item = item.parent
        found.append(item)
    return found


def _children() -> dict[bpy.types.Object, list[bpy.types.Object]]:
    """The children of all objects; Blender looks through the whole file for those of each."""
    found: dict[bpy.types.Object, list[bpy.types.Object]] = defaultdict(list)
    for item in bpy.data.objects:
        if item.parent is not None:
            found[item.parent].append(item)
    return found


def _points_of(
    item: bpy.types.Object,
    graph: bpy.types.Depsgraph,
    children: dict[bpy.types.Object, list[bpy.types.Object]],
) -> NDArray[np.float64]:
    """(n, 3) what an object and all that hangs on it looks like, in the world."""
    parts, waiting = [], [item]
    while waiting:
        part = waiting.pop()
        parts.append(_own_points(part, graph))
        waiting += children[part]
    return np.concatenate(parts)


def _own_points(item: bpy.types.Object, graph: bpy.types.Depsgraph) -> NDArray[np.float64]:
    """(n, 3) the vertices of an object as it is seen, in the world; the corners around it where it has none."""
    if item.type not in ("MESH", "CURVE", "SURFACE", "META", "FONT"):
        return np.zeros((0, 3))
    evaluated = item.evaluated_get(graph)
    if item.type == "MESH":
        vertices = evaluated.data.vertices
        flat = np.empty(3 * len(vertices), np.float32)
        vertices.foreach_get("co", flat)
        points = flat.reshape(-1, 3).astype(np.float64)
    else:
        points = np.array(evaluated.bound_box, np.float64)
    return _in_world(points, evaluated.matrix_world)


def _deformed(mesh: bpy.types.Object, names: Collection[str]) -> dict[str, NDArray[np.float64]]:
    """The vertices of a mesh that belong to each of some bones, in the world, as they are at rest."""
    groups = {group.index: group.name for group in mesh.vertex_groups if group.name in names}
    indices: dict[str, list[int]] = defaultdict(list)
    for vertex in mesh.data.vertices if groups else ():
        for part in vertex.groups:
            if part.group in groups and part.weight >= WEIGHT:
                indices[groups[part.group]].append(vertex.index)
    flat = np.empty(3 * len(mesh.data.vertices), np.float32)
    mesh.data.vertices.foreach_get("co", flat)
    points = _in_world(flat.reshape(-1, 3).astype(np.float64), mesh.matrix_world)
    return {name: points[own] for name, own in indices.items()}


def _in_world(points: NDArray[np.float64], matrix: Matrix) -> NDArray[np.float64]:
    turned = np.array(matrix)
    moved: NDArray[np.float64] = points @ turned[:3, :3].T + turned[:3, 3]
    return moved
