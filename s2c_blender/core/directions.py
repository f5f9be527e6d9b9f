# SPDX-License-Identifier: GPL-3.0-or-later
"""Vectors of length 1, and what of other vectors lies beside them. No bpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

TINY = 1e-9
"""What is shorter has no direction."""


def unit(vectors: Array) -> Array:
    """Vectors (..., n) at length 1; those of no length stay (nearly) that."""
    found: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), TINY)
    return found


def beside(vectors: Array, way: Array) -> Array:
    """What of vectors (n, 3) lies beside unit vectors `way` (n, 3), at right angles to them."""
    rest: Array = vectors - way * np.sum(vectors * way, axis=1, keepdims=True)
    return rest
