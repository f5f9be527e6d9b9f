# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds whose header is wrong, missing or cut off, and sounds of many channels: heard from beginning to end."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_sounds import RATE, bursts, encode
from numpy.typing import NDArray

from models.errors import UserError
from models.music import ffmpeg_decoding
from models.music.audio import Audio, load_audio
from models.music.channel_mix import mono
from models.music.sound_piece import SoundPiece
from models.music.sound_pieces import assemble

SECONDS = 6.0


def heard(audio: Audio) -> NDArray[np.float64]:
    """When its bursts begin, in seconds; of burst `i` of a sound that repeats itself, all that are there."""
    level = np.abs(np.asarray(audio.samples)).max(1)
    loud = np.flatnonzero(level > 0.05)
    starts = loud[np.diff(loud, prepend=-audio.rate) > audio.rate // 10]
    return starts / audio.rate


def expected(seconds: float = SECONDS) -> NDArray[np.float64]:
    return np.arange(0.3, seconds - 0.2, 0.37)


def variable_mp3(path: Path) -> bytes:
    """An MP3 file of variable bit rate with a Xing tag: a noisy second costs more than a quiet one."""
    samples = bursts(SECONDS)
    noise = np.random.default_rng(5).standard_normal((RATE, 2))
    samples[2 * RATE : 3 * RATE] += 0.01 * noise.astype(np.float32)
    soundfile.write(path, samples, RATE, format="MP3", bitrate_mode="VARIABLE", compression_level=0.3)
    return path.read_bytes()


def frame_bytes(data: bytes) -> int:
    """How long the first frame is (MPEG 1, layer 3)."""
    head = int.from_bytes(data[:4], "big")
    rate = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)[head >> 12 & 15]
    return 144_000 * rate // (44_100, 48_000, 32_000)[head >> 10 & 3] + (head >> 9 & 1)


def broken_mp3s(folder: Path) -> dict[str, tuple[bytes, float]]:
    """Files, and how many seconds they are longer at their beginning."""
    whole = variable_mp3(folder / "whole.mp3")
    assert b"Xing" in whole[:200]
    untagged = whole[frame_bytes(whole) :]
    id3 = b"ID3\x03\0\0" + bytes([0, 0, 40, 16]) + bytes(40 * 128 + 16)
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 2, RATE, 16_000, 1, 0, 12, 1, 2, 417, 1, 1393)
    wrapped = (
        b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(whole)) + whole
    )
    delay = 1105 / RATE  # without its tag, nobody takes the encoder's delay off
    return {
        "tagged": (whole, 0.0),
        "untagged": (untagged, delay),
        "twice ID3": (id3 + id3 + whole, 0.0),
        "junk before": (np.random.default_rng(1).bytes(5000) + untagged, delay),
        "wrapped": (b"RIFF" + struct.pack("<I", len(wrapped)) + wrapped, delay + 1152 / RATE),
    }


@pytest.mark.parametrize("kind", ["tagged", "untagged", "twice ID3", "junk before", "wrapped"])
def test_mp3s_are_heard_to_their_end(tmp_path: Path, kind: str) -> None:
    data, later = broken_mp3s(tmp_path)[kind]
    (tmp_path / "a.mp3").write_bytes(data)
    audio = load_audio(tmp_path / "a.mp3")
    np.testing.assert_allclose(heard(audio), expected() + later, atol=0.03)
    assert not audio.remarks


def test_joined_mp3s_are_heard_one_after_the_other(tmp_path: Path) -> None:
    data = variable_mp3(tmp_path / "whole.mp3")
    (tmp_path / "a.mp3").write_bytes(data + data)
    audio = load_audio(tmp_path / "a.mp3")
    again = expected() + SECONDS + 0.035
    np.testing.assert_allclose(heard(audio), np.concatenate([expected(), again]), atol=0.04)
    assert not audio.remarks


def wav(path: Path, claimed: int | None, kept: float = 1.0) -> Path:
    """A WAV file whose header gives `claimed` as its size, of which a part is there."""
    soundfile.write(path, bursts(SECONDS), RATE)
    data = bytearray(path.read_bytes())
    if claimed is not None:
        struct.pack_into("<I", data, 4, claimed)
        struct.pack_into("<I", data, data.index(b"data") + 4, claimed)
    path.write_bytes(data[: round(kept * len(data))])
    return path


