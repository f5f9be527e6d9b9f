# SPDX-License-Identifier: GPL-3.0-or-later
"""Long silences are rested through: how they are found, what is sampled, what the hands do in them."""

from dataclasses import replace

import numpy as np
import pytest
from counting import calls_of
from tiny_model import tiny_model

from models.body.kinematics import outside_limits
from models.body.motion import Motion
from models.body.notes import Notes
from models.conditioning.finger_features import finger_plan
from models.conditioning.windows import ModelInput
from models.evaluation.scores import sounding_roll
from models.generation import sampling
from models.generation.generator import GenerateSettings, generate
from models.music.notes import held_frames
from models.music.passages import AROUND_S, frame_spans, passages, rest, seconds_of, silences
from models.planning.fingering import finger_notes
from models.planning.hands import assign_hands


def notes(*onsets, length=0.5):
    table = [[onset, onset + length, 60 + i % 3, 80] for i, onset in enumerate(onsets)]
    return Notes.from_arrays(np.array(table, np.float32).reshape(-1, 4), hand=1)


@pytest.mark.parametrize(
    ("onsets", "length", "duration", "expected"),
    [
        ((0, 29), 0.5, 59, [(0, 59)]),
        ((), 0.5, 500, [(0, 500)]),
        ((1, 100), 1, 110, [(0, 2 + AROUND_S), (100 - AROUND_S, 110)]),
        ((100,), 1, 110, [(100 - AROUND_S, 110)]),
        ((1,), 1, 500, [(0, 2 + AROUND_S)]),
        ((100,), 1, 500, [(100 - AROUND_S, 101 + AROUND_S)]),
        ((1, 100), 1000, 110, [(0, 31 + AROUND_S), (100 - AROUND_S, 110)]),
    ],
    ids=["short gaps", "no notes", "between", "before", "after", "both", "a key held"],
)
def test_passages(onsets, length, duration, expected):
    found = passages(notes(*onsets, length=length), duration)
    np.testing.assert_allclose(found, expected)
    spans = frame_spans(found, 30.0, duration * 30)
    assert spans == [(round(start * 30), round(stop * 30)) for start, stop in expected]


def test_frames_of_one_passage_are_all_frames_whatever_rounding_does():
    for duration, fps, frames in ((10.01, 30.0, 301), (10.0, 29.97, 300), (0.1, 24.0, 3), (0.001, 30.0, 1)):
        assert frame_spans([(0.0, duration)], fps, frames) == [(0, frames)]


def test_silences_are_what_lies_between_spans():
    spans = [(10, 20), (50, 60)]
    assert silences(spans, 0, 100) == [(0, 10), (20, 50), (60, 100)]
    assert silences(spans, 12, 30) == [(20, 30)] and silences(spans, 12, 18) == []
    assert silences([(0, 100)], 0, 100) == []


