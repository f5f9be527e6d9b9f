# SPDX-License-Identifier: GPL-3.0-or-later
"""Anticipation: how often a finger is above its key well before it strikes.

A note counts where the tempo leaves its finger and its hand the time: the finger let go of its last key early enough
to cross to the new one, and the hand's strike before lies early enough for the hand to travel. It is met when the
fingertip is within the key's width from `EARLY_S` before the onset up to the onset; for a black key it must also be
no farther in front of the key than half a fingertip, lest it has to climb.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import BLACK_BASE_WIDTH, BLACK_FRONT, WHITE_PITCH, is_black, key_x
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT

EARLY_S = 0.080
FINGER_SPEED, HAND_SPEED = 1.0, 1.2
"""Metres a second that a finger inside its hand and a travelling hand are granted."""
HAND_REACH_M = 0.07
"""A hand need not travel for keys nearer to each other than this."""
FRONT_M = 0.005
_MOMENTS = np.linspace(-EARLY_S, 0.0, 4)


@dataclass(frozen=True)
class Anticipation:
    """Share of the notes with time enough whose finger is there early."""

    share: float
    """0 to 1; 0 where no note counts."""
    counted: int
    """Notes with time enough."""
    notes: int
    """Notes that a finger plays."""


def enough_time(notes: Notes) -> NDArray[np.bool_]:
    """(n,) whether the tempo lets each note's finger be there early.

    Args:
        notes: sorted by onset, with their fingers.
    """
    result = np.zeros(len(notes), bool)
    onset, offset = notes.onset_s.astype(np.float64), notes.offset_s.astype(np.float64)
    x = key_x(notes.pitch.astype(int))
    for hand in (LEFT, RIGHT):
        own = np.flatnonzero((notes.hand == hand) & notes.played)
        if not len(own):
            continue
        before = (
            np.searchsorted(onset[own], onset[own] - 0.04) - 1
        )  # the strike before, not of the same chord
        last = own[np.maximum(before, 0)]
        travel = np.maximum(np.abs(x[own] - x[last]) - HAND_REACH_M, 0) / HAND_SPEED
        in_time = (before < 0) | (onset[own] - onset[last] >= EARLY_S + 0.02 + travel)
        result[own] = in_time
        for finger in range(5):
            mine = own[notes.finger[own] == finger]
            free = onset[mine[1:]] - offset[mine[:-1]]
            result[mine[1:]] &= free >= EARLY_S + np.abs(np.diff(x[mine])) / FINGER_SPEED
    return result


def anticipation(tips: NDArray[np.floating[Any]], notes: Notes, fps: float) -> Anticipation:
    """Anticipation of a motion with fingertips (F, 2, 5, 3) in the piano frame; notes in any order."""
    notes = notes.select(np.argsort(notes.onset_s, kind="stable"))
    played = int(notes.played.sum())
    chosen = np.flatnonzero(enough_time(notes) & (notes.onset_s >= EARLY_S))
    if not len(chosen):
        return Anticipation(0.0, 0, played)
    hand, finger = notes.hand[chosen], notes.finger[chosen]
    pitch = notes.pitch[chosen].astype(int)
    black, x = is_black(pitch), key_x(pitch)
    half = np.where(black, BLACK_BASE_WIDTH, WHITE_PITCH) / 2
    there = np.ones(len(chosen), bool)
    for moment in _MOMENTS:
        at = np.clip((notes.onset_s[chosen].astype(np.float64) + moment) * fps, 0, len(tips) - 1)
        low = at.astype(int)
        high, part = np.minimum(low + 1, len(tips) - 1), (at - low)[:, None]
        point = tips[low, hand, finger] * (1 - part) + tips[high, hand, finger] * part
        there &= (np.abs(point[:, 0] - x) <= half) & (~black | (point[:, 1] >= BLACK_FRONT - FRONT_M))
    return Anticipation(float(there.mean()), len(chosen), played)
