# SPDX-License-Identifier: GPL-3.0-or-later
"""The heard part of a strip, compared with what Blender itself mixes down, and strips that cannot be used."""

import shutil
import wave
from pathlib import Path

import bpy
import numpy as np
import pytest

from s2c_blender import compat
from s2c_blender.errors import UserError
from s2c_blender.strip_audio import find_strip, strip_sound, write_packed

RATE = 22050
SECONDS = 6


def write_clicks(path, seconds=SECONDS, channels=2):
    """A sound with a click at every second k, as loud as k + 1 tenths, so that each tells its own time."""
    samples = np.zeros((int(RATE * seconds), channels))
    for k in range(int(seconds)):
        samples[k * RATE : k * RATE + 30] = 0.1 * (k + 1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def mixed_clicks(scene, path):
    """Scene seconds of the clicks that Blender plays, by mixing the scene down from frame 0."""
    scene.frame_start, scene.frame_end = 0, 400
    bpy.ops.sound.mixdown(filepath=str(path), container="WAV", codec="PCM", format="S16", mixrate=48000)
    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    loud = np.flatnonzero(np.abs(data[:, 0].astype(float)) > 0.04 * 32767)
    return [float(i) / 48000 for i, last in zip(loud, [-99999, *loud[:-1]], strict=True) if i - last > 4000]


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.sequence_editor_create()
    return scene


def add_strip(scene, path, frame=10, name="Piano"):
    return scene.sequence_editor.strips.new_sound(name, str(path), 1, frame)


def setting(strip, name, value):
    old = {"content_start": "frame_start", "left_handle_offset": "frame_offset_start"}
    old |= {
        "right_handle_offset": "frame_offset_end",
        "content_trim_start": "animation_offset_start",
        "left_handle": "frame_final_start",
    }
    old |= {"right_handle": "frame_final_end"}
    setattr(strip, name if hasattr(strip, name) else old.get(name, name), value)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"left_handle_offset": 30},
        {"left_handle_offset": 30, "right_handle_offset": 40},
        {"left_handle_offset": -20},
        {"right_handle_offset": -20},
        {"content_trim_start": 20},
        {"content_trim_start": 20, "left_handle_offset": 10},
        {"sound_offset": 0.3},
        {"sound_offset": -0.3},
        {"sound_offset": -0.3, "left_handle_offset": 33},
        {"content_start": 57},
        {"fps": (30, 1.001)},
        {"fps": (24, 1.0), "left_handle_offset": 30, "sound_offset": 0.1},
    ],
)
def test_the_heard_range_is_what_blender_mixes_down(scene, tmp_path, changes):
    strip = add_strip(scene, write_clicks(tmp_path / "clicks.wav"))
    for name, value in changes.items():
        if name == "fps":
            scene.render.fps, scene.render.fps_base = value
        else:
            setting(strip, name, value)
    rate = scene.render.fps / scene.render.fps_base
    sound = strip_sound(scene, strip, scene, None, tmp_path)
    heard = sound.heard
    inside = [k for k in range(SECONDS) if heard.sound_start_s - 1e-3 <= k < heard.sound_end_s - 2e-3]
    predicted = [heard.start_frame / rate + k - heard.sound_start_s for k in inside]
    assert mixed_clicks(scene, tmp_path / "mix.wav") == pytest.approx(predicted, abs=1.5e-3)
    assert sound.path == tmp_path / "clicks.wav" and heard.frames <= 400


def test_a_window_cuts_the_strip(scene, tmp_path):
    strip = add_strip(scene, write_clicks(tmp_path / "clicks.wav"))
    heard = strip_sound(scene, strip, scene, (35, 59), tmp_path).heard
    assert (heard.start_frame, heard.frames) == (35, 25)
    assert (heard.sound_start_s, heard.sound_end_s) == pytest.approx((1.0, 2.0))
    with pytest.raises(UserError, match="not heard between frames 900 and 950"):
        strip_sound(scene, strip, scene, (900, 950), tmp_path)


def test_an_edit_in_a_scene_of_another_rate(scene, tmp_path):
    strip = add_strip(scene, write_clicks(tmp_path / "clicks.wav"), frame=26)
    animated = bpy.data.scenes.new("Animated")
    animated.render.fps = 50
    heard = strip_sound(scene, strip, animated, None, tmp_path).heard
    assert (heard.start_frame, heard.sound_start_s) == (51, 0.0)
    assert heard.frames == SECONDS * 50


