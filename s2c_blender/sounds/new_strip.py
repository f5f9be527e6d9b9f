# SPDX-License-Identifier: GPL-3.0-or-later
"""New strips for sounds and MIDI files: on a channel that is free, the path as the .blend wants it."""

from __future__ import annotations

import math
from pathlib import Path

import aud
import bpy

from .. import compat
from ..core.timebase import EPSILON_FRAMES
from ..errors import UserError
from .edit_sounds import time_base
from .midi_strip import add_midi_strip, midi_length

MOST_CHANNELS = 128
"""Blender's own limit."""


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
    select_only(editor, strip)
    return strip


def add_midi(scene: bpy.types.Scene, path: Path, start: int) -> bpy.types.Strip:
    """A new strip for a MIDI file, the only one selected. Raises UserError for a file without notes."""
    seconds = midi_length(path)
    editor = scene.sequence_editor or scene.sequence_editor_create()
    end = start + math.ceil(time_base(scene).frame(seconds) - EPSILON_FRAMES)
    channel = free_channel(editor, start, end)
    strip = add_midi_strip(editor, path, stored_path(path), channel, start, seconds)
    select_only(editor, strip)
    return strip


def select_only(editor: bpy.types.SequenceEditor, strip: bpy.types.Strip) -> None:
    """Let `strip` be the active one and the only one selected."""
    for other in editor.strips_all:
        other.select = False
    strip.select = True
    editor.active_strip = strip


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
