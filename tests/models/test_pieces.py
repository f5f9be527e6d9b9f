# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces of sound files put together in time, to the sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from models.errors import Cancelled, UserError
from models.music import audio as audio_module
from models.music.audio import load_audio
from models.music.sound_piece import SoundPiece
from models.music.sound_pieces import assemble, sample_at

RATE = 44_100
FRAME_S = 1 / 24
"""At this rate every other frame begins between two samples."""


def noise(seconds: float, rate: int = RATE, channels: int = 1, seed: int = 0) -> NDArray[np.float32]:
    """Sound that differs from sample to sample, so that one sample's shift shows."""
    values = np.random.default_rng(seed).uniform(-0.4, 0.4, (round(seconds * rate), channels))
    return values.astype(np.float32)


def write(path: Path, samples: NDArray[np.float32], rate: int = RATE) -> Path:
    soundfile.write(path, samples, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return path


def piece(path: Path, start_s: float, end_s: float, at_s: float, gain: float = 1.0) -> SoundPiece:
    return SoundPiece(path=path, start_s=start_s, end_s=end_s, at_s=at_s, gain=gain)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("frame", [7, 8, 25])
@pytest.mark.parametrize("begin_s", [0.0, 10 * FRAME_S, 1.23456])
def test_a_cut_leaves_no_trace(tmp_path: Path, name: str, frame: int, begin_s: float) -> None:
    path = write(tmp_path / name, noise(2.0))
    cut_s = frame * FRAME_S
    whole = assemble([piece(path, 0.0, 2.0, begin_s)])
    joined = assemble([piece(path, cut_s, 2.0, begin_s + cut_s), piece(path, 0.0, cut_s, begin_s)])
    np.testing.assert_array_equal(joined.samples, whole.samples)
    assert joined.sha256 == whole.sha256 and joined.rate == RATE
    samples = np.asarray(whole.samples)
    first = sample_at(begin_s, RATE)
    assert not samples[:first].any()
    read = np.asarray(load_audio(path).samples)
    np.testing.assert_array_equal(samples[first : first + len(read)], read[: len(samples) - first])


def test_pieces_from_all_over_a_file_are_what_the_file_has_there(tmp_path: Path) -> None:
    """Jumping about in Vorbis gives other samples at first; what is heard must be what the whole file has there."""
    path = write(tmp_path / "a.ogg", noise(6.0, seed=3))
    whole = np.asarray(load_audio(path).samples)
    starts = np.arange(0.05, 5.9, 0.1)
    pieces = [piece(path, start, start + 0.05, index * 0.05) for index, start in enumerate(starts)]
    heard = np.asarray(assemble(pieces).samples)
    for index, start in enumerate(starts):
        zero, first = sample_at(index * 0.05 - start, RATE), sample_at(index * 0.05, RATE)
        np.testing.assert_array_equal(heard[first : first + 2000], whole[first - zero : first - zero + 2000])


def test_pieces_that_overlap_add_with_their_gains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio_module, "BLOCK_FRAMES", 1000)
    a, b = noise(1.0, seed=1), noise(1.0, seed=2)
    one, two = write(tmp_path / "one.wav", a), write(tmp_path / "two.wav", b)
    sound = assemble([piece(one, 0.0, 1.0, 0.0, 0.5), piece(two, 0.5, 1.0, 0.25, 2.0)])
    expected = 0.5 * a
    at, half = sample_at(0.25, RATE), sample_at(0.5, RATE)
    expected[at : at + RATE - half] += 2 * b[half:]
    np.testing.assert_allclose(sound.samples, expected, atol=1e-6)


