# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are given to us: plain ones of a sensible size, or one sentence at once."""

from __future__ import annotations

import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from models.app.cli import is_midi
from models.errors import UserError
from models.music.audio import load_audio
from models.plain_file import CONFIG, SOUND, Kind, open_plain, read_plain, sha256_of

SMALL = Kind("sound file", "sound", 100, "choose another")
RATE = 44100


def code(path: Path, kind: Kind = SOUND) -> str:
    with pytest.raises(UserError) as caught:
        open_plain(path, kind)
    message = caught.value.message
    assert message.endswith(".") and "\n" not in message and ". " not in message
    return caught.value.code


def at_once(work, seconds: float = 10.0):
    """What `work` returns; a test that waits for a pipe fails and does not hang."""
    found: list = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert found, "it waits"
    return found[0]


def test_what_is_no_plain_file_is_not_opened(tmp_path: Path) -> None:
    assert code(tmp_path) == "not_a_file"
    (tmp_path / "zero").symlink_to("/dev/zero")
    assert code(tmp_path / "zero") == "not_a_file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_nobody_waits_for_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    assert at_once(lambda: code(tmp_path / "a.wav")) == "not_a_file"
    assert at_once(lambda: is_midi(tmp_path / "a.wav")) is False
    with pytest.raises(UserError, match="no plain file"):
        load_audio(tmp_path / "a.wav")


def test_missing_empty_too_large_and_names_that_cannot_be(tmp_path: Path) -> None:
    assert code(tmp_path / "no.wav") == code(tmp_path / ("a" * 5000)) == "sound_missing"
    assert code(tmp_path / "no.json", CONFIG) == "model_config_missing"
    (tmp_path / "empty.wav").touch()
    assert code(tmp_path / "empty.wav") == "sound_empty"
    (tmp_path / "large.wav").write_bytes(b"a" * 101)
    assert code(tmp_path / "large.wav", SMALL) == "sound_too_large"
    (tmp_path / "here.wav").write_bytes(b"abc")
    assert code(tmp_path / "here.wav" / "inside.wav") == "sound_missing"
    assert code(tmp_path / "\0.wav") == "sound_unreadable"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything"
)
def test_a_protected_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"abc")
    (tmp_path / "a.wav").chmod(0)
    assert code(tmp_path / "a.wav") == "sound_unreadable"


def test_links_to_plain_files_are_followed(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"abc")
    (tmp_path / "b.wav").symlink_to(tmp_path / "a.wav")
    assert read_plain(tmp_path / "b.wav", SOUND) == b"abc"
    assert sha256_of(tmp_path / "b.wav", SOUND).startswith("ba7816bf")


def test_a_thousand_channels_are_read_in_little_memory(tmp_path: Path) -> None:
    """Four seconds of 1024 channels are 722 MB as numbers; libsndfile's memory is not counted by `tracemalloc`."""
    import tracemalloc

    path = tmp_path / "a.wav"
    frames, channels = 40_000, 1024
    header = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + frames * channels, b"WAVE", b"fmt ", 16, 1, channels, RATE,
        RATE * channels, channels, 8, b"data", frames * channels,
    )  # fmt: skip
    levels = np.random.default_rng(0).integers(0, 256, frames, np.uint8)
    path.write_bytes(header + np.repeat(levels, channels).tobytes())
    tracemalloc.start()
    audio = load_audio(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 << 20
    np.testing.assert_allclose(audio.samples[:][:, 0], (levels.astype(float) - 128) / 128, atol=1e-4)


RATES = [(1, False), (191_999, True), (384_000, True), (384_001, False), (10**7, False)]


@pytest.mark.parametrize(("rate", "fits"), RATES)
def test_rates_that_no_sound_has(tmp_path: Path, rate: int, fits: bool) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.sin(np.arange(4000) * 0.1), 44100)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, 24, rate)
    path.write_bytes(content)
    if fits:
        assert load_audio(path).rate == rate
        return
    with pytest.raises(UserError) as caught:
        load_audio(path)
    assert caught.value.code == "sample_rate"


def test_raw_samples_are_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"\1\2" * 1000)
    with pytest.raises(UserError) as caught:
        load_audio(tmp_path / "a.raw")
    assert caught.value.code == "not_audio"


def test_a_length_of_the_header_that_cannot_be(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.caf", np.sin(np.arange(4000) * 0.1), RATE)
    content = bytearray((tmp_path / "a.caf").read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 8] = (2**62).to_bytes(8, "big")
    (tmp_path / "a.caf").write_bytes(content)
    audio = load_audio(tmp_path / "a.caf")
    assert audio.samples.shape == (4000, 1) and not audio.remarks


def test_an_empty_file_is_of_the_kind_that_its_name_says(tmp_path: Path) -> None:
    for name, midi in (("a.mid", True), ("a.wav", False)):
        (tmp_path / name).touch()
        assert is_midi(tmp_path / name) is midi
