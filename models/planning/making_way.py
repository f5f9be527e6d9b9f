# SPDX-License-Identifier: GPL-3.0-or-later
"""When a hand has to leave its keys so that the other one can come to where it is.

Where both hands go up together (or down), the one behind comes to the keys that the one before it is still on. Nobody
writes that down: the pedal sounds on, or a chord is held over the grace notes of the next one. The hand before goes
first, and so early that there is room. Hands that cross, or play among each other, are no such case: there the hand
before does not go on beyond the other one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.music.notes import CHORD_WINDOW_S
from models.planning.finger_ways import LEAVES_S, TRAVEL
from models.planning.fingering_costs import FINGERS, NATURAL

ROOM = 11.0
"""Semitones between two wrists that are in nobody's way."""
_GOES_ON_S = 0.5
"""A hand goes on that strikes so soon after the other one has come."""
_STAYS = 0.3
"""The least share of the time from its own stroke to the other hand's that a finger stays on its key."""
_LOOKS_BACK = 2 * FINGERS
"""Notes of the hand before a stroke that can still be down."""


def make_way(
    notes: Notes,
    hands: NDArray[np.integer[Any]],
    finger: NDArray[np.integer[Any]],
    release: NDArray[np.float64],
) -> NDArray[np.float64]:
    """When each finger leaves its key (n,), seconds, never later than ``release``.

    Args:
        notes: sorted by onset.
        hands: (n,) hand of each. finger: (n,); -1 for notes that nobody plays.
        release: (n,) by when it has to go for its own hand's sake, seconds.
    """
    release = release.copy()
    for hand, other in ((LEFT, RIGHT), (RIGHT, LEFT)):
        mine, comes = (np.flatnonzero((hands == side) & (finger >= 0)) for side in (hand, other))
        if len(mine) and len(comes):
            side = 1.0 if hand == RIGHT else -1.0
            _leave(notes, side, mine, comes, finger, release)
    return release


def _leave(
    notes: Notes,
    side: float,
    mine: NDArray[np.int64],
    comes: NDArray[np.int64],
    finger: NDArray[np.integer[Any]],
    release: NDArray[np.float64],
) -> None:
    """Bring forward the releases of one hand's notes, ``mine``, for strokes of the other hand."""
    key = side * notes.pitch.astype(float)
    onset, struck = notes.onset_s[mine].astype(float), notes.onset_s[comes].astype(float)
    following = np.searchsorted(onset, struck + CHORD_WINDOW_S, "right")
    before = np.searchsorted(onset, struck - CHORD_WINDOW_S, "left")
    goes_on = (following < len(mine)) & (before == following) & (before > 0)
    at = np.minimum(following, len(mine) - 1)
    goes_on &= (onset[at] - struck < _GOES_ON_S) & (key[mine[at]] > key[comes])
    for index in np.flatnonzero(goes_on).tolist():
        stroke, first = int(comes[index]), int(following[index])
        held = mine[max(first - _LOOKS_BACK, 0) : first]
        place = key[held] - NATURAL[finger[held]]
        needed = key[stroke] + NATURAL[finger[stroke]] + ROOM - place
        latest = struck[index] - LEAVES_S - np.maximum(needed, 0.0) / TRAVEL
        down = release[held] > latest
        # The other hand comes to where this one is, not beside it.
        if not down.any() or (key[held][down] > key[stroke]).any():
            continue
        stays = notes.onset_s[held] + _STAYS * (struck[index] - notes.onset_s[held])
        release[held] = np.minimum(release[held], np.maximum(latest, stays))
