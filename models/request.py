# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller asks of the pipeline: typed, checked, the same for worker, command line and Python API.

Imports nothing heavy, so that a wrong request is answered at once.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from models.errors import UserError

HANDS = ("left", "right")
DEVICES = ("auto", "cpu", "cuda", "mps")
STYLES = ("hand_size", "curl", "wrist_height", "energy", "looseness")
"""Style values; 0 is average, -1 and 1 are the usual extremes."""
STYLE_LIMIT = 1.5
"""Largest value of a style: training saw up to 1.3, and beyond this the networks are asked for what they cannot know.
More is refused here and nowhere silently cut. The one exception is the next."""
HAND_SIZE_RANGE = (-3.0, 4.0)
"""Values of `hand_size`, hands of 0.7 to 1.4 times the usual lengths: contact is solved on the hand that is asked for,
the networks are told of it as far as `STYLE_LIMIT`. `s2c_blender.ordering` sends no others."""
FPS_RANGE = (1.0, 240.0)
STEPS_RANGE = (1, 1000)
SEED_RANGE = (0, 2**63 - 1)
MOST_PIECES = 1000
MOST_GAIN = 16.0
MOST_S = 1e6
LONGEST_PATH = 4096
LONGEST_NAME = 1000
"""Letters of a name: of a preset, a sampler; a preset may also be a folder's path."""


def style_range(name: str) -> tuple[float, float]:
    """Smallest and largest value of a style."""
    return HAND_SIZE_RANGE if name == "hand_size" else (-STYLE_LIMIT, STYLE_LIMIT)


def shown(value: Any, longest: int = 80) -> str:
    """A value as it stands in a sentence: short and on one line, whatever it is."""
    if isinstance(value, (str, bool, type(None), float)):
        text = repr(value[: 2 * longest] if isinstance(value, str) else value)
    elif isinstance(value, int):
        text = repr(value) if abs(value) < 10**30 else "a number of far too many digits"
    elif isinstance(value, Path):
        text = repr(str(value)[: 2 * longest])
    elif isinstance(value, (list, tuple)):
        plain = len(value) <= 4 and all(isinstance(item, (int, float, str)) for item in value)
        text = f"[{', '.join(shown(item, 20) for item in value)}]" if plain else f"a list of {len(value)}"
    elif isinstance(value, Mapping):
        text = f"an object of {len(value)}"
    else:
        text = f"of the kind {type(value).__name__}"
    return text if len(text) <= longest else text[: longest - 3] + "..."


def bad(field_name: str, value: Any, wanted: str) -> UserError:
    """The error for a parameter that does not fit; names it, its value and what would fit."""
    return UserError("bad_params", f'The setting "{field_name}" is {shown(value)}, but it must be {wanted}.')


def _number(name: str, value: Any, low: float, high: float, unit: str = "") -> float:
    wanted = f"a number from {low:g} to {high:g}{unit}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise bad(name, value, wanted)
    if not low <= value <= high:  # also what is no number; a whole one may have any number of digits
        raise bad(name, value, wanted)
    return float(value)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise bad(name, value, f"a whole number from {low} to {high}")
    return value


