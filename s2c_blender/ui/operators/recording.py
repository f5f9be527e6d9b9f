# SPDX-License-Identifier: GPL-3.0-or-later
"""Add Recording: a sound or MIDI file goes into the sequencer of the scene with the hands, from whichever editor."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import IntProperty, StringProperty

from ... import compat
from ...errors import UserError
from ...sounds.edit_sounds import recording_of
from ...sounds.midi_strip import ENDINGS, is_midi_file
from ...sounds.new_strip import add_midi, add_strip, sound_seconds
from ...strip_audio import find_midi, find_strip
from ..showing import EDITORS
from .base import OperatorBase, no_scene_to_add_to

SOUNDS = ".wav .flac .mp3 .ogg .oga .opus .m4a .aac .aif .aiff .mp2 .ac3 .wma .mka"
VIDEOS = ".mp4 .m4v .mov .mkv .avi .webm .mpg .mpeg .ogv .mts .wmv"


class S2C_OT_add_recording(OperatorBase, bpy.types.Operator):
    """Puts a sound or MIDI strip beside the hands; `filepath` and `frame_start` are for scripts."""

    bl_idname = "s2c.add_recording"
    bl_label = "Add Recording…"
    bl_description = (
        "Put a piano recording or a MIDI file onto the timeline of this scene. The scene's end moves if it would cut "
        "the recording off. For a sound, Play Every Frame becomes Sync to Audio"
    )
    bl_options = {"UNDO"}

    filepath: StringProperty(
        name="File",
        description="A sound, a film with sound, or a MIDI file",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    filter_glob: StringProperty(
        default=";".join(f"*{ending}" for ending in (*SOUNDS.split(), *VIDEOS.split(), *ENDINGS)),
        options={"HIDDEN", "SKIP_SAVE"},
    )
    frame_start: IntProperty(
        name="Start",
        description="Frame on which the recording begins; not given, the scene's first",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        return no_scene_to_add_to(context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if self.properties.is_property_set("filepath") and self.filepath:
            return self.execute(context)  # dropped on the window, or given by a script
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def run(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        if not self.filepath:
            raise UserError("sound_missing", "No file is chosen: choose a sound or MIDI file.")
        path = Path(bpy.path.abspath(self.filepath))
        if not path.is_file():
            raise UserError(
                "sound_missing", f'There is no file "{path.name}": choose a sound or MIDI file.', str(path)
            )
        start = self.frame_start if self.properties.is_property_set("frame_start") else scene.frame_start
        midi = is_midi_file(path)
        strip = add_midi(scene, path, start) if midi else add_strip(scene, path, start, sound_seconds(path))
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
        if scene.sync_mode == "NONE" and not midi:
            scene.sync_mode = "AUDIO_SYNC"
        self.say("; ".join(said) + ".")
        return {"FINISHED"}


def choose_strip(context: bpy.types.Context, strip: bpy.types.Strip) -> None:
    """Let the panel mean `strip`, by its name only where it would mean another one otherwise."""
    settings = context.scene.s2c_settings
    for name in (settings.strip_name, ""):
        try:
            edit, found = find_strip(context, name)
            midi = find_midi(edit, found)
        except UserError:
            continue
        meant = [found, *([midi.strip] if midi is not None else [])]
        if edit == context.scene and any(
            item.type == "SOUND" and recording_of(item) == recording_of(strip) for item in meant
        ):
            settings.strip_name = name
            return
    settings.strip_name = strip.name


class S2C_FH_midi(bpy.types.FileHandler):
    """A MIDI file that is dropped on the 3D view or the Sequencer."""

    bl_idname = "S2C_FH_midi"
    bl_label = "MIDI for Piano Hands"
    bl_import_operator = "s2c.add_recording"
    bl_file_extensions = ";".join(ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Whether the editor under the mouse has our panel."""
        return context.area is not None and context.area.type in EDITORS


CLASSES = (S2C_OT_add_recording, S2C_FH_midi)
