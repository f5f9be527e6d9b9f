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

STYLES = ("hand_size", "curl", "wrist_height", "energy", "looseness")
"""Style values; 0 is average, -1 and 1 are the usual extremes."""


STYLE_LIMIT = 1.5
"""Largest value of a style: training saw up to 1.3, and beyond this the networks are asked for what they cannot know.
More is refused here and nowhere silently cut. The one exception is the next."""


HAND_SIZE_RANGE = (-3.0, 4.0)
"""Values of `hand_size`, hands of 0.7 to 1.4 times the usual lengths: contact is solved on the hand that is asked for,
the networks are told of it as far as `STYLE_LIMIT`. `s2c_blender.ordering` sends no others."""


def style_range(name: str) -> tuple[float, float]:
    """Smallest and largest value of a style."""
    return HAND_SIZE_RANGE if name == "hand_size" else (-STYLE_LIMIT, STYLE_LIMIT)


SCORES = ("turn", "reach", "spread")
PLAYER_FEATURES = ("side", *SCORES)
"""What the networks read for each hand, in this order. ``side`` is -1 for the left hand, 1 for the right one."""
BOTH_HANDS = np.array([0.0, 0.6, 0.0])
"""Correlation of each score between the hands of a pianist."""
EXTREME = 2.5
_STREAM = 0x4AB17


def draw_player_scores(rng: np.random.Generator) -> NDArray[np.float64]:
    """(2, 3) scores of a player's left and right hand."""
    common, own = rng.standard_normal(len(SCORES)), rng.standard_normal((2, len(SCORES)))
    return np.clip(np.sqrt(BOTH_HANDS) * common + np.sqrt(1 - BOTH_HANDS) * own, -EXTREME, EXTREME)


def player_vector(scores: NDArray[np.floating]) -> NDArray[np.float32]:
    """(2, 4) what the networks read, from scores (2, 3)."""
    return np.column_stack([[-1.0, 1.0], scores]).astype(np.float32)


def player_of_seed(seed: int) -> NDArray[np.float64]:
    """(2, 3) the player of a take's seed."""
    return draw_player_scores(np.random.default_rng([seed, _STREAM]))


def player_of_take(meta: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """(2, 3) the player that a take's ``meta`` names; None where it names none or something else stands there."""
    try:
        scores = np.array(meta["habits"], float)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    fits = scores.shape == (2, len(SCORES)) and bool(np.isfinite(scores).all())
    return np.clip(scores, -EXTREME, EXTREME) if fits else None
