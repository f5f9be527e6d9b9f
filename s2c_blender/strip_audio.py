# SPDX-License-Identifier: GPL-3.0-or-later
"""The sound that a strip of the sequencer really plays, as a file and a range of seconds for the worker.

Nothing is decoded here: the worker reads the file and cuts it, or a WAV file that a second Blender makes of it, so
Blender's main thread only looks at properties. Packed sounds are copied to a temporary file in small pieces, one piece
a tick.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy

from . import compat
from .core.timebase import HeardRange, Placement, heard_pieces
from .errors import UserError
from .plain_text import shown
from .sounds.decoding import HEAD_BYTES, Decoding, decode, is_plain_wav, read_head
from .sounds.edit_sounds import Sounding, soundings, sounds_first, time_base
from .sounds.midi_strip import find_file, length_of

LONGEST_NAME = 64
"""Characters of a strip's name in a sentence: Blender gives no longer ones, a file may ask for any, and Blender cuts
off what a button says after 512 bytes."""
PIECE_BYTES = 1 << 20
"""Bytes of a packed sound that are written in one tick."""
SAME_S = 1e-5
"""Seconds within which two pieces of a recording touch; Blender's own numbers are off by less."""


@dataclass(frozen=True)
class SoundPiece:
    """Seconds of a sound file, heard from a second of the take on."""

    path: Path
    start_s: float
    end_s: float
    at_s: float
    gain: float
    """Its loudness beside the other pieces; the loudest has 1."""


@dataclass(frozen=True)
class StripSound:
    """What a strip, and the others of its recording, play."""

    heard: HeardRange
    path: Path
    """An existing sound file, or where `packed` will be written."""
    packed: bytes = field(default=b"", repr=False)
    """The bytes of a packed sound, to be written to `path` before use."""
    note: str = ""
    """What the animator should know, in whole sentences, for instance that the strip is muted."""
    pieces: tuple[SoundPiece, ...] = ()
    """What is heard, in the order of time; between them is silence, and where they overlap they add up."""
    decoding: Decoding | None = None
    """How `path` is decoded first; None where the worker reads it as it is."""
    midi: Path | None = None
    """The MIDI file whose notes are played; of a MIDI strip it is `path`, and the pieces are of it."""

    @property
    def silent(self) -> bool:
        """Whether there is nothing to listen to: it is a MIDI file alone."""
        return self.midi is not None and self.midi == self.path

    def params(self) -> dict[str, Any]:
        """The worker's parameters for this sound and these notes."""
        notes = {"midi": str(self.midi)} if self.midi is not None else {}
        return {**notes, **(self._midi_params() if self.silent else self._sound_params())}

    def _midi_params(self) -> dict[str, Any]:
        pieces = [  # rounded, so that nothing is left of a note that ends where a piece begins
            {
                "start_s": round(p.start_s, 6),
                "end_s": round(p.end_s, 6) if math.isfinite(p.end_s) else None,
                "at_s": round(p.at_s, 6),
            }
            for p in self.pieces
        ]
        asked: dict[str, Any] = {"sound": None, "sounds": None, "decoded": None}
        if len(pieces) > 1:
            return {**asked, "midi_pieces": pieces}
        return {**asked, "sound_start_s": pieces[0]["start_s"], "sound_end_s": pieces[0]["end_s"]}

    def _sound_params(self) -> dict[str, Any]:
        decoded = {"decoded": str(self.decoding.target) if self.decoding is not None else None}
        if len(self.pieces) > 1:
            sounds = [
                {"path": str(p.path), "start_s": p.start_s, "end_s": p.end_s, "at_s": p.at_s, "gain": p.gain}
                for p in self.pieces
            ]
            return {**decoded, "sound": None, "sound_start_s": None, "sound_end_s": None, "sounds": sounds}
        (piece,) = self.pieces
        return {
            **decoded,
            "sound": str(piece.path),
            "sound_start_s": piece.start_s,
            "sound_end_s": piece.end_s,
            "sounds": None,
        }


# -- which strip --------------------------------------------------------------------------------------


