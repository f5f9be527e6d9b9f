# SPDX-License-Identifier: GPL-3.0-or-later
"""Where two fingers cannot both be, one lets go: early, if its note has sounded a while, else the note is left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.contact.posture import Tangle
from models.contact.schedule import Presses

_BEFORE_S, _AFTER_S = 0.12, 0.1  # a press is in the way from this long before until this long after
_SOUNDED_S = 0.1  # a note held this long may end early
_LEAVES_S = 0.08  # a finger that lets go needs this to get out of the way


def drop_notes(
    presses: Presses, left: Tangle, fps: float, fixed: NDArray[np.bool_]
) -> tuple[Presses, NDArray[np.bool_]]:
    """Presses with those that are in the way ended early or left out.

    Of two presses that meet, the one that has sounded longer ends early; where neither has sounded, the shorter one is
    left out.

    Args:
        left: the pairs of bones that could not be taken apart.
        fixed: (F, 2) hands that stay where they are (`EditMask.fixed`): their presses do, too.

    Returns:
        The presses that stay, and which (m,) of the given ones they are.
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
    kept = (presses.note, presses.slot, presses.down_s, up, presses.pitch)
    return Presses(*(values[stays] for values in kept)), stays
