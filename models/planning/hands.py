# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hand plays each note, for music that does not say, and for music whose tracks say it.

A small network (`hand_odds`) gives each note its odds from the notes around it; a track's name is advice beside it,
for tracks are staves more often than hands. What the hands can do decides (`hand_search`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.notes import UNKNOWN, Notes
from models.planning.hand_odds import by_chord_and_pitch, note_features, right_hand_odds, stored_weights
from models.planning.hand_search import HandCosts, Key, search_hands
from models.planning.playing_hands import OUR_HANDS, PlayingHands

_LAW = 1e3  # more than any other cost of a note

__all__ = ["HandCosts", "assign_hands"]


def assign_hands(
    notes: Notes,
    wrist_x: NDArray[np.floating[Any]] | None = None,
    fps: float | None = None,
    costs: HandCosts | None = None,
    *,
    advice: bool = False,
    playing: PlayingHands = OUR_HANDS,
) -> NDArray[np.int8]:
    """A hand for every note.

    Args:
        notes: sorted by onset; a hand of -1 is found.
        wrist_x: (frames, 2) X of generated wrists, metres, if there is a motion that hands should agree with.
        fps: its rate.
        costs: of the search.
        advice: hands that the notes name are what a file says of its tracks, not law: where the named hand cannot do
            it and the other one can, the other one does.
        playing: the hands that play.

    Returns:
        (n,) int8, 0 or 1.
    """
    costs = costs or HandCosts()
    hands = notes.hand.copy()
    if not len(notes) or not (advice or (hands == UNKNOWN).any()):
        return hands
    order, chord = by_chord_and_pitch(notes)
    notes = notes.select(order)
    x = keyboard.key_x(notes.pitch.astype(int))
    odds = right_hand_odds(note_features(notes, chord), stored_weights()).astype(float)
    if wrist_x is not None and len(wrist_x):
        if fps is None:
            raise ValueError("wrist_x needs fps, the rate of its frames")
        frame = np.clip(np.round(notes.onset_s * fps).astype(int), 0, len(wrist_x) - 1)
        left, right = np.abs(wrist_x[frame] - x[:, None]).T
        odds += costs.generated * (left - right)
    named = (costs.advice if advice else _LAW) * np.where(notes.hand == UNKNOWN, 0, 2.0 * notes.hand - 1)
    odds = np.where(notes.hand == UNKNOWN, odds, named)
    needed = notes.offset_s if notes.needed_s is None else notes.needed_s
    keys = [Key(*row) for row in zip(x.tolist(), notes.offset_s.tolist(), needed.tolist(), strict=True)]
    prices = list(zip(np.maximum(odds, 0).tolist(), np.maximum(-odds, 0).tolist(), strict=True))
    bounds = np.flatnonzero(np.diff(chord, prepend=-1, append=chord[-1] + 1)).tolist()
    parts = [slice(start, stop) for start, stop in zip(bounds, bounds[1:], strict=False)]
    times = notes.onset_s[bounds[:-1]].tolist()
    chords = [(time, keys[part]) for time, part in zip(times, parts, strict=True)]
    hands[order] = search_hands(chords, [prices[part] for part in parts], costs, playing)
    return hands
