# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take shall play: notes from a MIDI file, from a recording, or from the take that is partly kept."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from models.body.notes import Notes
from models.body.take import Take
from models.errors import Progress, Remark, UserError
from models.music.midi_piece import MidiPiece, in_pieces
from models.music.notes import trim_notes
from models.music.passages import LONG_SILENCE_S
from models.music.pedal import Pedal
from models.music.sound_piece import SoundPiece

if TYPE_CHECKING:
    from models.music.alignment import Fit
    from models.music.audio import Audio
    from models.music.midi import MidiNotes
    from models.music.transcription.listen import Heard
    from models.music.transcription.note_network import NoteNetwork

CACHED_TRANSCRIPTIONS = 8
MOST_PARTS = 100
"""Parts of a MIDI file that are listed in the facts."""
TAIL_S = 1.0
"""A take from MIDI goes on this long after the last release, so that the hands come up."""


class Asked(Protocol):
    """What is read of a request."""

    @property
    def midi(self) -> Path | None:
        """A MIDI file in place of what is heard."""

    @property
    def midi_pieces(self) -> tuple[MidiPiece, ...] | None:
        """The pieces of the MIDI file that are played; None for all of it."""

    @property
    def part(self) -> str | None:
        """The part of it that is played; None for the piano's."""

    @property
    def align(self) -> bool:
        """Whether the MIDI file is laid over the sound; else it is in the sound's time already."""

    @property
    def device(self) -> str:
        """Where the transcription runs."""

    @property
    def sound_start_s(self) -> float:
        """Second of the recording at which the take begins."""

    @property
    def sound_end_s(self) -> float | None:
        """Second at which it ends; None for the end of the recording."""


@dataclass(frozen=True)
class PlayedNotes:
    """Notes and length of one take."""

    notes: Notes
    """Time 0 is the start of the take; hands as far as the source names them."""
    duration_s: float
    source: dict[str, Any]
    """Where they come from: hashes and trims, for the take's meta."""
    audio: Audio | None = None
    """The recording, where there is one."""
    cut: bool = False
    """Whether it ends before the second that was asked for, because the music does."""
    fit: Fit | None = None
    """How well a MIDI file fits the recording that it was laid over."""
    remarks: tuple[Remark, ...] = ()
    """What the animator should know: what was mended, left out or doubtful."""
    pedal: Pedal = field(default_factory=Pedal.none)
    """The sustain pedal, as far as the source says."""
    parts: tuple[dict[str, Any], ...] = ()
    """The parts of a MIDI file, as facts."""


@dataclass(frozen=True)
class Sound:
    """The part of a recording that is used."""

    audio: Audio
    duration_s: float
    source: dict[str, Any]
    """`sound_sha256` of the file, or of the samples of several pieces, `sound_start_s` and `sound_end_s`: together
    they say which sound it is."""


def load_sound(path: Path, start_s: float, end_s: float | None, by_blender: Path | None = None) -> Sound:
    """A recording, or the seconds of it between the trims; `by_blender` as for `load_audio`."""
    from models.music.audio import load_audio

    audio = load_audio(path, start_s=start_s, end_s=end_s, by_blender=by_blender)
    source = {"sound_sha256": audio.sha256, "sound_start_s": start_s, "sound_end_s": end_s}
    return Sound(audio, audio.duration_s, source)


def load_sounds(
    pieces: Sequence[SoundPiece], tell: Callable[[], None], by_blender: Path | None = None
) -> Sound:
    """What is heard of pieces that are placed in time; `tell` is called often and may raise `Cancelled`.

    by_blender: as for `assemble`.
    """
    from models.music.sound_pieces import assemble

    audio = assemble(pieces, tell, by_blender)
    # Not the length of the samples: rounded up to one it would be a frame more.
    duration_s = max(piece.until_s for piece in pieces)
    return Sound(audio, duration_s, {"sound_sha256": audio.sha256, "sound_start_s": 0.0, "sound_end_s": None})


