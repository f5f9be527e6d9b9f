# SPDX-License-Identifier: GPL-3.0-or-later
"""Velocities from sound: on the scale of MIDI files, whatever the gain of the recording."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from models.app.transcriber import load_transcriber
from models.body.notes import Notes
from models.errors import Cancelled
from models.evaluation.dynamics import same_notes
from models.music.audio import Audio, load_audio
from models.music.midi import read_midi
from models.music.transcription import listen as listen_module
from models.music.transcription.listen import listen
from models.music.transcription.transcribe import Transcription, transcribe
from models.music.transcription.velocities import (
    ABOUT_SHARE,
    ABOUT_STEP,
    NOTE_STEP,
    TELL_EVERY,
    on_the_midi_scale,
    onset_loudness,
)

RATE = 22_050
DEMO = Path(__file__).resolve().parents[2] / "demo"
PITCHES = (48, 55, 64, 71)
WITHOUT_TRANSKUN = pytest.mark.skipif(
    importlib.util.find_spec("transkun") is None, reason="transkun is not installed"
)


def piano(amplitude: NDArray[np.float64], channels: tuple[float, ...] = (1.0,)) -> Audio:
    """A tone every half second, of six partials that die away; the pitches in turn, the amplitudes as given."""
    samples = np.zeros(round((0.5 * len(amplitude) + 1) * RATE))
    time = np.arange(RATE) / RATE
    for i, loud in enumerate(amplitude):
        hertz = 440 * 2 ** ((PITCHES[i % len(PITCHES)] - 69) / 12) * np.arange(1, 7)[:, None]
        tone = (np.sin(2 * np.pi * hertz * time) / np.arange(1, 7)[:, None]).sum(0) * np.exp(-4 * time)
        samples[round(0.5 * i * RATE) :][:RATE] += 0.05 * loud * tone
    return Audio((samples[:, None] * channels).astype(np.float32), RATE, "")


def notes_of(heard: NDArray[np.float64]) -> Notes:
    """The notes of `piano`, as a network hears them."""
    onset = 0.5 * np.arange(len(heard))
    pitch = np.resize(PITCHES, len(heard))
    return Notes.from_arrays(np.stack([onset, onset + 0.4, pitch, heard], 1).astype(np.float32))


def heard_at_random(count: int = 24) -> NDArray[np.float64]:
    return np.random.default_rng(21).uniform(40, 85, count).round()


@pytest.mark.parametrize("decibels", [-40.0, -30.0, -12.0, 6.0])
def test_the_gain_of_a_recording_plays_no_part(decibels: float) -> None:
    heard = heard_at_random()
    audio, notes = piano(np.exp(heard / 40)), notes_of(heard)
    quiet = Audio(np.asarray(audio.samples) * np.float32(10 ** (decibels / 20)), RATE, "")
    right = on_the_midi_scale(audio, notes).velocity
    assert np.ptp(right) > 30
    np.testing.assert_allclose(on_the_midi_scale(quiet, notes).velocity, right, atol=0.01)


def test_a_note_heard_louder_is_louder() -> None:
    heard = heard_at_random()
    audio = piano(np.ones(len(heard)))
    before = on_the_midi_scale(audio, notes_of(heard)).velocity
    for i in range(0, len(heard), 5):
        more = heard.copy()
        more[i] += 6
        after = on_the_midi_scale(audio, notes_of(more)).velocity
        others = np.delete(np.arange(len(heard)), i)
        assert ((after[i] - after[others]) - (before[i] - before[others])).min() > 2


def test_a_note_that_sounds_louder_is_louder() -> None:
    """6 dB, among notes that the network hears alike."""
    heard, loud = np.full(20, 60.0), np.ones(20)
    loud[9] = 2.0
    found = on_the_midi_scale(piano(loud), notes_of(heard)).velocity
    assert found[9] - np.median(found) == pytest.approx(6 * NOTE_STEP + found[5] - np.median(found), abs=0.5)


def test_a_loud_passage_is_louder_than_a_soft_one() -> None:
    """The network, to which both are equally loud, hears no difference."""
    heard = np.full(80, 60.0)
    found = on_the_midi_scale(piano(np.repeat([0.25, 1.0], 40)), notes_of(heard)).velocity
    soft, loud = found[:20], found[-20:]
    assert np.median(loud) - np.median(soft) == pytest.approx(12 * ABOUT_STEP, abs=1.0)
    assert np.ptp(soft) < 6 > np.ptp(loud)


def test_half_of_what_the_network_hears_of_passages_counts() -> None:
    found = on_the_midi_scale(piano(np.ones(80)), notes_of(np.repeat([40.0, 60.0], 40))).velocity
    assert np.median(found[-20:]) - np.median(found[:20]) == pytest.approx(20 * ABOUT_SHARE, abs=1.0)


@pytest.mark.parametrize(("middle", "taken_for"), [(35.0, 35.0), (64.0, 64.0), (80.0, 72.0), (95.0, 72.0)])
def test_the_middle_is_drawn_toward_that_of_the_scale(middle: float, taken_for: float) -> None:
    """A sampled piano at 37 to 80 is heard at 79 to 95; soft pieces are not made louder."""
    heard = middle + np.arange(-10.0, 11.0)
    found = on_the_midi_scale(piano(np.ones(len(heard))), notes_of(heard)).velocity
    assert np.median(found) == pytest.approx(taken_for, abs=0.1)


def test_velocities_stay_on_the_scale() -> None:
    heard = np.concatenate([np.full(9, 1.0), np.full(10, 120.0)])
    found = on_the_midi_scale(piano(np.where(heard < 60, 1e-3, 1.0)), notes_of(heard)).velocity
    assert found.min() == 1 and found.max() <= 127


def test_loudness_is_in_decibels() -> None:
    loud = np.ones(12)
    loud[[3, 7]] = 10.0
    found = onset_loudness(piano(loud), notes_of(np.full(12, 60.0)))
    np.testing.assert_allclose(found[[3, 7]] - found[11], 20, atol=1)
    assert abs(found[6] - found[2]) < 1


def test_a_note_without_sound_is_soft() -> None:
    """80 dB below the loudest: a network may hear what is not there, and at any gain it is heard alike."""
    audio = piano(np.repeat([0.0, 1.0], [1, 20]))
    found = on_the_midi_scale(audio, notes_of(np.full(21, 60.0))).velocity
    assert found[0] == pytest.approx(60 - 80 * NOTE_STEP, abs=2)


def test_channels_in_opposite_phase_are_heard() -> None:
    loud = np.exp(np.random.default_rng(1).normal(size=12))
    notes = notes_of(np.full(12, 60.0))
    one, two = (onset_loudness(piano(loud, channels), notes) for channels in ((1.0,), (1.0, -1.0)))
    np.testing.assert_allclose(two, one, atol=1e-3)


def test_edges_of_the_sound_and_silence() -> None:
    notes = notes_of(np.array([50.0, 60.0, 70.0]))
    late = replace(notes, onset_s=notes.onset_s + 100, offset_s=notes.offset_s + 100)
    silence = Audio(np.zeros((RATE, 2), np.float32), RATE, "")
    np.testing.assert_allclose(on_the_midi_scale(silence, late).velocity, [50, 60, 70])
    assert not len(on_the_midi_scale(silence, notes.select(np.zeros(3, bool))))


def test_progress_may_cancel() -> None:
    told: list[tuple[str, int, int]] = []

    def progress(stage: str, step: int, of: int) -> None:
        told.append((stage, step, of))
        if len(told) == 2:
            raise Cancelled

    count = TELL_EVERY + 10
    notes = notes_of(np.full(count, 60.0))
    with pytest.raises(Cancelled):
        on_the_midi_scale(Audio(np.zeros((RATE, 1), np.float32), RATE, ""), notes, progress)
    assert {stage for stage, _, _ in told} == {"transcribe"}


@pytest.mark.parametrize("cents", [0.0, 40.0])
def test_what_is_listened_to_is_on_the_scale(monkeypatch: pytest.MonkeyPatch, cents: float) -> None:
    """Of a piano out of tune, too, whose sound is brought to the nearest semitones before."""
    heard = heard_at_random() + 20
    audio, notes = piano(np.exp(heard / 40)), notes_of(heard)
    monkeypatch.setattr(listen_module.by_ear, "transcribe", lambda *asked: Transcription(notes))
    right = on_the_midi_scale(audio, notes).velocity
    sharp = Audio(audio.samples, round(RATE * 2 ** (cents / 1200)), "")
    found = listen(sharp, None).notes  # type: ignore[arg-type]  # nothing of it is asked
    np.testing.assert_allclose(found.velocity, right, atol=0.5)
    assert np.median(found.velocity) < np.median(heard) - 5


@WITHOUT_TRANSKUN
def test_velocities_of_the_demo_are_nearer_to_those_that_were_played() -> None:
    audio = load_audio(DEMO / "recording.flac", end_s=12.0)
    raw = transcribe(audio, load_transcriber("cpu")).notes
    played = read_midi(DEMO / "recording.mid").notes
    own, true = same_notes(raw, played)
    assert len(own) > 55
    rank, off = [], []
    for notes in (raw, on_the_midi_scale(audio, raw)):
        rank.append(spearmanr(notes.velocity[own], played.velocity[true])[0])
        off.append(abs(float(np.median(notes.velocity[own]) - np.median(played.velocity[true]))))
    assert rank[1] > rank[0] + 0.05
    assert off[1] < 15 < off[0]
