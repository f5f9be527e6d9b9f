# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways from key to key: how far a finger's next key lies beyond its hand, and what a way costs that takes too long.

Two fingers of one hand reach two keys without its going anywhere if these lie as far apart as the two fingers do. What
is beyond that is the way of the whole hand, at its speed. A finger that strikes single notes one after another goes up
and down between them, which takes as long as a way. Notation knows no tempo, so printed fingering says nothing of
either; at 90 ms from key to key they decide.
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
AGAIN_S = 0.2
"""A finger wants this from one stroke to its next: with another one the key is struck as surely, and held longer."""

_CROSSED = 10.0
"""No two fingers want their keys farther in the wrong order than this, semitones: none are beyond it without a way."""


def hurry_costs(lattice: Lattice, back: int, price: float, reach: float = 1.0) -> NDArray[np.float32]:
    """(chords, 10 states `back` chords before, 10) cost of ways and strokes for which there is no time.

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
    again = TRAVEL * (AGAIN_S - LEAVES_S)  # as long as a way of so many semitones
    longest = np.maximum(np.abs(interval) + _CROSSED, again)
    tight = np.flatnonzero((pairs.row < ROWS) & (longest > there_is))
    some = pairs.part(tight)
    finger = np.arange(FINGERS)
    beyond = beyond_reach(
        interval[tight, None, None], finger[:, None], finger[None, :], reach
    )  # (pairs, 5, 5)
    if back == 1:
        single = (lattice.size[some.chord] == 1) & (lattice.size[some.chord - 1] == 1)
        # Chords are repeated from the wrist, by the same fingers.
        beyond = np.where(single[:, None, None], np.maximum(beyond, again * np.eye(FINGERS)), beyond)
    over = price * np.maximum(beyond - there_is[tight, None, None], 0.0)
    each = replace(some, row=np.arange(len(tight)))
    return spread(lattice, each, back, over.reshape(-1, FINGERS * FINGERS).astype(np.float32))
