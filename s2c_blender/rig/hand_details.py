# SPDX-License-Identifier: GPL-3.0-or-later
"""Nails and cuff of the right hand. NumPy only, no bpy; coordinates as in ``hand_shape``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import skeleton
from . import implicit
from .hand_shape import NAIL, SHIRT, SLEEVE, Finger

Array = NDArray[np.floating[Any]]
Part = tuple[Array, NDArray[np.int32], NDArray[np.int64], Array]
"""Vertices (n, 3), quads (m, 4), material of each quad, weights (n, 16)."""


def _grid_quads(rows: int, columns: int, wrap: bool = False) -> NDArray[np.int32]:
    """Quads of a grid of vertices numbered row by row; `wrap` closes the rows."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(columns if wrap else columns - 1), indexing="ij")
    right = (c + 1) % columns
    quads = np.stack(
        [r * columns + c, r * columns + right, (r + 1) * columns + right, (r + 1) * columns + c], -1
    )
    return quads.reshape(-1, 4).astype(np.int32)


def nails(groups: implicit.Groups, chains: list[Finger]) -> list[Part]:
    """A curved shell on the back of every fingertip, laid on the surface from outside."""
    across, along = 13, 15
    parts: list[Part] = []
    for finger, joints in zip(chains, skeleton.FINGER_JOINTS, strict=True):
        z = finger.frame[:, 2]
        radius = finger.radii[3]
        tip, joint = finger.centres[3], finger.centres[2]
        length = np.linalg.norm(tip - joint)
        forward = (tip - joint) / length
        v = np.linspace(0, 1, along)[:, None]
        u = np.linspace(-1, 1, across)[None, :]
        width = np.clip(1 - np.abs(2 * v - 1) ** 5, 0, 1) ** 0.4  # a rounded rectangle
        angle = np.radians(62) * u * np.maximum(width, 0.25)
        reach = length - 0.95 * radius + (1.72 * radius) * (v + 0.06 * u * u * (1 - 2 * v))
        back = -(z - (z @ forward) * forward)
        back /= np.linalg.norm(back)
        side = np.cross(forward, back)
        middle = joint + reach[..., None] * forward - 0.1 * radius * back
        ray = np.sin(angle)[..., None] * side + np.cos(angle)[..., None] * back
        travel = np.full(angle.shape, 2.2 * radius)
        for _ in range(14):  # march toward the finger until the skin
            travel -= 0.9 * implicit.distance(
                groups, (middle + travel[..., None] * ray).reshape(-1, 3)
            ).reshape(angle.shape)
        rim = np.maximum(
            np.abs(u) * np.ones_like(v), np.where(v < 0.5, np.abs(2 * v - 1), 0.0) * np.ones_like(u)
        )
        raised = 0.00045 - 0.0009 * np.clip((rim - 0.72) / 0.28, 0, 1) ** 2
        free_edge = 0.0004 * np.clip((v - 0.8) / 0.2, 0, 1)
        vertices = (middle + (travel + raised + free_edge)[..., None] * ray).reshape(-1, 3)
        faces = _grid_quads(along, across)
        a, b, c = (vertices[faces[:, i]] for i in range(3))
        if (np.cross(b - a, c - b).mean(0) @ back) < 0:
            faces = faces[:, ::-1]
        weights = np.zeros((len(vertices), 16))
        weights[:, joints[2]] = 1.0
        parts.append((vertices, faces, np.full(len(faces), NAIL), weights))
    return parts


def _tube(profile: list[tuple[float, float, float]], material: int) -> Part:
    """A closed sweep of ellipses: rows of (y, half width, half height)."""
    columns = 40
    angle = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    rows = [
        np.stack([width * np.cos(angle), np.full(columns, y), height * np.sin(angle)], 1)
        for y, width, height in profile
    ]
    vertices = np.concatenate(rows)
    faces = _grid_quads(len(profile), columns, wrap=True)
    weights = np.zeros((len(vertices), 16))
    weights[:, 0] = 1.0
    return vertices, faces, np.full(len(faces), material), weights


def cuff() -> list[Part]:
    """A shirt cuff and the end of a sleeve; they follow the hand bone and hide where the wrist ends."""
    shirt = [
        (-0.052, 0.0315, 0.0225), (-0.030, 0.0325, 0.0235), (-0.0278, 0.0329, 0.0239), (-0.0272, 0.0336, 0.0246),
        (-0.0278, 0.0343, 0.0253), (-0.030, 0.0347, 0.0257), (-0.050, 0.0352, 0.0262), (-0.066, 0.0356, 0.0266),
    ]  # fmt: skip
    sleeve = [
        (-0.064, 0.0358, 0.0268), (-0.044, 0.0374, 0.0284), (-0.0422, 0.0380, 0.0290), (-0.0418, 0.0389, 0.0299),
        (-0.0424, 0.0398, 0.0308), (-0.045, 0.0404, 0.0314), (-0.070, 0.0418, 0.0328), (-0.100, 0.0434, 0.0346),
        (-0.128, 0.0446, 0.0360), (-0.131, 0.0440, 0.0354), (-0.132, 0.0425, 0.0340), (-0.132, 0.020, 0.016),
        (-0.132, 0.0005, 0.0004),
    ]  # fmt: skip
    return [_tube(shirt, SHIRT), _tube(sleeve, SLEEVE)]
