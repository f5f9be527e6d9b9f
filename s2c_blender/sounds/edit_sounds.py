# SPDX-License-Identifier: GPL-3.0-or-later
"""Every sound that an edit plays, through meta strips and scene strips: when, how loud, and why it is not heard.

Only properties are read; nothing here looks at a file, so panels may ask. What is said about time and loudness is
what `bpy.ops.sound.mixdown` was measured to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import bpy

from .. import compat
from ..core.timebase import Span, TimeBase, heard_span
from .midi_strip import midi_of

KINDS = {"META": "meta strip", "SCENE": "scene strip"}
"""What an animator calls a strip; every other is a strip."""


@dataclass(frozen=True)
class Link:
    """One strip on the way from an edit to a sound."""

    scene: bpy.types.Scene
    """The scene in whose sequencer the strip lies."""
    strip: bpy.types.Strip
    channels: bpy.types.bpy_prop_collection
    """The channels beside the strip: those of its meta strip, else of its sequencer."""
    in_meta: bool

    @property
    def named(self) -> str:
        """The strip as a sentence names it."""
        return f'{KINDS.get(self.strip.type, "strip")} "{self.strip.name}"'

    @property
    def camera(self) -> bool:
        """Whether it is a scene strip that shows a camera, which plays no sound."""
        return self.strip.type == "SCENE" and self.strip.scene_input != "SEQUENCER"

    @property
    def muted(self) -> str:
        """How the animator has switched it off, without a full stop; empty when it is on."""
        if self.strip.mute:
            return f"The {self.named} is muted"
        if self.channels[self.strip.channel].mute:
            return f"The channel of the {self.named} is muted"
        return ""

    @property
    def silence(self) -> str:
        """Why nothing is heard through it, without a full stop; empty when something is."""
        if self.muted:
            return self.muted
        if self.camera:
            return f"The {self.named} shows a camera and plays no sound (set its Input to Sequencer)"
        if compat.strip_volume(self.strip) == 0.0 and not volume_animated(self.scene, self.strip):
            return f"The volume of the {self.named} is 0"
        return ""


@dataclass(frozen=True)
class Sounding:
    """A sound strip, and the meta and scene strips through which the edit plays it."""

    chain: tuple[Link, ...]
    """From the strip that lies in the edit to the sound strip itself."""
    recording: tuple[str, object]
    """The same for all strips of one recording."""

    @property
    def edit(self) -> bpy.types.Scene:
        """The scene whose edit it is."""
        return self.chain[0].scene

    @property
    def scene(self) -> bpy.types.Scene:
        """The scene in whose sequencer the sound strip lies."""
        return self.chain[-1].scene

    @property
    def strip(self) -> bpy.types.Strip:
        """The sound strip."""
        return self.chain[-1].strip

    @property
    def lead(self) -> bpy.types.Strip:
        """The strip of the edit that stands for it: the sound strip, or the outermost scene strip."""
        return next(link.strip for link in self.chain if link.strip.type != "META")

    @property
    def midi(self) -> bool:
        """Whether it is a MIDI file, of which nothing is heard."""
        return bool(midi_of(self.strip))

    @property
    def camera(self) -> bool:
        """Whether a scene strip on the way shows a camera."""
        return any(link.camera for link in self.chain)

    def passes(self, strip: bpy.types.Strip | None) -> bool:
        """Whether `strip` is on the way."""
        return strip is not None and any(link.strip == strip for link in self.chain)

    @property
    def muted(self) -> str:
        """What is muted, a strip or a channel, without a full stop; empty when nothing is."""
        return next((link.muted for link in self.chain if link.muted), "")

    def silence(self) -> str:
        """Why it is not heard, without a full stop; empty when it is. MIDI has no volume: it is on or off."""
        if self.midi:
            return self.muted
        edit = self.edit
        if not edit.use_audio:
            return f'The audio of the scene "{edit.name}" is muted'
        for link in self.chain:
            if link.silence:
                return link.silence
        for scene in self._scenes():
            if scene.audio_volume == 0.0 and not volume_animated(scene, None):
                return f'The audio volume of the scene "{scene.name}" is 0'
        return ""

    def gain(self) -> float:
        """How loud it is played; what is animated counts as 1."""
        gain = 1.0
        for link in self.chain:
            if not volume_animated(link.scene, link.strip):
                gain *= compat.strip_volume(link.strip)
        for scene in self._scenes():
            if not volume_animated(scene, None):
                gain *= float(scene.audio_volume)
        return gain

    def animated(self) -> str:
        """Whose volume is animated, as a sentence names it; empty when none is."""
        for link in self.chain:
            if volume_animated(link.scene, link.strip):
                return link.named
        for scene in self._scenes():
            if volume_animated(scene, None):
                return f'scene "{scene.name}"'
        return ""

    def span(self) -> Span:
        """When it is heard, in seconds of the edit.

        A scene strip plays the other scene in seconds from that scene's first frame, counted at the edit's rate;
        within a meta strip from frame 0 (so measured in Blender 4.5 and 5.2).
        """
        span = heard_span(compat.strip_timing(self.strip), time_base(self.scene))
        for link in reversed(self.chain[:-1]):
            if link.strip.type != "SCENE":
                continue
            clock, timing = time_base(link.scene), compat.strip_timing(link.strip)
            first = 0 if link.in_meta else link.strip.scene.frame_start
            span = span.later(clock.seconds(timing.content_start - timing.content_trim_start - first))
            span = span.within(clock.seconds(timing.left_handle), clock.seconds(timing.right_handle))
        return span

    def _scenes(self) -> list[bpy.types.Scene]:
        return list(dict.fromkeys(link.scene for link in self.chain))


def time_base(scene: bpy.types.Scene) -> TimeBase:
    """The clock of a scene."""
    return TimeBase(scene.render.fps, scene.render.fps_base)


def soundings(edit: bpy.types.Scene) -> list[Sounding]:
    """Every sound and MIDI file of an edit, heard or not.

    Scenes shown by their camera count only where there is nothing else.
    """
    found = list(_walk(edit))
    return [item for item in found if not item.camera] or found


def sounds_first(found: list[Sounding]) -> list[Sounding]:
    """Those that can be heard; where there are none, the MIDI files: beside a sound, MIDI only gives the notes.

    Where all sounds are muted, the MIDI files that are not are played alone.
    """
    sounds = [item for item in found if not item.midi]
    playing = [item for item in found if item.midi and not item.muted]
    if all(item.muted for item in sounds) and playing:
        return playing
    return sounds or found


def recording_of(strip: bpy.types.Strip) -> tuple[str, object]:
    """What two strips of one recording have in common: the file, or the bytes packed from it."""
    sound = strip.sound
    if sound is None:
        return "", strip.name
    midi = midi_of(strip)
    if midi:
        return os.path.normcase(midi), "midi"
    path = os.path.normpath(bpy.path.abspath(sound.filepath, library=sound.library))
    packed = sound.packed_file
    return os.path.normcase(path), packed.size if packed is not None else None


def volume_animated(scene: bpy.types.Scene, strip: bpy.types.Strip | None) -> bool:
    """Whether a curve or driver of the scene changes the volume of the strip, or its own where strip is None."""
    data = scene.animation_data
    if data is None:
        return False
    if strip is None:
        path = "audio_volume"
    else:
        path = f'sequence_editor.strips_all["{bpy.utils.escape_identifier(strip.name)}"].volume'
    if data.drivers.find(path) is not None:
        return True
    if data.action is None or data.action_slot is None:
        return False
    bag = compat.channelbag(data.action, data.action_slot)
    return bag is not None and bag.fcurves.find(path) is not None


def _walk(
    scene: bpy.types.Scene, within: bpy.types.Strip | None = None, chain: tuple[Link, ...] = ()
) -> Iterator[Sounding]:
    holder = within if within is not None else scene.sequence_editor
    if holder is None:
        return
    strips: Iterable[bpy.types.Strip] = holder.strips
    for strip in strips:
        way = (*chain, Link(scene, strip, holder.channels, within is not None))
        if strip.type == "SOUND":
            yield Sounding(way, recording_of(strip))
        elif strip.type == "META":
            yield from _walk(scene, strip, way)
        elif strip.type == "SCENE" and strip.scene not in (None, *(link.scene for link in way)):  # no circles
            yield from _walk(strip.scene, None, way)
