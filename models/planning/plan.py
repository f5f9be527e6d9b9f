# SPDX-License-Identifier: GPL-3.0-or-later
"""Who plays what, decided before the motion: hand and finger of every note, and what a redo keeps of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.body.edit_mask import EditMask
from models.body.keyboard_size import STANDARD_KEYBOARD, KeyboardSize
from models.body.notes import UNKNOWN, Notes
from models.body.take import Take
from models.planning.fingering import finger_notes
from models.planning.gestures import in_one_hand
from models.planning.hands import assign_hands
from models.planning.playing_hands import OUR_HANDS, PlayingHands
from models.planning.thinning import thinned

VARIATION = 0.5
"""How freely another seed fingers the same notes, in units of one semitone beyond a relaxed span."""


def plan_fingering(
    notes: Notes,
    *,
    seed: int,
    keep: Take | None,
    edits: EditMask,
    keyboard: KeyboardSize = STANDARD_KEYBOARD,
    playing: PlayingHands = OUR_HANDS,
) -> Notes:
    """The notes with a hand and a finger for each, and when it lets go.

    Args:
        notes: sorted by onset; a hand of -1 is found, another one is advice.
        seed: of the variation; notes far from each other do not influence each other's.
        keep: a take of the same notes, whose fingering stays where nothing may change; None for none.
        edits: what may change.
        keyboard: notes beyond its keys are played by nobody.
        playing: the hands that play.
    """
    kept = keep.notes if keep is not None and keep.notes.same_strokes(notes) else None
    if kept is not None:  # the kept hand goes on playing the notes that it plays
        notes = notes.with_hands(np.where(kept.hand >= 0, kept.hand, notes.hand))
    found = _played(notes, seed, edits.fps, keyboard, playing, advice=kept is None)
    if kept is None:
        return found
    new = edits.covers(kept.hand, notes.onset_s)
    return replace(
        found,
        hand=np.where(new, found.hand, kept.hand),
        finger=np.where(new, found.finger, kept.finger),
    )


def _played(
    notes: Notes,
    seed: int,
    fps: float,
    keyboard: KeyboardSize,
    playing: PlayingHands,
    *,
    advice: bool,
) -> Notes:
    """The notes with hands and fingers; nobody plays what has no key, or what no two hands can.

    `advice`: as of `assign_hands`.
    """
    can = thinned(notes, fps, ~keyboard.beyond(notes), playing)
    some = notes.with_hands(can.hand).select(can.plays)
    hands = in_one_hand(some, assign_hands(some, advice=advice, playing=playing))
    some = finger_notes(some.with_hands(hands), variation=VARIATION, seed=seed, playing=playing)
    if can.plays.all():
        return some
    hand, finger, release = (np.full(len(notes), UNKNOWN, kind) for kind in (np.int8, np.int8, float))
    hand[can.plays], finger[can.plays] = some.hand, some.finger
    release[:] = notes.offset_s
    release[can.plays] = some.release_s
    return replace(notes, hand=hand, finger=finger, release_s=release)
