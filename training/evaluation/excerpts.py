# SPDX-License-Identifier: GPL-3.0-or-later
"""Excerpts to evaluate.

Of scores that no training has seen, performed with the synthesiser's timing and dynamics or as written; or what real
pianists played.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.body.notes import Notes
from models.music.notes import trim_notes
from training.synthesis.performance import perform
from training.synthesis.real_notes import REAL_FPS, excerpts_to_measure
from training.synthesis.scores import Piece, index_pieces, load_score

LEAST_NOTES = 20


@dataclass(frozen=True)
class Excerpt:
    """A part of a held-out piece as it is performed."""

    name: str
    notes: Notes
    """Time 0 is the beginning of the excerpt; all are in a hand."""
    seconds: float


def by_turns(pieces: list[Piece], rng: np.random.Generator) -> Iterator[Piece]:
    """Every piece once, one composer after another, in random order within a composer."""
    queues: dict[str, list[Piece]] = {}
    for index in rng.permutation(len(pieces)):
        queues.setdefault(pieces[index].composer, []).append(pieces[index])
    waiting = [queues[name] for name in sorted(queues)]
    while waiting:
        for queue in waiting:
            yield queue.pop()
        waiting = [queue for queue in waiting if queue]


def excerpt_of(piece: Piece, seconds: float, timing: str, rng: np.random.Generator) -> Excerpt | None:
    """A random excerpt, or None where the piece is not for two hands or the excerpt is nearly silent."""
    score = load_score(piece.path)
    if score is None:
        return None
    played = perform(score, rng, tempo_known=piece.tempo_known) if timing == "performed" else score.notes
    last_s = float(played.offset_s.max())
    start_s = float(rng.uniform(0, max(last_s - seconds, 0)))
    # Begin just before an onset, and leave out what was struck earlier: its onset is no longer there to be hit.
    onsets = played.onset_s
    start_s = max(float(onsets[onsets >= start_s].min(initial=last_s)) - 0.5, 0.0)
    inside = (onsets >= start_s) & (onsets < start_s + seconds - 0.1)
    notes = trim_notes(played.select(inside), start_s, start_s + seconds)
    if len(notes) < LEAST_NOTES:
        return None
    return Excerpt(piece.name, notes, min(seconds, last_s - start_s + 1.0))


def choose_excerpts(
    folder: Path, split: str, count: int, seconds: float, timing: str, seed: int
) -> list[Excerpt]:
    """`count` excerpts of pieces of a split; fewer where there are not enough."""
    rng = np.random.default_rng(seed)
    pieces = [piece for piece in index_pieces(folder) if piece.split == split]
    found: list[Excerpt] = []
    for piece in by_turns(pieces, rng):
        excerpt = excerpt_of(piece, seconds, timing, rng)
        if excerpt is not None:
            found.append(excerpt)
        if len(found) == count:
            break
    return found


def played_by_pianists(path: Path, count: int, seed: int) -> list[Excerpt]:
    """`count` random excerpts of those that nothing learns from: what was played, with the hands that played it.

    Raises:
        OSError, KeyError, ValueError: when the file is missing or not such a data set.
    """
    everything = excerpts_to_measure(path)
    chosen = np.random.default_rng(seed).permutation(list(everything))[:count]
    return [
        Excerpt(
            f"pianist {index}",
            everything[index].notes.astype(np.float32),
            len(everything[index].wrist) / REAL_FPS,
        )
        for index in sorted(chosen.tolist())
        if len(everything[index].notes) >= LEAST_NOTES
    ]
