# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand `evaluate`: figures over scores that no training has seen, as a table for the README.

    python -m training evaluate --scores path/to/scores --split validation --count 20 --seconds 30 --from midi
    python -m training evaluate --scores path/to/scores --count 8 --seconds 30 --from sound --json figures.json

One excerpt a piece, composers in turn, performed with the synthesiser's timing and dynamics (or as written with
`--timing score`). `midi` gives the generator the notes with the hands of the score's tracks (`--hands unknown` hides
them); `sound` renders the notes with fluidsynth and transcribes them, so that its figures hold the transcription's
mistakes too; what is compared with is the performed notes in both cases. Each excerpt is generated with contact 1
and with contact 0.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation import Score, evaluate_take, note_score
from models.midi import write_midi
from models.music import trim_notes
from models.pipeline import Pipeline
from models.request import DEVICES, GenerateRequest
from training.synthesis.performance import perform
from training.synthesis.scores import Piece, index_pieces, load_score

CONTACTS = (1.0, 0.0)
LEAST_NOTES = 20
COLUMNS = {
    "onset_f1": "onset F1",
    "onset_precision": "precision",
    "onset_recall": "recall",
    "frame_f1": "frame F1",
    "outside_limits": "outside limits",
    "fingers_closer_3mm": "fingers < 3 mm",
    "hands_colliding": "hands collide",
    "wrist_speed_p99": "wrist speed p99 m/s",
    "real_motion_distance": "real-motion distance",
}


@dataclass(frozen=True)
class Excerpt:
    """A part of a held-out piece as it is performed."""

    name: str
    notes: NDArray[np.float32]
    """(n, 4); time 0 is the beginning of the excerpt."""
    hands: NDArray[np.int8]
    """(n,) 0 left, 1 right."""
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
    played = perform(score, rng, tempo_known=piece.tempo_known) if timing == "performed" else score
    last_s = float(played.notes[:, 1].max())
    start_s = float(rng.uniform(0, max(last_s - seconds, 0)))
    # Begin just before an onset, and leave out what was struck earlier: its onset is no longer there to be hit.
    onsets = played.notes[:, 0]
    start_s = max(float(onsets[onsets >= start_s].min(initial=last_s)) - 0.5, 0.0)
    inside = (onsets >= start_s) & (onsets < start_s + seconds - 0.1)
    notes, hands = trim_notes(played.notes[inside], played.hands[inside], start_s, start_s + seconds)
    if len(notes) < LEAST_NOTES:
        return None
    return Excerpt(piece.name, notes, hands, min(seconds, last_s - start_s + 1.0))


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


