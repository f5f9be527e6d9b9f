# SPDX-License-Identifier: GPL-3.0-or-later
"""How many keys a keyboard has, how wide they are and how deep they go, where it is not the 88 keys of ``hands.json``.

The piano frame is scaled until the user's keys are ours, so keyboard, strokes and contact know one size of keys. What
changes with the keys' width is the hand: on keys of nine tenths of the usual width a hand reaches as far as one of ten
ninths does on ours. A take for such a keyboard is in units of that frame: `KeyboardSize.unit` metres each.
How deep keys go is a factor on the dips of ours: fingertips go down with the keys, so it is contact's business alone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEYS, LOWEST_PITCH, WHITE_DIP, WHITE_PITCH
from models.body.notes import Notes
from models.body.player import HAND_SIZE_RANGE, HAND_SIZE_STEP, size_factor
from models.checks import bad_value, checked_number, checked_whole
from models.errors import UserError
from models.plain_file import Kind, read_plain

FEWEST_KEYS = 12
WHITE_PITCH_RANGE = (0.005, 0.1)
"""Metres from white key to white key: from a doll's piano to one for giants."""
DIP_RANGE = (0.005, 0.013)
"""Metres that the front of a white key goes down, on keys of the usual width."""
LOWEST_OF = {88: 21, 76: 28, 73: 28, 61: 36, 49: 36, 37: 48, 32: 53, 25: 48}
"""The usual lowest pitch of a keyboard of so many keys."""
KEYBOARD_FILE = Kind("keyboard file", "keyboard", 1 << 20, "choose another")
_HIGHEST = LOWEST_PITCH + KEYS - 1
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True, kw_only=True)
class KeyboardSize:
    """A keyboard's range and the width of its keys. Raises UserError (`bad_params`) for what cannot be one."""

    lowest_pitch: int = LOWEST_PITCH
    keys: int = KEYS
    """How many, black ones included."""
    white_pitch: float = WHITE_PITCH
    """Metres from the middle of a white key to the middle of the next."""
    white_dip: float | None = None
    """Metres that the front of a white key goes down; None: as far as ours, times the keys' width."""

    def __post_init__(self) -> None:
        change = object.__setattr__
        lowest = checked_whole(
            "keyboard lowest_pitch", self.lowest_pitch, LOWEST_PITCH, _HIGHEST + 1 - FEWEST_KEYS
        )
        change(self, "lowest_pitch", lowest)
        change(self, "keys", checked_whole("keyboard keys", self.keys, FEWEST_KEYS, _HIGHEST + 1 - lowest))
        white_pitch = checked_number("keyboard white_pitch", self.white_pitch, *WHITE_PITCH_RANGE, " metres")
        change(self, "white_pitch", white_pitch)
        if self.white_dip is not None:
            least, most = (self.unit * end for end in DIP_RANGE)
            white_dip = checked_number("keyboard white_dip", self.white_dip, least, most, " metres")
            change(self, "white_dip", white_dip)

    @classmethod
    def of(cls, value: Any) -> KeyboardSize:
        """The keyboard of a request's parameter: an object with some of the three names, or a number of keys."""
        if isinstance(value, cls):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            if value not in LOWEST_OF:
                wanted = (
                    f"one of {', '.join(map(str, sorted(LOWEST_OF)))} keys, or an object with lowest_pitch"
                )
                raise bad_value("keyboard", value, wanted)
            return cls(lowest_pitch=LOWEST_OF[value], keys=value)
        names = [field.name for field in dataclasses.fields(cls)]
        if not isinstance(value, Mapping) or not set(value) <= set(names):
            raise bad_value("keyboard", value, f"an object with {', '.join(names)}")
        return cls(**{name: found for name, found in value.items() if found is not None})

    @property
    def unit(self) -> float:
        """Metres in one unit of the piano frame, in which the keys are as wide as ours."""
        return self.white_pitch / WHITE_PITCH

    @property
    def dip_factor(self) -> float:
        """How deep the keys go, black ones too, in dips of ours and in the piano frame."""
        return 1.0 if self.white_dip is None else self.white_dip / self.unit / WHITE_DIP

    @property
    def range_name(self) -> str:
        """The lowest and the highest key, as a sentence names them."""
        return f"{_key_name(self.lowest_pitch)} to {_key_name(self.lowest_pitch + self.keys - 1)}"

    def has(self, pitch: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Which pitches (n,) have a key."""
        return (pitch >= self.lowest_pitch) & (pitch < self.lowest_pitch + self.keys)

    def beyond(self, notes: Notes) -> NDArray[np.bool_]:
        """Which notes (n,) a piano has a key for and this keyboard has none."""
        return STANDARD_KEYBOARD.has(notes.pitch) & ~self.has(notes.pitch)

    def style(self, style: Mapping[str, float]) -> dict[str, float]:
        """A style with the hand size that its hands have beside these keys.

        Raises UserError where such hands could not play: they are as large beside the keys as none are on a piano.
        """
        if self.unit == 1.0:
            return dict(style)
        size = size_factor(float(style.get("hand_size", 0.0))) / self.unit
        relative = round((size - 1) / HAND_SIZE_STEP, 9)
        low, high = HAND_SIZE_RANGE
        if not low <= relative <= high:
            least, most = (1000 * self.white_pitch * size / size_factor(end) for end in (high, low))
            raise UserError(
                "keys_do_not_fit_hands",
                f"Hands of this size do not fit keys that are {1000 * self.white_pitch:.3g} mm wide: choose keys of "
                f"{least:.3g} to {most:.3g} mm, or another hand size.",
            )
        return {**style, "hand_size": relative}

    def facts(self) -> dict[str, Any]:
        """As a take's ``meta`` holds it."""
        return dataclasses.asdict(self)


STANDARD_KEYBOARD = KeyboardSize()
"""All 88 keys of the usual width."""


def keyboard_of(meta: Mapping[str, Any]) -> KeyboardSize:
    """The keyboard that a take's ``meta`` names; 88 usual keys where it names none or something else stands there."""
    try:
        return KeyboardSize.of(meta["keyboard"]) if "keyboard" in meta else STANDARD_KEYBOARD
    except UserError:
        return STANDARD_KEYBOARD


def read_keyboard(text: str) -> KeyboardSize:
    """The keyboard that a command line names: a number of keys, or a JSON file with the object. Raises UserError."""
    if text.isdecimal() and len(text) < 4:
        return KeyboardSize.of(int(text))
    try:
        value = json.loads(read_plain(Path(text), KEYBOARD_FILE).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(
            "keyboard_unreadable",
            "The keyboard file is no JSON; it holds an object with lowest_pitch, keys, white_pitch and white_dip.",
            repr(error),
        ) from error
    return KeyboardSize.of(value)


def _key_name(pitch: int) -> str:
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"
