# SPDX-License-Identifier: GPL-3.0-or-later
"""The keyboard as idle fingers feel it: heights to stay above, with slopes instead of steps at the black keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard


def height_under(points: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Height of the keys under the points, metres."""
    x, y = points[..., 0], points[..., 1]
    black_x = keyboard.KEY_X[keyboard.KEY_IS_BLACK].astype(np.float32)
    right = np.clip(np.searchsorted(black_x, x), 1, len(black_x) - 1)
    beside = (
        np.minimum(np.abs(x - black_x[right - 1]), np.abs(x - black_x[right])) - keyboard.BLACK_TOP_WIDTH / 2
    )
    before = np.maximum(keyboard.BLACK_FRONT - y, y - keyboard.BLACK_BACK)
    outside = np.maximum(np.maximum(beside, before) - 0.001, 0.0)
    return (keyboard.BLACK_HEIGHT * np.clip(1 - outside / 0.004, 0.0, 1.0)).astype(np.float32)


def height_on_the_way(points: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Height of the keys under points (F, ..., 3) and half way to where they are a frame before and after, metres."""
    height = height_under(points)
    for share in (0.25, 0.5, 0.75):
        between = height_under(points[:-1] + share * (points[1:] - points[:-1]))
        if share <= 0.5:
            np.maximum(height[:-1], between, out=height[:-1])
        if share >= 0.5:
            np.maximum(height[1:], between, out=height[1:])
    return height
