# SPDX-License-Identifier: GPL-3.0-or-later
"""MIDI files on the timeline: how long, which notes are asked for, beside a sound, moved, cut, muted."""

import struct
from pathlib import Path

import bpy
import pytest
from midi_helpers import write_midi
from sequencer_helpers import get, mixed, put, write_clicks

import s2c_blender
from s2c_blender.errors import UserError
from s2c_blender.session import session
from s2c_blender.strip_audio import find_midi, find_strip, heard_note, strip_sound

SECONDS = 5.0
"""Four notes of a second, and the second after them."""


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    bpy.context.scene.render.fps = 25
    yield bpy.context.scene
    session.dismiss()
    s2c_blender.unregister()


@pytest.fixture
def midi(tmp_path):
    return write_midi(tmp_path / "piece.mid")


def add(path):
    assert bpy.ops.s2c.add_recording(filepath=str(path)) == {"FINISHED"}
    return bpy.context.scene.sequence_editor.active_strip


def meant(scene, window=None):
    """What the next take would be made of."""
    edit, strip = find_strip(bpy.context, scene.s2c_settings.strip_name)
    return strip_sound(edit, strip, scene, window, Path())


def asked(scene, window=None):
    return meant(scene, window).params()


def whole(path):
    no_sound = {"sound": None, "sounds": None, "decoded": None}
    return {**no_sound, "midi": str(path), "sound_start_s": 0.0, "sound_end_s": None}


@pytest.mark.parametrize("ending", ["mid", "MIDI", "rmi", "kar", "bin"])
def test_a_strip_as_long_as_the_music_that_asks_for_all_of_it(scene, tmp_path, ending):
    path = write_midi(tmp_path / f"piece.{ending}", riff=ending == "rmi")
    scene.frame_start = 7
    strip = add(path)
    assert (strip.name, get(strip, "left_handle"), get(strip, "right_handle")) == (path.name, 7, 7 + 125)
    assert scene.sync_mode == "NONE"
    sound = meant(scene)
    assert sound.params() == whole(path) and sound.heard.start_frame == 7 and not sound.note
    assert scene.s2c_settings.midi_path == str(path)


def test_neither_picture_nor_sound_change(scene, midi, tmp_path):
    add(write_clicks(tmp_path / "clicks.wav"))
    before = mixed(scene, tmp_path / "before.wav")
    strip = add(midi)
    assert strip.type == "SOUND", "Blender renders the camera as long as there are sound strips alone"
    assert (mixed(scene, tmp_path / "after.wav") == before).all()


def test_unpacking_never_writes_over_the_midi_file(scene, midi, tmp_path):
    data = midi.read_bytes()
    strip = add(midi)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.context.scene.sequence_editor.strips[0].sound.unpack(method="WRITE_ORIGINAL")
    assert midi.read_bytes() == data
    assert asked(bpy.context.scene) == whole(midi)
    assert strip is not None


def test_moved_trimmed_and_cut_as_a_sound_strip(scene, midi):
    strip = add(midi)
    put(strip, content_start=101)
    sound = meant(scene)
    assert (sound.heard.start_frame, sound.params()) == (101, whole(midi))
    put(strip, left_handle_offset=25)
    assert asked(scene) == {**whole(midi), "sound_start_s": 1.0}
    put(strip, right_handle_offset=50)
    assert asked(scene) == {**whole(midi), "sound_start_s": 1.0, "sound_end_s": 3.0}
    assert asked(scene, (151, 160)) == {
        **whole(midi),
        "sound_start_s": 2.0,
        "sound_end_s": pytest.approx(2.4),
    }
    put(strip, left_handle_offset=0, right_handle_offset=0)
    second = strip.split(frame=151, split_method="HARD")
    assert asked(scene) == whole(midi), "a mere cut is no gap"
    put(second, content_start=201)
    assert asked(scene)["midi_pieces"] == [
        {"start_s": 0.0, "end_s": 2.0, "at_s": 0.0},
        {"start_s": 2.0, "end_s": None, "at_s": 4.0},
    ]


def test_through_a_scene_strip(scene, midi):
    add(midi)
    bpy.ops.scene.new(type="NEW")
    film = bpy.context.scene
    film.render.fps = 25
    film.sequence_editor_create().strips.new_scene("shown", scene, 1, 26).scene_input = "SEQUENCER"
    sound = meant(film)
    assert (sound.heard.start_frame, sound.params()) == (26, whole(midi))


def test_beside_a_sound_it_only_says_which_notes(scene, midi, tmp_path):
    clicks = write_clicks(tmp_path / "clicks.wav")
    heard = add(clicks)
    strip = add(midi)
    part = {"sound_start_s": 0.0, "sound_end_s": pytest.approx(8.0)}
    sound = {"sound": str(clicks), **part, "sounds": None, "decoded": None}
    assert find_strip(bpy.context, "") == (scene, heard)
    assert find_midi(scene, heard).strip == strip and scene.s2c_settings.strip_name == ""
    put(strip, content_start=300)
    assert asked(scene) == {**sound, "midi": str(midi)}
    assert heard_note(bpy.context, "") == 'The notes of "piece.mid" are played, in the time of the recording.'
    strip.mute = True
    assert asked(scene) == sound and heard_note(bpy.context, "") == ""
    scene.s2c_settings.strip_name = "piece.mid"
    assert asked(scene) == whole(midi), "a MIDI strip that was chosen is played alone"
    assert "its notes are used all the same" in heard_note(bpy.context, "piece.mid")


