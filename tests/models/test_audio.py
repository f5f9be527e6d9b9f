# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings that are fine and recordings that are not."""

from __future__ import annotations

import hashlib
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from models.errors import UserError
from models.music import audio as audio_module
from models.music.audio import load_audio

RATE = 8000


def tone(seconds: float = 1.0, channels: int = 1, level: float = 0.5) -> NDArray[np.float32]:
    time = np.arange(round(seconds * RATE)) / RATE
    columns = [level * np.sin(2 * np.pi * 220 * (1 + i) * time) for i in range(channels)]
    return np.stack(columns, 1).astype(np.float32)


def code_of(path: Path, **options: float) -> str:
    with pytest.raises(UserError) as caught:
        load_audio(path, **options)
    message = caught.value.message
    assert path.name in message and message.endswith(".") and ". " not in message
    return caught.value.code


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_formats(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    soundfile.write(path, tone(2.0, channels=2), RATE)
    audio = load_audio(path)
    assert audio.rate == RATE and audio.samples.shape[1] == 2 and audio.samples.dtype == np.float32
    assert audio.duration_s == pytest.approx(2.0, abs=0.2)
    assert np.abs(audio.samples).max() == pytest.approx(0.5, abs=0.05)
    assert audio.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_trims_cut_exactly(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    samples = tone(3.0)
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    part = load_audio(path, start_s=1.0, end_s=2.5)
    np.testing.assert_array_equal(part.samples, samples[RATE : 5 * RATE // 2])
    assert len(load_audio(path, start_s=2.0, end_s=99.0).samples) == RATE
    assert part.sha256 == load_audio(path).sha256
    assert code_of(path, start_s=3.0) == "empty_part"
    with pytest.raises(ValueError, match="end_s"):
        load_audio(path, start_s=1.0, end_s=1.0)


def test_missing_folder_empty_and_no_samples(tmp_path: Path) -> None:
    assert code_of(tmp_path / "no.wav") == "sound_missing"
    assert code_of(tmp_path) == "not_a_file"
    (tmp_path / "empty.wav").write_bytes(b"")
    assert code_of(tmp_path / "empty.wav") == "sound_empty"
    soundfile.write(tmp_path / "none.wav", np.zeros((0, 1)), RATE)
    assert code_of(tmp_path / "none.wav") == "sound_empty"


def test_silence_is_below_minus_60_decibels(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "zero.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "hiss.wav", tone(level=0.0009), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "soft.wav", tone(level=0.0011), RATE, subtype="FLOAT")
    assert code_of(tmp_path / "zero.wav") == code_of(tmp_path / "hiss.wav") == "silent_sound"
    assert len(load_audio(tmp_path / "soft.wav").samples) == RATE


def test_not_sound(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("This is a letter, not a sound.\n" * 50)
    (tmp_path / "noise.mp3").write_bytes(b"\0\1" * 5000)
    soundfile.write(tmp_path / "whole.flac", tone(), RATE)
    (tmp_path / "head.flac").write_bytes((tmp_path / "whole.flac").read_bytes()[:20])
    for name in ("text.wav", "noise.mp3", "head.flac"):
        assert code_of(tmp_path / name) == "not_audio"


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e20])
def test_samples_that_are_no_sound(tmp_path: Path, bad: float) -> None:
    samples = tone()
    samples[4000] = bad
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    assert code_of(tmp_path / "a.wav") == "corrupt_sound"


def test_too_long(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(3.0), RATE)
    assert code_of(tmp_path / "a.wav", max_seconds=2.0) == "too_long"
    assert load_audio(tmp_path / "a.wav", start_s=1.0, max_seconds=2.0).duration_s == 2.0


def test_a_rate_that_is_no_rate(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    struct.pack_into("<I", content, 24, 50)
    (tmp_path / "slow.wav").write_bytes(content)
    assert code_of(tmp_path / "slow.wav") == "sample_rate"


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_long_sounds_wait_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """`limit` 0 writes to the temporary folder from the first block on."""
    monkeypatch.setattr(audio_module, "MEMORY_BYTES", limit or 1)
    monkeypatch.setattr(audio_module, "BLOCK_FRAMES", 1000)
    samples = tone(2.0, channels=2)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    stored = load_audio(tmp_path / "a.wav").samples
    assert len(stored) == 2 * RATE and stored.shape == (2 * RATE, 2)
    for first, last in ((0, 5), (999, 3001), (2 * RATE - 3, 2 * RATE + 9), (40, 40), (3 * RATE, 4 * RATE)):
        np.testing.assert_array_equal(stored[first:last], samples[first:last])
    np.testing.assert_array_equal(np.asarray(stored), samples)


def test_no_room_for_a_long_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", tone(2.0), RATE)
    monkeypatch.setattr(audio_module, "MEMORY_BYTES", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    assert code_without_name(tmp_path / "a.wav") == "temporary_folder"


def code_without_name(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_audio(path)
    assert caught.value.message.endswith(".") and ". " not in caught.value.message
    return caught.value.code
