# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a wrist bends: the hand's direction against the forearm's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def wrist_bend(
    hand: NDArray[np.floating[Any]], wrist: NDArray[np.floating[Any]], elbow: NDArray[np.floating[Any]]
) -> NDArray[np.floating[Any]]:
    """Signed angle (...) in the hand's own YZ plane, radians; positive: the hand hangs below the forearm's line.

    Args:
        hand: (..., 3, 3) axes of the hand's bone in the piano frame: columns X, Y along the hand, Z as the palm faces.
        wrist, elbow: (..., 3) metres.
    """
    along = ((wrist - elbow)[..., None, :] @ hand)[..., 0, :]  # the forearm, seen from the hand
    return np.arctan2(-along[..., 2], along[..., 1])
