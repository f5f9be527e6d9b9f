# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut, moved, muted and nested recordings: the pieces beside what Blender itself mixes down."""

import bpy
import pytest
from sequencer_helpers import get, mixed, put, same_sound, write_clicks

from s2c_blender.errors import UserError
from s2c_blender.sounds.edit_sounds import soundings
from s2c_blender.strip_audio import find_strip, heard_note, strip_sound

CUT = "The recording is cut into {} pieces; what is heard of them is played."


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 25, 1.0
    scene.sequence_editor_create()
    return scene


def add(scene, folder, frame=10, channel=1, name="rec", file="clicks.wav"):
    path = folder / file
    if not path.exists():
        write_clicks(path)
    return scene.sequence_editor.strips.new_sound(name, str(path), channel, frame)


def into_meta(scene, *strips, channel=5, name="meta"):
    """Blender makes an empty meta strip of one frame; its handles are drawn around what goes in."""
    left, right = min(get(s, "left_handle") for s in strips), max(get(s, "right_handle") for s in strips)
    meta = scene.sequence_editor.strips.new_meta(name, channel, left)
    for strip in strips:
        strip.move_to_meta(meta)
    put(meta, right_handle=right)
    put(meta, left_handle=left)
    return meta


def cut(strip, frame, hard=False):
    """Cut a strip; the left and the right part."""
    right = strip.split(frame=frame, split_method="HARD" if hard else "SOFT")
    return strip, right


# -- one edit -----------------------------------------------------------------------------------------


def gap(scene, folder):
    left, rest = cut(add(scene, folder), 60)
    _, right = cut(rest, 120)
    scene.sequence_editor.strips.remove(rest)
    assert (left, right) == tuple(scene.sequence_editor.strips)


def moved(scene, folder):
    _, right = cut(add(scene, folder), 80)
    put(right, content_start=get(right, "content_start") + 47)


def swapped(scene, folder):
    left, right = cut(add(scene, folder), 110)
    put(right, content_start=-70)
    put(left, content_start=200)


def doubled(scene, folder):
    add(scene, folder)
    add(scene, folder, frame=17, channel=2).volume = 0.5


def quieter(scene, folder):
    _, right = cut(add(scene, folder), 80)
    right.volume = 0.25


def hard(scene, folder):
    _, right = cut(add(scene, folder), 80, hard=True)
    put(right, content_start=get(right, "content_start") + 30)


def part_muted(scene, folder):
    _, right = cut(add(scene, folder), 80)
    cut(right, 140)[0].mute = True


def channel_muted(scene, folder):
    add(scene, folder)
    add(scene, folder, frame=17, channel=2)
    scene.sequence_editor.channels[2].mute = True


def silent_copy(scene, folder):
    add(scene, folder)
    add(scene, folder, frame=17, channel=2).volume = 0.0


def sub_frame(scene, folder):
    _, right = cut(add(scene, folder), 80)
    put(right, content_start=get(right, "content_start") + 20.37)


def before_zero(scene, folder):
    _, right = cut(add(scene, folder, frame=-41), 30)
    put(right, content_start=11)


def offset(scene, folder):
    _, right = cut(add(scene, folder), 80)
    right.sound_offset = 0.13


def ntsc(scene, folder):
    scene.render.fps, scene.render.fps_base = 30, 1.001
    gap(scene, folder)


def meta_moved(scene, folder):
    put(into_meta(scene, add(scene, folder)), content_start=57)


def meta_trimmed(scene, folder):
    meta = into_meta(scene, add(scene, folder))
    put(meta, right_handle=150)
    put(meta, left_handle=40)


def metas_nested(scene, folder):
    left, right = cut(add(scene, folder), 80)
    outer = into_meta(scene, into_meta(scene, right), left, name="outer", channel=7)
    put(outer, content_start=33)
    put(outer, left_handle=60)


def meta_part_muted(scene, folder):
    _, right = cut(add(scene, folder), 80)
    into_meta(scene, right).mute = True


def meta_channel_muted(scene, folder):
    left, right = cut(add(scene, folder), 80)
    right.channel = 2
    meta = into_meta(scene, left, right)
    meta.channels[2].mute = True


def meta_quieter(scene, folder):
    _, right = cut(add(scene, folder), 80)
    meta = into_meta(scene, right)
    if bpy.app.version >= (5, 0):
        meta.volume = 0.5


