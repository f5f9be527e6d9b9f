# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds that a second Blender decodes: to the sample what Blender plays."""

import sys
import wave

import bpy
import numpy as np
import pytest
from sequencer_helpers import assembled, clicks, mixed, put, read_clicks, same_sound, write_clicks

from s2c_blender import compat
from s2c_blender.errors import UserError
from s2c_blender.sounds import decoding
from s2c_blender.strip_audio import find_strip, strip_sound, write_packed

import aud  # isort: skip


@pytest.fixture
def scene(tmp_path):
    """An empty edit, and `film.mka` in the folder: clicks, 10 s, in a container that Blender decodes."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = 25, 1, 250
    scene.sequence_editor_create()
    strip = scene.sequence_editor.strips.new_sound("rec", str(write_clicks(tmp_path / "clicks.wav")), 1, 10)
    bpy.ops.sound.mixdown(
        filepath=str(tmp_path / "film.mka"), container="MATROSKA", codec="FLAC", mixrate=48000
    )
    scene.sequence_editor.strips.remove(strip)
    return scene


def add(scene, folder):
    strip = scene.sequence_editor.strips.new_sound("film", str(folder / "film.mka"), 1, 5)
    return put(strip, left_handle_offset=51)


def made(folder):
    folder.mkdir()
    return folder


def test_a_cut_film_is_heard_as_blender_plays_it(scene, tmp_path):
    strip = add(scene, tmp_path)
    right = strip.split(frame=120, split_method="SOFT")
    put(right, content_start=30.4)
    edit, found = find_strip(bpy.context, "")
    sound = strip_sound(edit, found, scene, None, made(tmp_path / "job"))
    assert sound.path == tmp_path / "film.mka" and len(sound.params()["sounds"]) == 2
    assert sum(1 for _ in write_packed(sound)) > 1, "it never waits"
    assert sound.pieces[0].start_s == sound.heard.sound_start_s == pytest.approx(51 / 25)
    decoded = aud.Sound(str(tmp_path / "job" / "decoded.wav"))
    assert decoded.specs == (48000, 2) and decoded.length / 48000 == pytest.approx(10, abs=0.05)
    # Blender itself seeks in the container and is off by up to 0.1 s then; the film's own time is right.
    film = np.arange(0.61, 8.2, 0.5)
    expected = [at for strip in (strip, right) for at in times_within(compat.strip_timing(strip), film)]
    times, _ = clicks(assembled(sound, scene))
    np.testing.assert_allclose(times, sorted(expected), atol=1e-3)


def times_within(timing, film):
    """Scene seconds of the clicks of a film that a strip lets through."""
    at = timing.content_start / 25 + film
    return at[(at >= timing.left_handle / 25) & (at < timing.right_handle / 25)]


def test_a_packed_film_is_written_and_decoded(scene, tmp_path):
    strip = put(add(scene, tmp_path), left_handle_offset=0)
    strip.sound.pack()
    (tmp_path / "film.mka").unlink()
    sound = strip_sound(scene, strip, scene, None, made(tmp_path / "job"))
    for _ in write_packed(sound):
        pass
    assert sound.params()["sound"] == str(sound.path) and sound.path.name == "packed.mka"
    assert sound.params()["decoded"] == str(tmp_path / "job" / "decoded.wav")
    same_sound(scene, sound, scene, tmp_path / "mix.wav")


def test_a_film_that_cannot_be_decoded_is_a_sentence(scene, tmp_path):
    strip = add(scene, tmp_path)
    (tmp_path / "film.mka").write_bytes(b"\x1aE\xdf\xa3" + b"no film at all " * 999)
    sound = strip_sound(scene, strip, scene, None, made(tmp_path / "job"))
    with pytest.raises(UserError, match=r'no sound in "film\.mka"') as fault:
        list(write_packed(sound))
    assert "aud.error" in fault.value.detail


def test_a_cancelled_decoding_leaves_no_process(scene, tmp_path, monkeypatch):
    strip, started = add(scene, tmp_path), []

    class Watched(decoding.ChildProcess):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(decoding, "ChildProcess", Watched)
    work = write_packed(strip_sound(scene, strip, scene, None, made(tmp_path / "job")))
    next(work)
    assert started[0].returncode() is None
    work.close()
    assert started[0]._process.wait(10) != 0
    assert not (tmp_path / "job" / "decoded.wav").exists()


def test_a_program_that_cannot_be_started_is_a_sentence(scene, tmp_path, monkeypatch):
    strip = add(scene, tmp_path)
    sound = strip_sound(scene, strip, scene, None, made(tmp_path / "job"))
    monkeypatch.setattr(decoding, "command", lambda *_: [str(tmp_path / "gone")])
    with pytest.raises(UserError, match="convert it to WAV or FLAC"):
        list(write_packed(sound))


def test_blender_itself_runs_the_script(tmp_path):
    work = decoding.Decoding(tmp_path / "a.mp4", tmp_path / "b.wav", 2.5)
    arguments = [str(work.source), str(work.target), "2.5"]
    command = decoding.command(work, "/opt/blender")
    assert command[0] == "/opt/blender" and command[-5:] == [str(decoding.SCRIPT), "--", *arguments]
    assert {"--background", "--factory-startup"} <= set(command)
    assert decoding.command(work, "") == [sys.executable, "-I", str(decoding.SCRIPT), *arguments]


def test_no_more_is_decoded_than_is_heard(scene, tmp_path):
    strip = put(add(scene, tmp_path), left_handle_offset=0, right_handle_offset=175)
    sound = strip_sound(scene, strip, scene, None, made(tmp_path / "job"))
    for _ in write_packed(sound):
        pass
    decoded = aud.Sound(str(tmp_path / "job" / "decoded.wav"))
    assert sound.pieces[0].end_s == pytest.approx(3.0, abs=0.05)
    assert 0.0 < decoded.length / 48000 - sound.pieces[0].end_s < 1.5


@pytest.mark.parametrize("container", ["FLAC", "OGG"])
def test_other_sounds_than_wav_files_are_decoded(scene, tmp_path, container):
    path = tmp_path / f"a.{container.lower()}"
    codec = "VORBIS" if container == "OGG" else container
    scene.sequence_editor.strips.new_sound("rec", str(tmp_path / "clicks.wav"), 1, 10)
    bpy.ops.sound.mixdown(filepath=str(path), container=container, codec=codec)
    scene.sequence_editor.strips.remove(scene.sequence_editor.strips[0])
    strip = scene.sequence_editor.strips.new_sound("a", str(path), 1, 5)
    sound = strip_sound(scene, strip, scene, None, made(tmp_path / "job"))
    for _ in write_packed(sound):
        pass
    assert sound.params()["decoded"]
    played, heard = (
        clicks(samples)[0] for samples in (mixed(scene, tmp_path / "mix.wav"), assembled(sound, scene))
    )
    np.testing.assert_allclose(
        heard, played, atol=4e-3
    )  # the mixdown seeks in the file, which is off by 2.6 ms


def test_channels_of_opposite_phase_are_kept(scene, tmp_path):
    samples = np.repeat(read_clicks(tmp_path / "clicks.wav")[:, None], 2, axis=1) * [1, -1]
    with wave.open(str(tmp_path / "opposite.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    work = decoding.Decoding(tmp_path / "opposite.wav", tmp_path / "decoded.wav", 5.0)
    for _ in decoding.decode(work):
        pass
    decoded = aud.Sound(str(work.target)).data()
    assert np.abs(decoded).max() > 0.1 and np.abs(decoded.sum(1)).max() < 1e-4
