# SPDX-License-Identifier: GPL-3.0-or-later
"""Which key a name means: ``A0``, ``Key_C#4``, ``Db4``, ``As3``, ``Cis4``, ``key_21``, ``Key.001``. No bpy.

A name alone is often ambiguous (is ``As3`` an A sharp, or a German A flat?), so all names of a piano are looked at
together: a way of reading them counts only when it gives each of them a key of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from . import keyboard

CLASSES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11, "h": 11}
SHARP, FLAT = ("#", "♯", "sharp", "is"), ("b", "♭", "flat", "es")
GERMAN = re.compile(r"(?:^|[^a-z])(?:h|[cdfga]is)[ _-]?-?\d", re.I)
"""What stands only in German names: H, Cis, Dis, Fis, Gis, Ais."""
_BEGIN = r"(?-i:(?<![A-Za-z])|(?<=[a-z])(?=[A-H]))(?P<letter>[a-h])"
_SIGN = r"(?:[ _-]?(?P<sign>sharp|flat)|(?P<short>is|es|s|b|#|♯|♭))?"
_END = r"[ _-]?(?P<after>sharp|flat|#|♯|♭)?(?![0-9])"
NOTES = (
    re.compile(rf"{_BEGIN}{_SIGN}[ _]?(?P<octave>-?\d{{1,2}}){_END}", re.I),
    re.compile(rf"{_BEGIN}{_SIGN}[ _-]?(?P<octave>\d{{1,2}}){_END}", re.I),
)
"""A note's name; a dash before the number is a minus, or stands between."""
NUMBER = re.compile(r"\d{1,4}")
COPY = re.compile(r"\.\d{3,}$")
"""What Blender puts behind the name of a copy."""
LOWEST_OF = {88: 21, 76: 28, 73: 28, 61: 36, 49: 36, 37: 48, 32: 53, 25: 48}
"""The usual lowest pitch of a keyboard of so many keys (`models.body.keyboard_size`)."""
LEAST_SHARE = 0.3
"""So many of the chosen things must have a name that tells; the others may be the case, or helper bones."""
FEWEST = 5
"""Fewer names tell no scheme."""
LONGEST = 200


def key_of(text: str) -> int | None:
    """The MIDI pitch that a single text means, a note's name or a MIDI number; None where it means no key of 88."""
    text = text.strip()[:LONGEST]
    pitch = int(text) if text.isdecimal() and len(text) < 4 else _note(text, NOTES[0], -1, german=False)
    return pitch if pitch is not None and pitch in keyboard.PITCHES else None


def key_in(name: str) -> int | None:
    """The MIDI pitch of the note that stands in the name of a single thing; None where none does."""
    pitch = _note(COPY.sub("", name[:LONGEST]), NOTES[0], -1, german=False)
    return pitch if pitch is not None and pitch in keyboard.PITCHES else None


def pitches_of(names: Sequence[str]) -> list[int | None]:
    """The MIDI pitch that each name means, in the reading that names most keys; all None where none makes sense."""
    cut = [name[:LONGEST] for name in names]
    bare = [COPY.sub("", name) for name in cut]
    german = any(GERMAN.search(name) for name in bare)
    readings = [
        *(
            _distinct(_in_range([_note(name, note, which, german=german) for name in bare]))
            for note in NOTES
            for which in (0, -1)
        ),
        _numbers(cut),
    ]
    best = max(readings, key=lambda pitches: sum(pitch is not None for pitch in pitches), default=[])
    found = sum(pitch is not None for pitch in best)
    return best if found >= max(FEWEST, LEAST_SHARE * len(names)) else [None] * len(names)


def pedal_of(names: Sequence[str]) -> int | None:
    """Which of the names is the sustain pedal's; None where none is, or it is not clear."""
    pedals = [i for i, name in enumerate(names) if re.search("pedal", name[:LONGEST], re.I)]
    named = [
        i for i in pedals if re.search("sustain|damper|forte|right|hold|[._ ]R$", names[i][:LONGEST], re.I)
    ]
    certain = named or pedals
    return certain[0] if len(certain) == 1 else None


def _note(name: str, note: re.Pattern[str], which: int, *, german: bool) -> int | None:
    """The pitch of the first (0) or last (-1) note's name in a name; middle C is C4."""
    found = list(note.finditer(name))
    if not found:
        return None
    match = found[which]
    letter, sign = match["letter"].lower(), (match["sign"] or match["short"] or match["after"] or "").lower()
    if letter == "h" and not german:
        return None
    if german and letter == "b":  # B is what others call B flat
        step = 10
    elif sign == "s":  # As and Es are flat in German; elsewhere the s is short for sharp
        step = CLASSES[letter] + (-1 if german and letter in "ae" else 1)
    else:
        step = CLASSES[letter] + (sign in SHARP) - (sign in FLAT)
    return 12 * (int(match["octave"]) + 1) + step


def _in_range(pitches: list[int | None]) -> list[int | None]:
    """Pitches an octave higher or lower where middle C is called C3 or C5 and only so all of them are keys of 88."""
    known = [pitch for pitch in pitches if pitch is not None]
    if not known:
        return pitches
    low, high = min(known), max(known)
    shift = 12 if low < keyboard.PITCHES[0] else -12 if high > keyboard.PITCHES[-1] else 0
    if not (low + shift in keyboard.PITCHES and high + shift in keyboard.PITCHES):
        return [pitch if pitch in keyboard.PITCHES else None for pitch in pitches]
    return [None if pitch is None else pitch + shift for pitch in pitches]


def _distinct(pitches: list[int | None]) -> list[int | None]:
    """The pitches, or none of them where two names mean one key."""
    known = [pitch for pitch in pitches if pitch is not None]
    return pitches if len(set(known)) == len(known) else [None] * len(pitches)


def _numbers(names: Sequence[str]) -> list[int | None]:
    """By the numbers in the names: MIDI numbers, or the keys' places from the lowest on; they must have no gap."""
    ways: tuple[Callable[[str], int | None], ...] = (_last_number, _number_of_copy)
    for way in ways:
        numbers = [way(name) for name in names]
        known = sorted(number for number in numbers if number is not None)
        if len(known) < FEWEST or known[-1] - known[0] + 1 != len(known) or len(set(known)) != len(known):
            continue
        lowest = LOWEST_OF.get(len(known))
        midi = known[0] >= keyboard.PITCHES[0] and known[-1] <= keyboard.PITCHES[-1]
        if lowest is None and not midi:
            continue
        first = known[0] if midi and (lowest is None or known[0] == lowest) else lowest
        if first is None or first + len(known) - 1 > keyboard.PITCHES[-1]:
            continue
        return [None if number is None else number - known[0] + first for number in numbers]
    return [None] * len(names)


def _last_number(name: str) -> int | None:
    found = NUMBER.findall(name)
    return int(found[-1]) if found else None


def _number_of_copy(name: str) -> int | None:
    """The number that Blender gave to a copy; the one that was copied is number 0."""
    found = COPY.search(name)
    return int(found[0][1:6]) if found else 0