def test_a_meta_strip_lets_through_what_lies_between_its_handles(scene, tmp_path):
    strip = add_strip(scene, write_clicks(tmp_path / "clicks.wav"))
    meta = scene.sequence_editor.strips.new_meta("Meta", 1, 1)
    strip.move_to_meta(meta)
    setting(meta, "right_handle", 160)
    setting(meta, "left_handle", 35)
    timing = compat.strip_timing(next(s for s in compat.sound_strips(scene) if s.name == "Piano"))
    assert timing.left_handle == 35


@pytest.mark.parametrize("channels", [1, 2])
def test_a_packed_sound_is_copied_byte_for_byte(scene, tmp_path, channels):
    path = write_clicks(tmp_path / "clicks.wav", channels=channels)
    original = path.read_bytes()
    strip = add_strip(scene, path)
    strip.sound.pack()
    path.unlink()
    folder = tmp_path / "copy"
    folder.mkdir()
    sound = strip_sound(scene, strip, scene, None, folder)
    assert list(write_packed(sound)) is not None and sound.path.read_bytes() == original
    assert sound.heard.sound_end_s == pytest.approx(SECONDS, abs=0.05)


def test_a_packed_sound_goes_out_in_pieces_and_needs_a_folder_that_can_be_written(
    scene, tmp_path, monkeypatch
):
    strip = add_strip(scene, write_clicks(tmp_path / "clicks.wav"))
    strip.sound.pack()
    monkeypatch.setattr("s2c_blender.strip_audio.PIECE_BYTES", 100_000)
    sound = strip_sound(scene, strip, scene, None, tmp_path)
    assert len(list(write_packed(sound))) == -(-len(sound.packed) // 100_000)
    with pytest.raises(UserError, match="cannot be written"):
        list(write_packed(strip_sound(scene, strip, scene, None, tmp_path / "clicks.wav" / "no folder")))


def test_relative_paths_are_understood(scene, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    strip = add_strip(bpy.context.scene, write_clicks(tmp_path / "clicks.wav"))
    strip.sound.filepath = "//clicks.wav"
    sound = strip_sound(bpy.context.scene, strip, bpy.context.scene, None, tmp_path)
    assert sound.path.resolve() == (tmp_path / "clicks.wav").resolve()


def test_a_muted_strip_is_used_and_said_so(scene, tmp_path):
    strip = add_strip(scene, write_clicks(tmp_path / "clicks.wav"))
    strip.mute = True
    assert "muted" in strip_sound(scene, strip, scene, None, tmp_path).note


def test_a_missing_and_an_empty_file_are_sentences(scene, tmp_path):
    path = write_clicks(tmp_path / "clicks.wav")
    strip = add_strip(scene, path)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="is empty"):
        strip_sound(scene, strip, scene, None, tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=r'"clicks\.wav" of the strip "Piano" is missing'):
        strip_sound(scene, strip, scene, None, tmp_path)


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="retiming keys cannot be added from Python before 5.0")
def test_a_retimed_strip_is_refused(scene, tmp_path):
    strip = add_strip(scene, write_clicks(tmp_path / "clicks.wav"))
    strip.retiming_keys.add(timeline_frame=50)
    with pytest.raises(UserError, match="speed of the strip"):
        strip_sound(scene, strip, scene, None, tmp_path)


def test_which_strip_is_meant(scene, tmp_path):
    context = bpy.context
    with pytest.raises(UserError, match="There is no sound strip"):
        find_strip(context, "")
    first = add_strip(scene, write_clicks(tmp_path / "clicks.wav"))
    assert find_strip(context, "") == (scene, first)
    second = scene.sequence_editor.strips.new_sound(
        "Other", str(shutil.copy(tmp_path / "clicks.wav", tmp_path / "b.wav")), 2, 1
    )
    scene.sequence_editor.active_strip = second
    assert find_strip(context, "")[1].name == "Other"
    assert find_strip(context, "Piano")[1].name == "Piano"
    scene.sequence_editor.active_strip = None
    with pytest.raises(UserError, match="several sound strips"):
        find_strip(context, "")
    with pytest.raises(UserError, match='"Gone"'):
        find_strip(context, "Gone")


def test_a_zero_length_file_never_becomes_a_job(scene, tmp_path):
    path = write_clicks(tmp_path / "none.wav", seconds=0)
    assert Path(path).stat().st_size > 0
    strip = add_strip(scene, path)
    with pytest.raises(UserError, match="no length"):
        strip_sound(scene, strip, scene, None, tmp_path)