def _path(name: str, value: Any) -> Path:
    wanted = "the path of a file"
    if not isinstance(value, (str, Path)) or not str(value) or "\0" in str(value):
        raise bad(name, value, wanted)
    try:
        if len(os.fsencode(value)) > LONGEST_PATH:
            raise bad(name, value, f"{wanted} of at most {LONGEST_PATH} bytes")
    except UnicodeEncodeError as error:
        raise bad(name, value, f"{wanted}, in letters that a file's name can have") from error
    return Path(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or "\0" in value:
        raise bad(name, value, f"a name of 1 to {LONGEST_NAME} letters")
    _path(name, value)  # a preset may be a folder
    return value


def _yes_or_no(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise bad(name, value, "true or false")


def _named(*parts: Any) -> str:
    """A setting's name in quotes, not longer than a line."""
    name = ".".join(map(str, parts))
    short = name if len(name) <= 60 else name[:57] + "..."
    return f'"{short}"' if short.isprintable() else ascii(short)


@dataclass(frozen=True, kw_only=True)
class SoundPiece:
    """Some seconds of a sound file, heard at a second of the take."""

    path: Path
    start_s: float
    end_s: float
    """The part of the file; what lies behind its end is silence."""
    at_s: float
    """Where in the take the part begins."""
    gain: float = 1.0

    @property
    def until_s(self) -> float:
        """Where in the take the part ends."""
        return self.at_s + (self.end_s - self.start_s)

    @classmethod
    def of(cls, name: str, value: Any) -> SoundPiece:
        """From a loose object; raises `UserError` that names the field that does not fit, `sounds[2].gain`."""
        if isinstance(value, SoundPiece):
            value = dataclasses.asdict(value)
        names = [item.name for item in dataclasses.fields(cls)]
        if not isinstance(value, Mapping):
            raise bad(name, value, f"an object with {', '.join(names)}")
        for key in value:
            if key not in names:
                raise UserError(
                    "bad_params",
                    f"The setting {_named(name, key)} is not known; known are {', '.join(names)}.",
                )
        for key in names[:-1]:
            if value.get(key) is None:
                raise UserError("bad_params", f'The setting "{name}.{key}" is missing.')
        seconds = {
            key: _number(f"{name}.{key}", value[key], 0, MOST_S, " seconds")
            for key in ("start_s", "end_s", "at_s")
        }
        if seconds["end_s"] <= seconds["start_s"]:
            raise bad(f"{name}.end_s", seconds["end_s"], f"later than its start_s, {seconds['start_s']:g}")
        gain = 1.0 if value.get("gain") is None else _number(f"{name}.gain", value["gain"], 0, MOST_GAIN)
        return cls(path=_path(f"{name}.path", value["path"]), **seconds, gain=gain)


@dataclass(frozen=True, kw_only=True)
class GenerateRequest:
    """One take to generate. Raises `UserError` (code `bad_params`, naming the field) for values that do not fit."""

    output: Path
    """Where the take is written; an existing file is replaced, whole or not at all."""
    sound: Path | None = None
    """Recording to transcribe, or, with `midi` or a kept take of the same sound, to take the length from."""
    sounds: tuple[SoundPiece, ...] | None = None
    """In place of `sound`, the pieces of files that are heard; they add up, and the last to end ends the take."""
    midi: Path | None = None
    """Notes to play instead of transcribing; in the time of the sound where both are given."""
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
    keep: Path | None = None
    """A take to keep outside `hand` and `range`."""
    hand: str | None = None
    """The hand to make anew; the other is kept."""
    range: tuple[float, float] | None = None
    """Seconds to make anew; the rest is kept."""
    device: str = "auto"
    sound_start_s: float = 0.0
    """The take begins at this second of the sound (and of the MIDI)."""
    sound_end_s: float | None = None
    allow_download: bool = False
    """Whether a sound encoder that is missing may be fetched from the network."""

    def __post_init__(self) -> None:
        change = object.__setattr__
        _yes_or_no("allow_download", self.allow_download)
        change(self, "output", _path("output", self.output))
        for name in ("sound", "midi", "keep"):
            if getattr(self, name) is not None:
                change(self, name, _path(name, getattr(self, name)))
        self._check_sounds()
        if self.sound is None and self.sounds is None and self.midi is None and self.keep is None:
            raise UserError("nothing_to_play", "There is nothing to play: choose a recording or a MIDI file.")
        change(self, "seed", _whole("seed", self.seed, *SEED_RANGE))
        _text("preset", self.preset)
        if self.sampler is not None:
            _text("sampler", self.sampler)
        if self.steps is not None:
            change(self, "steps", _whole("steps", self.steps, *STEPS_RANGE))
        change(self, "contact", _number("contact", self.contact, 0, 1))
        change(self, "fps", _number("fps", self.fps, *FPS_RANGE, " frames a second"))
        self._check_style()
        if self.hand is not None and self.hand not in HANDS:
            raise bad("hand", self.hand, " or ".join(HANDS))
        if (self.hand is not None or self.range is not None) and self.keep is None:
            what = "hand" if self.hand is not None else "range"
            raise UserError(
                "bad_params", f'The setting "{what}" needs "keep", the take whose other part stays.'
            )
        self._check_range()
        if self.device not in DEVICES:
            raise bad("device", self.device, "one of " + ", ".join(DEVICES))
        change(self, "sound_start_s", _number("sound_start_s", self.sound_start_s, 0, MOST_S, " seconds"))
        if self.sound_end_s is not None:
            change(self, "sound_end_s", _number("sound_end_s", self.sound_end_s, 0, MOST_S, " seconds"))
            if self.sound_end_s <= self.sound_start_s:
                raise bad(
                    "sound_end_s", self.sound_end_s, f"later than sound_start_s, {self.sound_start_s:g}"
                )

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
            raise bad("sounds", shown, f"a list of 1 to {MOST_PIECES} pieces of sound files")
        pieces = tuple(SoundPiece.of(f"sounds[{i}]", piece) for i, piece in enumerate(value))
        object.__setattr__(self, "sounds", pieces)
        if self.sound is not None:
            raise UserError("bad_params", 'The settings "sound" and "sounds" exclude each other; give one.')
        if self.sound_start_s != 0 or self.sound_end_s is not None:
            name = "sound_start_s" if self.sound_start_s != 0 else "sound_end_s"
            raise UserError(
                "bad_params", f'The setting "{name}" belongs to "sound"; a piece of "sounds" has its own.'
            )

    def _check_style(self) -> None:
        if not isinstance(self.style, Mapping):
            raise bad("style", self.style, "an object of names and numbers")
        for name, value in self.style.items():
            if name not in STYLES:
                raise bad("style", name, "one of " + ", ".join(STYLES))
            _number(f"style {name}", value, *style_range(name))

    def _check_range(self) -> None:
        if self.range is None:
            return
        value: Any = self.range
        if not isinstance(value, (list, tuple)) or len(value) != 2:
            raise bad("range", value, "two numbers, start and end in seconds")
        start, end = (_number("range", item, 0, MOST_S, " seconds") for item in value)
        if end <= start:
            raise bad("range", list(value), "a start and a later end, in seconds")
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
            object.__setattr__(self, name, _path(name, getattr(self, name)))
        if self.device not in DEVICES:
            raise bad("device", self.device, "one of " + ", ".join(DEVICES))
        object.__setattr__(
            self, "sound_start_s", _number("sound_start_s", self.sound_start_s, 0, MOST_S, " seconds")
        )
        if self.sound_end_s is not None:
            object.__setattr__(
                self, "sound_end_s", _number("sound_end_s", self.sound_end_s, 0, MOST_S, " seconds")
            )
            if self.sound_end_s <= self.sound_start_s:
                raise bad(
                    "sound_end_s", self.sound_end_s, f"later than sound_start_s, {self.sound_start_s:g}"
                )


@dataclass(frozen=True, kw_only=True)
class LoadRequest:
    """A model to load ahead of the first job."""

    preset: str = "default"
    device: str = "auto"
    allow_download: bool = False

    def __post_init__(self) -> None:
        _text("preset", self.preset)
        _yes_or_no("allow_download", self.allow_download)
        if self.device not in DEVICES:
            raise bad("device", self.device, "one of " + ", ".join(DEVICES))


R = TypeVar("R", GenerateRequest, TranscribeRequest, LoadRequest)


def from_params(kind: type[R], params: Mapping[str, Any]) -> R:
    """A request from loose parameters; null means "not given" wherever there is a default."""
    fields = {item.name: item for item in dataclasses.fields(kind)}
    unknown = sorted(set(params) - set(fields))
    if unknown:
        sentence = f"The setting {_named(unknown[0])} is not known; known are {', '.join(fields)}."
        raise UserError("bad_params", sentence, f"{len(unknown)} unknown")
    given = {name: value for name, value in params.items() if value is not None}
    for name, item in fields.items():
        required = item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        if required and name not in given:
            raise UserError("bad_params", f'The setting "{name}" is missing.')
    return kind(**given)
