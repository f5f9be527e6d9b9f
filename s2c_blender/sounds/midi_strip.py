# SPDX-License-Identifier: GPL-3.0-or-later
"""A MIDI file on the timeline: a sound strip of silence, as long as its music, that names the file.

Blender knows no MIDI strips. A strip of silence can be moved, trimmed, cut, muted and put into meta strips as any
other sound, and Blender keeps count of which part of it is left; neither picture nor sound change. The silence is
packed in the .blend. The file's path stands on Blender's sound, so that copies of the strip have it, too.
"""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import aud
import bpy

from ..core.midi_length import is_midi, midi_seconds
from ..core.protocol import is_number
from ..errors import UserError
from ..plain_text import shown

ENDINGS = (".mid", ".midi", ".rmi", ".kar")
MIDI_PROPERTY = "s2c_midi"
"""Custom property of a sound: the MIDI file, as `stored_path` keeps paths."""
WHOLE_PATH_PROPERTY = "s2c_midi_whole_path"
"""The same without `//`, for when the .blend was saved elsewhere."""
SECONDS_PROPERTY = "s2c_midi_seconds"
MOST_PATH = 4096
MOST_BYTES = 16 << 20
"""The generator reads no larger MIDI files."""
HEAD_BYTES = 12
RATE = 1000
"""Samples a second of the silence: its length is told to the millisecond."""
COLOR = "COLOR_05"
"""Colour tag of MIDI strips, so that they are not taken for sounds."""


def is_midi_file(path: Path) -> bool:
    """Whether a file is called a MIDI file, or is one. Raises UserError where it cannot be read."""
    if path.suffix.lower() in ENDINGS:
        return True
    try:
        with path.open("rb") as file:
            return is_midi(file.read(HEAD_BYTES))
    except OSError as error:
        raise UserError(
            "sound_unreadable", f'The file "{path.name}" cannot be read: {error.strerror}.', str(path)
        ) from error


def midi_of(strip: bpy.types.Strip) -> str:
    """The MIDI file that a sound strip stands for, as a whole path; empty for any other. Looks at properties only."""
    sound = strip.sound
    stored = sound.get(MIDI_PROPERTY) if sound is not None else None
    if not _is_path(stored):
        return ""
    return os.path.normpath(bpy.path.abspath(stored, library=sound.library))


def find_file(strip: bpy.types.Strip) -> Path:
    """The MIDI file of a strip. Raises UserError when it is not there."""
    path = Path(midi_of(strip))
    if path.is_file():
        return path
    earlier = strip.sound.get(WHOLE_PATH_PROPERTY)
    if _is_path(earlier) and Path(earlier).is_absolute() and Path(earlier).is_file():
        return Path(earlier)
    raise UserError(
        "midi_missing",
        f'The MIDI file "{path.name}" of the strip "{shown(strip.name, 64)}" is missing: put it back, or choose it '
        "again under Notes From.",
        str(path),
    )


def midi_length(path: Path) -> float:
    """Seconds that a MIDI file plays. Raises UserError for a file that is none, or that holds no notes."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(
            "midi_unreadable", f'The MIDI file "{path.name}" cannot be read: {error.strerror}.', str(path)
        ) from error
    if len(data) > MOST_BYTES:
        raise UserError(
            "midi_too_large",
            f'The MIDI file "{path.name}" is larger than {MOST_BYTES >> 20} MB; choose another.',
            str(path),
        )
    seconds = midi_seconds(data)
    if seconds <= 0:
        said = "holds no notes" if b"MThd" in data else "is no MIDI file"
        raise UserError("no_midi", f'The file "{path.name}" {said}: choose another.', str(path))
    return seconds


def add_midi_strip(
    editor: bpy.types.SequenceEditor, path: Path, kept: str, channel: int, start: int, seconds: float
) -> bpy.types.Strip:
    """A strip for a MIDI file of a length, on a channel that is free. kept: the path as the .blend should hold it."""
    with tempfile.TemporaryDirectory(dir=bpy.app.tempdir or None) as folder:
        silence = str(Path(folder, f"{path.name}.flac"))
        aud.Sound.silence(RATE).limit(0, seconds).write(
            silence, RATE, 1, aud.FORMAT_S16, aud.CONTAINER_FLAC, aud.CODEC_FLAC
        )
        strip = editor.strips.new_sound(path.name, silence, channel, start)
        strip.sound.pack()
    sound = strip.sound
    sound.name = path.name
    # Where Unpack would put it: never onto the MIDI file itself.
    sound.filepath = f"//{path.name}.silence.flac"
    sound[MIDI_PROPERTY], sound[SECONDS_PROPERTY] = kept, seconds
    if kept.startswith("//"):
        sound[WHOLE_PATH_PROPERTY] = str(path.resolve())
    strip.color_tag = COLOR
    strip.show_waveform = False
    return strip


def length_of(strip: bpy.types.Strip) -> float:
    """Seconds that the file of a MIDI strip played when it was added; infinite where that is not known."""
    stored = strip.sound.get(SECONDS_PROPERTY)
    return float(stored) if is_number(stored) and stored > 0 else math.inf


def _is_path(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MOST_PATH and "\0" not in value
