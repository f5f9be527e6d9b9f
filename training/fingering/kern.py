# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a piano grand staff with its printed fingering from a Humdrum file (`**kern` and `**fing` spines).

Only what a fingering needs is read: onsets, offsets, pitches, staffs, digits. Repeats are not expanded. Parts of
other instruments, figured bass and string fingerings are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from models.body.notes import Notes
from models.body.skeleton import LEFT
from training.fingering.fingered import FingeredScore

GRACE_S = 0.08
"""A grace note sounds this long before what it decorates, less where there is less room."""
DEFAULT_QPM = 100.0
"""Quarter notes a minute where the score says nothing."""

_STEP = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_PITCH = re.compile(r"([a-gA-G])\1*")
_DURATION = re.compile(r"(\d+)(?:%(\d+))?(\.*)")
_DIGITS = re.compile(r"[1-5](?:[ \u00a0][1-5])*$")
_ENGLISH = re.compile(r"[+x1-4](?:[ \u00a0][+x1-4])*$")


@dataclass
class _Note:
    onset: Fraction
    offset: Fraction
    pitch: int
    staff: int
    grace: int = 0  # how many grace notes before the decorated note, 0 for an ordinary note
    finger: int = -1


@dataclass
class _Column:
    """One spine, or one strand of a split spine, at the present line."""

    kind: str
    origin: int  # index of the spine in the header
    busy: Fraction = Fraction(0)  # when its last note or rest is over


@dataclass(frozen=True)
class _Mark:
    """One line with fingering: what each staff strikes there, layer by layer, and the tokens behind it."""

    struck: dict[int, list[list[_Note]]]
    fingers: dict[int, list[str]]


@dataclass
class _Reader:
    columns: list[_Column]
    part: dict[int, str] = field(default_factory=dict)
    piano: dict[int, bool] = field(default_factory=dict)
    time: Fraction = Fraction(0)
    qpm: float = DEFAULT_QPM
    notes: list[_Note] = field(default_factory=list)
    tied: dict[tuple[int, int], _Note] = field(default_factory=dict)
    grace: list[_Note] = field(default_factory=list)
    marks: list[_Mark] = field(default_factory=list)


def read_kern(path: Path) -> FingeredScore | None:
    """The piano of one file, or None where there is no grand staff or no printed digit on it.

    Raises:
        ValueError: when the file's spines cannot be followed.
    """
    reader: _Reader | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line or line.startswith("!"):
            continue
        tokens = line.split("\t")
        if reader is None:
            if not tokens[0].startswith("**"):
                raise ValueError(f"{path.name}: line {number} comes before the spines are named")
            reader = _Reader([_Column(kind, i) for i, kind in enumerate(tokens)])
            continue
        if not reader.columns:
            break
        if len(tokens) != len(reader.columns):
            raise ValueError(f"{path.name}: line {number} has {len(tokens)} tokens for {len(reader.columns)}")
        if tokens[0].startswith("*"):
            _interpret(reader, tokens)
        elif not tokens[0].startswith("="):
            _read_data(reader, tokens)
    if reader is None:
        return None
    staffs = _grand_staff(reader)
    return None if staffs is None else _finish(reader, staffs, path)


def _interpret(reader: _Reader, tokens: list[str]) -> None:
    """Tandem interpretations and the splits, joins and ends of spines."""
    columns: list[_Column] = []
    i = 0
    while i < len(tokens):
        column, token = reader.columns[i], tokens[i]
        if token.startswith("*part"):
            reader.part[column.origin] = token
        elif token.startswith(("*ICklav", "*Ipiano")):
            reader.piano[column.origin] = True
        elif token.startswith("*IC") and column.origin not in reader.piano:
            reader.piano[column.origin] = False
        elif token.startswith("*MM") and token[3:].replace(".", "", 1).isdigit() and not reader.notes:
            reader.qpm = float(np.clip(float(token[3:]), 30, 300))
        if token == "*^":
            columns += [column, _Column(column.kind, column.origin, column.busy)]
        elif token == "*v":
            while (
                i + 1 < len(tokens)
                and tokens[i + 1] == "*v"
                and reader.columns[i + 1].origin == column.origin
            ):
                i += 1
                column.busy = max(column.busy, reader.columns[i].busy)
            columns.append(column)
        elif token == "*+":
            columns += [column, _Column("?", -1, column.busy)]
        elif token.startswith("**"):
            columns.append(_Column(token, column.origin, column.busy))
        elif token != "*-":
            columns.append(column)
        i += 1
    reader.columns = columns


