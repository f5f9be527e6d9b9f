# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hand's mesh is put together from: pieces of quads with a material and weights. NumPy only, no bpy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import skeleton

Array = NDArray[np.floating[Any]]

SKIN, NAIL, SHIRT, SLEEVE = range(4)
ARM_BONES: tuple[str, ...] = tuple(skeleton.DATA["arm"]["bones"][part] for part in skeleton.ARM)
"""Bones behind the hand, without suffix: shoulder, upper arm, forearm."""
COLUMNS: tuple[str, ...] = (*(skeleton.DATA["bones"][joint] for joint in skeleton.JOINTS), *ARM_BONES)
"""The bone of every column of the weights, without suffix."""
HAND = 0
SHOULDER, UPPER_ARM, FOREARM = (COLUMNS.index(bone) for bone in ARM_BONES)


@dataclass(frozen=True)
class Part:
    """A piece of the right hand's or arm's mesh at rest, size 1, metres from the wrist joint."""

    vertices: Array
    """(n, 3)"""
    faces: NDArray[np.integer[Any]]
    """(m, 4), outward normals"""
    materials: NDArray[np.integer[Any]]
    """(m,) SKIN, NAIL, SHIRT or SLEEVE"""
    weights: Array
    """(n, 19) one for each of `COLUMNS`, rows sum to one, at most four above zero"""
    blush: Array
    """(n,) 0 to 1: how red the skin is"""


def grid_quads(rows: int, columns: int, wrap: bool = False) -> NDArray[np.int32]:
    """Quads of a grid of vertices numbered row by row; `wrap` closes the rows."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(columns if wrap else columns - 1), indexing="ij")
    right = (c + 1) % columns
    quads = np.stack(
        [r * columns + c, r * columns + right, (r + 1) * columns + right, (r + 1) * columns + c], -1
    )
    return quads.reshape(-1, 4).astype(np.int32)


def joined(parts: list[Part]) -> Part:
    """One piece of several."""
    first = np.cumsum([0] + [len(part.vertices) for part in parts])
    return Part(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=np.concatenate([part.faces + start for part, start in zip(parts, first, strict=False)]),
        materials=np.concatenate([part.materials for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        blush=np.concatenate([part.blush for part in parts]),
    )


@dataclass(frozen=True)
class HandPieces:
    """What the right hand is put together from."""

    hand: Part
    """Skin from the fingertips to the middle of the forearm, and nails."""
    sleeve: Part
    """Shirt cuff and sleeve of a whole arm."""
    cuff: Part
    """Shirt cuff and the end of a sleeve, for hands without arms."""

    def whole(self, arm: bool) -> Part:
        """The hand with its arm, or without one; without one everything behind the wrist follows the hand."""
        if arm:
            return joined([self.hand, self.sleeve])
        whole = joined([self.hand, self.cuff])
        weights = whole.weights.copy()
        weights[:, HAND] += weights[:, len(skeleton.JOINTS) :].sum(1)
        weights[:, len(skeleton.JOINTS) :] = 0.0
        return replace(whole, weights=weights)


def smoothstep(value: Array, low: float, high: float) -> Array:
    """From 0 at `low` to 1 at `high`, level at both ends."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)
