# SPDX-License-Identifier: GPL-3.0-or-later
"""Two-track scores as raw material: the list of pieces with its split, and notes that a pianist could play.

The validation split is by composer, never by excerpt (the lists below). Works that are kept for tests elsewhere
are dropped wherever they are met.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEYS, LOWEST_PITCH, key_x
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.music.midi import read_midi
from models.planning.fingering import MAX_SPAN

log = logging.getLogger(__name__)

VALIDATION_COMPOSERS = frozenset(
    {
        "satie_erik",
        "schumann_clara",
        "beethoven_ludwig_van",
        "haydn_joseph",
        "boulanger_lili",
        "mahler_gustav",
        "brahms_johannes",
        "zelenski_wladyslaw",
        "oginski_michal_kleofas",
        "badarzewska_tekla",
        "wieniawski_jozef",
        "wieniawski_henryk",
    }
)

HELD_OUT_WORDS = (
    "mozart",
    "schumann_robert",
    "schumann-robert",
    "burgmuller",
    "burgm_ller",
    "joplin",
    "albeniz",
    "alb_niz",
    "grieg",
    "szymanowsk",
    "zarebsk",
)
"""Parts of file names of composers who are tested elsewhere and must never be trained on."""

HELD_OUT_WORKS = (
    re.compile(r"^chopin/010-[^/]*-003\.mid$"),
    re.compile(r"^chopin/028-[^/]*-011\.mid$"),
    re.compile(r"^chopin/038-[^/]*\.mid$"),
    re.compile(r"schubert[^/]*/.*d_?783"),
    re.compile(r"beethoven[^/]*/.*op_?27_(no_)?2"),
)

REACH_M = MAX_SPAN
"""Largest distance between the middles of the outer keys that one hand holds at once, as the fingering has it."""
ROLL_REACH_M = 0.42
"""Chords up to this span are kept and rolled, as pianists do; wider ones lose notes."""
TOGETHER_S = 0.025
"""Onsets closer than this are one chord."""
MIN_NOTES = 40
MAX_DROPPED = 0.08


@dataclass(frozen=True)
class Piece:
    """One score file."""

    path: Path
    name: str
    composer: str
    split: str
    """``train`` or ``validation``."""
    tempo_known: bool
    """False where the score gives none and 120 quarter notes a minute is only the default."""


@dataclass(frozen=True)
class Score:
    """Notes of a piece in score time, playable by two hands."""

    notes: Notes
    """Sorted by onset, then pitch; all in a hand."""
    dropped: float
    """Share of the file's notes that no hand could play and that were left out."""


def composer_of(relative: str) -> str:
    """Composer key of a path below the score folder, with ``_`` between words; the folder's name if there is none."""
    parts = relative.split("/")
    if parts[0] == "chopin":
        return "chopin_fr_d_ric"
    if parts[0] == "polish":
        _, _, rest = parts[-1].removesuffix(".mid").partition("_")
        return rest.split("--")[0].replace("-", "_") or "unknown"
    return parts[-2] if len(parts) > 1 else "unknown"


def is_held_out(relative: str) -> bool:
    """Whether the file holds a work that is tested elsewhere."""
    lower = relative.lower()
    return any(word in lower for word in HELD_OUT_WORDS) or any(work.search(lower) for work in HELD_OUT_WORKS)


def index_pieces(folder: Path) -> list[Piece]:
    """All pieces below ``folder`` with their split, sorted by path.

    Reads ``index.tsv`` (columns file, first_qpm, tempo_events) for whether the tempo is known; without it every tempo
    is taken as known.

    Raises:
        FileNotFoundError: when the folder holds no MIDI file.
    """
    folder = Path(folder)
    tempo_known = _tempo_table(folder / "index.tsv")
    pieces = []
    for path in sorted(folder.rglob("*.mid")):
        relative = path.relative_to(folder).as_posix()
        if is_held_out(relative):
            log.warning("%s is kept for tests elsewhere: left out", relative)
            continue
        composer = composer_of(relative)
        split = "validation" if composer in VALIDATION_COMPOSERS else "train"
        name = relative.rsplit(".mid", 1)[0].replace("/", "~")
        pieces.append(Piece(path, name, composer, split, tempo_known.get(relative, True)))
    if not pieces:
        raise FileNotFoundError(f"{folder} holds no .mid files; point --scores to a folder of two-track MIDI")
    return pieces


def _tempo_table(path: Path) -> dict[str, bool]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        row["file"]: not (float(row["first_qpm"]) == 120 and int(row["tempo_events"]) <= 1) for row in rows
    }


def load_score(path: Path) -> Score | None:
    """The playable score of a file, or None where too little of it is playable by two hands."""
    notes = read_midi(path).notes
    notes = notes.select(notes.hand >= 0)
    if len(notes) < MIN_NOTES:
        return None
    score = make_playable(notes)
    counts = np.bincount(score.notes.hand, minlength=2)
    if score.dropped > MAX_DROPPED or len(score.notes) < MIN_NOTES or counts.min() < 0.05 * counts.sum():
        return None
    return score


