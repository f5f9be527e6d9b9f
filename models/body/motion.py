# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of both hands as it lies in files: joint angles and wrists, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Motion:
    """Motion of both hands; hand 0 is left, 1 is right."""

    euler: NDArray[np.float32]
    """(frames, 2, 16, 3) XYZ Euler angles relative to the rest pose, radians, unwrapped in time."""
    wrist: NDArray[np.float32]
    """(frames, 2, 3) wrist joints in the piano frame, metres."""
    fps: float
    """Frames a second; frame i is at second i / fps."""

    def __post_init__(self) -> None:
        frames = len(self.euler)
        if self.euler.shape != (frames, 2, 16, 3) or self.wrist.shape != (frames, 2, 3):
            raise ValueError(
                f"euler {self.euler.shape} and wrist {self.wrist.shape} are not (n, 2, 16, 3) and (n, 2, 3)"
            )
        if not self.fps > 0:
            raise ValueError(f"fps is {self.fps}; it must be above 0")

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.euler)
