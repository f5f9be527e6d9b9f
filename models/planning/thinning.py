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
from models.music.notes import CHORD_WINDOW_S
from models.planning.chord_thinning import SPAN_M, Chord, held_keys
from models.planning.playing_hands import OUR_HANDS, PlayingHands

STROKE_FRAMES = 2.05
"""From stroke to stroke of one key: one frame down, one up, and something for rounding."""
LATE_S = 0.045
"""The first frame that shows a stroke may be this much later, or earlier, than its note."""
UNISON_S = 0.01
"""Notes of one key this close are one stroke (docs/definitions.md)."""
_BEFORE_FRAMES = 0.3  # a stroke that goes by the frames passes the press depth so long before its frame
FLOOD_NOTES, FLOOD_S = 24, 0.25
"""More notes in so many seconds are a flood; two hands that play chords of eight keys ten times a second have 20."""
SPREAD_NOTES, SPREAD_REACHES = 14, 5
"""So many notes in that time are one, too, where they lie this many hands' reaches apart: each hand would have to be in
three places."""
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


def thinned(
    notes: Notes,
    fps: float,
    there: NDArray[np.bool_] | None = None,
    playing: PlayingHands = OUR_HANDS,
) -> Thinned:
    """What two hands can play of notes sorted by onset, shown at ``fps`` frames a second.

    there: (n,) which of them have a key; None: all. playing: the hands that play.
    """
    if there is None or there.all():
        return _thinned(notes, fps, playing)
    some = _thinned(notes.select(there), fps, playing)
    plays, hand, repeated = np.zeros(len(notes), bool), notes.hand.copy(), np.zeros(len(notes), bool)
    plays[there], hand[there], repeated[there] = some.plays, some.hand, some.repeated
    return Thinned(plays, hand, repeated)


def _thinned(notes: Notes, fps: float, playing: PlayingHands) -> Thinned:
    flood = _in_flood(notes)
    plays = ~flood | _on_beat(notes.onset_s, flood, max(FLOOD_STEP_S, STROKE_FRAMES / fps))
    repeated = np.zeros(len(notes), bool)
    repeated[plays] = ~_strokes_shown(notes.select(plays), fps)
    plays &= ~repeated
    repeated &= ~flood
    hand = notes.hand.copy()
    full = _full_chords(notes, np.flatnonzero(plays), flood, sum(playing.fingers))
    keys = [np.unique(notes.pitch[chord], return_index=True)[1] for chord in full]
    distinct = [chord[first] for chord, first in zip(full, keys, strict=True)]
    held = held_keys(
        [Chord(float(notes.onset_s[chord[0]]), keyboard.key_x(notes.pitch[chord])) for chord in distinct],
        playing,
    )
    for everything, chord, hands in zip(full, distinct, held, strict=True):
        plays[everything] = False
        for side in (LEFT, RIGHT):
            taken = chord[hands[side]]
            plays[taken], hand[taken] = True, side
    return Thinned(plays, hand, repeated)


def stroke_times(onset_s: NDArray[np.floating[Any]], fps: float) -> NDArray[np.float64]:
    """When strokes of one key (m,), ascending, go down; nan for those left out.

    Strokes that follow each other too fast go by the frames, in every second one at most, and down shortly before.
    As many as possible are shown, each as near to its onset as the others allow.
    """
    onset = np.asarray(onset_s, float)
    double = np.diff(onset, prepend=-np.inf) <= UNISON_S
    single = np.flatnonzero(~double)
    close = np.diff(onset[single]) < STROKE_FRAMES / fps
    tight = np.append(close, False) | np.append(False, close)
    place = onset[single] * fps
    nearest = np.where(tight, np.round(place), np.ceil(place))
    slack = np.where(tight, LATE_S * fps, 0.0)
    frame, last = np.full(len(single), np.nan), -np.inf
    for i, (near, late) in enumerate(zip(nearest.tolist(), slack.tolist(), strict=True)):
        earliest = max(np.ceil(place[i] - late), last + 2) if late else near
        if not late or earliest <= place[i] + late:
            frame[i] = last = earliest
    following = np.inf
    for i in np.flatnonzero(~np.isnan(frame))[::-1].tolist():
        frame[i] = max(min(nearest[i], following - 2), frame[i])
        following = frame[i]
    shown = np.full(len(onset), np.nan)
    shown[single] = np.where(tight, (frame - _BEFORE_FRAMES) / fps, onset[single])
    for i in np.flatnonzero(double).tolist():
        shown[i] = shown[i - 1]
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


def _in_flood(notes: Notes) -> NDArray[np.bool_]:
    """(n,) whether more notes than two hands play, or reach, begin around each; a doubled one counts once."""
    order = np.lexsort((notes.onset_s, notes.pitch))
    doubles = np.zeros(len(notes), bool)
    pitch, onset = notes.pitch[order], notes.onset_s[order]
    doubles[order[1:]] = (np.diff(pitch) == 0) & (np.diff(onset) <= UNISON_S)
    number = np.append(0, np.cumsum(~doubles))
    index = np.arange(len(notes))
    end = np.searchsorted(notes.onset_s, notes.onset_s + FLOOD_S)
    count = number[end] - number[index]
    starts = count > FLOOD_NOTES
    x = keyboard.key_x(notes.pitch)
    for i in np.flatnonzero((count > SPREAD_NOTES) & ~starts).tolist():
        starts[i] = _reaches(np.sort(x[i : end[i]]).tolist()) >= SPREAD_REACHES
    change = np.zeros(len(notes) + 1, np.int64)
    np.add.at(change, index[starts], 1)
    np.add.at(change, end[starts], -1)
    return np.cumsum(change)[:-1] > 0


def _reaches(x: list[float]) -> int:
    """How many hands it takes to reach keys (k,), ascending, metres, all at once."""
    count, reached = 0, -np.inf
    for place in x:
        if place > reached:
            count, reached = count + 1, place + SPAN_M
    return count


def _on_beat(
    onset_s: NDArray[np.floating[Any]], flood: NDArray[np.bool_], step_s: float
) -> NDArray[np.bool_]:
    """(n,) notes of a flood that begin with one of the chords that are played, ``step_s`` apart."""
    played, beat = np.zeros(len(onset_s), bool), -np.inf
    index = np.flatnonzero(flood)
    for i, onset in zip(index.tolist(), onset_s[index].tolist(), strict=True):
        if onset >= beat + step_s:
            beat = onset
        played[i] = onset <= beat + CHORD_WINDOW_S
    return played


def _full_chords(
    notes: Notes, index: NDArray[np.int64], flood: NDArray[np.bool_], fingers: int
) -> list[NDArray[np.int64]]:
    """Of some notes those that begin together in a flood, or on more keys than there are fingers, a chord each."""
    chords, onset = [], notes.onset_s[index]
    start = 0
    while start < len(index):
        stop = int(np.searchsorted(onset, onset[start] + CHORD_WINDOW_S, side="right"))
        if flood[index[start]] or len(set(notes.pitch[index[start:stop]].tolist())) > fingers:
            chords.append(index[start:stop])
        start = stop
    return chords
