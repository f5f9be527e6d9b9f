# SPDX-License-Identifier: GPL-3.0-or-later
"""Add Recording: a sound goes into the sequencer of the scene that holds the hands, from whichever editor."""

from __future__ import annotations

import math
from pathlib import Path

import aud
import bpy
from bpy.props import IntProperty, StringProperty

from ... import compat
from ...core.timebase import EPSILON_FRAMES
from ...errors import UserError
from ...sounds.edit_sounds import recording_of, time_base
from ...strip_audio import find_strip
from .base import OperatorBase

SOUNDS = ".wav .flac .mp3 .ogg .oga .opus .m4a .aac .aif .aiff .mp2 .ac3 .wma .mka"
VIDEOS = ".mp4 .m4v .mov .mkv .avi .webm .mpg .mpeg .ogv .mts .wmv"
MIDI = (".mid", ".midi")
MOST_CHANNELS = 128
"""Blender's own limit."""


class S2C_OT_add_recording(OperatorBase, bpy.types.Operator):
    """Puts a sound strip beside the hands; `filepath` and `frame_start` are for scripts."""

    bl_idname = "s2c.add_recording"
    bl_label = "Add Recording…"
    bl_description = (
        "Put a piano recording into the sequencer of this scene, from whichever editor. The scene's end moves where it "
        "would cut the recording off, and playback is set to Sync to Audio where it plays every frame"
    )
    bl_options = {"UNDO"}

    filepath: StringProperty(
        name="File", description="A sound, or a film with sound", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: StringProperty(
        default=";".join(f"*{ending}" for ending in (*SOUNDS.split(), *VIDEOS.split(), *MIDI)),
        options={"HIDDEN", "SKIP_SAVE"},
    )
    frame_start: IntProperty(
        name="Start",
        description="Frame on which the recording begins; not given, the scene's first",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        if context.scene is None:
            return "There is no scene."
        if context.scene.library is not None:
            return "This scene is linked from another file; open that file, or make a scene of your own."
        return ""

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if self.properties.is_property_set("filepath") and self.filepath:
            return self.execute(context)  # dropped on the window, or given by a script
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        if not self.filepath:
            raise UserError("sound_missing", "No file is chosen: choose a sound file.")
        path = Path(bpy.path.abspath(self.filepath))
        if not path.is_file():
            raise UserError(
                "sound_missing", f'There is no file "{path.name}": choose a sound file.', str(path)
            )
        if path.suffix.lower() in MIDI:
            return self._take_midi(scene, path)
        seconds = sound_seconds(path)
        start = self.frame_start if self.properties.is_property_set("frame_start") else scene.frame_start
        strip = add_strip(scene, path, start, seconds)
        compat.show_in_sequencer(scene)
        choose_strip(context, strip)
        said = [f'Added "{strip.name}" to the sequencer of "{scene.name}", from frame {start} on']
        shown = compat.sequencer_scene(context)
        if shown is not None and shown != scene:
            said.append(f'the Sequencer shows the scene "{shown.name}"')
        last = compat.strip_end(strip) - 1
        if last > scene.frame_end:
            scene.frame_end = last
            said.append(f"the scene now ends with it at frame {last}")
        if scene.sync_mode == "NONE":
            scene.sync_mode = "AUDIO_SYNC"
        self.say("; ".join(said) + ".")
        return {"FINISHED"}

    def _take_midi(self, scene: bpy.types.Scene, path: Path) -> set[str]:
        settings = scene.s2c_settings
        if not hasattr(settings, "midi_path"):
            raise UserError(
                "midi_no_sound",
                "A MIDI file has no sound for the timeline: render it to a sound file first, or use Apply Take with a "
                "take made from it by the command line.",
            )
        settings.midi_path = stored_path(path)
        self.say(f'The hands will play the notes of "{path.name}".')
        return {"FINISHED"}


def sound_seconds(path: Path) -> float:
    """How long a sound file is. Raises UserError for a file without sound; only the file's head is read."""
    if path.stat().st_size == 0:
        raise UserError(
            "sound_empty", f'The file "{path.name}" is empty; choose another recording.', str(path)
        )
    try:
        sound = aud.Sound(str(path))
        seconds = sound.length / sound.specs[0]
    except aud.error as error:
        raise UserError(
            "not_a_sound",
            f'Blender finds no sound in "{path.name}": choose a sound file, or convert it to WAV or FLAC.',
            str(error),
        ) from error
    if seconds <= 0:
        raise UserError(
            "sound_empty", f'The sound in "{path.name}" has no length; choose another recording.', str(path)
        )
    return float(seconds)


def add_strip(scene: bpy.types.Scene, path: Path, start: int, seconds: float) -> bpy.types.Strip:
    """A new sound strip on a channel that is free for its whole length, the only one selected. Raises UserError."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    end = start + math.ceil(time_base(scene).frame(seconds) - EPSILON_FRAMES)
    channel = free_channel(editor, start, end)
    strip = editor.strips.new_sound(path.name, str(path), channel, start)
    kept = stored_path(path)
    if strip.sound.filepath != kept:
        strip.sound.filepath = kept
    strip.show_waveform = True
    for other in editor.strips_all:
        other.select = False
    strip.select = True
    editor.active_strip = strip
    return strip


def free_channel(editor: bpy.types.SequenceEditor, start: int, end: int) -> int:
    """The lowest channel that is heard, not locked, and holds nothing from frame `start` to `end`. Raises UserError."""
    taken = {
        strip.channel
        for strip in editor.strips
        if compat.strip_start(strip) < end and compat.strip_end(strip) > start
    }
    for channel in range(1, MOST_CHANNELS + 1):
        settings = editor.channels[channel]
        if channel not in taken and not settings.mute and not settings.lock:
            return channel
    raise UserError(
        "no_channel", "Every channel of the sequencer is taken there: free one, or add it elsewhere."
    )


def stored_path(path: Path) -> str:
    """The path as the file should keep it: relative to a saved file that it lies beside, or that wants it so."""
    if not bpy.data.filepath:
        return str(path)
    folder = Path(bpy.data.filepath).resolve().parent
    if not (path.resolve().is_relative_to(folder) or bpy.context.preferences.filepaths.use_relative_paths):
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:  # another drive of Windows
        return str(path)


def choose_strip(context: bpy.types.Context, strip: bpy.types.Strip) -> None:
    """Let the panel mean `strip`, by its name only where it would mean another one otherwise."""
    settings = context.scene.s2c_settings
    for name in (settings.strip_name, ""):
        try:
            edit, found = find_strip(context, name)
        except UserError:
            continue
        if edit == context.scene and found.type == "SOUND" and recording_of(found) == recording_of(strip):
            settings.strip_name = name
            return
    settings.strip_name = strip.name


CLASSES = (S2C_OT_add_recording,)