def find_strip(context: bpy.types.Context, name: str) -> tuple[bpy.types.Scene, bpy.types.Strip]:
    """The edit's scene and the strip called `name`; with no name the active strip or the only recording.

    MIDI strips count only where a scene has no sound: beside one they say which notes are played (`find_midi`).

    The context's scene comes first, then the scene of the Sequencer, then the edits of all others, so that it does
    not matter from which workspace one looks. Several strips of one recording are one. The strip is a sound strip, a
    MIDI strip, or a scene strip that plays the sound of another scene.
    Raises UserError when there is none, or when several could be meant.
    """
    groups = _scenes(context)
    if name:
        return _named([scene for group in groups for scene in group], name)
    for group in groups:
        found = [(scene, heard) for scene in group if (heard := sounds_first(soundings(scene)))]
        if not found:
            continue
        if len({item.recording for _, heard in found for item in heard}) > 1 and len(found) > 1:
            names = " and ".join(f'"{scene.name}"' for scene, _ in found[:2])
            raise UserError(
                "which_strip",
                f"There are recordings in several scenes ({names}): press Add Recording to bring the one to play "
                "into this scene.",
            )
        edit, heard = next((pair for pair in found if _views(pair[0], context.scene)), found[0])
        return edit, _choose(edit, heard).lead
    for group in groups:
        for scene in group:
            for strip in scene.sequence_editor.strips_all if scene.sequence_editor is not None else ():
                if strip.type == "MOVIE":
                    raise UserError("no_strip", _silent(strip))
    raise UserError(
        "no_strip",
        "There is no sound strip and no MIDI file: press Add Recording, or add a sound in the Video Sequencer "
        "(Add > Sound).",
    )


def find_midi(edit: bpy.types.Scene, strip: bpy.types.Strip) -> Sounding | None:
    """The MIDI strip whose notes are played with the recording of `strip`, or which is that recording; else None.

    A muted one beside a sound is not played. Raises UserError when several could be meant.
    """
    found = soundings(edit)
    own = [item for item in found if item.midi and item.lead == strip]
    if own and not any(item.lead == strip and not item.midi for item in found):
        return own[0]
    beside = [item for item in found if item.midi and not item.silence()]
    active = [item for item in beside if item.passes(edit.sequence_editor.active_strip)]
    for items in (beside, active):
        if len({item.recording for item in items}) == 1:
            return items[0]
    if beside:
        raise UserError(
            "which_midi", "There are several MIDI strips: select the one to play, or mute all others."
        )
    return None


def heard_note(context: bpy.types.Context, name: str) -> str:
    """What the animator should know about the sound before it is used; empty when all is plain.

    name: as for `find_strip`. Only properties are read.
    """
    try:
        edit, strip = find_strip(context, name)
        recording = _recording(edit, strip)
    except UserError:
        return ""  # the button that plays the sound says it
    used = _heard(recording)
    refusal = _refusal(used)
    if refusal is not None:
        return refusal.message
    try:
        midi = find_midi(edit, strip)
    except UserError as fault:
        return fault.message
    return _note(edit, context.scene, recording, used, midi)


def _scenes(context: bpy.types.Context) -> list[list[bpy.types.Scene]]:
    """The scenes to search, in groups: where one has a recording, the groups after it are not asked."""
    groups = [[context.scene], [compat.sequencer_scene(context)], compat.chosen_edits(), bpy.data.scenes[:]]
    seen: list[bpy.types.Scene | None] = [None]
    found = []
    for group in groups:
        found.append([scene for scene in dict.fromkeys(group) if scene not in seen])
        seen += group
    return found


def _named(scenes: Sequence[bpy.types.Scene], name: str) -> tuple[bpy.types.Scene, bpy.types.Strip]:
    for scene in scenes:
        called = [
            item
            for item in soundings(scene)
            if any(link.scene == scene and link.strip.name == name for link in item.chain)
        ]
        if called:
            return scene, _choose(scene, called).lead
    for scene in scenes:
        strip = scene.sequence_editor.strips_all.get(name) if scene.sequence_editor is not None else None
        if strip is not None:
            raise UserError("strip_silent", _silent(strip))
    raise UserError(
        "strip_missing",
        f'There is no sound strip called "{shown(name, LONGEST_NAME)}" any more; choose one in the S2C panel.',
    )


