# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds of all kinds, whole and broken, as the zip's worker hears them: Blender decodes, FFmpeg is not needed."""

import importlib.util
import struct
import sys

import bpy  # noqa: F401  brings aud
import numpy as np
import pytest
import soundfile
from made_sounds import RATE, bursts, encode
from test_sound_formats import SECONDS, broken_mp3s, expected, heard, wav

from models.errors import UserError
from models.music.audio import load_audio
from models.music.sound_piece import SoundPiece
from models.music.sound_pieces import assemble
from s2c_blender.sounds import decode_script
from s2c_blender.sounds.decoding import is_plain_wav, read_head


@pytest.fixture(autouse=True)
def without_ffmpeg(monkeypatch):
    """As in the zip: PyAV, by which the tests make sounds, is not found by what reads them."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "av" else find(name))
    monkeypatch.setitem(sys.modules, "models.music.ffmpeg_decoding", None)


@pytest.fixture
def decoded(tmp_path):
    """What makes the WAV file of a sound, up to a second of it."""

    def make(path, end_s=SECONDS):
        assert not is_plain_wav(read_head(path))
        decode_script.decode(path, tmp_path / "decoded.wav", end_s)
        return tmp_path / "decoded.wav"

    return make


@pytest.mark.parametrize("kind", ["tagged", "untagged", "twice ID3", "junk before", "wrapped"])
def test_mp3s_are_heard_to_their_end(tmp_path, decoded, kind):
    data, later = broken_mp3s(tmp_path)[kind]
    (tmp_path / "a.mp3").write_bytes(data)
    audio = load_audio(tmp_path / "a.mp3", by_blender=decoded(tmp_path / "a.mp3"))
    np.testing.assert_allclose(heard(audio), expected() + later, atol=0.03)
    assert not audio.remarks


def test_wav_files_are_read_as_they_are_unless_they_give_no_size(tmp_path, decoded):
    whole = wav(tmp_path / "whole.wav", None)
    assert is_plain_wav(read_head(whole)) and not is_plain_wav(read_head(whole)[:30])
    sizeless = wav(tmp_path / "sizeless.wav", 0)
    samples = np.asarray(load_audio(sizeless, by_blender=decoded(sizeless)).samples)
    np.testing.assert_allclose(samples, soundfile.read(whole)[0], atol=1e-4)


@pytest.mark.parametrize("name", ["a.flac", "a.aiff", "a.mp3", "a.mkv"])
def test_what_is_cut_off_is_said(tmp_path, decoded, name):
    path = tmp_path / name
    if name.endswith("mkv"):
        encode(path, "aac", bursts(SECONDS))
    else:
        soundfile.write(path, bursts(SECONDS), RATE)
    assert not load_audio(path, by_blender=decoded(path)).remarks
    assert not load_audio(path, end_s=1.0, by_blender=decoded(path, 1.0)).remarks, "no more was wanted"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    audio = load_audio(path, by_blender=decoded(path))
    times = heard(audio)
    np.testing.assert_allclose(times, expected()[: len(times)], atol=0.05)
    (remark,) = audio.remarks
    assert f'"{name}"' in remark.sentence and "of the 6.0 s that its header promises" in remark.sentence


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.m4a", "alac"), ("a.mov", "aac"), ("a.mp4", "aac"),
                        ("a.wma", "wmav2"), ("a.webm", "libopus"), ("a.aac", "aac"), ("a.mp2", "mp2")]
)  # fmt: skip
def test_kinds_that_blender_plays_are_heard(tmp_path, decoded, name, codec):
    encode(tmp_path / name, codec, bursts(SECONDS))
    audio = load_audio(tmp_path / name, by_blender=decoded(tmp_path / name))
    np.testing.assert_allclose(heard(audio)[:15], expected()[:15], atol=0.06)


@pytest.mark.parametrize("signs", [(1, 1, 0, 0, 0, 0), (1, -1, 0, 0, 0, 0), (0, 0, 1, 0, 0, 0), (1, 1, -1, 0, -1, -1),
                                   (0, 0, 0, 0, 1, -1)])  # fmt: skip
@pytest.mark.parametrize("name", ["a.wav", "a.m4a"])
def test_of_six_channels_the_music_is_kept(tmp_path, decoded, name, signs):
    music = bursts(3.0)[:, :1] * np.array(signs, np.float32)
    music[:, 3] = 0.4 * np.sin(2 * np.pi * 40 * np.arange(len(music)) / RATE)
    if name == "a.m4a":
        encode(tmp_path / name, "aac", music, "5.1")
    else:
        soundfile.write(tmp_path / name, music, RATE)
    audio = load_audio(tmp_path / name, by_blender=decoded(tmp_path / name))
    assert audio.samples.shape[1] == 2
    np.testing.assert_allclose(heard(audio), expected(3.0), atol=0.06)


def test_pieces_of_a_decoded_sound(tmp_path, decoded):
    path = encode(tmp_path / "a.m4a", "aac", bursts(SECONDS))
    wanted = assemble([SoundPiece(path=path, start_s=1, end_s=5, at_s=0)], by_blender=decoded(path, 5.0))
    pieces = [
        SoundPiece(path=path, start_s=1, end_s=2, at_s=0),
        SoundPiece(path=path, start_s=2, end_s=5, at_s=1),
    ]
    together = assemble(pieces, by_blender=decoded(path, 5.0))
    np.testing.assert_array_equal(np.asarray(together.samples), np.asarray(wanted.samples))
    assert together.sha256 == wanted.sha256 and len(together.samples) == 4 * RATE


def test_loud_samples_are_not_cut(tmp_path, decoded):
    soundfile.write(tmp_path / "a.aiff", 3.0 * bursts(2.0), RATE, subtype="FLOAT")
    samples = np.asarray(load_audio(tmp_path / "a.aiff", by_blender=decoded(tmp_path / "a.aiff")).samples)
    assert np.abs(samples).max() == pytest.approx(3.0 * np.abs(bursts(2.0)).max(), rel=1e-4)


def test_what_nobody_decoded_is_refused_in_a_sentence(tmp_path):
    path = encode(tmp_path / "a.m4a", "aac", bursts(2.0))
    with pytest.raises(UserError, match="not a sound that can be read; convert it to WAV"):
        load_audio(path)


def test_the_head_of_a_wav_file_tells_what_it_is():
    def head(kind=1, channels=2, size=8, before=b""):
        form = struct.pack("<HHIIHH", kind, channels, RATE, 4 * RATE, 4, 16)
        return b"RIFF\0\0\0\0WAVE" + before + b"fmt \x10\0\0\0" + form + b"data" + struct.pack("<I", size)

    note = b"JUNK\x03\0\0\0abc\0"
    assert is_plain_wav(head()) and is_plain_wav(head(before=note)) and is_plain_wav(head(kind=3))
    assert not is_plain_wav(head(kind=0x55)) and not is_plain_wav(head(size=0))
    assert not is_plain_wav(head(channels=6)) and not is_plain_wav(b"RIFF") and not is_plain_wav(b"")
