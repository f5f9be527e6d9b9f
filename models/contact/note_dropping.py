# SPDX-License-Identifier: GPL-3.0-or-later
"""Where two fingers cannot both be, one lets go: early, if its note has sounded a while, else the note is left out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.contact.schedule import Presses

_BEFORE_S, _AFTER_S = 0.12, 0.1  # a press is in the way from this long before until this long after
_SOUNDED_S = 0.1  # a note held this long may end early
_LEAVES_S = 0.08  # a finger that lets go needs this to get out of the way


@dataclass(frozen=True)
class Tangle:
    """K pairs of bones that are too near."""

    frame: NDArray[np.int64]
    """(K,)"""
    slots: NDArray[np.int64]
    """(K, 2) hand * 5 + finger of both; -1 for a palm."""
    lack: NDArray[np.float64]
    """(K,) metres."""

    def worst(self, apart_frames: int) -> Tangle:
        """The deepest tangle of each group of frames; groups lie more than ``apart_frames`` apart."""
        if not len(self.frame):
            return self
        in_time = np.argsort(self.frame, kind="stable")
        group = np.concatenate([[0], np.cumsum(np.diff(self.frame[in_time]) > apart_frames)])
        deepest = np.lexsort((-self.lack[in_time], group))
        first = in_time[deepest[np.unique(group[deepest], return_index=True)[1]]]
        return Tangle(self.frame[first], self.slots[first], self.lack[first])


def drop_notes(presses: Presses, left: Tangle, fps: float, fixed: NDArray[np.bool_]) -> Presses:
    """Presses with those that are in the way ended early or left out.

    Of two presses that meet, the one that has sounded longer ends early; where neither has sounded, the shorter one is
    left out.

    Args:
        left: the pairs of bones that could not be taken apart.
        fixed: (F, 2) hands that stay where they are (`EditMask.fixed`): their presses do, too.
    """
    up, stays = presses.up_s.copy(), np.ones(len(presses.note), bool)
    for frame, pair in zip(left.frame, left.slots, strict=True):
        time_s = frame / fps
        meeting = [
            index
            for slot in pair
            if not fixed[frame, slot // 5]
            for index in np.flatnonzero(
                stays
                & (presses.slot == slot)
                & (presses.down_s - _BEFORE_S < time_s)
                & (up + _AFTER_S > time_s)
            )
        ]
        if not meeting:
            continue
        sounded = [time_s - _LEAVES_S - presses.down_s[index] for index in meeting]
        oldest = int(np.argmax(sounded))
        if sounded[oldest] > _SOUNDED_S:
            index = meeting[oldest]
            up[index] = min(up[index], time_s - _LEAVES_S)
        else:
            stays[min(meeting, key=lambda index: up[index] - presses.down_s[index])] = False
    return replace(presses, up_s=up).select(stays)
