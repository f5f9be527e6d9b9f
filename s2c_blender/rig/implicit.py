# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth implicit shapes from round cones, and their polygonisation by surface nets. NumPy only, no bpy.

Points are (..., 3) metres; distances are negative inside. Round cones after Inigo Quilez' derivation, smooth union
by the quadratic polynomial minimum, which changes nothing beyond its blend width, so a cone only has to be
evaluated near itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

FAR = np.float32(0.05)
"""Distance given to points that no cone is near."""


@dataclass(frozen=True)
class Cone:
    """A round cone: the hull of two spheres."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    radius_start: float
    radius_end: float
    blend: float = 0.004
    """Width of the smooth union with what was there before."""

    def distance(self, points: Array) -> Array:
        """Signed distance of points (..., 3)."""
        start = np.asarray(self.start, points.dtype)
        axis = np.asarray(self.end, points.dtype) - start
        length2 = max(float(axis @ axis), 1e-12)
        offset = points - start
        along = offset @ axis
        across2 = np.maximum(np.einsum("...i,...i->...", offset, offset) - along * along / length2, 0.0)
        # The nearest sphere of the family: shifted along the axis by the slope of the mantle.
        slope = (self.radius_start - self.radius_end) / np.sqrt(length2)
        shift = slope / np.sqrt(max(1e-6, 1.0 - slope * slope)) / np.sqrt(length2)
        share = np.clip(along / length2 - np.sqrt(across2) * shift, 0.0, 1.0)
        gap2 = across2 + (along / length2 - share) ** 2 * length2
        return np.sqrt(gap2) - (self.radius_start + share * (self.radius_end - self.radius_start))


def smooth_min(a: Array, b: Array, blend: float) -> Array:
    """Smooth union of two distances with a blend of the given width."""
    if blend <= 0:
        return np.minimum(a, b)
    overlap = np.maximum(blend - np.abs(a - b), 0.0)
    return np.minimum(a, b) - overlap * overlap * (0.25 / blend)


Groups = list[tuple[list[Cone], float]]
"""Groups of cones; a group is united first, then joined to the groups before it with its own blend width."""


def distance(groups: Groups, points: Array) -> Array:
    """Distance of points (n, 3) to the smooth union of all groups."""
    total = np.full(points.shape[:-1], FAR, points.dtype)
    for cones, join in groups:
        field = np.full(points.shape[:-1], FAR, points.dtype)
        for cone in cones:
            field = smooth_min(field, cone.distance(points), cone.blend)
        total = smooth_min(total, field, join)
    return total


def gradient(groups: Groups, points: Array, step: float = 2e-4) -> tuple[Array, Array]:
    """Distance (n,) and gradient (n, 3) by the tetrahedron stencil."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], points.dtype)
    values = [distance(groups, points + step * corner) for corner in corners]
    slope = sum(value[:, None] * corner for value, corner in zip(values, corners, strict=True)) / (4 * step)
    return np.mean(values, axis=0), slope


def sample_grid(groups: Groups, low: Array, shape: tuple[int, int, int], spacing: float) -> Array:
    """Distance on a regular grid; every cone is evaluated only in the box that it can change."""

    def box(cone: Cone, margin: float) -> tuple[slice, ...]:
        ends = np.array([cone.start, cone.end])
        radii = np.array([[cone.radius_start], [cone.radius_end]])
        first = np.floor(((ends - radii).min(0) - margin - low) / spacing).astype(int)
        last = np.ceil(((ends + radii).max(0) + margin - low) / spacing).astype(int) + 1
        return tuple(slice(max(0, a), max(0, min(b, n))) for a, b, n in zip(first, last, shape, strict=True))

    axes = [(low[i] + spacing * np.arange(shape[i])).astype(np.float32) for i in range(3)]
    total = np.full(shape, FAR, np.float32)
    for cones, join in groups:
        field = np.full(shape, FAR, np.float32)
        for cone in cones:
            part = box(cone, max(cone.blend, join) + 2 * spacing)
            points = np.stack(
                np.meshgrid(*(axis[s] for axis, s in zip(axes, part, strict=True)), indexing="ij"), -1
            )
            field[part] = smooth_min(field[part], cone.distance(points), cone.blend)
        total = smooth_min(total, field, join)
    return total


_CORNERS = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)])
_EDGES = np.array([(a, b) for a in range(8) for b in range(8) if a < b and bin(a ^ b).count("1") == 1])


def surface_nets(field: Array, low: Array, spacing: float) -> tuple[Array, NDArray[np.int32]]:
    """Quads of the zero surface: vertices (n, 3), faces (m, 4), normals outward.

    Gibson's surface nets: a vertex in every cell that the surface crosses, at the mean of its edge crossings; a
    quad around every grid edge that it crosses.
    """
    inside = field < 0
    cells = np.array(field.shape) - 1
    count = sum(
        inside[i : i + cells[0], j : j + cells[1], k : k + cells[2]].astype(np.int8) for i, j, k in _CORNERS
    )
    active = np.argwhere((count > 0) & (count < 8))
    number = np.full(tuple(cells), -1, np.int32)
    number[tuple(active.T)] = np.arange(len(active))
    corner = active[:, None, :] + _CORNERS
    values = field[corner[..., 0], corner[..., 1], corner[..., 2]]
    a, b = values[:, _EDGES[:, 0]], values[:, _EDGES[:, 1]]
    crossed = (a < 0) != (b < 0)
    share = np.where(crossed, a / np.where(crossed, a - b, 1.0), 0.0)[..., None]
    where = _CORNERS[_EDGES[:, 0]] * (1 - share) + _CORNERS[_EDGES[:, 1]] * share
    mean = (where * crossed[..., None]).sum(1) / crossed.sum(1)[:, None]
    vertices = low + spacing * (active + mean)

    faces = []
    for axis in range(3):
        u, v = np.eye(3, dtype=int)[(axis + 1) % 3], np.eye(3, dtype=int)[(axis + 2) % 3]
        first = np.moveaxis(inside, axis, 0)[:-1]
        second = np.moveaxis(inside, axis, 0)[1:]
        edges = np.argwhere(np.moveaxis(first != second, 0, axis))
        edges = edges[np.all((edges - u - v >= 0) & (edges < cells), axis=1)]
        around = np.stack([edges - u - v, edges - v, edges, edges - u], 1)
        quads = number[around[..., 0], around[..., 1], around[..., 2]]
        outward = inside[tuple(edges.T)]
        faces.append(np.where(outward[:, None], quads, quads[:, ::-1]))
    return vertices, np.concatenate(faces).astype(np.int32)


def neighbours_mean(values: Array, faces: NDArray[np.int32]) -> Array:
    """Mean of the edge neighbours of every vertex: (n, c) from (n, c) values and (m, k) faces."""
    count = len(values)
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    both = np.concatenate([start, end]), np.concatenate([end, start])
    degree = np.maximum(np.bincount(both[0], minlength=count), 1)
    return np.stack(
        [np.bincount(both[0], values[both[1], c], minlength=count) / degree for c in range(values.shape[1])],
        axis=1,
    )
