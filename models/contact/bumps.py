# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth bumps in time that lead to what some frames need, and back. Frames are the last axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, maximum_filter1d

Array = NDArray[np.float64]


def bump(need: Array, reach: int) -> Array:
    """Smooth values (..., F), nowhere below ``need`` (..., F), which is never negative, and 0 some frames beside it."""
    kernel = np.hanning(2 * reach + 3)[1:-1]
    # Every value under the kernel is at least the need of its middle, so their mean is, too.
    wide = maximum_filter1d(need.astype(float), 2 * reach + 1, axis=-1)
    found: Array = convolve1d(wide, kernel / kernel.sum(), axis=-1)
    return found


def no_steeper(values: Array, step: float, asking: NDArray[np.bool_] | None = None) -> Array:
    """The least values (..., F) not below ``values`` that differ by no more than ``step`` from frame to frame.

    asking: (..., F) values that others have to make room for; None for all. Steps between the others stay.
    """
    found = values.copy()
    source = values if asking is None else np.where(asking, values, -np.inf)
    for frames in range(1, min(int(np.ceil(np.ptp(values) / step)), values.shape[-1])):
        for one, other in (
            (slice(frames, None), slice(None, -frames)),
            (slice(None, -frames), slice(frames, None)),
        ):
            np.maximum(found[..., one], source[..., other] - frames * step, out=found[..., one])
    return found
