# SPDX-License-Identifier: GPL-3.0-or-later
"""Every part of key contact is used where hands are in each other's way, and a take is the better for it.

Each part has tests of its own; these turn red when the whole no longer calls it.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_contact_separation import FPS, colliding, hands_at

from models.body.edit_mask import EditMask
from models.body.keyboard import pressed_keys
from models.body.motion import Motion
from models.body.notes import Notes
from models.contact import apply, apply_contact, segment
from models.evaluation.biomechanics import fingertips
from models.evaluation.scores import Score, onset_score
from models.planning.fingering import finger_notes


def jumble(seed: int) -> tuple[Motion, Notes]:
    """Both hands play chords within one octave and a half, at times of their own: more than can be played."""
    rng = np.random.default_rng(seed)
    sway = 0.03 * np.sin(np.linspace(0, 9, 90))[:, None] * [1, -1]
    motion = hands_at(np.tile([-0.04, 0.04], (90, 1)) + rng.uniform(-0.08, 0.08, (1, 2)) + sway, seed)
    rows = []
    for hand in (0, 1):
        time = 0.5
        while time < 2.5:
            count, base = rng.integers(1, 4), rng.integers(55, 70)
            rows.extend(
                (time, time + rng.uniform(0.15, 0.6), int(pitch), 80.0, hand)
                for pitch in sorted(set(base + rng.choice(9, count, replace=False)))
            )
            time += rng.choice([0.15, 0.3, 0.45])
    table = np.array(sorted(rows))
    return motion, Notes.from_arrays(table[:, :4], hand=table[:, 4].astype(np.int8))


SWITCHES: dict[str, tuple[str, Any]] = {
    "strays": ("lift_off_wrong_keys", lambda posture, *rest: posture),
    "room": ("avoid_other_hand", lambda *given: None),
    "attempts": ("_ATTEMPTS", 1),
    "yielding": ("drop_notes", lambda presses, *rest: (presses, np.ones(len(presses.note), bool))),
    "nothing": ("PASSES", segment.PASSES),
}


@functools.cache
def played(seed: int, without: str = "nothing") -> Score:
    """What is hit and what is struck wrongly when a part of contact is switched off."""
    motion, notes = jumble(seed)
    fingered = finger_notes(notes)  # held to their ends, whatever the planning would let go for
    fingered = replace(fingered, release_s=notes.offset_s.astype(float))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment, *SWITCHES[without])
        result = apply_contact(motion, fingered).motion
    assert not colliding(result).any()
    return onset_score(pressed_keys(fingertips(result)), FPS, notes).score


def test_fingers_over_other_keys_are_lifted_off_them() -> None:
    assert played(0).false < played(0, "strays").false
    assert played(0).hits >= played(0, "strays").hits


def test_hands_that_make_room_play_more() -> None:
    assert played(0).hits > played(0, "room").hits + 1


@pytest.mark.parametrize("part", ["attempts", "yielding"])
def test_what_cannot_be_played_together_gives_way_and_strikes_nothing_wrong(part: str) -> None:
    assert played(1).false < played(1, part).false - 1


@pytest.fixture
def hands_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever came before leaves one hand inside the other for half a second."""
    mend = apply.repair_seams

    def spoilt(motion: Motion, edits: EditMask, hand_size: float) -> Motion:
        mended = mend(motion, edits, hand_size)
        wrist = mended.wrist.copy()
        wrist[40:55, 0] = wrist[40:55, 1] - np.float32([0.01, 0.0, 0.0])
        return Motion(mended.euler, wrist, mended.fps)

    monkeypatch.setattr(apply, "repair_seams", spoilt)


def test_the_last_word_is_that_hands_do_not_collide(
    hands_put_together: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion = hands_at(np.tile([-0.3, 0.2], (90, 1)))
    notes = Notes.from_arrays([[1.0, 1.4, 72, 80]], hand=1)
    assert not colliding(apply_contact(motion, notes).motion).any()
    monkeypatch.setattr(apply, "separate_hands", lambda motion, *rest: motion.wrist)
    assert colliding(apply_contact(motion, notes).motion)[41:54].all()  # or this would prove nothing


def test_what_is_tangled_where_stretches_meet_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    motion = hands_at(np.tile([-0.3, 0.2], (90, 1)))
    given: list[tuple[Motion, EditMask, float]] = []

    def mend(*what: Any) -> Motion:
        given.append(what)
        moved = Motion(what[0].euler, what[0].wrist + np.float32([0.0, 0.0, 0.5]), FPS)
        return moved

    monkeypatch.setattr(apply, "repair_seams", mend)
    notes = Notes.from_arrays([[1.0, 1.4, 72, 80]], hand=1)
    result = apply_contact(motion, notes, hand_size=1.1).motion
    (solved, edits, size), *more = given
    assert not more and edits.whole and size == 1.1
    np.testing.assert_array_equal(result.wrist, solved.wrist + np.float32([0.0, 0.0, 0.5]))
    # A take of half a contact is not mended: its hands are on their way only.
    apply_contact(motion, notes, strength=0.5)
    assert len(given) == 1
