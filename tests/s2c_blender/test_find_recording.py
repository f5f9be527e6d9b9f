# SPDX-License-Identifier: GPL-3.0-or-later
"""A recording is found wherever it lies, from whichever workspace one looks, and lies where the film shows it."""

import bpy
import pytest
from sequencer_helpers import get, put, write_clicks

from s2c_blender.errors import UserError
from s2c_blender.strip_audio import find_strip, heard_note, strip_sound

CHOSEN = bpy.app.version >= (5, 0)
"""Whether a workspace chooses the scene of its Sequencer."""


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 25
    return bpy.context.scene


@pytest.fixture
def sound(tmp_path):
    return write_clicks(tmp_path / "clicks.wav")


def new_scene(name, fps=25):
    scene = bpy.data.scenes.new(name)
    scene.render.fps = fps
    return scene


def other_workspace():
    return next(item for item in bpy.data.workspaces if item != bpy.context.workspace)


def add(scene, path, name="rec", channel=1, frame=1):
    editor = scene.sequence_editor or scene.sequence_editor_create()
    return editor.strips.new_sound(name, str(path), channel, frame)


def copied(path, name):
    other = path.parent / name
    other.write_bytes(path.read_bytes())
    return other


@pytest.mark.parametrize("looking", ["layout", "editing"])
def test_a_recording_in_another_scene_is_found_from_every_workspace(scene, sound, looking):
    edit = new_scene("Edit")
    strip = add(edit, sound)
    bpy.data.scenes.new("Another").sequence_editor_create()
    if CHOSEN:
        chosen = bpy.context.workspace if looking == "editing" else other_workspace()
        chosen.sequencer_scene = edit
    assert find_strip(bpy.context, "") == find_strip(bpy.context, "rec") == (edit, strip)
    said = 'The recording lies in the scene "Edit"; its frame 1 is taken for frame 1 here.'
    assert heard_note(bpy.context, "") == said
    assert strip_sound(edit, strip, scene, None, sound.parent).note == said
    own = add(scene, copied(sound, "own.wav"), "own")
    assert find_strip(bpy.context, "") == (scene, own) and heard_note(bpy.context, "") == ""
    assert find_strip(bpy.context, "rec") == (edit, strip)


@pytest.mark.skipif(not CHOSEN, reason="a workspace chooses the scene since 5.0")
def test_the_scene_of_any_sequencer_comes_before_all_others(scene, sound):
    add(new_scene("A"), copied(sound, "a.wav"), "a")
    edit = new_scene("B")
    strip = add(edit, sound)
    with pytest.raises(UserError, match=r'several scenes \("A" and "B"\)'):
        find_strip(bpy.context, "")
    other_workspace().sequencer_scene = edit
    assert find_strip(bpy.context, "") == (edit, strip)
    bpy.context.workspace.sequencer_scene = bpy.data.scenes["A"]
    assert find_strip(bpy.context, "")[1].name == "a"


def test_the_same_name_in_two_scenes_means_the_one_at_hand(scene, sound):
    other = new_scene("A")
    add(other, copied(sound, "a.wav"))
    strip = add(scene, sound)
    if CHOSEN:
        bpy.context.workspace.sequencer_scene = other
    assert find_strip(bpy.context, "rec") == find_strip(bpy.context, "") == (scene, strip)


def test_one_recording_in_several_scenes_is_one(scene, sound):
    add(new_scene("A"), sound)
    add(new_scene("B"), sound)
    assert find_strip(bpy.context, "")[0].name == "A"
    film = bpy.data.scenes["B"]
    film.sequence_editor.strips.new_scene("view", scene, 2, 1)
    assert find_strip(bpy.context, "")[0] == film, "the edit that shows the hands comes first"


def test_a_linked_scene_with_a_relative_sound(scene, sound, tmp_path):
    folder = tmp_path / "library"
    folder.mkdir()
    edit = new_scene("Edit")
    add(edit, copied(sound, "library/music.wav"))
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "edit.blend"))
    bpy.data.sounds[0].filepath = "//music.wav"
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "hands.blend"))
    add(new_scene("Edit"), copied(sound, "local.wav"), "local")
    with bpy.data.libraries.load(str(folder / "edit.blend"), link=True) as (_, wanted):
        wanted.scenes = ["Edit"]
    scene = bpy.context.scene
    edit, strip = find_strip(bpy.context, "rec")
    assert edit.library is not None
    found = strip_sound(edit, strip, scene, None, tmp_path)
    assert found.path.resolve() == (folder / "music.wav").resolve()


