# SPDX-License-Identifier: GPL-3.0-or-later
"""Repeated notes, trills, tremolo and grace notes: every stroke that the frames can show, by a body that can do it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from test_contact_separation import FPS, colliding, hands_at

from models.body.edit_mask import EditMask
from models.body.keyboard import key_x, struck_keys
from models.body.kinematics import outside_limits
from models.body.motion import Motion
from models.body.notes import Notes
from models.contact import apply_contact, schedule
from models.evaluation.biomechanics import fingertips
from models.evaluation.scores import Score, onset_score
from models.planning.plan import plan_fingering

Times = NDArray[np.float64]

SECONDS = 3.0
BASS = [[0.5 + i, 1.4 + i, 45, 80] for i in range(2)]


def strokes(pitches: list[tuple[int, ...]], rate: float) -> Notes:
    """Keys struck together, one group after another for two seconds, over a quiet bass."""
    count = round(2 * rate)
    table = [
        [0.5 + i / rate, 0.5 + (i + 0.8) / rate, pitch, 80]
        for i in range(count)
        for pitch in pitches[i % len(pitches)]
    ]
    return Notes.from_arrays(sorted(table + BASS))


def played(notes: Notes) -> tuple[Motion, Score]:
    frames = round(SECONDS * FPS)
    planned = plan_fingering(notes, seed=0, keep=None, edits=EditMask.everything(frames, FPS))
    middle = [float(key_x(notes.pitch[planned.hand == hand]).mean()) for hand in (0, 1)]
    motion = apply_contact(hands_at(np.tile(middle, (frames, 1))), planned).motion
    return motion, onset_score(struck_keys(fingertips(motion)), FPS, notes).score


@pytest.mark.parametrize(
    ("pitches", "rate", "shown"),
    [
        ([(76,)], 14, 1.0),
        ([(76,)], 20, 0.75),
        ([(64, 67, 72)], 12, 1.0),
        ([(76,), (77,)], 14, 1.0),
        ([(66,), (68,)], 11, 1.0),
        ([(64,), (76,)], 12, 1.0),
        ([(60, 64), (67, 72)], 10, 1.0),
        ([(72,), (71,)], 8, 1.0),
    ],
)
def test_every_stroke_that_can_be_shown_is(pitches: list[tuple[int, ...]], rate: float, shown: float) -> None:
    notes = strokes(pitches, rate)
    motion, score = played(notes)
    fast = len(notes) - len(BASS)
    assert score.false == 0 and score.hits >= len(BASS) + 0.96 * shown * fast
    assert not colliding(motion).any() and not outside_limits(motion.euler).any()
    assert np.abs(np.diff(motion.euler[:, :, 1:], axis=0)).max() * FPS < 27
    # A hand that was made to stand still leaps a twelfth in a quarter of a second.
    assert np.linalg.norm(np.diff(motion.wrist, axis=0), axis=-1).max() * FPS < 1.8


def test_without_going_by_the_frames_fewer_strokes_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = strokes([(76,)], 18)
    _, by_frames = played(notes)

    def nearest(onset: Times, pitch: NDArray[np.int64], velocity: Times, fps: float) -> Times:
        return np.round(onset * fps)

    monkeypatch.setattr(schedule, "_bottom_frames", nearest)
    _, without = played(notes)
    assert by_frames.hits > without.hits + 3


def test_a_hand_that_plays_a_flood_hardly_moves() -> None:
    rng = np.random.default_rng(0)
    chords = [(0.5 + 0.03 * i, rng.choice(88, 16, replace=False) + 21) for i in range(60)]
    table = [[time_s, time_s + 0.02, pitch, 80] for time_s, keys in chords for pitch in keys]
    notes = Notes.from_arrays(table)
    frames = round(SECONDS * FPS)
    planned = plan_fingering(notes, seed=0, keep=None, edits=EditMask.everything(frames, FPS))
    middle = [float(np.median(key_x(notes.pitch[planned.hand == hand]))) for hand in (0, 1)]
    motion = apply_contact(hands_at(np.tile(middle, (frames, 1))), planned).motion
    score = onset_score(struck_keys(fingertips(motion)), FPS, notes).score
    # Between strokes so near to each other keys hardly come up; some fingers slide into others.
    assert score.hits > 0.7 * planned.played.sum() > 90 and score.false < 6
    assert np.linalg.norm(np.diff(motion.wrist, axis=0), axis=-1).max() * FPS < 2.5
