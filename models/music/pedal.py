# SPDX-License-Identifier: GPL-3.0-or-later
"""The sustain pedal: how far it is down at every second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SUSTAINS = 0.5
"""From this depth on the dampers are off the strings (MIDI: 64 of 127)."""


@dataclass(frozen=True, eq=False)
class Pedal:
    """m positions of the pedal, each held until the next; before the first it is up."""

    time_s: NDArray[np.float64]
    """(m,) seconds, rising."""
    depth: NDArray[np.float32]
    """(m,) 0 up to 1 down."""

    def __post_init__(self) -> None:
        if self.time_s.ndim != 1 or self.depth.shape != self.time_s.shape:
            raise ValueError(f"pedal times {self.time_s.shape} and depths {self.depth.shape} do not fit")
        if not np.isfinite(self.time_s).all() or (np.diff(self.time_s) < 0).any():
            raise ValueError("pedal times must be finite and must not fall")
        if not ((self.depth >= 0) & (self.depth <= 1)).all():
            raise ValueError("pedal depths must be 0 to 1")

    @classmethod
    def none(cls) -> Pedal:
        """A pedal that nobody touches."""
        return cls(np.zeros(0), np.zeros(0, np.float32))

    @classmethod
    def of_table(cls, table: NDArray[np.floating[Any]]) -> Pedal:
        """A pedal from (m, 2) seconds and depths, as take files hold it."""
        return cls(table[:, 0].astype(np.float64), table[:, 1].astype(np.float32))

    @property
    def table(self) -> NDArray[np.float32]:
        """(m, 2) seconds and depths, for files."""
        return np.stack([self.time_s, self.depth], 1).astype(np.float32)

    @property
    def ever_holds(self) -> bool:
        """Whether it is down at all: files often put it up at their beginning and never use it."""
        return bool((self.depth >= SUSTAINS).any())

    def __len__(self) -> int:
        return len(self.time_s)

    def depth_at(self, time_s: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Depth at seconds of any shape."""
        last = np.searchsorted(self.time_s, time_s, "right")
        return np.concatenate([np.zeros(1, np.float32), self.depth])[last]

    def down_at(self, time_s: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Whether notes sound on without a finger at seconds of any shape."""
        return self.depth_at(time_s) >= SUSTAINS

    def part(self, start_s: float, end_s: float) -> Pedal:
        """The pedal between two seconds, in the time from `start_s`."""
        inside = (self.time_s > start_s) & (self.time_s < end_s)
        time_s = np.concatenate([[0.0], self.time_s[inside] - start_s])
        depth = np.concatenate([self.depth_at(np.array([start_s])), self.depth[inside]])
        return Pedal(time_s, depth.astype(np.float32)) if depth.any() else Pedal.none()