def test_the_hands_play_as_the_film_shows_them(scene, sound):
    """The edit shows frame 21 of the hands' scene on its frame 101; the first click is heard at 101 + 0.25 s."""
    scene.frame_start, scene.frame_end = 21, 300
    edit = new_scene("Film")
    strip = add(edit, sound, frame=90)
    view = edit.sequence_editor.strips.new_scene("shot", scene, 2, 101)
    heard = strip_sound(edit, strip, scene, None, sound.parent)
    assert (heard.heard.start_frame, heard.heard.frames) == (10, 200)
    assert (
        heard.note
        == 'The recording lies in the scene "Film"; the hands play as the scene strip "shot" shows them there.'
    )
    view.split(frame=150, split_method="SOFT")
    assert strip_sound(edit, strip, scene, None, sound.parent).heard == heard.heard
    last = edit.sequence_editor.strips[-1]
    put(last, content_start=get(last, "content_start") + 40)
    apart = strip_sound(edit, strip, scene, None, sound.parent)
    assert apart.heard.start_frame == 90 and "at several times" in apart.note
    last.mute = True
    assert strip_sound(edit, strip, scene, None, sound.parent).heard == heard.heard


def test_a_film_of_another_rate_is_said(scene, sound):
    edit = new_scene("Film", fps=24)
    strip = add(edit, sound)
    edit.sequence_editor.strips.new_scene("shot", scene, 2, 101)
    heard = strip_sound(edit, strip, scene, None, sound.parent)
    assert heard.heard.start_frame == 1
    assert "24 frames a second, this one 25: give both the same" in heard.note == heard_note(bpy.context, "")


def test_what_is_active_or_the_only_recording(scene, sound):
    first = add(scene, sound)
    second = first.split(frame=60, split_method="SOFT")
    assert find_strip(bpy.context, "") == (scene, first)
    scene.sequence_editor.active_strip = second
    assert find_strip(bpy.context, "") == (scene, second)
    first.mute, scene.sequence_editor.active_strip = True, None
    assert find_strip(bpy.context, "") == (scene, second), "the one that is heard"
    other = add(scene, copied(sound, "b.wav"), "other", channel=2)
    with pytest.raises(UserError, match="several sound strips"):
        find_strip(bpy.context, "")
    assert heard_note(bpy.context, "") == ""
    scene.sequence_editor.active_strip = other
    assert find_strip(bpy.context, "") == (scene, other)


def test_a_meta_strip_stands_for_the_recording_in_it(scene, sound):
    inside = add(scene, sound)
    add(scene, copied(sound, "b.wav"), "other", channel=2)
    meta = scene.sequence_editor.strips.new_meta("meta", 3, 1)
    inside.move_to_meta(meta)
    assert find_strip(bpy.context, "meta") == (scene, inside)
    scene.sequence_editor.active_strip = meta
    assert find_strip(bpy.context, "") == (scene, inside)


def test_several_recordings_in_a_scene_strip(scene, sound):
    music = new_scene("music")
    add(music, sound)
    second = add(music, copied(sound, "b.wav"), "b", channel=2)
    strip = scene.sequence_editor_create().strips.new_scene("music strip", music, 1, 1)
    strip.scene_input = "SEQUENCER"
    with pytest.raises(UserError, match="several sound strips"):
        find_strip(bpy.context, "music strip")
    music.sequence_editor.active_strip = second
    assert find_strip(bpy.context, "") == (scene, strip)
    assert strip_sound(scene, strip, scene, None, sound.parent).path.name == "b.wav"


def test_scenes_that_play_each_other(scene, sound):
    other = new_scene("other")
    add(other, sound)
    for a, b in ((scene, other), (other, scene)):
        editor = a.sequence_editor or a.sequence_editor_create()
        editor.strips.new_scene("x", b, 3, 1).scene_input = "SEQUENCER"
    edit, strip = find_strip(bpy.context, "")
    assert edit == scene and strip.name == "x"


def test_strips_without_sound_are_sentences(scene, sound):
    editor = scene.sequence_editor_create()
    with pytest.raises(UserError, match="There is no sound strip"):
        find_strip(bpy.context, "")
    editor.strips.new_movie("film.mp4", str(sound), 1, 1)
    said = 'The movie strip "film.mp4" brings no sound by itself: add it with Sound switched on.'
    for name in ("", "film.mp4"):
        with pytest.raises(UserError) as fault:
            find_strip(bpy.context, name)
        assert fault.value.message == said
    strip = add(scene, sound, channel=2)
    assert find_strip(bpy.context, "") == (scene, strip)
    editor.strips.new_meta("empty", 4, 1)
    with pytest.raises(UserError, match='"empty" brings no sound'):
        find_strip(bpy.context, "empty")
    with pytest.raises(UserError, match='no sound strip called "gone" any more'):
        find_strip(bpy.context, "gone")
