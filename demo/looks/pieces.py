# SPDX-License-Identifier: GPL-3.0-or-later
"""Five kinds of piano playing to look at: four excerpts of composers that no training saw, and a scale of our own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.body.notes import Notes
from training.synthesis.scores import Score, index_pieces, load_score

SCALE_STEP_S = 0.115
"""Sixteenths at 130 quarters a minute."""
SCALE_NOTE_S = 0.12
MAJOR = (0, 2, 4, 5, 7, 9, 11)


@dataclass(frozen=True)
class Excerpt:
    """One row of a sheet."""

    name: str
    """File name of the take; they sort in this order."""
    title: str
    score: str = ""
    """End of the piece's name in the list of scores; empty for the scale."""
    start_s: float = 0.0
    seconds: float = 12.0
    """Of the score, before the performance's own tempo."""

    def __post_init__(self) -> None:
        if self.start_s < 0 or not self.seconds > 0:
            raise ValueError(f"{self.name}: {self.seconds} s from {self.start_s} s is no excerpt")


EXCERPTS = (
    Excerpt(
        "1_legato", "slow legato: Zelenski, Nocturne op. 11", "deux-morceaux-de-salon-op-11-nocturne", 8.0
    ),
    Excerpt("2_scale", "fast scale: C major, two octaves, both hands"),
    Excerpt(
        "3_octaves", "octaves and jumps: Badarzewska, A Maiden's Prayer", "la-priere-d-une-vierge", 0.0, 14.0
    ),
    Excerpt(
        "4_chords",
        "chords: Beethoven, Die Ehre Gottes op. 48/4",
        "6_lieder_op_48_4_die_ehre_gottes_aus_der_natur_lc5121134",
    ),
    Excerpt(
        "5_song",
        "a song's accompaniment: Brahms, Wiegenlied op. 49/4",
        "5_lieder_op_49_4_wiegenlied_lc5701612",
        0.0,
        14.0,
    ),
)


def load(excerpt: Excerpt, scores: Path) -> Score:
    """The excerpt's notes in score time, from 0.

    Raises:
        FileNotFoundError: the folder lacks the piece.
        ValueError: the piece is a training piece, or too little of it is playable.
    """
    if not excerpt.score:
        return scale()
    pieces = [piece for piece in index_pieces(scores) if piece.name.endswith(excerpt.score)]
    if len(pieces) != 1:
        raise FileNotFoundError(f"{scores} holds {len(pieces)} pieces named {excerpt.score}; one is needed")
    if pieces[0].split != "validation":
        raise ValueError(f"{pieces[0].name} is trained on; a look at it says little")
    whole = load_score(pieces[0].path)
    if whole is None:
        raise ValueError(f"{pieces[0].name} is not playable by two hands")
    onset = whole.notes.onset_s
    inside = (onset >= excerpt.start_s) & (onset < excerpt.start_s + excerpt.seconds)
    if not inside.any():
        raise ValueError(f"{pieces[0].name} has no notes from {excerpt.start_s} s on")
    notes = whole.notes.select(inside)
    return Score(notes.shifted(-notes.onset_s[0]), whole.dropped)


def scale() -> Score:
    """C major up and down two octaves in sixteenths, the left hand an octave below the right."""
    up = [12 * octave + step for octave in range(2) for step in MAJOR]
    steps = [*up, 24, *reversed(up)]
    table = [
        (k * SCALE_STEP_S, k * SCALE_STEP_S + SCALE_NOTE_S, base + step, 70.0)
        for k, step in enumerate(steps)
        for base in (48, 60)
    ]
    return Score(Notes.from_arrays(np.array(table, np.float32), hand=np.tile([0, 1], len(steps))), 0.0)