def _silent(strip: bpy.types.Strip) -> str:
    """Why a strip brings no sound."""
    if strip.type == "MOVIE":
        return f'The movie strip "{strip.name}" brings no sound by itself: add it with Sound switched on.'
    if strip.type == "SCENE" and strip.scene_input != "SEQUENCER":
        return (
            f'The scene strip "{strip.name}" shows a camera and plays no sound: set its Input to Sequencer, '
            "or choose another strip."
        )
    return f'The strip "{strip.name}" brings no sound: choose a sound or MIDI strip in the S2C panel.'


def _choose(edit: bpy.types.Scene, found: list[Sounding]) -> Sounding:
    """The one that is meant: of the active strip, else of the only recording. Raises UserError."""
    found = sounds_first(found)
    scenes = [edit]
    if all(item.lead == found[0].lead for item in found):
        scenes += [item.scene for item in found]  # in one scene strip: what is active in there
    for scene in dict.fromkeys(scenes):
        active = [item for item in found if item.passes(scene.sequence_editor.active_strip)]
        if active and len({item.recording for item in active}) == 1:
            return active[0]
        if active and len(active) < len(found):
            return _choose(edit, active)
    if len({item.recording for item in found}) == 1:
        return min(found, key=lambda item: (bool(item.silence()), compat.strip_start(item.lead)))
    kind = "MIDI" if found[0].midi else "sound"
    raise UserError("which_strip", f"There are several {kind} strips: choose one in the S2C panel.")


def _recording(edit: bpy.types.Scene, strip: bpy.types.Strip) -> list[Sounding]:
    """All that the edit plays of the recording of `strip`. Raises UserError."""
    found = soundings(edit)
    own = [item for item in found if item.lead == strip]
    if not own:
        raise UserError("strip_silent", _silent(strip))
    recording = _choose(edit, own).recording
    return [item for item in found if item.recording == recording]


# -- what is heard of it ------------------------------------------------------------------------------


def strip_sound(
    edit: bpy.types.Scene,
    strip: bpy.types.Strip,
    scene: bpy.types.Scene,
    window: tuple[int, int] | None,
    temporary: Path,
) -> StripSound:
    """What `strip` and all other strips of its recording play, for the animation of `scene`.

    edit: the scene whose sequencer holds the strip; window: first and last frame of `scene`, or None for all
    of the recording; temporary: folder for the copy of a packed sound.
    Raises UserError, with one sentence, for a strip that cannot be used.
    """
    recording = _recording(edit, strip)
    used = _heard(recording)
    if used[0].strip.sound is None:
        raise UserError("strip_empty", f'The strip "{strip.name}" has no sound file; choose another strip.')
    refusal = _refusal(used)
    if refusal is not None:
        raise refusal
    spans, placement = [item.span() for item in used], _placement(edit, scene)
    heard = heard_pieces(spans, placement, window)
    whole = heard_pieces(spans, placement, None)
    if heard is None and whole is not None and window is not None:
        raise UserError(
            "range_empty",
            f'The strip "{strip.name}" is not heard between frames {window[0]} and {window[1]}.',
        )
    if heard is None or heard.frames < 2:  # Blender shows even an empty file as one frame
        raise UserError("strip_zero", _no_length(used[0]))
    midi = find_midi(edit, strip)
    path, packed = (find_file(used[0].strip), b"") if used[0].midi else _file(used[0].strip, temporary)
    found = [(piece, item.gain()) for piece, item in zip(heard.pieces, used) if piece is not None]
    loudest = max(gain for _, gain in found)
    pieces = _joined(
        [
            SoundPiece(path, piece.start_s, piece.end_s, piece.at_s, gain / loudest if loudest > 0.0 else 1.0)
            for piece, gain in found
        ]
    )
    extent = HeardRange(heard.start_frame, heard.frames, pieces[0].start_s, pieces[-1].end_s)
    note = _note(edit, scene, recording, used, midi)
    if used[0].midi:
        last_frame_s = length_of(used[0].strip) - 1.0 / time_base(used[0].scene).rate
        if pieces[-1].end_s > last_frame_s:  # to its last note, whatever the strip's length in frames
            pieces = (*pieces[:-1], replace(pieces[-1], end_s=math.inf))
        return StripSound(extent, path, note=note, pieces=pieces, midi=path)
    decoding = None
    if not is_plain_wav(packed[:HEAD_BYTES] if packed else read_head(path)):
        decoding = Decoding(path, temporary / "decoded.wav", max(piece.end_s for piece in pieces))
    notes = find_file(midi.strip) if midi is not None else None
    return StripSound(extent, path, packed, note, pieces, decoding, notes)


