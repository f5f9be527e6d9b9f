# SPDX-License-Identifier: GPL-3.0-or-later
"""How high the keys under fingertips are, as far down as they are shown: no fingertip belongs below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.contact.strokes import StrokeSampler

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KeyFloor:
    """The keyboard in F frames."""

    down: Array
    """(88, F) how far each key is down, in dips of ours."""

    @classmethod
    def of(cls, sampler: StrokeSampler) -> KeyFloor:
        """As the strokes have it: where two fingers are on one key, the deeper one has it down."""
        pitch = sampler.pitch.reshape(10, -1)
        down = np.zeros((keyboard.KEYS, pitch.shape[-1]))
        finger, frame = np.nonzero(pitch)
        key = pitch[finger, frame] - keyboard.LOWEST_PITCH
        np.maximum.at(down, (key, frame), sampler.lowered.reshape(10, -1)[finger, frame])
        return cls(down)

    def under(self, tips: Array) -> tuple[NDArray[np.int64], Array]:
        """Pitch and height in metres (2, 5, F) of the keys under fingertips (3, 2, 5, F); beside them 0, -inf."""
        key = keyboard.key_under(tips.transpose(1, 2, 3, 0))
        over, pitch = key >= 0, key + keyboard.LOWEST_PITCH
        lowered = self.down[np.maximum(key, 0), np.arange(tips.shape[-1])]
        height = keyboard.key_surface(pitch) - lowered * keyboard.bottom_depth(pitch, tips[1])
        return np.where(over, pitch, 0), np.where(over, height, -np.inf)
