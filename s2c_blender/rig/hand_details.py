# SPDX-License-Identifier: GPL-3.0-or-later
"""Nails of the right hand. NumPy only, no bpy; coordinates as in ``hand_shape``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import skeleton
from . import implicit
from .hand_anatomy import Finger
from .parts import COLUMNS, NAIL, Part, grid_quads

Array = NDArray[np.floating[Any]]


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
        faces = grid_quads(along, across)
        a, b, c = (vertices[faces[:, i]] for i in range(3))
        if (np.cross(b - a, c - b).mean(0) @ back) < 0:
            faces = faces[:, ::-1]
        weights = np.zeros((len(vertices), len(COLUMNS)))
        weights[:, joints[2]] = 1.0
        parts.append(Part(vertices, faces, np.full(len(faces), NAIL), weights, np.zeros(len(vertices))))
    return parts
