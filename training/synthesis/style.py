# SPDX-License-Identifier: GPL-3.0-or-later
"""Players: a continuous style that is drawn once for each performance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STYLE_NAMES = ("hand_size", "curl", "wrist_height", "energy")
EXTREME = 1.3


@dataclass(frozen=True, kw_only=True)
class Style:
    """How somebody plays; each number is 0 on average and ±1 at the usual extremes."""

    hand_size: float = 0.0
    curl: float = 0.0
    """Fingertips nearer to the palm."""
    wrist_height: float = 0.0
    energy: float = 0.0
    """Higher lifts, deeper accents, livelier wrist."""

    def __post_init__(self) -> None:
        for name in STYLE_NAMES:
            if not abs(getattr(self, name)) <= EXTREME:
                raise ValueError(f"style {name} is {getattr(self, name)}; it must lie within ±{EXTREME}")

    @property
    def size_factor(self) -> float:
        """Factor on all lengths of the hand."""
        return 1 + 0.1 * self.hand_size

    def vector(self) -> NDArray[np.float32]:
        """(4,) in the order of ``STYLE_NAMES``."""
        return np.array([getattr(self, name) for name in STYLE_NAMES], np.float32)


def draw_style(rng: np.random.Generator) -> Style:
    """A player: independent normal numbers, kept within the extremes."""
    values = np.clip(rng.normal(0, 0.6, len(STYLE_NAMES)), -EXTREME, EXTREME)
    return Style(**dict(zip(STYLE_NAMES, (float(v) for v in values), strict=True)))
