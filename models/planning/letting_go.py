# SPDX-License-Identifier: GPL-3.0-or-later
"""When each finger has to leave its key so that its hand is at the next one in time.

Two fingers of one hand can be on two keys at once if these lie as far apart as the two fingers do. If they do not, the
finger that is down has to go before the other strikes, the earlier the longer the way: a hand that leaps lets go
before, one that plays legato does not. Pianists do so: with the pedal down they leave a key 0.3 s before a stroke more
than an octave away, and about at the stroke where it is within one (Vienna 4x22 and Batik's Mozart, 2,759 notes).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.notes import Notes
from models.music.notes import CHORD_WINDOW_S
from models.planning.chords import HELD_S
from models.planning.finger_ways import LEAVES_S, TRAVEL
from models.planning.fingering_costs import FINGERS, beyond_reach

_HOP = 1.0
"""Semitones that a finger goes beside its hand, in no time of its own."""
_STAYS = 0.5
"""The least share of the time from its own to the other stroke that a finger stays on its key."""
_STAYS_COVERED = 0.3
"""The same where the pedal holds the note: a hand that has far to go needs the time."""
_SLIDES_S = 0.1
"""A finger that plays another key sooner than this slides there."""
_LOOKS_BACK = 2 * FINGERS
"""Notes of the hand before a stroke that can still be down."""


def leave_in_time(
    notes: Notes,
    pitch: NDArray[np.integer[Any]],
    finger: NDArray[np.integer[Any]],
    release: NDArray[np.float64],
) -> NDArray[np.float64]:
    """When each finger leaves its key (n,), seconds, never later than ``release``.

    Args:
        notes: of one hand, sorted by onset.
        pitch: (n,) as the right hand sees it.
        finger: (n,) -1 for notes that are left out.
        release: (n,) by when it has to go at the latest, seconds.
    """
    release = release.copy()
    played = np.flatnonzero(finger >= 0)
    onset, key, used = notes.onset_s[played].astype(float), pitch[played].astype(float), finger[played]
    ends, needed, offset = release[played], _needed(notes)[played], notes.offset_s[played]
    for back in range(1, min(_LOOKS_BACK, len(played) - 1) + 1):
        before, after = slice(0, len(played) - back), slice(back, len(played))
        interval, gap = key[after] - key[before], onset[after] - onset[before]
        beyond = beyond_reach(interval, used[before], used[after])
        # What the pedal holds may go at any time; without it, a finger that only hops to its next key holds on.
        covered = (needed[before] <= onset[after]) & (needed[before] < offset[before])
        early = np.where(covered | (beyond > _HOP), LEAVES_S + beyond / TRAVEL, 0.0)
        early = np.minimum(early, (1 - np.where(covered, _STAYS_COVERED, _STAYS)) * gap)
        held_on = (needed[before] > onset[after]) & (release[played[before]] > onset[after] + HELD_S)
        slides = (used[before] == used[after]) & (gap < _SLIDES_S)
        goes = (beyond > 0) & (gap > CHORD_WINDOW_S) & ~held_on & ~slides
        latest = np.where(goes, onset[after] - early, np.inf)
        ends[before] = np.minimum(ends[before], np.maximum(latest, onset[before]))
    release[played] = ends
    return release


def _needed(notes: Notes) -> NDArray[np.floating[Any]]:
    """(n,) until when a finger has to hold each note."""
    return notes.offset_s if notes.needed_s is None else notes.needed_s