def test_a_gain_of_nothing_is_silence_and_its_place_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(1.0))
    sound = assemble([piece(path, 0.0, 0.5, 0.0), piece(path, 0.5, 1.0, 0.5, 0.0)])
    samples = np.asarray(sound.samples)
    assert len(samples) == RATE and samples[: RATE // 2].any() and not samples[RATE // 2 :].any()
    with pytest.raises(UserError) as caught:
        assemble([piece(path, 0.0, 1.0, 0.0, 0.0)])
    assert caught.value.code == "silent_sound" and "a.wav" in caught.value.message


def test_a_gap_and_a_part_behind_the_end_of_the_file_are_silent(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(1.0))
    samples = np.asarray(assemble([piece(path, 0.0, 0.5, 0.0), piece(path, 0.5, 3.0, 2.0)]).samples)
    assert len(samples) == round(4.5 * RATE)
    loud = np.flatnonzero(samples[:, 0])
    silent = (loud >= RATE // 2) & (loud < 2 * RATE)
    assert not silent.any() and loud.max() < 2.5 * RATE
    with pytest.raises(UserError) as caught:
        assemble([piece(path, 1.0, 2.0, 0.0)])
    assert caught.value.code == "empty_part"


def test_one_channel_beside_more_is_heard_in_both(tmp_path: Path) -> None:
    mono, stereo = write(tmp_path / "m.wav", noise(0.2)), write(tmp_path / "s.wav", noise(0.2, channels=2))
    six = write(tmp_path / "six.wav", noise(0.2, channels=6))
    both = assemble([piece(mono, 0.0, 0.2, 0.0), piece(stereo, 0.0, 0.2, 0.2)])
    samples = np.asarray(both.samples)
    np.testing.assert_array_equal(samples[: RATE // 5], np.repeat(noise(0.2), 2, axis=1))
    np.testing.assert_array_equal(samples[RATE // 5 :], noise(0.2, channels=2))
    assert assemble([piece(mono, 0.0, 0.2, 0.0), piece(six, 0.0, 0.2, 0.2)]).samples.shape[1] == 2


def sine(seconds: float, rate: int) -> NDArray[np.float32]:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def test_files_of_two_rates_fit_together(tmp_path: Path) -> None:
    slow, fast = (
        write(tmp_path / "s.wav", sine(2.0, 22_050), 22_050),
        write(tmp_path / "f.wav", sine(2.0, RATE)),
    )
    sound = assemble([piece(slow, 0.0, 1.0, 0.0), piece(fast, 1.0, 1.5, 1.0), piece(slow, 1.5, 2.0, 1.5)])
    assert sound.rate == RATE and len(sound.samples) == 2 * RATE
    inside = slice(1000, -1000)
    np.testing.assert_allclose(np.asarray(sound.samples)[inside, 0], sine(2.0, RATE)[inside], atol=1e-3)
    high = write(tmp_path / "h.wav", sine(0.2, 96_000), 96_000)
    assert assemble([piece(high, 0.0, 0.2, 0.0)]).rate == 96_000
    assert assemble([piece(high, 0.0, 0.2, 0.0), piece(fast, 0.0, 0.2, 0.0)]).rate == 48_000


def test_the_hash_says_what_is_heard_and_not_where_the_files_lie(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    here, there = write(tmp_path / "a.wav", noise(1.0)), write(tmp_path / "there" / "b.wav", noise(1.0))
    other = write(tmp_path / "c.wav", noise(1.0, seed=1))
    told = assemble([piece(here, 0.0, 1.0, 0.0)]).sha256
    assert assemble([piece(there, 0.0, 1.0, 0.0)]).sha256 == told and len(told) == 64
    different = [
        [piece(other, 0.0, 1.0, 0.0)],
        [piece(here, 0.0, 1.0, 0.1)],
        [piece(here, 0.0, 0.9, 0.0)],
        [piece(here, 0.0, 1.0, 0.0, 0.9)],
    ]
    assert len({told, *(assemble(pieces).sha256 for pieces in different)}) == 5


def test_too_long_missing_and_cancelled(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", noise(1.0))
    with pytest.raises(UserError) as caught:
        assemble([piece(path, 0.0, 1.0, 1800.0)])
    assert caught.value.code == "too_long"
    with pytest.raises(UserError) as caught:
        assemble([piece(path, 0.0, 1.0, 0.0), piece(tmp_path / "gone.wav", 0.0, 1.0, 1.0)])
    assert caught.value.code == "sound_missing" and "gone.wav" in caught.value.message

    def cancel() -> Any:
        raise Cancelled

    with pytest.raises(Cancelled):
        assemble([piece(path, 0.0, 1.0, 0.0)], cancel)