EDITS = [
    gap,
    moved,
    swapped,
    doubled,
    quieter,
    hard,
    part_muted,
    channel_muted,
    silent_copy,
    sub_frame,
    before_zero,
    offset,
    ntsc,
    meta_moved,
    meta_trimmed,
    metas_nested,
    meta_part_muted,
    meta_channel_muted,
    meta_quieter,
]


@pytest.mark.parametrize("build", EDITS, ids=lambda build: build.__name__)
def test_pieces_are_what_blender_mixes_down(scene, tmp_path, build):
    build(scene, tmp_path)
    edit, strip = find_strip(bpy.context, "")
    sound = strip_sound(edit, strip, scene, None, tmp_path)
    same_sound(scene, sound, scene, tmp_path / "mix.wav")
    assert sound.pieces[0].at_s == 0.0 and max(piece.gain for piece in sound.pieces) == 1.0


# -- scene strips -------------------------------------------------------------------------------------


def music_scene(folder, fps=25, frame_start=1, name="music"):
    scene = bpy.data.scenes.new(name)
    scene.render.fps, scene.frame_start, scene.frame_end = fps, frame_start, frame_start + 300
    scene.sequence_editor_create()
    add(scene, folder, frame=20)
    return scene


def add_scene(edit, scene, frame=31, channel=1, name="music strip"):
    strip = edit.sequence_editor.strips.new_scene(name, scene, channel, frame)
    strip.scene_input = "SEQUENCER"
    return strip


def scene_plain(scene, folder):
    add_scene(scene, music_scene(folder))


def scene_late_start(scene, folder):
    add_scene(scene, music_scene(folder, frame_start=11))


def scene_other_rate(scene, folder):
    add_scene(scene, music_scene(folder, fps=50, frame_start=11))


def scene_trimmed(scene, folder):
    strip = add_scene(scene, music_scene(folder))
    put(strip, left_handle_offset=25, right_handle_offset=170)


def scene_cut_hard(scene, folder):
    _, right = cut(add_scene(scene, music_scene(folder, frame_start=5)), 90, hard=True)
    put(right, content_start=get(right, "content_start") + 33)


def scene_handle_before(scene, folder):
    put(add_scene(scene, music_scene(folder, fps=50, frame_start=31)), left_handle_offset=-15)


def scene_cut(scene, folder):
    _, right = cut(add_scene(scene, music_scene(folder, frame_start=5)), 90)
    put(right, content_start=get(right, "content_start") + 33)
    right.volume = 0.5


def scene_with_cuts(scene, folder):
    music = music_scene(folder)
    _, right = cut(music.sequence_editor.strips[0], 80)
    put(right, content_start=get(right, "content_start") + 20)
    right.volume = 0.5
    add_scene(scene, music)


def scene_in_meta(scene, folder):
    into_meta(scene, add_scene(scene, music_scene(folder, frame_start=11)))


def scene_in_scene(scene, folder):
    middle = bpy.data.scenes.new("middle")
    middle.render.fps, middle.frame_start, middle.frame_end = 30, 4, 250
    middle.sequence_editor_create()
    add_scene(middle, music_scene(folder, frame_start=11))
    strip = add_scene(scene, middle)
    put(strip, left_handle_offset=60)


def scene_and_strip(scene, folder):
    music = music_scene(folder)
    music.audio_volume = 0.5
    add_scene(scene, music)
    add(scene, folder, frame=38, channel=2)


SCENES = [
    scene_plain,
    scene_late_start,
    scene_other_rate,
    scene_trimmed,
    scene_handle_before,
    scene_cut,
    pytest.param(
        scene_cut_hard,
        marks=pytest.mark.skipif(bpy.app.version < (5, 0), reason="4.5 plays it wrongly: refused"),
    ),
    scene_with_cuts,
    scene_in_meta,
    scene_in_scene,
    scene_and_strip,
]


@pytest.mark.skipif(bpy.app.version >= (5, 0), reason="5.2 plays it right")
def test_a_scene_strip_that_blender_plays_wrongly_is_refused(scene, tmp_path):
    scene_cut_hard(scene, tmp_path)
    edit, strip = find_strip(bpy.context, "")
    with pytest.raises(UserError, match="set Hold Offset Start to 0") as fault:
        strip_sound(edit, strip, scene, None, tmp_path)
    assert heard_note(bpy.context, "") == fault.value.message


