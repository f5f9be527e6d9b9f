# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of single values, the same for everything that a caller hands in.

Two callers, two sentences. A person reads 'The setting "fps" is 0, but it must be ...', a `UserError`: `checked_number`
and the other `checked_...`, which give back the value as it is used. Code reads 'unet.patch is 9; it must be ...', a
`BadValue`: `check_range`, `check_choice`, and both for many fields of a dataclass at once.

No library does it: pydantic, msgspec, attrs and huggingface_hub have their own wording, which leaves out the value or
what would fit, msgspec checks files but not constructors, and importing one takes longer (40 to 110 ms) than all that a
request needs (15 ms). Most rules are between fields anyway, and those a library leaves to us.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from numbers import Real
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


def _within(value: Any, low: float, high: float) -> bool:
    """Whether a value is a number of that range; nan is in none, and a whole number may have any number of digits."""
    number: Any = value if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    return bool(low <= number <= high)


# -- for people: UserError --------------------------------------------------------------------------------


def checked_number(name: str, value: Any, low: float, high: float, unit: str = "") -> float:
    """The value as a float when it is a finite number in range; UserError naming the setting otherwise."""
    if not _within(value, low, high):
        raise bad_value(name, value, f"a number from {low:g} to {high:g}{unit}")
    return float(value)


def checked_whole(name: str, value: Any, low: int, high: int) -> int:
    """The value as an int when it is a whole number in range; UserError naming the setting otherwise."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or not _within(value, low, high):
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


def checked_choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """The value when it is one of those; UserError naming the setting otherwise."""
    if value not in allowed:
        raise bad_value(name, value, "one of " + ", ".join(allowed))
    return str(value)


def checked_yes_or_no(name: str, value: Any) -> bool:
    """The value when it is True or False; UserError naming the setting otherwise."""
    if not isinstance(value, bool):
        raise bad_value(name, value, "true or false")
    return value


def setting_name(*parts: Any) -> str:
    """A setting's name in quotes, not longer than a line."""
    name = ".".join(map(str, parts))
    short = name if len(name) <= 60 else name[:57] + "..."
    return f'"{short}"' if short.isprintable() else ascii(short)


# -- for code: BadValue -----------------------------------------------------------------------------------


class BadValue(ValueError):
    """A value that cannot be; the text names it, says what it is and what would fit."""


def check_range(name: str, value: Any, low: float, high: float = math.inf) -> None:
    """Raise `BadValue` unless ``low <= value <= high``."""
    if not _within(value, low, high):
        wanted = f"at least {low}" if high == math.inf else f"between {low} and {high}"
        raise BadValue(f"{name} is {shown(value)}; it must be {wanted}")


def check_choice(name: str, value: Any, allowed: Sequence[str]) -> None:
    """Raise `BadValue` unless the value is one of those."""
    if value not in allowed:
        raise BadValue(f"{name} is {shown(value)}; it must be one of {', '.join(allowed)}")


def check_ranges(owner: object, where: str = "", /, **ranges: tuple[float, float]) -> None:
    """`check_range` of the fields that are named, which the text calls by ``where`` and their names."""
    for name, (low, high) in ranges.items():
        check_range(where + name, getattr(owner, name), low, high)


def check_choices(owner: object, where: str = "", /, **choices: Sequence[str]) -> None:
    """`check_choice` of the fields that are named, which the text calls by ``where`` and their names."""
    for name, allowed in choices.items():
        check_choice(where + name, getattr(owner, name), allowed)
