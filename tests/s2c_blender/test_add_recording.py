# SPDX-License-Identifier: GPL-3.0-or-later
"""Add Recording: which scene, which channel, what else changes, and files that are no recording."""

import bpy
import pytest
from sequencer_helpers import get, put, write_clicks

import s2c_blender
from s2c_blender.strip_audio import find_strip, strip_sound

CHOSEN = bpy.app.version >= (5, 0)
"""Whether a workspace chooses the scene of its Sequencer."""


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    bpy.context.scene.render.fps = 25
    yield bpy.context.scene
    s2c_blender.unregister()


@pytest.fixture
def sound(tmp_path):
    return write_clicks(tmp_path / "clicks.wav")


def add(path, **options):
    return bpy.ops.s2c.add_recording(filepath=str(path), **options)


def refused(path):
    """The sentence with which a file is refused."""
    with pytest.raises(RuntimeError) as error:
        add(path)
    return str(error.value).removeprefix("Error: ").strip()


def state(scene):
    """What a refusal must leave alone."""
    strips = scene.sequence_editor.strips_all if scene.sequence_editor is not None else []
    names = [strip.name for strip in strips]
    return names, len(bpy.data.sounds), scene.s2c_settings.strip_name, scene.frame_end, scene.sync_mode


def test_the_recording_lies_beside_the_hands(scene, sound, capfd):
    scene.frame_start = 7
    if CHOSEN:
        film = bpy.data.scenes.new("Film")
        bpy.context.workspace.sequencer_scene = film
    assert add(sound) == {"FINISHED"}
    (strip,) = scene.sequence_editor.strips
    assert (strip.name, strip.channel, get(strip, "left_handle"), get(strip, "right_handle")) == (
        "clicks.wav",
        1,
        7,
        207,
    )
    assert strip.show_waveform and strip.select and scene.sequence_editor.active_strip == strip
    assert find_strip(bpy.context, scene.s2c_settings.strip_name) == (scene, strip)
    assert scene.s2c_settings.strip_name == ""
    assert strip_sound(scene, strip, scene, None, sound.parent).heard.start_frame == 7
    if CHOSEN:
        assert bpy.context.workspace.sequencer_scene == film, "the user's choice stays"
        assert 'the Sequencer shows the scene "Film"' in capfd.readouterr().out
        assert all(w.sequencer_scene in (film, scene) for w in bpy.data.workspaces)


@pytest.mark.skipif(not CHOSEN, reason="a workspace chooses the scene since 5.0")
def test_every_sequencer_without_a_scene_shows_it(scene, sound):
    add(sound)
    assert {workspace.sequencer_scene for workspace in bpy.data.workspaces} == {scene}


def test_the_scene_ends_with_the_recording_when_it_would_cut_it_off(scene, sound, capfd):
    scene.frame_end = 207
    add(sound, frame_start=8)
    assert scene.frame_end == 207
    add(sound, frame_start=9)
    assert scene.frame_end == 208
    assert "the scene now ends with it at frame 208" in capfd.readouterr().out


def test_playback_is_synchronized_unless_chosen_otherwise(scene, sound):
    scene.sync_mode = "FRAME_DROP"
    add(sound)
    assert scene.sync_mode == "FRAME_DROP"
    scene.sync_mode = "NONE"
    add(sound)
    assert scene.sync_mode == "AUDIO_SYNC"
    assert "Sync to Audio" in bpy.ops.s2c.add_recording.get_rna_type().description


def test_a_free_channel_that_is_heard(scene, sound):
    editor = scene.sequence_editor_create()
    first = editor.strips.new_sound("a", str(sound), 1, 1)
    editor.strips.new_sound("b", str(sound), 2, 200)
    editor.strips.new_sound("c", str(sound), 4, 201)
    editor.channels[3].mute, editor.channels[5].lock = True, True
    places = [(strip.channel, get(strip, "left_handle")) for strip in editor.strips]
    add(sound)
    added = editor.active_strip
    assert (added.channel, get(added, "left_handle"), get(added, "right_handle")) == (4, 1, 201)
    assert [(strip.channel, get(strip, "left_handle")) for strip in list(editor.strips)[:3]] == places
    add(sound)
    assert editor.active_strip.channel == 6
    put(first, content_start=500)
    add(sound)
    assert editor.active_strip.channel == 1


def test_every_channel_taken(scene, sound):
    editor = scene.sequence_editor_create()
    for channel in editor.channels:
        channel.lock = True
    before = state(scene)
    assert "Every channel" in refused(sound) and state(scene) == before


def test_the_strip_is_named_where_another_would_be_meant(scene, sound, tmp_path):
    other = write_clicks(tmp_path / "other.wav")
    add(other)
    scene.s2c_settings.strip_name = "other.wav"
    add(sound)
    assert scene.s2c_settings.strip_name == "" and find_strip(bpy.context, "")[1].name == "clicks.wav"
    scene.s2c_settings.strip_name = "gone"
    add(sound)
    assert scene.s2c_settings.strip_name == ""


