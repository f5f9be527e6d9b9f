# SPDX-License-Identifier: GPL-3.0-or-later
"""Players: a continuous style, and how each hand lies over the keys, drawn once for each performance."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.body.player import SCORES, draw_player_scores, player_vector
from models.checks import check_ranges

STYLE_NAMES = ("hand_size", "curl", "wrist_height", "energy", "looseness")
"""In the order of the vector; new names go last, so that older weights keep their places."""
EXTREME = 1.3
_SPREAD = {"hand_size": 0.35, "curl": 0.6, "wrist_height": 0.6, "energy": 0.6, "looseness": 0.6}
"""Deviations between players; hands of real pianists differ by 4 % (PianoMime, median reach of an excerpt)."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """How somebody plays; each number is 0 on average and ±1 at the usual extremes."""

    hand_size: float = 0.0
    curl: float = 0.0
    """Fingertips nearer to the palm."""
    wrist_height: float = 0.0
    energy: float = 0.0
    """Higher lifts, deeper accents, a wrist that bounces with the strokes."""
    looseness: float = 0.0
    """Above 0 more sway and follow-through, idle fingers later and softer; below 0 precise and still."""

    def __post_init__(self) -> None:
        check_ranges(self, "style ", **dict.fromkeys(STYLE_NAMES, (-EXTREME, EXTREME)))

    @property
    def size_factor(self) -> float:
        """Factor on all lengths of the hand."""
        return 1 + 0.1 * self.hand_size

    def vector(self) -> NDArray[np.float32]:
        """(5,) in the order of ``STYLE_NAMES``."""
        return np.array([getattr(self, name) for name in STYLE_NAMES], np.float32)


def draw_style(rng: np.random.Generator) -> Style:
    """A player: independent normal numbers, kept within the extremes."""
    drawn = {name: float(np.clip(rng.normal(0, _SPREAD[name]), -EXTREME, EXTREME)) for name in STYLE_NAMES}
    return Style(**drawn)


def _average() -> NDArray[np.float64]:
    return np.zeros((2, len(SCORES)))


@dataclass(frozen=True, kw_only=True)
class Player:
    """Who plays; the average player where nothing is said."""

    style: Style = Style()
    habits: NDArray[np.float64] = field(default_factory=_average)
    """(2, 3) scores of the left and the right hand (`models.body.player`)."""

    def vectors(self) -> NDArray[np.float32]:
        """(2, 9) what the networks are told of each hand: the style, then the habits."""
        style = np.tile(self.style.vector(), (2, 1))
        return np.concatenate([style, player_vector(self.habits)], 1)


def draw_player(rng: np.random.Generator) -> Player:
    """A player at random."""
    return Player(style=draw_style(rng), habits=draw_player_scores(rng))
