# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller asks of the pipeline: typed, checked, the same for worker, command line and Python API.

Imports nothing heavy, so that a wrong request is answered at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from models.body.keyboard_size import KeyboardSize
from models.body.player import STYLES, style_range
from models.checks import (
    bad_value,
    checked_choice,
    checked_number,
    checked_path,
    checked_text,
    checked_whole,
    checked_yes_or_no,
    setting_name,
)
from models.errors import UserError
from models.music.midi_piece import MidiPiece
from models.music.sound_piece import MOST_S, SoundPiece

HANDS = ("left", "right")
DEVICES = ("auto", "cpu", "cuda", "mps")
ENGINES = ("auto", "onnx", "torch")
FPS_RANGE = (1.0, 240.0)
STEPS_RANGE = (1, 1000)
SEED_RANGE = (0, 2**63 - 1)
MOST_PIECES = 1000
MOST_PARTS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class GenerateRequest:
    """One take to generate. Raises `UserError` (code `bad_params`, naming the field) for values that do not fit."""

    output: Path
    """Where the take is written; an existing file is replaced, whole or not at all."""
    sound: Path | None = None
    """Recording to transcribe, or, with a kept take of the same sound, to take the length from."""
    sounds: tuple[SoundPiece, ...] | None = None
    """In place of `sound`, the pieces of files that are heard; they add up, and the last to end ends the take."""
    decoded: Path | None = None
    """The WAV file that Blender made of `sound`, or of the file that all `sounds` are of; read in its place."""
    midi: Path | None = None
    """Notes to play instead of those that are heard. With a sound, they are laid over it (`models.music.alignment`)."""
    part: str | None = None
    """Number or name of the part of the MIDI file that is played; None for the piano's."""
    align: bool = True
    """False where the MIDI file is in the sound's time already: then nothing is listened to."""
    midi_pieces: tuple[MidiPiece, ...] | None = None
    """The pieces of `midi` that are played, placed in time; without a sound."""
    seed: int = 0
    preset: str = "default"
    """Name of a preset or path of a model folder."""
    sampler: str | None = None
    """None for the preset's own."""
    steps: int | None = None
    """Network evaluations a window; None for the preset's own."""
    contact: float = 1.0
    """Strength of key contact, 0 to 1."""
    fps: float = 30.0
    """Frames a second of the take."""
    style: Mapping[str, float] = field(default_factory=dict)
    keyboard: KeyboardSize | None = None
    """Other keys than the 88 usual ones; a number of keys or an object will do. None: those of `keep`, or else 88."""
    keep: Path | None = None
    """A take to keep outside `hand` and `range`."""
    hand_geometry: Path | None = None
    """The hands of another body (`models.body.hand_file`); None for the standard hands, or those of the kept take."""
    hand: str | None = None
    """The hand to make anew; the other is kept."""
    range: tuple[float, float] | None = None
    """Seconds to make anew; the rest is kept."""
    device: str = "auto"
    engine: str = "auto"
    """What runs the networks: auto is torch on a GPU and for models that need it, else onnx."""
    sound_start_s: float = 0.0
    """The take begins at this second of the sound (and of the MIDI)."""
    sound_end_s: float | None = None
    allow_download: bool = False
    """Whether a sound encoder that is missing may be fetched from the network."""

    def __post_init__(self) -> None:
        change = object.__setattr__
        checked_yes_or_no("allow_download", self.allow_download)
        checked_yes_or_no("align", self.align)
        change(self, "output", checked_path("output", self.output))
        for name in ("sound", "decoded", "midi", "keep", "hand_geometry"):
            if getattr(self, name) is not None:
                change(self, name, checked_path(name, getattr(self, name)))
        self._check_sounds()
        self._check_decoded()
        self._check_midi_pieces()
        if self.sound is None and self.sounds is None and self.midi is None and self.keep is None:
            raise UserError("nothing_to_play", "There is nothing to play: choose a recording or a MIDI file.")
        self._check_part()
        change(self, "seed", checked_whole("seed", self.seed, *SEED_RANGE))
        checked_text("preset", self.preset)
        if self.sampler is not None:
            checked_text("sampler", self.sampler)
        if self.steps is not None:
            change(self, "steps", checked_whole("steps", self.steps, *STEPS_RANGE))
        change(self, "contact", checked_number("contact", self.contact, 0, 1))
        change(self, "fps", checked_number("fps", self.fps, *FPS_RANGE, " frames a second"))
        self._check_style()
        if self.keyboard is not None:
            change(self, "keyboard", KeyboardSize.of(self.keyboard))
            self.keyboard.style(self.style)  # or its UserError
        if self.hand is not None and self.hand not in HANDS:
            raise bad_value("hand", self.hand, " or ".join(HANDS))
        if (self.hand is not None or self.range is not None) and self.keep is None:
            what = "hand" if self.hand is not None else "range"
            raise UserError(
                "bad_params", f'The setting "{what}" needs "keep", the take whose other part stays.'
            )
        self._check_range()
        checked_choice("device", self.device, DEVICES)
        checked_choice("engine", self.engine, ENGINES)
        _check_part_of_sound(self)

    @property
    def source(self) -> Path | None:
        """The file that the notes come from, as a message names it."""
        piece = self.sounds[0].path if self.sounds else None
        return self.midi or self.sound or piece or self.keep

    def _check_sounds(self) -> None:
        if self.sounds is None:
            return
        value: Any = self.sounds
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= MOST_PIECES:
            shown = f"a list of {len(value)}" if isinstance(value, (list, tuple)) else value
            raise bad_value("sounds", shown, f"a list of 1 to {MOST_PIECES} pieces of sound files")
        pieces = tuple(SoundPiece.of(f"sounds[{i}]", piece) for i, piece in enumerate(value))
        object.__setattr__(self, "sounds", pieces)
        if self.sound is not None:
            raise UserError("bad_params", 'The settings "sound" and "sounds" exclude each other; give one.')
        if self.sound_start_s != 0 or self.sound_end_s is not None:
            name = "sound_start_s" if self.sound_start_s != 0 else "sound_end_s"
            raise UserError(
                "bad_params", f'The setting "{name}" belongs to "sound"; a piece of "sounds" has its own.'
            )

    def _check_decoded(self) -> None:
        files = {self.sound} if self.sounds is None else {piece.path for piece in self.sounds}
        if self.decoded is not None and (None in files or len(files) != 1):
            raise UserError("bad_params", 'The setting "decoded" belongs to one sound file; name just one.')

    def _check_midi_pieces(self) -> None:
        if self.midi_pieces is None:
            return
        value: Any = self.midi_pieces
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= MOST_PIECES:
            raise bad_value("midi_pieces", value, f"a list of 1 to {MOST_PIECES} pieces of the MIDI file")
        pieces = tuple(MidiPiece.of(f"midi_pieces[{i}]", piece) for i, piece in enumerate(value))
        object.__setattr__(self, "midi_pieces", pieces)
        trimmed = self.sound_start_s != 0 or self.sound_end_s is not None
        if self.midi is None or self.sound is not None or self.sounds is not None or trimmed:
            raise UserError(
                "bad_params",
                'The setting "midi_pieces" needs "midi", no sound and no trims: a piece has its own.',
            )

    def _check_part(self) -> None:
        if self.part is None:
            return
        part: Any = self.part
        if isinstance(part, int) and not isinstance(part, bool):
            object.__setattr__(self, "part", str(checked_whole("part", part, 1, MOST_PARTS)))
        else:
            checked_text("part", part)
        if self.midi is None:
            raise UserError("bad_params", 'The setting "part" needs "midi", the file whose part is played.')

    def _check_style(self) -> None:
        if not isinstance(self.style, Mapping):
            raise bad_value("style", self.style, "an object of names and numbers")
        for name, value in self.style.items():
            checked_choice("style", name, STYLES)
            checked_number(f"style {name}", value, *style_range(name))

    def _check_range(self) -> None:
        if self.range is None:
            return
        value: Any = self.range
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise bad_value("range", value, "two numbers, start and end in seconds")
        start, end = (checked_number("range", item, 0, MOST_S, " seconds") for item in value)
        if end <= start:
            raise bad_value("range", list(value), "a start and a later end, in seconds")
        object.__setattr__(self, "range", (start, end))


