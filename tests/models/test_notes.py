# SPDX-License-Identifier: GPL-3.0-or-later
"""Piano rolls of notes."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.notes import Notes
from models.music.notes import ONSET, SUSTAIN, note_order, note_rolls


def note(onset: float, offset: float, pitch: int = 60, velocity: float = 127) -> list[float]:
    return [onset, offset, pitch, velocity]


def test_an_onset_is_read_back_from_two_frames() -> None:
    rolls = note_rolls(Notes.from_arrays([note(0.11, 0.5, velocity=63.5)]), 30, 0, 30)
    frames = np.flatnonzero(rolls[:, 39, ONSET])
    assert frames.tolist() == [3, 4]
    assert rolls[frames, 39, ONSET].sum() == pytest.approx(0.5)
    assert np.average(frames, weights=rolls[frames, 39, ONSET]) / 30 == pytest.approx(0.11)
    assert not np.delete(rolls, 39, axis=1).any()


def test_sustain_is_the_share_of_each_frame() -> None:
    held = note_rolls(Notes.from_arrays([note(0.1, 0.225)]), 30, 0, 12)[:, 39, SUSTAIN]
    # 0.1 s is frame 3, the middle of its own time; 0.225 s is 6.75, a quarter into frame 7's time.
    np.testing.assert_allclose(held, [0, 0, 0, 0.5, 1, 1, 1, 0.25, 0, 0, 0, 0], atol=1e-6)
    assert held.sum() / 30 == pytest.approx(0.125)


def test_a_window_is_a_cut_of_the_whole() -> None:
    generator = np.random.default_rng(1)
    onsets = generator.uniform(0, 9, 200)
    table = np.stack(
        [
            onsets,
            onsets + generator.uniform(0, 2, 200),
            generator.integers(15, 115, 200),
            generator.integers(1, 128, 200),
        ],
        1,
    )
    notes = Notes.from_arrays(table)
    whole = note_rolls(notes, 29.97, 0, 330)
    assert whole.min() >= 0 and whole.max() <= 1
    np.testing.assert_allclose(note_rolls(notes, 29.97, 100, 60), whole[100:160], atol=1e-5)
    before = note_rolls(notes, 29.97, -20, 60)
    assert not before[:19].any()
    np.testing.assert_allclose(before[20:], whole[:40], atol=1e-5)


def test_overlapping_notes_of_one_key_do_not_add_up() -> None:
    notes = Notes.from_arrays([note(0.1, 0.4, velocity=40), note(0.1, 0.3, velocity=80)])
    rolls = note_rolls(notes, 30, 0, 15)
    assert rolls[:, 39, SUSTAIN].max() == 1
    assert rolls[3, 39, ONSET] == pytest.approx(80 / 127)


def test_edges_of_input() -> None:
    assert note_rolls(Notes.none(), 30, 0, 5).shape == (5, 88, 2)
    assert note_rolls(Notes.from_arrays([note(0, 1)]), 30, 0, 0).shape == (0, 88, 2)
    assert not note_rolls(Notes.from_arrays([note(0, 1, 20), note(0, 1, 109)]), 30, 0, 5).any()
    with pytest.raises(ValueError, match="fps"):
        note_rolls(Notes.none(), 0, 0, 5)


def test_order_is_by_onset_then_pitch() -> None:
    notes = Notes.from_arrays([note(1, 2, 60), note(0.5, 2, 70), note(1, 1.5, 50)])
    assert note_order(notes).tolist() == [1, 2, 0]
