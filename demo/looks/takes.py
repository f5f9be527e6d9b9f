# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes of the five excerpts, by the model or by the synthesiser that it learned from; an average player.

    python -m demo.looks.takes --scores SCORES --out FOLDER [--by synthesiser]

Writes a take and its notes as MIDI for each excerpt. Both play the same performance of the score: rubato, dynamics
and the spread of chords are drawn from the seed, and so may be compared.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from demo.looks.pieces import EXCERPTS, Excerpt, load
from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.body.player import Player
from models.body.take import Take
from models.music.midi import write_midi
from training.synthesis.dataset import Sample, move_hands
from training.synthesis.performance import perform

LEAD_S, TAIL_S = 0.8, 1.0


def play(excerpt: Excerpt, scores: Path, seed: int) -> Sample:
    """The synthesiser's performance and motion."""
    rng = np.random.default_rng([seed, zlib.crc32(excerpt.name.encode())])
    performance = perform(load(excerpt, scores), rng, tempo_known=True)
    notes = performance.notes.copy()
    notes[:, :2] += LEAD_S - notes[0, 0]
    return move_hands(notes, performance.hands, Player(), float(notes[:, 1].max()) + TAIL_S, rng)


def make(
    scores: Path,
    out: Path,
    *,
    by: str,
    seed: int,
    preset: str = "default",
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Write the five takes; their paths in the order of a sheet."""
    if by not in ("model", "synthesiser"):
        raise ValueError(f"takes are by the model or the synthesiser, not by {by!r}")
    out.mkdir(parents=True, exist_ok=True)
    pipeline = Pipeline()
    paths = []
    for excerpt in EXCERPTS:
        sample = play(excerpt, scores, seed)
        midi, path = out / f"{excerpt.name}.mid", out / f"{excerpt.name}.npz"
        write_midi(midi, sample.notes, sample.hands)
        if by == "model":
            take = pipeline.generate(GenerateRequest(midi=midi, output=path, preset=preset, seed=seed)).take
        else:
            take = Take(sample.motion, sample.notes, sample.fingering, {"hand_size": sample.player.hand_size})
        meta = {**take.meta, "title": f"{excerpt.title}; {by}"}
        dataclasses.replace(take, meta=meta).save(path)
        say(f"{path.name}: {len(take.notes)} notes, {take.motion.frames / take.motion.fps:.0f} s")
        paths.append(path)
    return paths


def main(arguments: list[str] | None = None) -> int:
    """Make the takes; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="takes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scores", type=Path, required=True, help="folder of two-track MIDI files")
    parser.add_argument("--out", type=Path, required=True, help="folder for takes and MIDI files")
    parser.add_argument("--by", choices=("model", "synthesiser"), default="model")
    parser.add_argument("--preset", default="default", help="preset or model folder")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    make(options.scores, options.out, by=options.by, seed=options.seed, preset=options.preset)
    return 0


if __name__ == "__main__":
    sys.exit(main())