def _refusal(used: list[Sounding]) -> UserError | None:
    """What cannot be followed in what is heard."""
    for item in used:
        for link in item.chain:
            if len(getattr(link.strip, "retiming_keys", ())) > 0 and item.midi:
                return UserError(
                    "strip_retimed",
                    f"The speed of the {link.named} was changed, which MIDI cannot follow: take it back with "
                    "Strip > Retiming > Reset Retiming, and change the tempo in the MIDI file.",
                )
            if len(getattr(link.strip, "retiming_keys", ())) > 0:
                return UserError(
                    "strip_retimed",
                    f"The speed of the {link.named} was changed, which cannot be followed: "
                    "render the sound to a file (Render > Render Audio) and use that instead.",
                )
            if link.strip.type == "SCENE" and compat.plays_trimmed_scene_wrongly(link.strip):
                return UserError(
                    "scene_trimmed",
                    f"The {link.named} was cut hard or has a Hold Offset, and this Blender plays its sound at changing "
                    "times: set Hold Offset Start to 0 and use its handles.",
                )
    return None


def _no_length(item: Sounding) -> str:
    """Why nothing that lasts is heard of it."""
    timing = compat.strip_timing(item.strip)
    metas = [link for link in item.chain if link.strip.type == "META"]
    if metas and timing.content_duration >= 2 and timing.right_handle - timing.left_handle < 2:
        return (
            f'The {metas[-1].named} lets nothing of the strip "{item.strip.name}" be heard: '
            "drag its handles apart."
        )
    return f'The strip "{item.strip.name}" has no length; choose another recording or a longer range.'


def _heard(recording: list[Sounding]) -> list[Sounding]:
    """Those that are heard; all of them when none is, for the sound is then used all the same."""
    return [item for item in recording if not item.silence()] or recording


def _file(strip: bpy.types.Strip, temporary: Path) -> tuple[Path, bytes]:
    """The sound file of a strip, and its bytes where they are packed. Raises UserError for one that cannot be used."""
    sound = strip.sound
    packed = sound.packed_file
    if packed is not None:
        data = packed.data
        if not data:
            raise UserError("sound_empty", f'The sound packed in the strip "{strip.name}" is empty.')
        suffix = os.path.splitext(sound.filepath)[1] or ".wav"
        return temporary / f"packed{suffix}", data
    path = Path(bpy.path.abspath(sound.filepath, library=sound.library))
    if not path.is_file():
        raise UserError(
            "sound_missing",
            f'The sound file "{path.name}" of the strip "{strip.name}" is missing; '
            "find it with File > External Data > Find Missing Files.",
            str(path),
        )
    if path.stat().st_size == 0:
        raise UserError(
            "sound_empty", f'The sound file "{path.name}" is empty; choose another recording.', str(path)
        )
    return path, b""


def _joined(pieces: list[SoundPiece]) -> tuple[SoundPiece, ...]:
    """The pieces in the order of time, those that go on where another ends joined: a mere cut is no gap."""
    joined: list[SoundPiece] = []
    last: dict[
        tuple[float, float], int
    ] = {}  # the last piece of each loudness and place of the file's second 0
    for piece in sorted(pieces, key=lambda piece: (piece.at_s, piece.start_s)):
        line = piece.gain, round(piece.at_s - piece.start_s, 4)
        i = last.get(line)
        if i is not None and abs(joined[i].end_s - piece.start_s) < SAME_S:
            joined[i] = replace(joined[i], end_s=piece.end_s)
        else:
            last[line] = len(joined)
            joined.append(piece)
    return tuple(joined)


