# SPDX-License-Identifier: GPL-3.0-or-later
"""Who plays what, decided before the motion: hand and finger of every note, and what a redo keeps of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.body.notes import Notes
from models.body.take import Take
from models.planning.fingering import finger_notes
from models.planning.hands import assign_hands

VARIATION = 0.5
"""How freely another seed fingers the same notes, in units of one semitone beyond a relaxed span."""


def plan_fingering(
    notes: Notes,
    *,
    seed: int,
    keep: Take | None = None,
    redo_hands: tuple[int, ...] = (0, 1),
    redo_s: tuple[float, float] = (0.0, np.inf),
) -> Notes:
    """The notes with a hand and a finger for each, and when it lets go.

    Args:
        notes: sorted by onset; a hand of -1 is found.
        seed: of the variation; notes far from each other do not influence each other's.
        keep: a take of the same notes, whose fingering stays except in `redo_hands` and in the seconds `redo_s`.
    """
    kept = keep.notes if keep is not None and keep.notes.same_strokes(notes) else None
    if kept is not None:  # the kept hand goes on playing the notes that it plays
        notes = notes.with_hands(np.where(kept.hand >= 0, kept.hand, notes.hand))
    found = finger_notes(notes.with_hands(assign_hands(notes)), variation=VARIATION, seed=seed)
    if kept is None:
        return found
    stays = ~np.isin(kept.hand, redo_hands)
    stays |= (notes.onset_s < redo_s[0]) | (notes.onset_s >= redo_s[1])
    return replace(
        found,
        hand=np.where(stays, kept.hand, found.hand),
        finger=np.where(stays, kept.finger, found.finger),
    )