@dataclass(frozen=True, kw_only=True)
class TranscribeRequest:
    """A recording to write down as notes."""

    sound: Path
    output: Path
    """The MIDI file to write."""
    device: str = "auto"
    sound_start_s: float = 0.0
    sound_end_s: float | None = None

    def __post_init__(self) -> None:
        for name in ("sound", "output"):
            object.__setattr__(self, name, checked_path(name, getattr(self, name)))
        checked_choice("device", self.device, DEVICES)
        _check_part_of_sound(self)


@dataclass(frozen=True, kw_only=True)
class LoadRequest:
    """A model to load ahead of the first job."""

    preset: str = "default"
    device: str = "auto"
    engine: str = "auto"
    allow_download: bool = False

    def __post_init__(self) -> None:
        checked_text("preset", self.preset)
        checked_yes_or_no("allow_download", self.allow_download)
        checked_choice("device", self.device, DEVICES)
        checked_choice("engine", self.engine, ENGINES)


def _check_part_of_sound(request: GenerateRequest | TranscribeRequest) -> None:
    """The seconds of the sound that are heard, as numbers, the end later than the start."""
    change = object.__setattr__
    start = checked_number("sound_start_s", request.sound_start_s, 0, MOST_S, " seconds")
    change(request, "sound_start_s", start)
    if request.sound_end_s is not None:
        end = checked_number("sound_end_s", request.sound_end_s, 0, MOST_S, " seconds")
        change(request, "sound_end_s", end)
        if end <= start:
            raise bad_value("sound_end_s", end, f"later than sound_start_s, {start:g}")


R = TypeVar("R", GenerateRequest, TranscribeRequest, LoadRequest)


def from_params(kind: type[R], params: Mapping[str, Any]) -> R:
    """A request from loose parameters; null means "not given" wherever there is a default."""
    fields = {item.name: item for item in dataclasses.fields(kind)}
    unknown = sorted(set(params) - set(fields))
    if unknown:
        sentence = f"The setting {setting_name(unknown[0])} is not known; known are {', '.join(fields)}."
        raise UserError("bad_params", sentence, f"{len(unknown)} unknown")
    given = {name: value for name, value in params.items() if value is not None}
    for name, item in fields.items():
        required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if required and name not in given:
            raise UserError("bad_params", f'The setting "{name}" is missing.')
    return kind(**given)
