# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker hears every kind of sound file at the time at which this Blender plays it."""

import json
import subprocess
from pathlib import Path

import bpy  # noqa: F401  brings aud
import numpy as np
import pytest
from test_real_worker import worker_python

from s2c_blender.sounds import decode_script, decoding

import aud  # isort: skip

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "tagged.mp3": "libmp3lame", "untagged.mp3": "libmp3lame", "aac.m4a": "aac", "alac.m4a": "alac", "aac.mp4": "aac",
    "aac.mov": "aac", "aac.mkv": "aac", "mp3.mkv": "libmp3lame", "ac3.mkv": "ac3", "opus.webm": "libopus",
    "opus.ogg": "libopus", "wma.wma": "wmav2", "raw.aac": "aac", "flac.flac": "flac", "pcm.wav": "pcm_s16le",
    "pcm.aiff": "pcm_s16be", "pcm.mov": "pcm_s16le", "mp2.mp2": "mp2", "mp3.avi": "libmp3lame",
}  # fmt: skip
"""Files, and what they are encoded with."""
WORKER = """
import json, sys, numpy as np
from pathlib import Path
from made_sounds import bursts, encode
from models.music.audio import load_audio
folder = Path(sys.argv[1])
for name, codec in json.loads(sys.argv[2]).items():
    encode(folder / name, codec, bursts(4.0))
    if name.startswith("untagged"):
        data = (folder / name).read_bytes()
        begin = data.index(b"\\xff\\xfb", data.index(b"Info"))
        (folder / name).write_bytes(data[begin:])
for path in sorted(folder.iterdir()):
    audio = load_audio(path)
    np.savez(folder / (path.name + ".npz"), samples=np.asarray(audio.samples).mean(1), rate=audio.rate)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with each file, and beside it what the worker hears of it."""
    python = worker_python()
    if not python:
        pytest.skip("no Python with the generator's packages: python dev.py setup makes one")
    folder = tmp_path_factory.mktemp("sounds")
    paths = [str(ROOT), str(ROOT / "tests" / "models")]
    code = f"import sys; sys.path[:0] = {paths!r}\n{WORKER}"
    command = [python, "-I", "-c", code, str(folder), json.dumps(KINDS)]
    made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert made.returncode == 0, made.stderr
    return folder


def delay_s(played, heard, rate):
    """How much later than `played` the samples `heard` are, by cross-correlation."""
    size = 1 << (len(played) + len(heard) - 1).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(played, size))
    lag = int(np.argmax(np.fft.irfft(product, size)))
    return (lag - size if lag > size // 2 else lag) / rate


@pytest.mark.parametrize("name", [name for name in KINDS if not name.endswith((".mkv", ".webm"))])
def test_ffmpeg_hears_it_when_blender_plays_it(folder, name):
    """On the command line; where a Matroska film begins differs between Blenders."""
    found = np.load(folder / f"{name}.npz")
    same_time(folder / name, found["samples"], int(found["rate"]))


@pytest.mark.parametrize("name", KINDS)
def test_what_the_worker_gets_is_what_blender_plays(folder, tmp_path, name):
    path = folder / name
    if decoding.is_plain_wav(decoding.read_head(path)):
        assert name == "pcm.wav"
        return
    decode_script.decode(path, tmp_path / "decoded.wav", 60.0)
    sound = aud.Sound(str(tmp_path / "decoded.wav"))
    same_time(path, sound.data().mean(1), int(sound.specs[0]))


def same_time(path, heard, rate):
    """Whether samples are heard when this Blender plays those of a file."""
    sound = aud.Sound(str(path))
    played = sound.data().mean(1)
    assert rate == int(sound.specs[0])
    assert abs(delay_s(played, heard, rate)) <= 1e-3
    assert abs(len(played) - len(heard)) / rate < 0.1, "it is read to its end"
    assert np.abs(heard).max() > 0.1
