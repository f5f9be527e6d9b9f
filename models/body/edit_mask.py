# SPDX-License-Identifier: GPL-3.0-or-later
"""What may change: which hands in which frames; everything else stays bit for bit as it was.

Made from hands and seconds, once for each frame rate. Seconds are turned into frames here and nowhere else: frame i
belongs to a range when its instant i / fps does, start <= i / fps < end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import UserError

_NEAR_FRAMES = 1e-6
"""Part of a frame that a second may lie after the frame's instant: a frame that becomes seconds and a frame again stays
the same one."""


@dataclass(frozen=True, eq=False)
class EditMask:
    """Which hands may change in which frames; hand 0 is left, 1 is right.

    Raises:
        ValueError: for another shape or kind of array, and for a rate that is none.
    """

    free: NDArray[np.bool_]
    """(frames, 2) True where a hand may change."""
    fps: float
    """Frames a second; frame i is at second i / fps."""

    def __post_init__(self) -> None:
        if self.free.shape != (len(self.free), 2) or self.free.dtype != bool:
            raise ValueError(f"free is {self.free.dtype} {self.free.shape}; it must be bool (frames, 2)")
        if not self.fps > 0:
            raise ValueError(f"fps is {self.fps}; it must be above 0")

    @classmethod
    def everything(cls, frames: int, fps: float) -> EditMask:
        """Both hands in all frames."""
        return cls(np.ones((frames, 2), bool), fps)

    @classmethod
    def of_seconds(
        cls,
        frames: int,
        fps: float,
        hands: Sequence[int] = (0, 1),
        seconds: tuple[float, float] | None = None,
    ) -> EditMask:
        """These hands from one second up to another.

        Args:
            frames: how many there are; the range is cut to them.
            fps: frames a second.
            hands: 0 left, 1 right.
            seconds: start and end of the range; None for all frames.

        Raises:
            UserError: when no frame of the take lies in the range.
        """
        start, stop = 0, frames
        if seconds is not None:
            start, stop = (min(max(math.ceil(s * fps - _NEAR_FRAMES), 0), frames) for s in seconds)
            if start >= stop:
                raise UserError(
                    "empty_range",
                    "The stretch to redo has no frames inside the take; choose a longer one.",
                    f"{seconds} s at {fps} fps, {frames} frames",
                )
        free = np.zeros((frames, 2), bool)
        free[start:stop, list(hands)] = True
        return cls(free, fps)

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.free)

    def check_fits(self, frames: int, fps: float) -> None:
        """Raise ValueError unless the mask is of a motion with so many frames at this rate."""
        if self.frames != frames or not np.isclose(self.fps, fps, rtol=1e-9):
            raise ValueError(
                f"{self.frames} frames at {self.fps} fps may change, but the motion has {frames} at {fps} fps"
            )

    @property
    def fixed(self) -> NDArray[np.bool_]:
        """(frames, 2) True where a hand has to stay as it is."""
        return ~self.free

    @property
    def whole(self) -> bool:
        """Whether everything may change."""
        return bool(self.free.all())

    @property
    def hands(self) -> tuple[int, ...]:
        """The hands that may change in some frame."""
        return tuple(hand for hand in (0, 1) if self.free[:, hand].any())

    @property
    def span(self) -> tuple[int, int]:
        """The first frame in which something may change, and one past the last; (0, 0) where there is none."""
        changing = np.flatnonzero(self.free.any(1))
        return (int(changing[0]), int(changing[-1]) + 1) if len(changing) else (0, 0)

    def runs(self, hand: int) -> list[tuple[int, int]]:
        """The stretches of frames start <= i < stop in which a hand may change, in order."""
        edges = np.flatnonzero(np.diff(self.free[:, hand], prepend=False, append=False))
        return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]

    def part(self, start: int, stop: int) -> EditMask:
        """The frames start <= i < stop; what lies beyond the first and the last one stays as it is."""
        free = np.zeros((stop - start, 2), bool)
        first, last = max(start, 0), min(stop, self.frames)
        if first < last:
            free[first - start : last - start] = self.free[first:last]
        return EditMask(free, self.fps)

    def covers(self, hand: NDArray[np.integer[Any]], second: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """(n,) whether what hands (n,) do at seconds (n,) may change; what no hand does (-1) stays."""
        inside = np.zeros(len(hand), bool)
        for which in self.hands:
            for start, stop in self.runs(which):
                within = (second >= start / self.fps) & (second < stop / self.fps)
                inside |= (hand == which) & within
        return inside