def groups_of(onsets: NDArray[np.floating[Any]], together_s: float = TOGETHER_S) -> list[NDArray[np.int64]]:
    """Indices of the notes of each chord, for sorted onsets: a chord starts where the last one is over."""
    if len(onsets) == 0:
        return []
    starts = [0]
    for i in range(1, len(onsets)):
        if onsets[i] - onsets[starts[-1]] > together_s:
            starts.append(i)
    return [np.arange(a, b) for a, b in zip(starts, [*starts[1:], len(onsets)], strict=True)]


def make_playable(notes: Notes) -> Score:
    """Leave out or shorten what two hands cannot play.

    Doubled keys lose one copy; chords written across the hands are split at their middle; a hand keeps at most five
    notes of a chord and at most ``ROLL_REACH_M`` of span (the right hand keeps its top, the left its bass); held
    notes are released where new ones would stretch the hand beyond ``REACH_M`` or need a sixth finger.

    Args:
        notes: all in a hand.
    """
    notes = notes.astype(np.float64)
    in_range = (notes.pitch >= LOWEST_PITCH) & (notes.pitch < LOWEST_PITCH + KEYS)
    order = np.lexsort((notes.pitch, notes.onset_s))
    order = order[in_range[order]]
    total = max(len(notes), 1)
    notes = notes.select(order)
    keep = np.ones(len(notes), bool)
    for group in groups_of(notes.onset_s):
        if len(group) > 1:
            _drop_doubles(notes, keep, group)
            group = group[keep[group]]
            _uncross(notes, group)
            for hand in (LEFT, RIGHT):
                _fit_hand(notes, keep, group[notes.hand[group] == hand], hand)
    notes = notes.select(keep)
    notes = replace(notes, offset_s=np.maximum(notes.offset_s, notes.onset_s + 0.03))
    release_unreachable(notes)
    return Score(notes.astype(np.float32), 1 - len(notes) / total)


def _drop_doubles(notes: Notes, keep: NDArray[Any], group: NDArray[Any]) -> None:
    seen: dict[int, int] = {}
    for i in group:
        pitch = int(notes.pitch[i])
        if pitch in seen:
            notes.offset_s[seen[pitch]] = max(notes.offset_s[seen[pitch]], notes.offset_s[i])
            keep[i] = False
        else:
            seen[pitch] = i


def _uncross(notes: Notes, group: NDArray[Any]) -> None:
    """Give the lowest notes of an interleaved chord to the left hand, in place; each hand keeps its number of notes."""
    left = notes.hand[group] == LEFT
    if not left.any() or left.all() or notes.pitch[group[left]].max() < notes.pitch[group[~left]].min():
        return
    by_pitch = group[np.argsort(notes.pitch[group])]
    notes.hand[by_pitch] = RIGHT
    notes.hand[by_pitch[: left.sum()]] = LEFT


def _fit_hand(notes: Notes, keep: NDArray[Any], group: NDArray[Any], hand: int) -> None:
    """Drop notes of one hand's chord until five fingers and a rolled span are enough. ``group`` rises in pitch."""
    ordered = list(group[np.argsort(notes.pitch[group])])
    while len(ordered) > 1 and span(notes.pitch[ordered]) > ROLL_REACH_M:
        keep[ordered.pop(0 if hand == RIGHT else -1)] = False
    while len(ordered) > 5:
        keep[ordered.pop(len(ordered) // 2)] = False


def span(pitches: NDArray[Any] | Iterable[float]) -> float:
    """Distance in metres between the middles of the outer keys."""
    x = key_x(np.asarray(pitches, int))
    return float(x.max() - x.min())


def release_unreachable(notes: Notes, gap_s: float = 0.02) -> None:
    """Shorten, in place, notes (sorted by onset) that their hand cannot go on holding when it strikes new ones."""
    x = key_x(notes.pitch.astype(int))
    for hand in (LEFT, RIGHT):
        held: list[int] = []
        for i in np.flatnonzero(notes.hand == hand):
            onset = notes.onset_s[i]
            held = [j for j in held if notes.offset_s[j] > onset]
            held.append(i)
            positions = x[held]
            while len(held) > 1 and (len(held) > 5 or positions.max() - positions.min() > REACH_M):
                older = [j for j in held if j != i]
                if len(held) > 5:
                    victim = min(older, key=lambda j: notes.onset_s[j])
                else:
                    victim = max(older, key=lambda j: abs(x[j] - x[i]))
                notes.offset_s[victim] = max(notes.onset_s[victim] + 0.03, onset - gap_s)
                held.remove(victim)
                positions = x[held]
