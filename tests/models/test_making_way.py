# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand leaves its keys so that the other one can come to where it is."""

import numpy as np

from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.planning.fingering import finger_notes
from models.planning.making_way import make_way


def both_go_up(goes_on: int, comes: int = 69) -> Notes:
    """The right hand holds a chord, the left one strikes a key at 1 s, the right one another at 1.18 s."""
    rows = [
        (0.0, 1.6, 57, 60, RIGHT),
        (0.0, 1.6, 64, 60, RIGHT),
        (0.0, 1.6, 67, 60, RIGHT),
        (0.0, 0.5, 38, 60, LEFT),
        (1.0, 1.2, comes, 60, LEFT),
        (1.18, 1.5, goes_on, 60, RIGHT),
    ]
    table = np.array(sorted(rows))
    return Notes.from_arrays(table[:, :4], hand=table[:, 4].astype(int))


def released(notes: Notes) -> np.ndarray:
    """When the right hand leaves its chord."""
    found = finger_notes(notes)
    assert found.release_s is not None
    return found.release_s[(notes.onset_s == 0) & (notes.hand == RIGHT)]


def test_the_hand_before_leaves_early_enough_to_be_out_of_the_way() -> None:
    found = released(both_go_up(goes_on=93))
    assert (found < 0.85).all() and (found > 0.3).all()


def test_hands_that_cross_or_play_among_each_other_hold_on() -> None:
    crossing = both_go_up(goes_on=60)
    among = both_go_up(goes_on=93, comes=65)
    for notes in (crossing, among):
        found = finger_notes(notes)
        alone = np.minimum(
            found.release_s, make_way(found, found.hand, found.finger, notes.offset_s.astype(float))
        )
        assert np.array_equal(alone, found.release_s)
        assert (
            make_way(found, found.hand, found.finger, notes.offset_s.astype(float)) == notes.offset_s
        ).all()


def test_it_is_the_same_in_the_mirror() -> None:
    notes = both_go_up(goes_on=93)
    mirrored = Notes.from_arrays(
        np.column_stack([notes.onset_s, notes.offset_s, 124 - notes.pitch, notes.velocity]),
        hand=(1 - notes.hand).astype(int),
    )
    order = np.lexsort((mirrored.pitch, mirrored.onset_s))
    mirrored = mirrored.select(order)
    one, other = finger_notes(notes).release_s, finger_notes(mirrored).release_s
    assert one is not None and other is not None
    assert np.allclose(one[order], other)
