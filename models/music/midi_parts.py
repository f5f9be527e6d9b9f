# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a MIDI file, and which of them is the piano's.

A part is what one player plays: one stave, or the staves of both hands. The piano is found by the names and instruments
of the parts; it can be chosen by hand, too, by the number or the name of a part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from models.body.notes import UNKNOWN
from models.errors import quoted
from models.music.midi_staves import Stave, with_hands
from models.music.track_names import (
    hand_of_name,
    player_of_name,
    says_keyboard,
    says_other,
    says_piano,
    says_role,
    staff_of_name,
    without_hand,
)
from models.plain_text import printable, shortened

_FAMILIES = (
    *("piano", "bells", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reeds", "flutes"),
    *("synth lead", "synth pad", "effects", "folk instrument", "percussion", "noises", "drums"),
)
"""Of the 128 instruments of General MIDI, eight a family; then the drums."""
_REAL = range(3)
"""Grand pianos and uprights."""
_ELECTRIC = range(3, 8)
"""Pianos that a band may have beside a real one: honky-tonk, electric pianos, harpsichord, clavinet."""
_WITH_KEYS = frozenset((*range(8, 15), *range(16, 24), 46))
"""Instruments that a pianist's hands could play: bells, organs, harp."""
PIANO, ELECTRIC, UNNAMED, WITH_KEYS, OTHER, DRUM_KIT = 5, 4, 3, 2, 1, 0
"""How likely a part is the piano's; the likeliest are played."""
_LONGEST_NAME = 40
_MOST_NAMED = 12


@dataclass(frozen=True)
class Part:
    """What one player of a MIDI file plays."""

    number: int
    """From 1 on, in the order of the file."""
    name: str
    """As the file calls it, or its kind of instrument."""
    program: int | None
    """Instrument of General MIDI, 0 to 127; None where the file does not say."""
    notes: int
    """Strokes of keys that a piano has."""
    chosen: bool
    """Whether the hands play it."""
    staves: tuple[Stave, ...]
    """With the hands that the file says."""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        names = ("number", "program", "notes", "chosen")
        return {"name": shortened(printable(self.name)), **{name: getattr(self, name) for name in names}}


def parts_of(staves: list[Stave], wanted: str | None = None) -> list[Part]:
    """The parts of a file, those chosen that the hands shall play.

    Args:
        staves: those with notes.
        wanted: number or name of a part, or several numbers with commas between; None for the piano's. Where no part
            is called so, none is chosen.
    """
    groups: dict[tuple[int, bool, str], list[Stave]] = {}
    last: tuple[int, bool, str] | None = None
    for stave in staves:
        kind = (stave.family, stave.program in _ELECTRIC, without_hand(stave.name))
        if last is not None and not stave.name and kind[:2] == last[:2] and _is_second(stave, groups[last]):
            kind = last
        groups.setdefault(kind, []).append(stave)
        last = kind
    parts = [_part(i + 1, with_hands(group)) for i, group in enumerate(groups.values())]
    chosen = _piano(parts) if wanted is None else _wanted(parts, wanted)
    return [replace(part, chosen=part.number in chosen) for part in parts]


def players(parts: list[Part]) -> list[Part]:
    """Those of the chosen parts that are one player's of music for four hands; none in other music."""
    played = [part for part in parts if part.chosen and player_of_name(part.name) != UNKNOWN]
    return played if {player_of_name(part.name) for part in played} == {0, 1} else []


def named(part: Part) -> str:
    """A part as a sentence names it."""
    return f"{quoted(shortened(part.name, _LONGEST_NAME))} (part {part.number})"


def listed(parts: list[Part]) -> str:
    """Parts as a sentence lists them."""
    names = [named(part) for part in parts[:_MOST_NAMED]]
    if len(parts) > _MOST_NAMED:
        names.append(f"{len(parts) - _MOST_NAMED} more")
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def is_piano(part: Part) -> bool:
    """Whether a pianist's instrument is likely."""
    return _rank(part) >= WITH_KEYS


def _is_second(stave: Stave, group: list[Stave]) -> bool:
    """Whether a stave without a name follows the first of an instrument: notation programs name the first alone."""
    return len(group) == 1 and stave.track == group[0].track + 1


def _part(number: int, staves: list[Stave]) -> Part:
    first = staves[0]
    names = dict.fromkeys(stave.name for stave in staves if stave.name)
    notes = sum(len(stave.pitch) for stave in staves)
    return Part(
        number, " + ".join(names) or _FAMILIES[first.family], first.program, notes, False, tuple(staves)
    )


def _piano(parts: list[Part]) -> set[int]:
    """The numbers of the piano's parts, or of all where there is no piano."""
    ranks = {part.number: _rank(part) for part in parts}
    best = max(ranks.values(), default=DRUM_KIT)
    if best == DRUM_KIT:
        return set()
    chosen = [
        part
        for part in parts
        if ranks[part.number] == best or (ranks[part.number] == UNNAMED and best > UNNAMED)
    ]
    if not any(says_piano(part.name) for part in chosen):
        # Where no part is called a piano, a melody on one, or on no instrument, is the piano's, too.
        chosen += [part for part in parts if says_role(part.name) and part.program in (None, *_REAL)]
    return {part.number for part in chosen}


def _rank(part: Part) -> int:
    return max(
        (_rank_of(stave, hands) for hands in [_named_hands(part)] for stave in part.staves), default=OTHER
    )


def _named_hands(part: Part) -> bool:
    """Whether the names of the staves are those of two hands."""
    return {staff_of_name(stave.name) for stave in part.staves} >= {0, 1}


def _rank_of(stave: Stave, hands: bool) -> int:
    if stave.drums:
        return DRUM_KIT
    other = says_other(stave.name)
    if says_piano(stave.name) or (hand_of_name(stave.name) != UNKNOWN and not other) or hands:
        return PIANO
    if says_keyboard(stave.name):
        return ELECTRIC
    if other:
        return WITH_KEYS if stave.program in range(8) or stave.program in _WITH_KEYS else OTHER
    if stave.program is None:
        return UNNAMED
    if stave.program in range(8):
        return ELECTRIC if stave.program in _ELECTRIC else PIANO
    return WITH_KEYS if stave.program in _WITH_KEYS else OTHER


def _wanted(parts: list[Part], wanted: str) -> set[int]:
    text = " ".join(wanted.casefold().split())
    pieces = [piece.strip() for piece in text.split(",")]
    if all(piece.isdecimal() and len(piece) < 7 for piece in pieces):
        return {int(piece) for piece in pieces}
    names = {part.number: [part.name.casefold(), *(s.name.casefold() for s in part.staves)] for part in parts}
    exact = {number for number, own in names.items() if text in own}
    return exact or {number for number, own in names.items() if text and any(text in name for name in own)}
