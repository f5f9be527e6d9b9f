# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms for a take that has none (format 1), worked out a stretch of time a step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ..core.natural_arms import natural_arms
from ..core.skeleton import STANDARD_ARMS
from .take_arrays import TakeArrays

STRETCH_S = 30.0
MARGIN_S = 20.0
"""Motion farther away than this has no say in where an arm is: a pianist's sway takes 15 seconds into account."""


def with_arms(take: TakeArrays, hand_size: float) -> Iterator[TakeArrays | None]:
    """The take with arms: its own, else natural ones of `hand_size`; the last step yields it."""
    if take.elbow is not None and take.shoulder is not None:
        yield take
        return
    elbow, shoulder = np.empty_like(take.wrist), np.empty_like(take.wrist)
    stretch, margin = max(round(STRETCH_S * take.fps), 1), round(MARGIN_S * take.fps)
    for start in range(0, len(take.wrist), stretch):
        stop = min(start + stretch, len(take.wrist))
        low = max(start - margin, 0)
        near = slice(low, stop + margin)
        found = natural_arms(take.wrist[near], take.euler[near, :, 0], take.fps, hand_size, STANDARD_ARMS)
        shoulder[start:stop], elbow[start:stop] = (part[start - low : stop - low] for part in found)
        yield None
    yield replace(take, elbow=elbow, shoulder=shoulder)