@pytest.mark.parametrize("build", SCENES, ids=lambda build: build.__name__)
def test_sound_of_another_scene_is_heard_when_blender_plays_it(scene, tmp_path, build):
    build(scene, tmp_path)
    edit, strip = find_strip(bpy.context, "")
    assert edit == scene
    sound = strip_sound(edit, strip, scene, None, tmp_path)
    same_sound(scene, sound, scene, tmp_path / "mix.wav")


# -- what is said -------------------------------------------------------------------------------------


def test_a_cut_changes_nothing(scene, tmp_path):
    left, right = cut(add(scene, tmp_path), 77)
    for strip in (left, right):
        sound = strip_sound(scene, strip, scene, None, tmp_path)
        assert sound.params() == {
            "decoded": None,
            "sound": str(tmp_path / "clicks.wav"),
            "sound_start_s": 0.0,
            "sound_end_s": pytest.approx(8.0),
            "sounds": None,
        }
        assert (sound.heard.start_frame, sound.heard.frames) == (10, 200)
        assert sound.note == heard_note(bpy.context, strip.name) == CUT.format(2)


def test_pieces_are_told_to_the_worker_one_by_one(scene, tmp_path):
    gap(scene, tmp_path)
    last = scene.sequence_editor.strips[-1]
    last.volume = 0.5
    params = strip_sound(scene, last, scene, None, tmp_path).params()
    path = str(tmp_path / "clicks.wav")
    assert params == {
        "decoded": None,
        "sound": None,
        "sound_start_s": None,
        "sound_end_s": None,
        "sounds": [
            {"path": path, "start_s": 0.0, "end_s": pytest.approx(2.0), "at_s": 0.0, "gain": 1.0},
            {
                "path": path,
                "start_s": pytest.approx(4.4),
                "end_s": pytest.approx(8.0),
                "at_s": pytest.approx(4.4),
                "gain": 0.5,
            },
        ],
    }


def test_a_window_cuts_the_pieces(scene, tmp_path):
    gap(scene, tmp_path)
    strip = scene.sequence_editor.strips[0]
    sound = strip_sound(scene, strip, scene, (35, 139), tmp_path)
    assert (sound.heard.start_frame, sound.heard.frames) == (35, 105)
    assert [(p.start_s, p.end_s, p.at_s) for p in sound.pieces] == [
        pytest.approx((1.0, 2.0, 0.0)),
        pytest.approx((4.4, 5.2, 3.4)),
    ]
    one = strip_sound(scene, strip, scene, (100, 150), tmp_path)
    assert one.params()["sounds"] is None and one.heard.start_frame == 120
    with pytest.raises(UserError, match="not heard between frames 70 and 110"):
        strip_sound(scene, strip, scene, (70, 110), tmp_path)


def unheard(name):
    def strip_muted(scene, strip):
        strip.mute = True
        return 'The strip "rec" is muted'

    def channel_muted(scene, strip):
        scene.sequence_editor.channels[1].mute = True
        return 'The channel of the strip "rec" is muted'

    def volume(scene, strip):
        strip.volume = 0.0
        return 'The volume of the strip "rec" is 0'

    def meta(scene, strip):
        into_meta(scene, strip).mute = True
        return 'The meta strip "meta" is muted'

    def meta_channel(scene, strip):
        meta = into_meta(scene, strip)
        scene.sequence_editor.channels[meta.channel].mute = True
        return 'The channel of the meta strip "meta" is muted'

    def inner_channel(scene, strip):
        meta = into_meta(scene, strip)
        meta.channels[strip.channel].mute = True
        return 'The channel of the strip "rec" is muted'

    def audio(scene, strip):
        scene.use_audio = False
        return 'The audio of the scene "Scene" is muted'

    def scene_volume(scene, strip):
        scene.audio_volume = 0.0
        return 'The audio volume of the scene "Scene" is 0'

    return locals()[name]


