# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad recordings through the real worker: one sentence in the panel, nothing changed, and the next job works."""

import os
import subprocess
import sys
import time
import wave
from pathlib import Path

import bpy
import numpy as np
import pytest
from midi_helpers import SCALE, write_midi
from sequencer_helpers import put
from session_helpers import state_of_scene

import s2c_blender
from s2c_blender import compat
from s2c_blender.install.environment import PYTHON_VARIABLE
from s2c_blender.rig.armature import create_armature
from s2c_blender.session import SessionConfig, session
from s2c_blender.takes.clock import read_notes
from s2c_blender.takes.take_arrays import ONSET, PITCH

ROOT = Path(__file__).resolve().parents[2]
RECORDING = ROOT / "demo" / "recording.flac"
SCRIPTS = "Scripts/python.exe" if os.name == "nt" else "bin/python"


def worker_python() -> str:
    """A Python with the generator's packages: this one, or the checkout's."""
    for candidate in (os.environ.get(PYTHON_VARIABLE, ""), str(ROOT / ".venv" / SCRIPTS), sys.executable):
        if candidate and Path(candidate).is_file():
            command = [candidate, "-c", "import torch, transkun, soundfile, av"]
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return candidate
    return ""


@pytest.fixture(scope="module")
def python() -> str:
    found = worker_python()
    if not found:
        pytest.skip("no Python with torch and transkun: python dev.py setup makes one")
    return found


@pytest.fixture
def scene(tmp_path, monkeypatch, python):
    monkeypatch.setenv(PYTHON_VARIABLE, python)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    session.config = SessionConfig(data_folder=tmp_path / "data")
    scene = bpy.context.scene
    scene.render.fps = 30
    scene.sequence_editor_create()
    create_armature(bpy.context, 1.0, scene.collection)
    yield scene
    session.shutdown()
    session.config = SessionConfig()
    s2c_blender.unregister()


def write_wav(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(samples.astype("<i2").tobytes())


def spoil(path: Path, kind: str) -> None:
    """Make the strip's file bad after it was put on the timeline."""
    if kind == "silent":
        write_wav(path, np.zeros(3 * 44100))
    elif kind == "zero-length":
        write_wav(path, np.zeros(0))
    elif kind == "corrupt":
        path.write_bytes(b"RIFF" + bytes(range(256)) * 40)
    elif kind == "empty":
        path.write_bytes(b"")


@pytest.mark.timeout(300)
def test_bad_recordings_end_in_a_sentence_and_the_next_job_works(scene, tmp_path):
    strips = scene.sequence_editor.strips
    for kind, words in (
        ("silent", "silent"),
        ("zero-length", ""),
        ("corrupt", ""),
        ("empty", "empty"),
    ):
        path = tmp_path / f"{kind}.wav"
        write_wav(path, 8000 * np.sin(np.arange(3 * 44100) * 0.05))
        strip = strips.new_sound(kind, str(path), 1, 1)
        scene.s2c_settings.strip_name = strip.name
        spoil(path, kind)
        before = state_of_scene()
        with pytest.raises(RuntimeError) as caught:
            bpy.ops.s2c.generate()
        message = session.view(time.monotonic()).message
        assert session.view(time.monotonic()).error and message in str(caught.value)
        assert path.name in message and words in message, message
        assert message.count(".") <= message.count(".wav") + 1 and "Traceback" not in message
        assert state_of_scene() == before and not bpy.data.actions
        strips.remove(strip)

    strip = strips.new_sound("good", str(RECORDING), 1, 1)
    scene.s2c_settings.strip_name = strip.name
    scene.s2c_settings.range_mode = "CUSTOM"
    scene.s2c_settings.frame_start, scene.s2c_settings.frame_end = 1, 120
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert len(bpy.data.actions) == 1 and "made in" in scene.s2c_settings.result


@pytest.mark.timeout(300)
def test_a_midi_file_alone_in_pieces_and_beside_its_recording(scene, tmp_path):
    settings = scene.s2c_settings
    midi = write_midi(tmp_path / "scale.mid")
    settings.midi_path = str(midi)
    (strip,) = scene.sequence_editor.strips
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    (action,) = bpy.data.actions
    notes, _ = read_notes(action)
    assert notes[:, PITCH].tolist() == list(SCALE)
    np.testing.assert_allclose(notes[:, ONSET], [0, 1, 2, 3], atol=1e-3)
    assert "4 of 4 notes played" in settings.result and "scale" in settings.result
    last = compat.strip_end(strip)
    assert scene.frame_end >= last - 1

    second = strip.split(frame=61, split_method="SOFT")
    put(second, content_start=31)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    settings.armature.animation_data.action = None
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    notes, _ = read_notes(settings.armature.animation_data.action)
    np.testing.assert_allclose(notes[:, ONSET], [0, 1, 3, 4], atol=1e-3)

    for item in list(scene.sequence_editor.strips):
        scene.sequence_editor.strips.remove(item)
    bpy.ops.s2c.add_recording(filepath=str(RECORDING))
    settings.midi_path = str(RECORDING.with_suffix(".mid"))
    settings.range_mode = "CUSTOM"
    settings.frame_start, settings.frame_end = 1, 180
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    notes, _ = read_notes(settings.armature.animation_data.action)
    assert len(notes) > 5 and notes[:, ONSET].max() < 6.0
    assert settings.remarks and "recording" in settings.remarks[0].sentence
