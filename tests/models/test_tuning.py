# SPDX-License-Identifier: GPL-3.0-or-later
"""Pianos that are out of tune: how far they are is told from their sound, and their notes are heard at their times."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.body.notes import Notes
from models.music.audio import Audio
from models.music.transcription import listen as listen_module
from models.music.transcription.listen import IN_TUNE_CENTS, listen
from models.music.transcription.transcribe import Transcription
from models.music.tuning import in_tune, tuning_of

RATE = 22_050
ONSETS = np.arange(0.5, 4.5, 0.5)
PITCHES = (60, 64, 67, 72, 55, 59, 62, 77)


def strings(
    cents: float,
    pitches: tuple[int, ...] = PITCHES,
    stretch: float = 0.0,
    level: float = 0.3,
    rate: int = RATE,
) -> NDArray[np.float32]:
    """Struck, stiff strings (n, 1), all so many cents too high; `stretch` more cents for each octave from middle C."""
    time = np.arange(round((0.5 * len(pitches) + 1.5) * rate)) / rate
    samples = np.zeros(len(time))
    for onset, pitch in zip(ONSETS, pitches, strict=False):
        since = time[time >= onset] - onset
        off = cents + stretch * (pitch - 60) / 12
        base = 440 * 2 ** ((pitch - 69) / 12 + off / 1200)
        for n in range(1, 9):
            frequency = n * base * np.sqrt(1 + 4e-4 * n**2)
            samples[-len(since) :] += np.sin(2 * np.pi * frequency * since) * np.exp(-3 * since) / n**1.5
    return (level * samples / np.abs(samples).max())[:, None].astype(np.float32)


def off_by(found: float, cents: float) -> float:
    """Cents between two tunings, a semitone being no difference."""
    return abs((found - cents + 50) % 100 - 50)


@pytest.mark.parametrize("cents", [-50, -38, -20, 0, 12, 25, 41, 57])
def test_the_tuning_is_told_within_four_cents(cents: float) -> None:
    tuning = tuning_of(Audio(strings(cents), RATE, ""))
    assert tuning.is_clear and off_by(tuning.cents, cents) < 4


@pytest.mark.parametrize(
    "sound",
    [
        {"pitches": (60,)},
        {"pitches": (57, 64), "level": 0.002},
        {"stretch": 8.0},
        {"rate": 8000},
        {"rate": 44_100},
    ],
)
def test_few_notes_soft_notes_stretched_octaves_other_rates(sound: dict[str, Any]) -> None:
    tuning = tuning_of(Audio(strings(-33, **sound), sound.get("rate", RATE), ""))
    assert tuning.is_clear and off_by(tuning.cents, -33) < 6


def test_what_has_no_pitch_has_no_tuning() -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(4 * RATE, 2)).astype(np.float32)
    assert not tuning_of(Audio(noise, RATE, "")).is_clear
    assert not tuning_of(Audio(np.zeros((RATE, 1), np.float32), RATE, "")).is_clear
    glide = np.sin(2 * np.pi * np.cumsum(np.linspace(150, 900, 8 * RATE)) / RATE)
    assert not tuning_of(Audio(glide[:, None].astype(np.float32), RATE, "")).is_clear


def test_a_sound_brought_in_tune_is_in_tune() -> None:
    for cents in (-43.0, 29.0):
        tuned, stretch = in_tune(Audio(strings(cents), RATE, ""), cents)
        assert abs(tuning_of(tuned).cents) < 4
        assert stretch == tuned.rate / RATE and (stretch > 1) is (cents < 0)


def test_notes_are_told_in_the_recordings_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What listens here hears the onsets only; they must come back where they were played."""
    heard_of: list[Audio] = []

    def transcribe(audio: Audio, network: Any, progress: Any) -> Transcription:
        heard_of.append(audio)
        rows = [(on * RATE / audio.rate, (on + 0.4) * RATE / audio.rate, 60, 64) for on in ONSETS]
        return Transcription(Notes.from_arrays(np.array(rows, np.float32)))

    monkeypatch.setattr(listen_module.by_ear, "transcribe", transcribe)
    nobody: Any = None
    flat = Audio(strings(-40), RATE, "")
    heard = listen(flat, nobody)
    np.testing.assert_allclose(heard.notes.onset_s, ONSETS, atol=1e-5)
    np.testing.assert_allclose(heard.notes.offset_s, ONSETS + 0.4, atol=1e-5)
    (remark,) = heard.remarks
    assert (
        remark.code == "out_of_tune" and "flat" in remark.sentence and abs(tuning_of(heard_of[0]).cents) < 4
    )
    assert heard_of[0].duration_s < flat.duration_s
    for cents in (-IN_TUNE_CENTS + 4, 0, IN_TUNE_CENTS - 4):
        usual = Audio(strings(cents), RATE, "")
        assert not listen(usual, nobody).remarks and heard_of[-1] is usual
