# SPDX-License-Identifier: GPL-3.0-or-later
"""New keys in the middle of a curve that stays as it is before and behind them. No bpy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Keys = dict[str, NDArray[Any]]
"""Attributes of all keys of a curve, (n,) or (n, 2), by their names in Blender; `co` holds frame and value."""
CONSTANT, LINEAR = 0, 1
"""Numbers of `Keyframe.interpolation`."""
HANDLES = {"handle_left": -1.0, "handle_right": 1.0}
HANDLE_FRAMES = 1 / 3
"""Handles of new keys lie as far from their key as Blender's own do."""
DEFAULTS = {"interpolation": LINEAR, "handle_left_type": 4, "handle_right_type": 4}
"""What new keys have apart from zeros: linear, handles clamped by Blender."""
SAME_FRAME = 1e-3


@dataclass(frozen=True)
class Stretch:
    """Frames to write anew."""

    first: int
    """Scene frame of the first one."""
    values: NDArray[np.float32]
    """(frames,) one a frame."""
    take_first: int
    take_last: int
    """First and last scene frame of the take that the curve plays."""

    @property
    def last(self) -> int:
        """The last frame."""
        return self.first + len(self.values) - 1


def splice(keys: Keys, stretch: Stretch, evaluate: Callable[[float], float]) -> Keys:
    """The keys with one linear key on every frame of `stretch` and every other frame's value as it was.

    Keys outside the stretch stay, bit for bit. Where a segment of the old curve led from outside into it, new keys
    with the values of `evaluate` (the old curve) stand for the part outside.
    """
    frames = keys["co"][:, 0]
    before = frames < stretch.first - SAME_FRAME
    behind = frames > stretch.last + SAME_FRAME
    bridges = [
        np.array([(frame, evaluate(float(frame))) for frame in found], np.float32).reshape(-1, 2)
        for found in (
            _lead(keys, stretch, np.flatnonzero(before)),
            _tail(keys, stretch, np.flatnonzero(behind)),
        )
    ]
    anew = np.stack([np.arange(stretch.first, stretch.last + 1), stretch.values], 1).astype(np.float32)
    new = np.concatenate([bridges[0], anew, bridges[1]])
    spliced: Keys = {}
    for name, values in keys.items():
        middle = np.zeros((len(new), *values.shape[1:]), values.dtype)
        if name == "co":
            middle[:] = new
        elif name in HANDLES:
            middle[:] = new + np.array([HANDLES[name] * HANDLE_FRAMES, 0.0], np.float32)
        elif name in DEFAULTS:
            middle[:] = DEFAULTS[name]
        spliced[name] = np.concatenate([values[before], middle, values[behind]])
    return spliced


def _lead(keys: Keys, stretch: Stretch, before: NDArray[np.intp]) -> range:
    """Frames before the stretch whose segment ended in it or behind it."""
    near = stretch.first - 1
    if not len(before):
        return range(stretch.take_first, near + 1)
    last = int(before[-1])
    if _flat(keys, last):
        return range(max(near, math.floor(keys["co"][last, 0] + SAME_FRAME) + 1), near + 1)
    return range(math.floor(keys["co"][last, 0] + SAME_FRAME) + 1, near + 1)


def _tail(keys: Keys, stretch: Stretch, behind: NDArray[np.intp]) -> range:
    """Frames behind the stretch whose segment began in it or before it."""
    near = stretch.last + 1
    if not len(behind):
        return range(near, stretch.take_last + 1)
    following = int(behind[0])
    end = math.ceil(keys["co"][following, 0] - SAME_FRAME)
    return range(near, min(end, near + 1) if following and _flat(keys, following - 1) else end)


def _flat(keys: Keys, index: int) -> bool:
    """Whether the segment behind key `index` holds one value, so that one more key does not change it."""
    return (
        index + 1 < len(keys["co"])
        and int(keys["interpolation"][index]) in (CONSTANT, LINEAR)
        and bool(keys["co"][index, 1] == keys["co"][index + 1, 1])
    )
