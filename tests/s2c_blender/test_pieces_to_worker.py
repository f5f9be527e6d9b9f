# SPDX-License-Identifier: GPL-3.0-or-later
"""From the sequencer to the worker's request: a cut recording, and a film that is decoded on the way."""

import bpy
import pytest
from sequencer_helpers import write_clicks
from session_helpers import requests, use_worker, write_take

import s2c_blender
from s2c_blender.rig.armature import create_armature
from s2c_blender.session import SessionConfig, session


@pytest.fixture
def scene(tmp_path, monkeypatch):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    scene = bpy.context.scene
    scene.render.fps, scene.frame_start, scene.frame_end = 25, 10, 209
    create_armature(bpy.context, 1.0, scene.collection)
    write_take(tmp_path / "made.npz")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    bpy.ops.s2c.add_recording(filepath=str(write_clicks(tmp_path / "clicks.wav")))
    yield scene
    session.shutdown()
    session.config = SessionConfig()
    session.machine.status.message, session.note, session.runtime_problem = "", "", ""
    s2c_blender.unregister()


def take_start():
    armature = next(item for item in bpy.data.objects if item.type == "ARMATURE")
    return armature.animation_data.action.frame_range[0]


def test_a_cut_recording(scene, tmp_path):
    left = scene.sequence_editor.strips[0]
    middle = left.split(frame=60, split_method="SOFT")
    middle.split(frame=110, split_method="SOFT")
    middle.mute = True
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    params = requests(tmp_path)[-1]["params"]
    assert (params["sound"], params["sound_start_s"], params["sound_end_s"]) == (None, None, None)
    assert [(p["start_s"], p["end_s"], p["at_s"], p["gain"]) for p in params["sounds"]] == [
        pytest.approx((0.0, 2.0, 0.0, 1.0)),
        pytest.approx((4.0, 8.0, 4.0, 1.0)),
    ]
    assert take_start() == 10 and session.note.startswith("The recording is cut into 3 pieces")


def test_a_film(scene, tmp_path):
    film = tmp_path / "film.mka"
    bpy.ops.sound.mixdown(filepath=str(film), container="MATROSKA", codec="FLAC")
    bpy.ops.s2c.add_recording(filepath=str(film), frame_start=30)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    params = requests(tmp_path)[-1]["params"]
    assert params["sound"] == str(film) and params["sounds"] is None
    assert params["decoded"].endswith("decoded.wav")
    assert (params["sound_start_s"], params["sound_end_s"]) == (0.0, pytest.approx(8.0, abs=0.05))
    assert take_start() == 30


def test_a_film_without_sound_stops_in_a_sentence(scene, tmp_path):
    film = tmp_path / "film.mkv"
    film.write_bytes(b"\x1aE\xdf\xa3" + bytes(5000))
    strip = scene.sequence_editor.strips[0]
    strip.sound.filepath = str(film)
    with pytest.raises(RuntimeError, match=r'finds no sound in "film\.mkv"'):
        bpy.ops.s2c.generate()
    assert requests(tmp_path) == []