@pytest.mark.parametrize("claimed", [0, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_wav_sizes_that_nobody_wrote(tmp_path: Path, claimed: int) -> None:
    audio = load_audio(wav(tmp_path / "a.wav", claimed))
    np.testing.assert_array_equal(np.asarray(audio.samples), soundfile.read(wav(tmp_path / "b.wav", None))[0])
    assert not audio.remarks


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.mp3", "a.mkv"])
def test_what_is_cut_off_is_heard_as_far_as_it_goes_and_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("mkv"):
        encode(path, "aac", bursts(SECONDS))
    else:
        soundfile.write(path, bursts(SECONDS), RATE)
    data = path.read_bytes()
    assert not load_audio(path).remarks
    path.write_bytes(data[: len(data) // 2])
    audio = load_audio(path)
    assert 2.0 < audio.duration_s < 5.0
    times = heard(audio)
    np.testing.assert_allclose(times, expected()[: len(times)], atol=0.05)
    (remark,) = audio.remarks
    assert remark.code == "sound_cut_off" and "of the 6.0 s that its header promises" in remark.sentence
    assert f"after {audio.duration_s:.1f} s" in remark.sentence
    assert load_audio(path, end_s=30.0).remarks and not load_audio(path, end_s=1.0).remarks
    pieces = [SoundPiece(path=path, start_s=a, end_s=b, at_s=a) for a, b in ((0.5, 1.0), (5.5, 6.0))]
    assert assemble(pieces).remarks == (remark,) and assemble(pieces).duration_s == 6.0


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.m4a", "alac"), ("a.mov", "aac"), ("a.mp4", "aac"),
                        ("a.wma", "wmav2"), ("a.webm", "libopus"), ("a.aac", "aac"), ("a.mp2", "mp2")]
)  # fmt: skip
def test_kinds_that_blender_plays_are_heard(tmp_path: Path, name: str, codec: str) -> None:
    encode(tmp_path / name, codec, bursts(SECONDS))
    audio = load_audio(tmp_path / name)
    np.testing.assert_allclose(heard(audio)[:15], expected()[:15], atol=0.06)


def test_opposite_channels_do_not_cancel(tmp_path: Path) -> None:
    samples = bursts(2.0)[:, :1] * np.array([1.0, -1.0], np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    audio = load_audio(tmp_path / "a.wav")
    np.testing.assert_array_equal(np.asarray(audio.samples), samples)
    np.testing.assert_allclose(mono(np.asarray(audio.samples)), samples[:, 0], atol=1e-6)
    alike = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    np.testing.assert_array_equal(mono(alike), alike.mean(1))


@pytest.mark.parametrize("signs", [(1, 1, 0, 0, 0, 0), (1, -1, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0), (1, 1, -1, 0, -1, -1),
                                   (0, 0, 0, 0, 1, -1)])  # fmt: skip
@pytest.mark.parametrize("name", ["a.wav", "a.m4a"])
def test_of_six_channels_the_music_is_kept(tmp_path: Path, name: str, signs: tuple[int, ...]) -> None:
    music = bursts(3.0)[:, :1] * np.array(signs, np.float32)
    rumble = 0.4 * np.sin(2 * np.pi * 40 * np.arange(len(music)) / RATE)
    music[:, 3] = rumble if name == "a.m4a" else 0.0
    if name == "a.m4a":
        encode(tmp_path / name, "aac", music, "5.1")
    else:
        soundfile.write(tmp_path / name, music, RATE)
    audio = load_audio(tmp_path / name)
    assert audio.samples.shape[1] == 2
    np.testing.assert_allclose(heard(audio), expected(3.0), atol=0.06)


def test_a_list_of_other_files_is_no_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", bursts(2.0), RATE)
    (tmp_path / "a.ffconcat").write_text("ffconcat version 1.0\nfile a.wav\n")
    (tmp_path / "a.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.wav\n#EXT-X-ENDLIST\n")
    for name in ("a.ffconcat", "a.m3u8"):
        with pytest.raises(UserError) as caught:
            load_audio(tmp_path / name)
        assert caught.value.code == "not_audio"


def test_what_ffmpeg_does_not_know_libsndfile_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", bursts(2.0), RATE)
    before = np.asarray(load_audio(tmp_path / "a.wav").samples)
    monkeypatch.setattr(ffmpeg_decoding, "CONTAINERS", "mp3")
    np.testing.assert_array_equal(np.asarray(load_audio(tmp_path / "a.wav").samples), before)
