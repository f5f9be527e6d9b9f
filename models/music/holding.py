# SPDX-License-Identifier: GPL-3.0-or-later
"""Until when a finger has to hold a note: its end, or earlier, where the sustain pedal holds it.

A note's offset is where the file ends it. Transcribers and piano rolls write there when the sound ends, so that with
the pedal down a finger may have left its key long before. Where a file has no pedal of its own, it is estimated from
what no ten fingers do: many notes that began one after another and end at one instant, and more keys down than two
hands reach.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.notes import Notes
from models.music.pedal import SUSTAINS, Pedal

REACH_M = 0.225
"""Metres between the outer keys that one hand can hold."""
FINGERS = 5
_LATE_S = 0.08
"""Of notes that end with the pedal, the last ends this long after it."""
_ONE_INSTANT_S = 0.025
_TOGETHER_S = 0.035
"""Onsets this close are one chord's, which fingers end together, too."""
_FEWEST_CHORDS = 5
"""Chords that end at one instant, from which on it is the pedal that ended them."""
_CHANGE_S = 0.12
"""The pedal goes down again this long after it came up, or after the first note that it shall hold."""


def needed_until(notes: Notes, pedal: Pedal) -> NDArray[np.float64]:
    """Until when (n,) a finger has to hold each note, seconds: its offset, or the moment from which on the pedal does.

    A pedal holds a note that ends while it is down or as it comes up.
    """
    down, up = pedal_spans(pedal)
    onset, offset = notes.onset_s.astype(float), notes.offset_s.astype(float)
    if not len(down):
        return offset
    span = np.searchsorted(down, offset, "left") - 1
    holds = (span >= 0) & (offset <= up[span] + _LATE_S)
    return np.where(holds, np.clip(down[span], onset, offset), offset)


def pedal_spans(pedal: Pedal) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When (k,) the pedal begins to hold and when (k,) it ends, seconds; a last one that never ends is infinite."""
    holds = pedal.depth >= SUSTAINS
    before = np.concatenate([[False], holds[:-1]])
    down, up = pedal.time_s[holds & ~before], pedal.time_s[~holds & before]
    return down, np.append(up, np.inf)[: len(down)]


def pedal_of_spans(down: NDArray[np.floating[Any]], up: NDArray[np.floating[Any]]) -> Pedal:
    """A pedal that is all the way down in these spans; those that meet become one."""
    order = np.argsort(down, kind="stable")
    spans: list[list[float]] = []
    for start, end in zip(down[order].tolist(), up[order].tolist(), strict=True):
        if spans and start <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], end)
        elif end > start:
            spans.append([start, end])
    times = np.array(spans, np.float64).reshape(-1)
    return Pedal(times, np.tile(np.array([1, 0], np.float32), len(spans)))


def estimated_pedal(notes: Notes) -> Pedal:
    """A pedal without which no two hands could play these notes as long as they are.

    Args:
        notes: sorted by onset.
    """
    if not len(notes):
        return Pedal.none()
    parts = [_shared_ends(notes), _out_of_reach(notes)]
    return pedal_of_spans(*(np.concatenate([part[k] for part in parts]) for k in (0, 1)))


def _shared_ends(notes: Notes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Spans that end where the notes of many chords end at once."""
    order = np.argsort(notes.offset_s, kind="stable")
    onset, offset = notes.onset_s[order].astype(float), notes.offset_s[order].astype(float)
    ends = np.searchsorted(offset, offset + _ONE_INSTANT_S, "right")
    down, up = [], []
    first, lifted = 0, -np.inf
    while first < len(offset):
        last = int(ends[first])
        onsets = np.sort(onset[first:last])
        chords = 1 + int((np.diff(onsets) > _TOGETHER_S).sum())
        if chords >= _FEWEST_CHORDS:
            lift = float(np.median(offset[first:last]))
            begins = max(float(onsets[0]), lifted) + _CHANGE_S
            if begins < lift:
                down.append(begins)
                up.append(lift)
            lifted = lift
        first = last
    return np.array(down), np.array(up)


def _out_of_reach(notes: Notes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Spans from chords at which two hands cannot hold all that is to sound, until what is too much has ended."""
    onset, offset = notes.onset_s.tolist(), notes.offset_s.tolist()
    place = keyboard.key_x(notes.pitch.astype(int)).tolist()
    sounding: dict[float, float] = {}  # X of a key: until when
    down, up = [], []
    first = 0
    while first < len(onset):
        time = onset[first]
        last = first
        sounding = {x: end for x, end in sounding.items() if end > time + _CHANGE_S}
        while last < len(onset) and onset[last] <= time + _TOGETHER_S:
            sounding[place[last]] = offset[last]
            last += 1
        first = last
        if len(sounding) > 2 and not _two_hands_hold(sorted(sounding)):
            down.append(time)
            up.append(_end_of_excess(sounding))
    return np.array(down), np.array(up)


def _two_hands_hold(places: list[float]) -> bool:
    """Whether two hands reach all keys at these X, in rising order."""
    taken = 0
    for _ in range(2):
        if taken == len(places):
            return True
        edge = places[taken] + REACH_M
        taken = next(
            (k for k in range(taken, min(taken + FINGERS, len(places))) if places[k] > edge),
            min(taken + FINGERS, len(places)),
        )
    return taken == len(places)


def _end_of_excess(sounding: dict[float, float]) -> float:
    """The first moment at which two hands can hold what of these keys (X: until when) still sounds."""
    ends = sorted(sounding.values())
    low, high = (
        0,
        len(ends) - 1,
    )  # after the end of how many it is possible: once all but one have ended, surely
    while low < high:
        middle = (low + high) // 2
        if _two_hands_hold(sorted(x for x, end in sounding.items() if end > ends[middle])):
            high = middle
        else:
            low = middle + 1
    return ends[low]