@pytest.mark.parametrize(
    "name",
    "strip_muted channel_muted volume meta meta_channel inner_channel audio scene_volume".split(),
)
def test_what_is_not_heard_at_all_is_used_and_said_so(scene, tmp_path, name):
    said = unheard(name)(scene, add(scene, tmp_path)) + "; its sound is used all the same."
    assert not mixed(scene, tmp_path / "mix.wav").any()
    edit, strip = find_strip(bpy.context, "")
    sound = strip_sound(edit, strip, scene, None, tmp_path)
    assert (sound.note, heard_note(bpy.context, "")) == (said, said)
    assert sound.params()["sound_end_s"] == pytest.approx(8.0) and sound.pieces[0].gain == 1.0


def test_a_scene_strip_that_shows_a_camera_is_used_and_said_so(scene, tmp_path):
    strip = add_scene(scene, music_scene(tmp_path))
    strip.scene_input = "CAMERA"
    assert not mixed(scene, tmp_path / "mix.wav").any()
    edit, found = find_strip(bpy.context, "")
    sound = strip_sound(edit, found, scene, None, tmp_path)
    assert (edit, found) == (scene, strip)
    assert "set its Input to Sequencer" in sound.note and sound.note.count(".") == 1
    strip.scene_input = "SEQUENCER"
    assert strip_sound(edit, found, scene, None, tmp_path).heard == sound.heard
    other = add(scene, tmp_path, channel=3, name="other", file="other.wav")
    strip.scene_input = "CAMERA"
    assert find_strip(bpy.context, "") == (scene, other)
    with pytest.raises(UserError, match="set its Input to Sequencer"):
        find_strip(bpy.context, "music strip")


@pytest.mark.parametrize("whose", ["strip", "scene", "driver"])
def test_an_animated_volume_is_said_and_not_followed(scene, tmp_path, whose):
    strip = add(scene, tmp_path, name='re"c')
    if whose == "driver":
        strip.driver_add("volume").driver.expression = "0"
    elif whose == "strip":
        strip.volume = 0.0
        strip.keyframe_insert("volume", frame=1)
    else:
        scene.audio_volume = 0.0
        scene.keyframe_insert("audio_volume", frame=1)
    named = 'scene "Scene"' if whose == "scene" else 'strip "re"c"'
    said = f"The volume of the {named} is animated; the hands hear it evenly loud."
    assert strip_sound(scene, strip, scene, None, tmp_path).note == said == heard_note(bpy.context, "")


def test_a_retimed_piece_matters_only_where_it_is_heard(scene, tmp_path):
    if bpy.app.version < (5, 0):
        pytest.skip("retiming keys cannot be added from Python before 5.0")
    left, right = cut(add(scene, tmp_path), 80)
    right.retiming_keys.add(timeline_frame=120)
    with pytest.raises(UserError, match=r'speed of the strip "rec\.001"') as fault:
        strip_sound(scene, left, scene, None, tmp_path)
    assert heard_note(bpy.context, "") == fault.value.message
    right.mute = True
    assert strip_sound(scene, left, scene, None, tmp_path).heard.frames == 70


def test_a_meta_strip_that_lets_nothing_through_is_named(scene, tmp_path):
    strip = add(scene, tmp_path)
    strip.move_to_meta(scene.sequence_editor.strips.new_meta("meta", 2, 10))
    with pytest.raises(UserError, match='meta strip "meta" lets nothing of the strip "rec" be heard'):
        strip_sound(scene, strip, scene, None, tmp_path)


def test_packed_pieces_are_one_recording(scene, tmp_path):
    gap(scene, tmp_path)
    add(scene, tmp_path, frame=300, channel=2)  # Blender 4.5 makes a second copy of the sound
    for sound in bpy.data.sounds:
        sound.pack()
    (tmp_path / "clicks.wav").unlink()
    sound = strip_sound(scene, scene.sequence_editor.strips[0], scene, None, tmp_path / "copy")
    assert len(sound.pieces) == 3 and sound.packed
    assert {piece["path"] for piece in sound.params()["sounds"]} == {str(tmp_path / "copy" / "packed.wav")}


def test_a_note_reads_no_files(scene, tmp_path, monkeypatch):
    gap(scene, tmp_path)
    (tmp_path / "clicks.wav").unlink()
    monkeypatch.setattr("builtins.open", None)
    monkeypatch.setattr("io.open", None)  # pathlib's
    assert heard_note(bpy.context, "") == CUT.format(2) and len(soundings(scene)) == 2