def evaluate_excerpt(
    pipeline: Pipeline, excerpt: Excerpt, folder: Path, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """A row of figures for each strength of contact."""
    midi = folder / "notes.mid"
    hidden = arguments.hands == "unknown" or arguments.source == "sound"
    write_midi(midi, excerpt.notes, None if hidden else excerpt.hands)
    sound = None
    if arguments.source == "sound":
        from training.rendering import render

        sound = folder / "notes.wav"
        render(midi, sound)
    rows = []
    for contact in CONTACTS:
        request = GenerateRequest(
            output=folder / "take.npz",
            sound=sound,
            midi=midi if sound is None else None,
            seed=arguments.seed,
            preset=arguments.preset,
            sampler=arguments.sampler,
            steps=arguments.steps,
            contact=contact,
            fps=arguments.fps,
            device=arguments.device,
            sound_end_s=excerpt.seconds,
        )
        generated = pipeline.generate(request)
        seconds = generated.facts["seconds"]
        heard = note_score(generated.take.notes, excerpt.notes)
        rows.append(
            {
                "piece": excerpt.name,
                "contact": contact,
                "music_s": excerpt.seconds,
                "seconds": seconds,
                "transcription_onset_f1": heard.f1,
                **evaluate_take(generated.take, excerpt.notes),
            }
        )
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over pieces of one strength of contact, the pooled onset F1, the worst piece and real-time factors."""
    names = [*COLUMNS, "transcription_onset_f1"]
    means = {}
    for name in names:
        values = [row[name] for row in rows if row[name] is not None]
        means[name] = float(np.mean(values)) if values else None
    pooled = Score(
        *(sum(row[name] for row in rows) for name in ("onset_hits", "onset_false", "onset_missed"))
    )
    music_s = sum(row["music_s"] for row in rows)
    # The transcription of a sound is made once and shared by all strengths of contact.
    stages = {stage: sum(row["seconds"].get(stage, 0.0) for row in rows) for stage in ("sample", "contact")}
    return {
        "contact": rows[0]["contact"],
        "pieces": len(rows),
        "music_s": music_s,
        "notes": sum(row["notes"] for row in rows),
        **means,
        "onset_f1_pooled": pooled.f1,
        "onset_f1_worst": min(row["onset_f1"] for row in rows),
        **{f"{stage}_real_time_factor": seconds / music_s for stage, seconds in stages.items()},
    }


def as_markdown(summaries: list[dict[str, Any]]) -> str:
    """The table for the README: a row for each strength of contact."""
    head = ["contact", *COLUMNS.values(), "worst onset F1", "s per s: networks", "contact"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for one in summaries:
        values = [one[name] for name in COLUMNS]
        values += [one["onset_f1_worst"], one["sample_real_time_factor"], one["contact_real_time_factor"]]
        cells = ["-" if value is None else f"{value:.3f}" for value in values]
        lines.append("| " + " | ".join([f"{one['contact']:g}", *cells]) + " |")
    return "\n".join(lines)


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Register `evaluate`."""
    parser = commands.add_parser("evaluate", help="figures over held-out scores")
    parser.add_argument("--scores", type=Path, required=True, help="folder of two-track MIDI scores")
    parser.add_argument("--split", choices=("validation", "train"), default="validation")
    parser.add_argument("--count", type=int, default=20, help="pieces")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of an excerpt")
    parser.add_argument("--from", dest="source", choices=("midi", "sound"), default="midi")
    parser.add_argument("--timing", choices=("performed", "score"), default="performed")
    parser.add_argument("--hands", choices=("given", "unknown"), default="given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="default", help="preset or model folder")
    parser.add_argument("--sampler")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--json", type=Path, help="also write every figure of every piece to this file")
    parser.set_defaults(main=evaluate_main)


def evaluate_main(arguments: argparse.Namespace) -> int:
    """Evaluate and print the table."""
    excerpts = choose_excerpts(
        arguments.scores,
        arguments.split,
        arguments.count,
        arguments.seconds,
        arguments.timing,
        arguments.seed,
    )
    if not excerpts:
        print(f"no piece of the {arguments.split} split can be played by two hands", file=sys.stderr)
        return 1
    pipeline = Pipeline()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        for index, excerpt in enumerate(excerpts):
            found = evaluate_excerpt(pipeline, excerpt, Path(name), arguments)
            rows.extend(found)
            figures = ", ".join(f"contact {row['contact']:g}: {row['onset_f1']:.3f}" for row in found)
            print(
                f"{index + 1}/{len(excerpts)} {excerpt.name}: onset F1 {figures}", file=sys.stderr, flush=True
            )
    summaries = [summary([row for row in rows if row["contact"] == contact]) for contact in CONTACTS]
    what = f"{len(excerpts)} excerpts, {summaries[0]['music_s']:.0f} s, {summaries[0]['notes']} notes"
    print(
        f"From {arguments.source}, {arguments.timing} timing, {arguments.split} split: {what}; means over pieces."
    )
    if arguments.source == "sound":
        print(f"Onset F1 of the transcription alone: {summaries[0]['transcription_onset_f1']:.3f}")
    print(as_markdown(summaries))
    if arguments.json is not None:
        settings = {
            name: str(value) for name, value in vars(arguments).items() if name not in ("main", "command")
        }
        text = json.dumps({"settings": settings, "summary": summaries, "pieces": rows}, indent=1)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    return 0