def test_resting_hands_are_still_and_meet_both_sides():
    rng = np.random.default_rng(0)
    motion = Motion(
        rng.normal(size=(1000, 2, 16, 3)).astype(np.float32),
        rng.normal(size=(1000, 2, 3)).astype(np.float32),
        30.0,
    )
    rested = rest(motion, [(0, 50), (200, 700), (900, 1000)], hands=(1,))
    assert np.array_equal(rested.wrist[:, 0], motion.wrist[:, 0])
    right = rested.wrist[:, 1]
    assert (right[:50] == right[50]).all() and (right[900:] == right[899]).all()
    assert (right[200:580] == right[199]).all() and np.array_equal(right[700:900], motion.wrist[700:900, 1])
    step = np.abs(np.diff(right[579:701], axis=0)).max()
    assert step < 0.03 * np.abs(motion.wrist).max()


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def windows_of(monkeypatch, work):
    """Windows that go through the networks."""
    count = 0
    windows = sampling._windows

    def counting(model, music, starts, *rest):
        nonlocal count
        count += len(starts)
        return windows(model, music, starts, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(sampling, "_windows", counting)
        result = work()
    return count, result


def make(model, found, seconds, **more):
    settings = GenerateSettings(seed=1, contact=more.pop("contact", 1.0))
    return generate(model, found, duration_s=seconds, settings=settings, **more)


def test_half_an_hour_of_silence_costs_no_windows(model, monkeypatch):
    near, _ = windows_of(monkeypatch, lambda: make(model, notes(1, 41), 50.0))
    far, take = windows_of(monkeypatch, lambda: make(model, notes(1, 1801), 1810.0))
    assert far == near and take.motion.frames == 1810 * 30
    steps = np.abs(np.diff(take.motion.wrist, axis=0)).max((1, 2))
    assert (steps[20 * 30 : 1785 * 30] == 0).all()  # at rest
    assert steps[1785 * 30 : 1793 * 30].max() < 0.02  # no leap out of it
    import torch

    assert not outside_limits(torch.from_numpy(take.motion.euler), 1e-4).any()


def test_music_without_a_long_silence_is_sampled_as_a_whole(model, monkeypatch):
    found = notes(1, 20, 45)
    as_it_is = make(model, found, 50.0)
    monkeypatch.setattr("models.generation.generator.passages", lambda notes, duration_s: [(0.0, duration_s)])
    whole = make(model, found, 50.0)
    assert np.array_equal(as_it_is.motion.euler, whole.motion.euler)
    assert np.array_equal(as_it_is.motion.wrist, whole.motion.wrist)


@pytest.mark.parametrize("redo", [(0.0, 5.0), (60.0, 300.0), (195.0, 210.0), (100.0, 100.2)])
def test_what_is_kept_stays_also_beside_a_silence(model, redo):
    found = notes(1, 200)
    kept = make(model, found, 210.0)
    again = make(model, found, 210.0, keep=kept, redo_range=redo, keep_hand="right")
    inside = np.zeros(kept.motion.frames, bool)
    inside[round(redo[0] * 30) : round(redo[1] * 30)] = True
    assert np.array_equal(again.motion.euler[:, 0], kept.motion.euler[:, 0])
    assert np.array_equal(again.motion.wrist[~inside], kept.motion.wrist[~inside])
    assert np.isfinite(again.motion.euler).all()


def test_the_length_of_all_passages():
    assert seconds_of([(0.0, 9.0), (90.0, 92.5)]) == 11.5


def test_the_plan_of_a_window_sees_one_note_before_and_one_after():
    found = notes(0, 1, 50, 99, 100)
    found = replace(found, finger=np.full(5, 2, np.int8))
    whole = finger_plan(found, 30.0, -30, 3300)
    music = ModelInput(found, 30.0)
    for start in (-30, 0, 60, 1400, 2960, 3200):
        part = music.plans([start], 48)[0].swapaxes(0, 1)
        assert np.array_equal(part, whole[start + 30 : start + 78])


def crowd(count):
    """Two chords of so many notes in all, the first still held when the second is struck."""
    rng = np.random.default_rng(1)
    onset = np.repeat([0.0, 0.3], count // 2)
    table = np.stack([onset, onset + 1, rng.integers(21, 109, count), np.full(count, 80)], 1)
    return Notes.from_arrays(table.astype(np.float32))


def test_many_notes_at_once_take_linear_work():
    def work(count):
        found = crowd(count)
        return calls_of(lambda: finger_notes(found.with_hands(assign_hands(found))))

    assert work(800) < 2.5 * work(400)


def test_what_sounds_is_found_without_walking_over_every_frame_of_every_note():
    rng = np.random.default_rng(2)
    table = np.stack(
        [rng.uniform(-1, 9, 300), rng.uniform(0, 11, 300), rng.integers(15, 115, 300), np.ones(300)], 1
    )
    found = Notes.from_arrays(table)
    roll = sounding_roll(found, 300, 30.0)
    for frame, key in ((0, 0), (17, 40), (150, 87), (299, 12)):
        mine = found.select(found.pitch == key + 21)
        first, end = (np.ceil(time * 30 - 1e-4) for time in (mine.onset_s, mine.offset_s))
        assert roll[frame, key] == bool(((first <= frame) & (frame < end)).any())
    few, many = (
        calls_of(lambda n=n: held_frames(np.zeros(n, int), np.full(n, 300), np.zeros(n, int), 300, 88))
        for n in (10, 10_000)
    )
    assert many == few
