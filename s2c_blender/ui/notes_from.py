# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes From: the MIDI file whose notes are played, as a property. What it tells and changes is the strip."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy

from .. import compat
from ..errors import UserError
from ..session import session
from ..sounds.edit_sounds import Sounding, soundings
from ..sounds.midi_strip import MIDI_PROPERTY, midi_of
from ..sounds.new_strip import add_midi
from ..strip_audio import find_midi, find_strip


def midi_path(scene: bpy.types.Scene, name: str) -> str:
    """The MIDI file that the next take of a scene plays, as its strip keeps it; empty where there is none.

    name: of the strip that the panel chose.
    """
    found = _meant(scene, name)
    return str(found.strip.sound[MIDI_PROPERTY]) if found is not None else ""


def choose_midi(scene: bpy.types.Scene, name: str, path: str) -> None:
    """Let a MIDI file be played: its strip is unmuted, or added, and all others are muted; of no file all are.

    A file that cannot be played changes nothing, and the panel says why.
    """
    if session.active:
        return
    try:
        wanted = os.path.normpath(bpy.path.abspath(path)) if path else ""
        edit, start = _place(scene, name)
        here = [item for item in _midi_strips(edit) if wanted and midi_of(item.strip) == wanted]
        if wanted and not here:
            if not Path(wanted).is_file():
                raise UserError(
                    "midi_missing",
                    f'There is no file "{Path(wanted).name}": choose a MIDI file under Notes From.',
                    wanted,
                )
            add_midi(edit, Path(wanted), start)
            compat.show_in_sequencer(edit)
        for item in _midi_strips(edit):
            item.strip.mute = midi_of(item.strip) != wanted
    except UserError as fault:
        session.refuse(fault)
    else:
        session.dismiss()


def _meant(scene: bpy.types.Scene, name: str) -> Sounding | None:
    try:
        edit, strip = find_strip(_context(scene), name)
        return find_midi(edit, strip)
    except UserError:
        return None


def _place(scene: bpy.types.Scene, name: str) -> tuple[bpy.types.Scene, int]:
    """The edit in which a MIDI strip belongs, and the frame: with the recording, else at the scene's beginning."""
    try:
        edit, strip = find_strip(_context(scene), name)
    except UserError:
        return scene, scene.frame_start
    return (edit, compat.strip_start(strip)) if edit.library is None else (scene, scene.frame_start)


def _midi_strips(edit: bpy.types.Scene) -> Iterator[Sounding]:
    return (item for item in soundings(edit) if item.midi and item.scene.library is None)


def _context(scene: bpy.types.Scene) -> Any:
    """Blender's context where it shows the scene; a script may ask for another one's."""
    return bpy.context if bpy.context.scene == scene else SimpleNamespace(scene=scene)
