# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of single values, the same for everything that a caller hands in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import UserError

LONGEST_PATH = 4096


LONGEST_NAME = 1000
"""Letters of a name: of a preset, a sampler; a preset may also be a folder's path."""


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


def bad_value(field_name: str, value: Any, wanted: str) -> UserError:
    """The error for a parameter that does not fit; names it, its value and what would fit."""
    return UserError("bad_params", f'The setting "{field_name}" is {shown(value)}, but it must be {wanted}.')


def checked_number(name: str, value: Any, low: float, high: float, unit: str = "") -> float:
    """The value as a float when it is a finite number in range; UserError naming the setting otherwise."""
    wanted = f"a number from {low:g} to {high:g}{unit}"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise bad_value(name, value, wanted)
    if not low <= value <= high:  # also what is no number; a whole one may have any number of digits
        raise bad_value(name, value, wanted)
    return float(value)


def checked_whole(name: str, value: Any, low: int, high: int) -> int:
    """The value as an int when it is a whole number in range; UserError naming the setting otherwise."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise bad_value(name, value, f"a whole number from {low} to {high}")
    return value


def checked_path(name: str, value: Any) -> Path:
    """The value as a path, which may not exist; UserError where no file can have that name."""
    wanted = "the path of a file"
    if not isinstance(value, (str, Path)) or not str(value) or "\0" in str(value):
        raise bad_value(name, value, wanted)
    try:
        if len(os.fsencode(value)) > LONGEST_PATH:
            raise bad_value(name, value, f"{wanted} of at most {LONGEST_PATH} bytes")
    except UnicodeEncodeError as error:
        raise bad_value(name, value, f"{wanted}, in letters that a file's name can have") from error
    return Path(value)


def checked_text(name: str, value: Any) -> str:
    """The value when it can be a preset's name or folder; UserError naming the setting otherwise."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or "\0" in value:
        raise bad_value(name, value, f"a name of 1 to {LONGEST_NAME} letters")
    checked_path(name, value)  # a preset may be a folder
    return value


def check_yes_or_no(name: str, value: Any) -> None:
    """UserError naming the setting when the value is neither True nor False."""
    if not isinstance(value, bool):
        raise bad_value(name, value, "true or false")


def setting_name(*parts: Any) -> str:
    """A setting's name in quotes, not longer than a line."""
    name = ".".join(map(str, parts))
    short = name if len(name) <= 60 else name[:57] + "..."
    return f'"{short}"' if short.isprintable() else ascii(short)
