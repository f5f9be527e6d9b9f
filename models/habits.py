# SPDX-License-Identifier: GPL-3.0-or-later
"""How a player's hands lie over the keys, as the networks are told it: for each hand its side and a few scores.

Real pianists differ most in where their fingertips lie from the wrist: turned outward or inward, reaching far or
drawn in, spread or gathered. Each of these is a score of unit deviation; both hands of a pianist reach alike, in the
rest they are independent (PianoMime: correlations 0.03, 0.59, 0.10). A left hand does not lie like a mirrored right
one either, so networks with one set of weights for both hands are told which one they move.

Each take has a player of its own, drawn from its seed; what is redone inside a take keeps its player.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCORES = ("turn", "reach", "spread")
HABITS = ("side", *SCORES)
"""What the networks read for each hand, in this order. ``side`` is -1 for the left hand, 1 for the right one."""
BOTH_HANDS = np.array([0.0, 0.6, 0.0])
"""Correlation of each score between the hands of a pianist."""
EXTREME = 2.5
_STREAM = 0x4AB17


def draw_scores(rng: np.random.Generator) -> NDArray[np.float64]:
    """(2, 3) scores of a player's left and right hand."""
    common, own = rng.standard_normal(len(SCORES)), rng.standard_normal((2, len(SCORES)))
    return np.clip(np.sqrt(BOTH_HANDS) * common + np.sqrt(1 - BOTH_HANDS) * own, -EXTREME, EXTREME)


def habit_numbers(scores: NDArray[np.floating]) -> NDArray[np.float32]:
    """(2, 4) what the networks read, from scores (2, 3)."""
    return np.column_stack([[-1.0, 1.0], scores]).astype(np.float32)


def scores_of_seed(seed: int) -> NDArray[np.float64]:
    """(2, 3) the player of a take's seed."""
    return draw_scores(np.random.default_rng([seed, _STREAM]))


def scores_of_take(meta: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """(2, 3) the player that a take's ``meta`` names; None where it names none or something else stands there."""
    try:
        scores = np.array(meta["habits"], float)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    fits = scores.shape == (2, len(SCORES)) and bool(np.isfinite(scores).all())
    return np.clip(scores, -EXTREME, EXTREME) if fits else None