def test_of_a_muted_sound_and_a_midi_file_the_file_is_played_alone(scene, midi, tmp_path):
    clicks = write_clicks(tmp_path / "clicks.wav")
    heard = add(clicks)
    strip, other = add(midi), add(write_midi(tmp_path / "other.mid"))
    scene.sequence_editor.active_strip = heard
    heard.mute = other.mute = True
    assert asked(scene) == whole(midi) and heard_note(bpy.context, "") == ""
    assert scene.s2c_settings.midi_path == str(midi)
    scene.sequence_editor.channels[strip.channel].mute = True
    assert asked(scene)["sound"] == str(clicks) and "midi" not in asked(scene), "where all are muted"
    assert "its sound is used all the same" in heard_note(bpy.context, "")


def test_volume_is_nothing_to_midi(scene, midi, tmp_path):
    add(write_clicks(tmp_path / "clicks.wav"))
    strip = add(midi)
    scene.use_audio, strip.volume = False, 0.0
    assert asked(scene)["midi"] == str(midi)
    scene.s2c_settings.strip_name = strip.name
    assert heard_note(bpy.context, strip.name) == ""
    scene.sequence_editor.channels[strip.channel].mute = True
    assert "its notes are used all the same" in heard_note(bpy.context, strip.name)


def test_several_midi_strips_are_one_sentence(scene, midi, tmp_path):
    other = write_midi(tmp_path / "other.mid")
    add(midi)
    add(other)
    assert asked(scene) == whole(other), "the active one"
    scene.sequence_editor.active_strip = None
    with pytest.raises(UserError, match="There are several MIDI strips: choose one in the S2C panel"):
        asked(scene)
    add(write_clicks(tmp_path / "clicks.wav"))
    with pytest.raises(UserError, match="several MIDI strips: select the one to play, or mute all others"):
        asked(scene)
    assert "several MIDI strips" in heard_note(bpy.context, "")
    scene.sequence_editor.strips["piece.mid"].mute = True
    assert asked(scene)["midi"] == str(other)


def test_notes_from_is_the_strip(scene, midi, tmp_path):
    settings = scene.s2c_settings
    clicks = add(write_clicks(tmp_path / "clicks.wav"))
    put(clicks, content_start=31)
    assert settings.midi_path == ""
    settings.midi_path = str(midi)
    strip = scene.sequence_editor.strips["piece.mid"]
    assert get(strip, "left_handle") == 31 and settings.midi_path == str(midi) == asked(scene)["midi"]
    other = write_midi(tmp_path / "other.mid")
    settings.midi_path = str(other)
    assert strip.mute and settings.midi_path == str(other) == asked(scene)["midi"]
    settings.midi_path = str(midi)
    assert not strip.mute and settings.midi_path == str(midi)
    assert len(scene.sequence_editor.strips) == 3, "a file that lies there is not added again"
    settings.midi_path = ""
    assert settings.midi_path == "" and "midi" not in asked(scene)
    scene.sequence_editor.strips.remove(strip)
    assert settings.midi_path == ""


def test_notes_from_in_a_scene_without_anything(scene, midi):
    scene.frame_start = 11
    scene.s2c_settings.midi_path = str(midi)
    assert asked(scene) == whole(midi) and meant(scene).heard.start_frame == 11
    other = bpy.data.scenes.new("Other")
    assert other.s2c_settings.midi_path == str(midi), "as a recording, it is found from every scene"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, 'There is no file "bad.mid": choose a MIDI file under Notes From.'),
        (b"", 'The file "bad.mid" is no MIDI file: choose another.'),
        (b"RIFF0000WAVEfmt ", 'The file "bad.mid" is no MIDI file: choose another.'),
        (
            b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", 4) + b"\0\xff\x2f\0",
            'The file "bad.mid" holds no notes: choose another.',
        ),
    ],
)
def test_files_that_are_none_are_refused_and_change_nothing(scene, midi, tmp_path, content, said):
    add(midi)
    path = tmp_path / "bad.mid"
    if content is not None:
        path.write_bytes(content)
        with pytest.raises(RuntimeError, match=r"bad\.mid"):
            bpy.ops.s2c.add_recording(filepath=str(path))
    scene.s2c_settings.midi_path = str(path)
    assert session.view(0.0).message == said
    assert scene.s2c_settings.midi_path == str(midi) and len(scene.sequence_editor.strips) == 1
    scene.s2c_settings.midi_path = str(midi)
    assert session.view(0.0).message == ""


def test_a_file_that_is_missing_and_one_whose_blend_moved(scene, midi, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    beside = write_midi(folder / "beside.mid")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    add(beside)
    scene = bpy.context.scene
    assert scene.s2c_settings.midi_path == "//beside.mid" and asked(scene)["midi"] == str(beside)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "elsewhere.blend"))
    assert asked(scene)["midi"] == str(beside), "the whole path is known, too"
    beside.unlink()
    with pytest.raises(UserError, match=r'The MIDI file "beside\.mid" of the strip "beside\.mid" is missing'):
        asked(scene)


@pytest.mark.parametrize("stored", [3, "", "x" * 5000, [1.0, 2.0]])
def test_marks_that_make_no_sense_are_no_midi(scene, midi, stored):
    strip = add(midi)
    strip.sound["s2c_midi"] = stored
    assert scene.s2c_settings.midi_path == "" and find_midi(scene, strip) is None


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="retiming keys cannot be added from Python before 5.0")
def test_another_speed_is_refused(scene, midi):
    strip = add(midi)
    strip.retiming_keys.add(timeline_frame=30)
    with pytest.raises(UserError, match="which MIDI cannot follow"):
        asked(scene)


def test_dropped_on_our_editors(scene):
    handler = bpy.types.S2C_FH_midi
    assert handler.bl_import_operator == "s2c.add_recording"
    assert handler.bl_file_extensions == ".mid;.midi;.rmi;.kar"
