# SPDX-License-Identifier: GPL-3.0-or-later
"""The sound that a strip of the sequencer really plays, as a file and a range of seconds for the worker.

Nothing is decoded here: the worker reads the file and cuts it, so Blender's main thread only looks at
properties. Packed sounds are copied to a temporary file in small pieces, one piece a tick.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from . import compat
from .core.timebase import HeardRange, TimeBase, heard_range
from .faults import Fault

PIECE_BYTES = 1 << 20
"""Bytes of a packed sound that are written in one tick."""


@dataclass(frozen=True)
class StripSound:
    """What a strip plays."""

    heard: HeardRange
    path: Path
    """An existing sound file, or where `packed` will be written."""
    packed: bytes = field(default=b"", repr=False)
    """The bytes of a packed sound, to be written to `path` before use."""
    note: str = ""
    """One sentence that the animator should know, for instance that the strip is muted."""

    def params(self) -> dict[str, object]:
        """The sound parameters of the worker."""
        heard = self.heard
        return {
            "sound": str(self.path),
            "sound_start_s": heard.sound_start_s,
            "sound_end_s": heard.sound_end_s,
        }


def time_base(scene: bpy.types.Scene) -> TimeBase:
    """The clock of a scene."""
    return TimeBase(scene.render.fps, scene.render.fps_base)


def find_strip(context: bpy.types.Context, name: str) -> tuple[bpy.types.Scene, bpy.types.Strip]:
    """The edit's scene and the sound strip called `name`; with no name the active or the only sound strip.

    Raises Fault when there is none, or when several could be meant.
    """
    scenes = list(dict.fromkeys(s for s in (compat.sequencer_scene(context), context.scene) if s is not None))
    found = [(scene, strip) for scene in scenes for strip in compat.sound_strips(scene)]
    if name:
        for scene, strip in found:
            if strip.name == name:
                return scene, strip
        raise Fault(
            "strip_missing", f'There is no sound strip called "{name}" any more; choose one in the S2C panel.'
        )
    if not found:
        raise Fault(
            "no_strip", "There is no sound strip: add a piano recording in the Video Sequencer (Add > Sound)."
        )
    for scene, strip in found:
        editor = scene.sequence_editor
        if editor.active_strip is not None and editor.active_strip.name == strip.name:
            return scene, strip
    if len(found) > 1:
        raise Fault("which_strip", "There are several sound strips: choose one in the S2C panel.")
    return found[0]


def strip_sound(
    edit: bpy.types.Scene,
    strip: bpy.types.Strip,
    scene: bpy.types.Scene,
    window: tuple[int, int] | None,
    temporary: Path,
) -> StripSound:
    """What `strip` plays, for the animation of `scene`.

    edit: the scene whose sequencer holds the strip; window: first and last frame of `scene`, or None for all
    of the strip; temporary: folder for the copy of a packed sound.
    Raises Fault, with one sentence, for a strip that cannot be used.
    """
    sound = strip.sound
    if sound is None:
        raise Fault("strip_empty", f'The strip "{strip.name}" has no sound file; choose another strip.')
    if len(strip.retiming_keys) > 0:
        raise Fault(
            "strip_retimed",
            f'The speed of the strip "{strip.name}" was changed, which cannot be followed: '
            "render the sound to a file (Render > Render Audio) and use that instead.",
        )
    timing = compat.strip_timing(strip)
    heard = heard_range(timing, time_base(edit), time_base(scene), window)
    whole = heard_range(timing, time_base(edit), time_base(scene), None)
    if heard is None and whole is not None and window is not None:
        raise Fault(
            "range_empty",
            f'The strip "{strip.name}" is not heard between frames {window[0]} and {window[1]}.',
        )
    if heard is None or heard.frames < 2:  # Blender shows even an empty file as one frame
        raise Fault(
            "strip_zero",
            f'The strip "{strip.name}" has no length; choose another recording or a longer range.',
        )
    note = f'The strip "{strip.name}" is muted; its sound is used all the same.' if strip.mute else ""
    packed = sound.packed_file
    if packed is not None:
        data = packed.data
        if not data:
            raise Fault("sound_empty", f'The sound packed in the strip "{strip.name}" is empty.')
        suffix = os.path.splitext(sound.filepath)[1] or ".wav"
        return StripSound(heard, temporary / f"packed{suffix}", data, note)
    path = Path(bpy.path.abspath(sound.filepath, library=sound.library))
    if not path.is_file():
        raise Fault(
            "sound_missing",
            f'The sound file "{path.name}" of the strip "{strip.name}" is missing; '
            "find it with File > External Data > Find Missing Files.",
            str(path),
        )
    if path.stat().st_size == 0:
        raise Fault(
            "sound_empty", f'The sound file "{path.name}" is empty; choose another recording.', str(path)
        )
    return StripSound(heard, path, b"", note)


def write_packed(sound: StripSound) -> Iterator[None]:
    """Write the bytes of a packed sound to its path, one piece per step; nothing for an external file.

    Raises Fault when the temporary folder cannot be written.
    """
    if not sound.packed:
        return
    try:
        with open(sound.path, "wb") as file:
            for start in range(0, len(sound.packed), PIECE_BYTES):
                file.write(sound.packed[start : start + PIECE_BYTES])
                yield
    except OSError as error:
        raise Fault(
            "temporary_folder",
            f'The folder for temporary files "{sound.path.parent}" cannot be written; '
            "choose another under Preferences > File Paths > Temporary Files.",
            str(error),
        ) from error