def test_the_path_is_kept_as_the_file_wants_it(scene, sound, tmp_path):
    filepaths = bpy.context.preferences.filepaths
    relative = filepaths.use_relative_paths
    try:
        filepaths.use_relative_paths = True
        add(sound)
        assert bpy.data.sounds[-1].filepath == str(sound), "the file was never saved"
        project = tmp_path / "project"
        project.mkdir()
        bpy.ops.wm.save_as_mainfile(filepath=str(project / "hands.blend"))
        for name, wanted, expected in (
            ("project/inside.wav", False, "//inside.wav"),
            ("beside.wav", True, "//../beside.wav"),
            ("absolute.wav", False, str(tmp_path / "absolute.wav")),
        ):
            filepaths.use_relative_paths = wanted
            add(write_clicks(tmp_path / name))
            strip = bpy.context.scene.sequence_editor.active_strip
            assert strip.sound.filepath == expected
            assert strip_sound(bpy.context.scene, strip, bpy.context.scene, None, tmp_path).path.is_file()
    finally:
        filepaths.use_relative_paths = relative


@pytest.mark.parametrize(
    ("container", "codec", "ending"),
    [
        ("FLAC", "FLAC", "flac"),
        ("MP3", "MP3", "mp3"),
        ("OGG", "VORBIS", "ogg"),
        ("AAC", "AAC", "aac"),
        ("MATROSKA", "AAC", "mka"),
        ("MP2", "MP2", "mp2"),
        ("AC3", "AC3", "ac3"),
    ],
)
def test_every_kind_of_sound_file(scene, sound, tmp_path, container, codec, ending):
    add(sound)
    scene.frame_start, scene.frame_end = 1, 200
    path = tmp_path / f"sound.{ending}"
    bpy.ops.sound.mixdown(filepath=str(path), container=container, codec=codec)
    add(path)
    strip = scene.sequence_editor.active_strip
    assert (strip.name, strip.channel) == (path.name, 2)
    about = 40 if ending == "aac" else 3  # bare AAC says nothing of its length; Blender guesses
    assert strip_sound(scene, strip, scene, None, tmp_path).heard.frames == pytest.approx(200, abs=about)
    assert f"*.{ending}" in bpy.ops.s2c.add_recording.get_rna_type().properties["filter_glob"].default


def test_a_film_with_sound_and_one_without(scene, sound, tmp_path):
    add(sound)
    scene.frame_start, scene.frame_end = 1, 20
    render = scene.render
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format, render.ffmpeg.format = "FFMPEG", "MPEG4"
    render.resolution_x = render.resolution_y = 64
    length = {"frame_end": 21} if bpy.app.version < (5, 0) else {"length": 20}
    scene.sequence_editor.strips.new_effect("color", "COLOR", 3, 1, **length)
    for name, codec in (("film.mp4", "AAC"), ("silent.mp4", "NONE")):
        render.ffmpeg.audio_codec, render.filepath = codec, str(tmp_path / name)
        bpy.ops.render.render(animation=True)
    assert add(tmp_path / "film.mp4") == {"FINISHED"}
    strip = scene.sequence_editor.active_strip
    assert strip.type == "SOUND" and 20 <= get(strip, "right_handle") - get(strip, "left_handle") <= 23
    before = state(scene)
    assert refused(tmp_path / "silent.mp4").startswith('Blender finds no sound in "silent.mp4"')
    assert state(scene) == before


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.wav", None, 'There is no file "none.wav"'),
        ("empty.wav", b"", 'The file "empty.wav" is empty'),
        ("text.wav", b"no sound at all " * 99, 'Blender finds no sound in "text.wav"'),
        ("notes.txt", b"hello", 'Blender finds no sound in "notes.txt"'),
        ("short.wav", 0.0, 'The sound in "short.wav" has no length'),
    ],
)
def test_files_that_are_no_recording(scene, tmp_path, name, content, said):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        write_clicks(tmp_path / name, seconds=content)
    before = state(scene)
    assert refused(tmp_path / name).startswith(said)
    assert state(scene) == before


def test_no_file_and_a_folder(scene, tmp_path):
    before = state(scene)
    assert refused("") == "No file is chosen: choose a sound or MIDI file."
    assert refused(tmp_path) == f'There is no file "{tmp_path.name}": choose a sound or MIDI file.'
    assert state(scene) == before


def test_a_linked_scene_is_not_touched(scene, sound, tmp_path):
    bpy.data.scenes.new("Linked")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (_, wanted):
        wanted.scenes = ["Linked"]
    bpy.context.window.scene = next(item for item in bpy.data.scenes if item.library is not None)
    with pytest.raises(RuntimeError, match="linked from another file"):
        add(sound)


def test_the_file_dialog_offers_sound_video_and_midi(scene):
    glob = bpy.ops.s2c.add_recording.get_rna_type().properties["filter_glob"].default.split(";")
    assert {"*.wav", "*.flac", "*.mp3", "*.ogg", "*.m4a", "*.mp4", "*.mov", "*.mid", "*.midi"} <= set(glob)


def test_one_undo_step(scene, sound):
    assert "UNDO" in bpy.types.S2C_OT_add_recording.bl_options
    assert "REGISTER" not in bpy.types.S2C_OT_add_recording.bl_options
