# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways from key to key: how far a finger's next key lies beyond its hand, and what a way costs that takes too long.

Two fingers of one hand reach two keys without its going anywhere if these lie as far apart as the two fingers do. What
is beyond that is the way of the whole hand, at its speed. Notation knows no tempo, so printed fingering says nothing of
it; at 90 ms from key to key it decides.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.planning.fingering_costs import FINGERS, ROWS, WIDEST, beyond_reach
from models.planning.fingering_lattice import Lattice, spread

LEAVES_S = 0.05
"""A finger needs this from its key, apart from the way of its hand."""
TRAVEL = 90.0
"""Semitones a second, 1.2 m/s, at which a hand goes to far keys."""


_CROSSED = 10.0
"""No two fingers want their keys farther in the wrong order than this, semitones: none are beyond it without a way."""


def hurry_costs(lattice: Lattice, back: int, price: float, reach: float = 1.0) -> NDArray[np.float32]:
    """(chords, 10 states `back` chords before, 10) cost of ways for which there is no time.

    Args:
        lattice: of one hand.
        back: 1 for ways from the chord before, 2 for those from the one before that.
        price: of each semitone that there is no time for.
        reach: as of `beyond_reach`.
    """
    pairs = lattice.step if back == 1 else lattice.skip
    there_is = TRAVEL * np.maximum(
        lattice.time[pairs.chord] - lattice.time[pairs.chord - back] - LEAVES_S, 0.0
    )
    interval = (pairs.row // 4 - WIDEST).astype(float)
    tight = np.flatnonzero((pairs.row < ROWS) & (np.abs(interval) + _CROSSED > there_is))
    some = pairs.part(tight)
    finger = np.arange(FINGERS)
    beyond = beyond_reach(
        interval[tight, None, None], finger[:, None], finger[None, :], reach
    )  # (pairs, 5, 5)
    over = price * np.maximum(beyond - there_is[tight, None, None], 0.0)
    each = replace(some, row=np.arange(len(tight)))
    return spread(lattice, each, back, over.reshape(-1, FINGERS * FINGERS).astype(np.float32))
