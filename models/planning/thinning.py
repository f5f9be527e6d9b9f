# SPDX-License-Identifier: GPL-3.0-or-later
"""What no two hands can play, left out before anything is planned, so that the rest is played well.

- A key that is struck faster than the frames can show is struck as often as they can, evenly.
- A chord of more keys than there are fingers is thinned to what two hands can hold, near where they were.
- A flood of notes (black MIDI) is played as such chords, ten in a second.

Other music stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.planning.chord_thinning import Chord, held_keys
from models.planning.fingering_costs import FINGERS
from models.planning.fingering_lattice import CHORD_WINDOW_S

STROKE_FRAMES = 2.05
"""From stroke to stroke of one key: one frame down, one up, and something for rounding."""
LATE_S = 0.03
"""A stroke may be this much later than its note where the frames show no more."""
UNISON_S = 0.01
"""Notes of one key this close are one stroke (docs/definitions.md)."""
FLOOD_NOTES, FLOOD_S = 30, 0.25
"""More notes in so many seconds are a flood; two hands that play chords of eight keys ten times a second have 20."""
FLOOD_STEP_S = 0.09
"""From chord to chord of a flood."""


@dataclass(frozen=True)
class Thinned:
    """What of the notes is played."""

    plays: NDArray[np.bool_]
    """(n,)"""
    hand: NDArray[np.int8]
    """(n,) the hand, where the notes or the thinning say it, else -1."""
    repeated: NDArray[np.bool_]
    """(n,) left out because their key is struck faster than the frames show."""


def thinned(notes: Notes, fps: float) -> Thinned:
    """What two hands can play of notes sorted by onset, shown at ``fps`` frames a second."""
    shown = _strokes_shown(notes, fps)
    plays, hand = shown.copy(), notes.hand.copy()
    flood = _in_flood(notes.onset_s)
    if flood.any():
        plays &= ~flood | _on_beat(notes.onset_s, flood)
    full = _full_chords(notes, np.flatnonzero(plays))
    keys = [np.unique(notes.pitch[chord], return_index=True)[1] for chord in full]
    distinct = [chord[first] for chord, first in zip(full, keys, strict=True)]
    held = held_keys(
        [Chord(float(notes.onset_s[chord[0]]), keyboard.key_x(notes.pitch[chord])) for chord in distinct]
    )
    for everything, chord, hands in zip(full, distinct, held, strict=True):
        plays[everything] = False
        for side in (LEFT, RIGHT):
            taken = chord[hands[side]]
            plays[taken], hand[taken] = True, side
    return Thinned(plays, hand, ~shown)


def stroke_times(onset_s: NDArray[np.floating[Any]], fps: float) -> NDArray[np.float64]:
    """When strokes of one key (m,), ascending, are shown: as late as they have to be; nan for those left out."""
    shown, last = np.full(len(onset_s), np.nan), -np.inf
    before = -np.inf
    for i, onset in enumerate(np.asarray(onset_s, float).tolist()):
        if onset - before <= UNISON_S:
            shown[i] = shown[i - 1]
            continue
        before = onset
        time = max(onset, last + STROKE_FRAMES / fps)
        if time <= onset + LATE_S:
            shown[i] = last = time
    return shown


def _strokes_shown(notes: Notes, fps: float) -> NDArray[np.bool_]:
    """(n,) whether each note's stroke can be shown beside the others of its key."""
    shown = np.ones(len(notes), bool)
    order = np.lexsort((notes.onset_s, notes.pitch))
    close = np.diff(notes.onset_s[order]) < STROKE_FRAMES / fps
    close &= np.diff(notes.pitch[order]) == 0
    for pitch in np.unique(notes.pitch[order[1:][close]]):
        mine = np.flatnonzero(notes.pitch == pitch)
        shown[mine] = ~np.isnan(stroke_times(notes.onset_s[mine], fps))
    return shown


def _in_flood(onset_s: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """(n,) whether more notes than two hands play begin around each."""
    count = np.searchsorted(onset_s, onset_s + FLOOD_S) - np.arange(len(onset_s))
    flood = np.zeros(len(onset_s) + 1, np.int64)
    starts = np.flatnonzero(count > FLOOD_NOTES)
    np.add.at(flood, starts, 1)
    np.add.at(flood, starts + count[starts], -1)
    return np.cumsum(flood)[:-1] > 0


def _on_beat(onset_s: NDArray[np.floating[Any]], flood: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) notes of a flood that begin with one of the chords that are played."""
    played, beat = np.zeros(len(onset_s), bool), -np.inf
    index = np.flatnonzero(flood)
    for i, onset in zip(index.tolist(), onset_s[index].tolist(), strict=True):
        if onset >= beat + FLOOD_STEP_S:
            beat = onset
        played[i] = onset <= beat + CHORD_WINDOW_S
    return played


def _full_chords(notes: Notes, index: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Of some notes those that begin together on more keys than there are fingers, a chord each."""
    chords, onset = [], notes.onset_s[index]
    start = 0
    while start < len(index):
        stop = int(np.searchsorted(onset, onset[start] + CHORD_WINDOW_S, side="right"))
        if len(set(notes.pitch[index[start:stop]].tolist())) > 2 * FINGERS:
            chords.append(index[start:stop])
        start = stop
    return chords