class NoteSource:
    """Finds the music of a request and remembers what it has transcribed."""

    def __init__(self, load: Callable[[str], NoteNetwork]) -> None:
        """`load` gives the network that listens on a device, the same one each time."""
        self._load = load
        self._heard: OrderedDict[tuple[Any, ...], Heard] = OrderedDict()

    def must_listen(self, request: Asked, keep: Take | None, sound: Sound) -> bool:
        """Whether the notes of the request have to be found by ear, and have not been yet."""
        in_time = request.midi is not None and not request.align
        known = in_time or _lends_notes(keep, _with_midi(sound.source, request))
        return not known and self.needs_transcription(sound)

    def needs_transcription(self, sound: Sound) -> bool:
        """Whether this sound has not been transcribed yet."""
        return tuple(sound.source.values()) not in self._heard

    def prepare(self, device: str) -> None:
        """Load what listens, so that loading does not pass for listening."""
        self._load(device)

    def heard(self, sound: Sound, device: str, clock: Progress) -> Heard:
        """The notes of a sound, with all that is to be said of it."""
        from models.music.transcription.listen import listen

        key = tuple(sound.source.values())
        if key not in self._heard:
            heard = listen(sound.audio, self._load(device), clock)
            self._heard[key] = replace(heard, remarks=sound.audio.remarks + heard.remarks)
            while len(self._heard) > CACHED_TRANSCRIPTIONS:
                self._heard.popitem(last=False)
        self._heard.move_to_end(key)
        return self._heard[key]

    def music(self, request: Asked, keep: Take | None, sound: Sound | None, clock: Progress) -> PlayedNotes:
        """Notes from the MIDI file if there is one, else from the kept take if it plays this sound, else by ear.

        A MIDI file that comes with a sound is laid over what is heard of it, unless it is in its time already.
        """
        source = dict(sound.source) if sound is not None else {}
        if request.midi is not None and (sound is None or not request.align):
            return _from_midi(request.midi, request, sound, source)
        source = _with_midi(source, request)
        if keep is not None and (sound is None or _lends_notes(keep, source)):
            kept = {name: keep.meta[name] for name in _SOURCE_NAMES if name in keep.meta}
            # The kept hand must go on playing what it plays: every note stays in the hand that had it.
            pedal = Pedal.of_table(keep.pedal) if keep.meta.get("pedal") == "midi" else Pedal.none()
            return PlayedNotes(keep.notes, keep.motion.frames / keep.motion.fps, kept, pedal=pedal)
        assert sound is not None  # a request has a sound, a MIDI file or a kept take
        heard = self.heard(sound, request.device, clock)
        if request.midi is not None:
            return _laid_over(request.midi, request, heard, sound.duration_s, source)
        return PlayedNotes(heard.notes, sound.duration_s, source, remarks=heard.remarks)


_SOURCE_NAMES = ("sound_sha256", "sound_start_s", "sound_end_s", "midi_sha256", "midi_part")


def _lends_notes(keep: Take | None, source: dict[str, Any]) -> bool:
    """Whether there is a kept take, and it plays this sound, or this part of this MIDI file."""
    if keep is None or ("midi_sha256" in source and keep.meta.get("midi_part") != source.get("midi_part")):
        return False
    return all(name in keep.meta and keep.meta[name] == value for name, value in source.items())


def _with_midi(source: dict[str, Any], request: Asked) -> dict[str, Any]:
    """Where the notes come from, the MIDI file included."""
    midi = request.midi
    if midi is None or not midi.is_file():  # who reads it says why it cannot be read
        return source
    part = {} if request.part is None else {"midi_part": request.part}
    with midi.open("rb") as file:
        return {**source, "midi_sha256": hashlib.file_digest(file, "sha256").hexdigest(), **part}


def _read(path: Path, request: Asked) -> MidiNotes:
    """The notes of the request's MIDI file; UserError where there are none."""
    from models.music.midi import read_midi

    read = read_midi(path, request.part)
    if not len(read.notes):
        raise UserError("no_notes", read.remarks[-1].sentence, str(path))
    return read


def _laid_over(
    path: Path, request: Asked, heard: Heard, duration_s: float, source: dict[str, Any]
) -> PlayedNotes:
    """The notes of a MIDI file, in the time of a recording that was `heard`."""
    from models.music.alignment import align

    read = _read(path, request)
    aligned = align(read.notes, heard.notes, duration_s)
    pedal = Pedal(aligned.time_map(read.pedal.time_s), read.pedal.depth).part(0.0, duration_s)
    return PlayedNotes(
        aligned.notes,
        duration_s,
        source,
        fit=aligned.fit,
        remarks=(*heard.remarks, *read.remarks, *aligned.remarks),
        pedal=pedal,
        parts=tuple(part.facts() for part in read.parts[:MOST_PARTS]),
    )


def _from_midi(path: Path, request: Asked, sound: Sound | None, source: dict[str, Any]) -> PlayedNotes:
    read = _read(path, request)
    notes, pedal = read.notes, read.pedal
    source.update(_with_midi({}, request))
    if request.midi_pieces is not None:
        notes, pedal = in_pieces(notes, pedal, request.midi_pieces)
    start_s, end_s = request.sound_start_s, request.sound_end_s
    if start_s > 0 or end_s is not None:
        until_s = np.inf if end_s is None else end_s
        notes, pedal = trim_notes(notes, start_s, until_s), pedal.part(start_s, until_s)
        source.update(sound_start_s=start_s, sound_end_s=end_s)
    cut = False
    if sound is not None:
        duration_s = sound.duration_s
    elif request.midi_pieces is not None:
        duration_s = min(
            max(piece.until_s for piece in request.midi_pieces),
            float(notes.offset_s.max(initial=0.0)) + TAIL_S,
        )
    else:
        over_s = float(notes.offset_s.max(initial=0.0))
        longest_s = over_s + LONG_SILENCE_S
        duration_s = over_s + TAIL_S if end_s is None else min(end_s - start_s, longest_s)
        cut = end_s is not None and end_s - start_s > longest_s
    parts = tuple(part.facts() for part in read.parts[:MOST_PARTS])
    return PlayedNotes(notes, duration_s, source, cut=cut, remarks=read.remarks, pedal=pedal, parts=parts)