def _read_data(reader: _Reader, tokens: list[str]) -> None:
    """One line of notes: at the time when the first busy spine becomes free."""
    kerns = [(c, t) for c, t in zip(reader.columns, tokens, strict=True) if c.kind == "**kern"]
    sounding = [(c, t) for c, t in kerns if t != "." and "q" not in t.lower()]
    if sounding:
        reader.time = max(reader.time, min(c.busy for c, _ in sounding))
    struck: dict[int, list[list[_Note]]] = {}
    for column, token in kerns:
        layer: list[_Note] = []
        longest = Fraction(0)
        for part in token.split(" ") if token != "." else ():
            note, length = _read_note(reader, column, part)
            longest = max(longest, length)
            if note is not None:
                layer.append(note)
        if longest:
            column.busy = reader.time + longest
        struck.setdefault(column.origin, []).append(layer)
    if sounding:
        for before, note in enumerate(reversed(reader.grace), 1):
            note.onset = note.offset = reader.time
            note.grace = before
        reader.grace = []
    fingers: dict[int, list[str]] = {}
    for i, (column, token) in enumerate(zip(reader.columns, tokens, strict=True)):
        if column.kind != "**fing":
            continue
        staff = next((c.origin for c in reversed(reader.columns[:i]) if c.kind == "**kern"), -1)
        fingers.setdefault(staff, []).append(token)
    if any(token != "." for texts in fingers.values() for token in texts):
        reader.marks.append(_Mark(struck, fingers))


def _read_note(reader: _Reader, column: _Column, text: str) -> tuple[_Note | None, Fraction]:
    """The note struck by one token and how long the token occupies its spine, in quarter notes."""
    found = _DURATION.search(text)
    length = Fraction(0)
    if found and "q" not in text.lower():
        base = int(found[1])
        length = Fraction(4 * int(found[2] or 1), base) if base else Fraction(8 * 2 ** (len(found[1]) - 1))
        length *= 2 - Fraction(1, 2 ** len(found[3]))
    pitch_match = _PITCH.search(text)
    if "r" in text or pitch_match is None:
        return None, length
    letter, count = pitch_match[1], len(pitch_match[0])
    lowest, step = (60, 12 * (count - 1)) if letter.islower() else (48, -12 * (count - 1))
    pitch = lowest + step + _STEP[letter.lower()]
    pitch += text.count("#") - text.count("-")
    key = (column.origin, pitch)
    end = reader.time + length
    if ("]" in text or "_" in text) and key in reader.tied:
        reader.tied[key].offset = end
        if "]" in text:
            del reader.tied[key]
        return None, length
    note = _Note(reader.time, end, pitch, column.origin)
    if "q" in text.lower():
        reader.grace.append(note)
    elif "[" in text:
        reader.tied[key] = note
    reader.notes.append(note)
    return note, length


def _grand_staff(reader: _Reader) -> tuple[int, int] | None:
    """Spines of the lower and the upper staff: the two neighbours of one keyboard part."""
    staffs = sorted({note.staff for note in reader.notes})
    pairs = [
        (low, high)
        for low, high in zip(staffs, staffs[1:], strict=False)
        if reader.part.get(low) == reader.part.get(high)
        and reader.piano.get(low, len(staffs) == 2)
        and reader.piano.get(high, len(staffs) == 2)
    ]
    marked = {staff for mark in reader.marks for staff, texts in mark.fingers.items() if any(texts)}
    pairs = [pair for pair in pairs if marked.intersection(pair)]
    return pairs[-1] if pairs else None