# -- where the edit and the animation lie beside each other -------------------------------------------


def _views(edit: bpy.types.Scene, scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    """The strips of another edit that show the animated scene."""
    if edit == scene or edit.sequence_editor is None:
        return []
    return [
        strip
        for strip in edit.sequence_editor.strips_all
        if strip.type == "SCENE" and strip.scene == scene and strip.scene_input == "CAMERA" and not strip.mute
    ]


def _shifts(edit: bpy.types.Scene, scene: bpy.types.Scene) -> set[float]:
    """By how many frames the animated scene runs ahead of the edit that shows it, one for each place."""
    timings = [compat.strip_timing(strip) for strip in _views(edit, scene)]
    return {scene.frame_start - (timing.content_start - timing.content_trim_start) for timing in timings}


def _placement(edit: bpy.types.Scene, scene: bpy.types.Scene) -> Placement:
    """Frame 1 with frame 1, unless the edit shows the animated scene at another time."""
    clock, animated = time_base(edit), time_base(scene)
    shifts = _shifts(edit, scene)
    follow = len(shifts) == 1 and abs(clock.rate - animated.rate) < 1e-6
    return Placement(clock, animated, shifts.pop() if follow else 0.0)


# -- what to say about it -----------------------------------------------------------------------------


def _note(
    edit: bpy.types.Scene,
    scene: bpy.types.Scene,
    recording: list[Sounding],
    used: list[Sounding],
    midi: Sounding | None,
) -> str:
    """Sentences about the sound and the notes, those that matter most first."""
    said = [_silence_note(used), _place_note(edit, scene)]
    if midi is not None and not used[0].midi:
        said.append(f'The notes of "{midi.strip.name}" are played, in the time of the recording.')
    if len(recording) > 1:
        said.append(f"The recording is cut into {len(recording)} pieces; what is heard of them is played.")
    animated = next((name for item in used if (name := item.animated())), "")
    if animated and not used[0].midi:
        said.append(f"The volume of the {animated} is animated; the hands hear it evenly loud.")
    return " ".join(sentence for sentence in said if sentence)


def _silence_note(used: list[Sounding]) -> str:
    reason = used[0].silence()  # those that are used are all heard, or none is
    what = "notes are" if used[0].midi else "sound is"
    return f"{reason}; its {what} used all the same." if reason else ""


def _place_note(edit: bpy.types.Scene, scene: bpy.types.Scene) -> str:
    if edit == scene:
        return ""
    views, shifts = _views(edit, scene), _shifts(edit, scene)
    rates = time_base(edit).rate, time_base(scene).rate
    where = f'The recording lies in the scene "{edit.name}"'
    if views and abs(rates[0] - rates[1]) >= 1e-6:
        return (
            f"{where}, which has {rates[0]:g} frames a second, this one {rates[1]:g}: give both the same, "
            "or its film and the sound drift apart."
        )
    if len(shifts) > 1:
        return f"{where}, which shows this scene at several times: its frame 1 is taken for frame 1 here."
    if shifts:
        return f'{where}; the hands play as the scene strip "{views[0].name}" shows them there.'
    return f"{where}; its frame 1 is taken for frame 1 here."


def write_packed(sound: StripSound) -> Iterator[None]:
    """Write the bytes of a packed sound to its path, a piece a step, then decode what the worker does not read itself.

    Nothing is done for a plain file. Raises UserError when the temporary folder cannot be written.
    """
    if sound.packed:
        yield from _write_bytes(sound)
    if sound.decoding is not None:
        yield from decode(sound.decoding)


def _write_bytes(sound: StripSound) -> Iterator[None]:
    try:
        with sound.path.open("wb") as file:
            for start in range(0, len(sound.packed), PIECE_BYTES):
                file.write(sound.packed[start : start + PIECE_BYTES])
                yield
    except OSError as error:
        raise UserError(
            "temporary_folder",
            f'The folder for temporary files "{sound.path.parent}" cannot be written; '
            "choose another under Preferences > File Paths > Temporary Files.",
            str(error),
        ) from error
