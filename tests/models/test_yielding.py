# SPDX-License-Identifier: GPL-3.0-or-later
"""Of two presses that cannot both be, one ends early or is left out; the others stay as they are."""

import numpy as np
from contact_scenes import presses_of

from models.contact.note_dropping import Tangle, drop_notes

FPS = 30.0
NOBODY = np.zeros((100, 2), bool)  # is kept


def presses(*rows):
    """Rows of slot, down s, up s."""
    slot, down, up = (np.array(column) for column in zip(*rows, strict=True))
    return presses_of(down.astype(float), up.astype(float), slot, 60 + np.arange(len(rows)))


def tangle(second, *pair):
    return Tangle(np.array([round(second * FPS)]), np.array([pair]), np.array([0.001]))


def test_the_press_that_has_sounded_longer_ends_early():
    given = presses((0, 1.0, 3.0), (5, 1.9, 3.0), (7, 2.0, 2.5))
    after = drop_notes(given, tangle(2.0, 0, 5), FPS, NOBODY)
    assert after.note.tolist() == [0, 1, 2]
    assert after.up_s[0] < 2.0 and after.up_s[0] > after.down_s[0] + 0.1
    assert after.up_s[1] == 3.0 and after.up_s[2] == 2.5
    assert given.up_s[0] == 3.0  # what was given is left alone


def test_where_neither_has_sounded_the_shorter_note_is_left_out():
    given = presses((0, 2.0, 2.2), (5, 2.0, 3.0), (7, 2.0, 2.1))
    after = drop_notes(given, tangle(2.0, 0, 5), FPS, NOBODY)
    assert after.note.tolist() == [1, 2] and after.up_s.tolist() == [3.0, 2.1]


def test_tangled_fingers_that_play_nothing_then_change_nothing():
    given = presses((0, 1.0, 1.2), (5, 4.0, 5.0))
    after = drop_notes(given, tangle(2.5, 0, 5), FPS, NOBODY)
    assert after.note.tolist() == [0, 1] and np.array_equal(after.up_s, given.up_s)