def _finish(reader: _Reader, staffs: tuple[int, int], path: Path) -> FingeredScore | None:
    tokens = [t for mark in reader.marks for staff in staffs for t in mark.fingers.get(staff, ()) if t != "."]
    if sum(bool(re.search(r"[67#]", token)) for token in tokens) > 0.02 * len(tokens) + 2:
        return None  # figured bass
    english = sum("+" in token or "x" in token for token in tokens) >= 3
    if english and any("5" in token for token in tokens):
        return None  # both habits in one file: nobody can say which
    for mark in reader.marks:
        for hand, staff in enumerate(staffs):
            _give_digits(mark.struck.get(staff, []), mark.fingers.get(staff, []), hand, english)
    kept = [note for note in reader.notes if note.staff in staffs]
    if not any(note.finger >= 0 for note in kept):
        return None
    return _arrange(kept, staffs, 60.0 / reader.qpm, path)


def _digits(text: str, english: bool) -> list[int] | None:
    """Fingers 0 to 4 of a token; None for what is no plain fingering. English prints count the thumb as +."""
    if english:
        return (
            [0 if c in "+x" else int(c) for c in re.split("[ \u00a0]", text)]
            if _ENGLISH.match(text)
            else None
        )
    return [int(c) - 1 for c in re.split("[ \u00a0]", text)] if _DIGITS.match(text) else None


def _give_digits(layers: list[list[_Note]], texts: list[str], hand: int, english: bool) -> None:
    """Give digits to notes where it is certain whose they are: as many as there are notes, all different.

    Layer by layer where the fingering is split like the notes, else the staff as a whole. Chords are fingered in the
    order of their keys, whatever the order of print.
    """
    if len(layers) == len(texts):
        groups = list(zip(layers, [[text] for text in texts], strict=True))
        if any(text != "." and not layer for layer, text in zip(layers, texts, strict=True)):
            groups = [([note for layer in layers for note in layer], texts)]
    else:
        groups = [([note for layer in layers for note in layer], texts)]
    for notes, tokens in groups:
        read = [_digits(token, english) for token in tokens if token != "."]
        if not read or any(one is None for one in read):
            continue
        fingers = sorted({finger for one in read if one is not None for finger in one})
        pitches = {note.pitch for note in notes}
        if len(fingers) != sum(len(one) for one in read if one is not None) or len(fingers) != len(pitches):
            continue
        if hand == LEFT:
            fingers.reverse()
        by_pitch = dict(zip(sorted(pitches), fingers, strict=True))
        for note in notes:
            note.finger = by_pitch[note.pitch]


def _arrange(kept: list[_Note], staffs: tuple[int, int], quarter_s: float, path: Path) -> FingeredScore:
    """Notes as arrays, in seconds, with grace notes squeezed in before what they decorate."""
    times = sorted({note.onset for note in kept if not note.grace})
    before = dict(zip(times[1:], times, strict=False))
    most: dict[tuple[Fraction, int], int] = {}
    for note in kept:
        if note.grace:
            key = (note.onset, note.staff)
            most[key] = max(most.get(key, 0), note.grace)
    rows: list[tuple[float, float, int, int, int]] = []
    for note in kept:
        onset, offset = float(note.onset) * quarter_s, float(note.offset) * quarter_s
        if note.grace:
            room = float(note.onset - before.get(note.onset, note.onset - 1)) * quarter_s
            step = min(GRACE_S, room / (most[note.onset, note.staff] + 1))
            onset -= note.grace * step
            offset = onset + step
        rows.append((onset, max(offset, onset + 0.03), note.pitch, staffs.index(note.staff), note.finger))
    rows.sort(key=lambda row: (row[0], row[2]))
    onset, end, pitch, staff, printed = np.array(rows, np.float64).T
    table = np.stack([onset - onset[0], end - onset[0], pitch, np.full(len(rows), 80.0)], 1)
    return FingeredScore(path, Notes.from_arrays(table, hand=staff.astype(np.int8)), printed.astype(np.int8))
