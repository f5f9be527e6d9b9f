# SPDX-License-Identifier: GPL-3.0-or-later
"""Who plays what, decided before the motion: hand and finger of every note, and what a redo keeps of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.body.edit_mask import EditMask
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
    keep: Take | None,
    edits: EditMask,
) -> Assignment:
    """A hand and a finger for every note.

    Args:
        notes: (n, 4) onset s, offset s, pitch, velocity, sorted by onset.
        hands_given: (n,) 0 left, 1 right, -1 to be found.
        seed: of the variation; notes far from each other do not influence each other's.
        keep: a take of the same notes, whose fingering stays where nothing may change; None for none.
        edits: what may change.
    """
    same_notes = keep is not None and np.array_equal(keep.notes, notes)
    if keep is not None and same_notes:  # the kept hand goes on playing the notes that it plays
        hands_given = np.where(keep.fingering[:, 0] >= 0, keep.fingering[:, 0], hands_given)
    hands = assign_hands(notes, hands_given)
    found = finger_notes(notes, hands, variation=VARIATION, seed=seed)
    if keep is None or not same_notes:
        return found
    new = edits.covers(keep.fingering[:, 0], notes[:, 0])
    return replace(found, fingering=np.where(new[:, None], found.fingering, keep.fingering).astype(np.int8))
