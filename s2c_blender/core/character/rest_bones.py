# SPDX-License-Identifier: GPL-3.0-or-later
"""The bones of an armature at rest, as numbers. No bpy."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import UserError

Array = NDArray[np.float64]

MOST_BONES = 20_000
ORTHONORMAL = 1e-3
"""How far the axes of a bone may be off unit length and right angles; Blender's own are off by 1e-6."""
MOST_STRETCH = 1.01
"""Largest ratio of the scales along two axes that still counts as one scale."""


@dataclass(frozen=True, eq=False)
class RestBones:
    """An armature's n bones at rest, in armature space and armature units."""

    names: tuple[str, ...]
    parents: NDArray[np.int64]
    """(n,) index of each bone's parent, -1 where there is none."""
    heads: Array
    """(n, 3)"""
    tails: Array
    """(n, 3) where the armature has them; importers guess them, so nothing but a last bone's length is read off."""
    frames: Array
    """(n, 3, 3) axes X, Y, Z of each bone as columns: the 3x3 part of ``bone.matrix_local``."""
    metres: float = 1.0
    """Metres in one armature unit, see `metres_of`."""
    inherits: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    """(n,) whether each bone turns with its parent (``use_inherit_rotation``); left out, all do."""

    def __post_init__(self) -> None:
        n = len(self.names)
        if not self.inherits.size:
            object.__setattr__(self, "inherits", np.ones(n, bool))
        shapes = {"parents": (n,), "heads": (n, 3), "tails": (n, 3), "frames": (n, 3, 3), "inherits": (n,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must have the shape {shape}, not {getattr(self, name).shape}")
        if not 0 < n <= MOST_BONES:
            raise UserError(
                "character_bones", f"The armature has {n} bones; choose one with 1 to {MOST_BONES}."
            )
        if len(set(self.names)) != n:
            raise ValueError("two bones have one name")
        numbers = (self.heads, self.tails, self.frames, np.array(self.metres))
        if not all(np.isfinite(values).all() for values in numbers) or self.metres <= 0:
            raise UserError(
                "character_bones",
                "The armature has bones or a scale that are no numbers; check them in Edit Mode.",
            )
        if (self.parents >= n).any() or (self.parents < -1).any() or self._has_ring():
            raise ValueError("parents must be other bones, without a ring")

    def _has_ring(self) -> bool:
        reached = self.parents
        for _ in range(len(self.names)):
            if (reached < 0).all():
                return False
            reached = np.where(reached < 0, -1, self.parents[reached])
        return True

    @cached_property
    def index(self) -> dict[str, int]:
        """Name to index."""
        return {name: i for i, name in enumerate(self.names)}

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """The children of each bone."""
        rows: list[list[int]] = [[] for _ in self.names]
        for bone, parent in enumerate(self.parents):
            if parent >= 0:
                rows[parent].append(bone)
        return tuple(tuple(row) for row in rows)

    def ancestors(self, bone: int) -> list[int]:
        """The bones above a bone, its parent first."""
        above = []
        while (bone := int(self.parents[bone])) >= 0:
            above.append(bone)
        return above

    def in_bone_space(self, bone: int, point: ArrayLike) -> Array:
        """A point (3,) of armature space in a bone's own space."""
        place: Array = self.frames[bone].T @ (np.asarray(point, float) - self.heads[bone])
        return place

    def in_armature_space(self, bone: int, point: ArrayLike) -> Array:
        """A point (3,) of a bone's own space in armature space."""
        place: Array = self.heads[bone] + self.frames[bone] @ np.asarray(point, float)
        return place

    def check_axes(self, bone: int) -> None:
        """Raises UserError where a bone's rest axes are no rotation."""
        frame = self.frames[bone]
        if np.abs(frame.T @ frame - np.eye(3)).max() > ORTHONORMAL or np.linalg.det(frame) < 0:
            raise UserError(
                "character_bones",
                f'The bone "{self.names[bone]}" is scaled or mirrored at rest; apply the scale in Edit Mode.',
            )


def metres_of(matrix: ArrayLike) -> float:
    """Metres in one unit of an object with this 3x3 or 4x4 world matrix. Raises UserError where no number is that."""
    axes = np.asarray(matrix, float)[:3, :3]
    scales = np.linalg.norm(axes, axis=0)
    if not np.isfinite(axes).all() or scales.min() < 1e-9:
        raise UserError(
            "character_scale", "The armature's scale is zero in the scene; give it a scale above zero."
        )
    square = axes / scales
    if np.linalg.det(square) < 0:
        raise UserError(
            "character_scale",
            "The armature is mirrored by a negative scale; apply its scale (Object > Apply > Scale).",
        )
    sheared = np.abs(square.T @ square - np.eye(3)).max() > MOST_STRETCH - 1
    if scales.max() / scales.min() > MOST_STRETCH or sheared:
        raise UserError(
            "character_scale",
            "The armature is stretched: its scale differs along X, Y and Z; make the three scales the same.",
        )
    return float(np.cbrt(np.prod(scales)))
