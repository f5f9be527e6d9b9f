# SPDX-License-Identifier: GPL-3.0-or-later
"""One piece of a sound file, placed in time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.checks import bad_value, checked_number, checked_path, setting_name
from models.errors import UserError

MOST_GAIN = 16.0


MOST_S = 1e6


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
            raise bad_value(name, value, f"an object with {', '.join(names)}")
        for key in value:
            if key not in names:
                raise UserError(
                    "bad_params",
                    f"The setting {setting_name(name, key)} is not known; known are {', '.join(names)}.",
                )
        for key in names[:-1]:
            if value.get(key) is None:
                raise UserError("bad_params", f'The setting "{name}.{key}" is missing.')
        seconds = {
            key: checked_number(f"{name}.{key}", value[key], 0, MOST_S, " seconds")
            for key in ("start_s", "end_s", "at_s")
        }
        if seconds["end_s"] <= seconds["start_s"]:
            raise bad_value(
                f"{name}.end_s", seconds["end_s"], f"later than its start_s, {seconds['start_s']:g}"
            )
        gain = (
            1.0 if value.get("gain") is None else checked_number(f"{name}.gain", value["gain"], 0, MOST_GAIN)
        )
        return cls(path=checked_path(f"{name}.path", value["path"]), **seconds, gain=gain)
