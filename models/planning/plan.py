# SPDX-License-Identifier: GPL-3.0-or-later
"""Who plays what, decided before the motion: hand and finger of every note, and what a redo keeps of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.body.take import Take
from models.planning.fingering import Assignment, finger_notes
from models.planning.hands import assign_hands

VARIATION = 0.5
"""How freely another seed fingers the same notes, in units of one semitone beyond a relaxed span."""


def plan_fingering(
    notes: NDArray[np.float32],
    hands_given: NDArray[np.integer],
    *,
    seed: int,
    keep: Take | None = None,
    redo_hands: tuple[int, ...] = (0, 1),
    redo_s: tuple[float, float] = (0.0, np.inf),
) -> Assignment:
    """A hand and a finger for every note.

    Args:
        notes: (n, 4) onset s, offset s, pitch, velocity, sorted by onset.
        hands_given: (n,) 0 left, 1 right, -1 to be found.
        seed: of the variation; notes far from each other do not influence each other's.
        keep: a take of the same notes, whose fingering stays except in `redo_hands` and in the seconds `redo_s`.
    """
    same_notes = keep is not None and np.array_equal(keep.notes, notes)
    if keep is not None and same_notes:  # the kept hand goes on playing the notes that it plays
        hands_given = np.where(keep.fingering[:, 0] >= 0, keep.fingering[:, 0], hands_given)
    hands = assign_hands(notes, hands_given)
    found = finger_notes(notes, hands, variation=VARIATION, seed=seed)
    if keep is None or not same_notes:
        return found
    stays = ~np.isin(keep.fingering[:, 0], redo_hands)
    stays |= (notes[:, 0] < redo_s[0]) | (notes[:, 0] >= redo_s[1])
    return replace(found, fingering=np.where(stays[:, None], keep.fingering, found.fingering).astype(np.int8))
