# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand `evaluate`: figures over scores that no training has seen, as a table for the README.

    python -m training evaluate --scores path/to/scores --split validation --count 20 --seconds 30 --from midi --all
    python -m training evaluate --scores path/to/scores --count 8 --seconds 30 --from sound --json figures.json
    python -m training evaluate --real fingertips.npz --count 80

One excerpt a piece, composers in turn, performed with the synthesiser's timing and dynamics (or as written with
`--timing score`). `midi` gives the generator the notes with the hands of the score's tracks (`--hands unknown` hides
them); `sound` renders the notes with fluidsynth and transcribes them, so that its figures hold the transcription's
mistakes too; what is compared with is the performed notes in both cases. Each excerpt is generated with contact 1
and with contact 0; `--all` adds another seed, a redone left hand and the synthesiser's own motion. With `--real` the
notes are those of real pianists (PianoMime), so that the real-motion distance does not hold the repertoire's part.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.app.command_line import complain
from models.app.pipeline import Pipeline
from models.app.request import DEVICES
from models.body.take import Take
from models.whole_file import check_output, write_text_whole
from training.commands.tables import add_arguments as add_table_arguments
from training.commands.tables import tables_main
from training.evaluation.dynamics_table import dynamics_markdown, dynamics_summary
from training.evaluation.excerpts import Excerpt, choose_excerpts, played_by_pianists
from training.evaluation.figures import Row, as_markdown, looks_lines, measure, median_difference_mm, summary
from training.evaluation.takes import TakeOptions, make_takes, right_hand_kept


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `evaluate`."""
    parser = commands.add_parser("evaluate", help="figures over held-out scores")
    parser.add_argument("--scores", type=Path, help="folder of two-track MIDI scores")
    parser.add_argument("--real", type=Path, help="instead: fingertips.npz of the PianoMime data set")
    parser.add_argument("--split", choices=("validation", "train"), default="validation")
    parser.add_argument("--count", type=int, default=20, help="pieces")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of an excerpt")
    parser.add_argument("--from", dest="source", choices=("midi", "sound"), default="midi")
    parser.add_argument("--timing", choices=("performed", "score"), default="performed")
    parser.add_argument("--hands", choices=("given", "unknown"), default="given")
    parser.add_argument(
        "--all", action="store_true", help="also another seed, a redone hand, the synthesiser"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--preset", default="default", help="preset or model folder")
    parser.add_argument("--sampler")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--device", choices=DEVICES, default="auto")
    parser.add_argument("--json", type=Path, help="also write every figure of every piece to this file")
    add_table_arguments(parser)
    parser.set_defaults(main=evaluate_main)


def evaluate_main(arguments: argparse.Namespace) -> int:
    """Evaluate and print the table."""
    if arguments.table is not None:
        return tables_main(arguments)
    if (arguments.scores is None) == (arguments.real is None):
        complain(ValueError("evaluate needs --scores, or --real, or --table for the tables of the paper"))
        return 2
    try:
        excerpts = _excerpts(arguments)
    except (OSError, KeyError, ValueError) as error:
        complain(error)
        return 2
    if arguments.json is not None:
        check_output(arguments.json)
    if not excerpts:
        complain(ValueError(f"no piece of the {arguments.split} split can be played by two hands"))
        return 1
    options = TakeOptions(
        source=arguments.source,
        hands=arguments.hands,
        other_seed=arguments.all,
        redo=arguments.all,
        synthesiser=arguments.all,
        seed=arguments.seed,
        preset=arguments.preset,
        sampler=arguments.sampler,
        steps=arguments.steps,
        fps=arguments.fps,
        device=arguments.device,
    )
    results = _evaluate(excerpts, options)
    rows = [[row for _, row in of] for of in results.rows.values()]
    summaries = [{**summary(of), "dynamics": dynamics_summary(of)} for of in rows]
    whose = (
        "real pianists' notes" if arguments.real else f"{arguments.timing} timing, {arguments.split} split"
    )
    _print(results, summaries, arguments.source, f"{whose}: {len(excerpts)} excerpts")
    if arguments.json is not None:
        _write_json(arguments.json, results, summaries, arguments)
    return 0


@dataclass(frozen=True)
class _Results:
    rows: dict[str, list[tuple[str, Row]]] = field(default_factory=dict)
    """By kind of take: the name of each excerpt and its figures."""
    differences: list[float] = field(default_factory=list)
    """Between two seeds: the median distance of the fingertips in each excerpt, mm."""
    kept: list[bool] = field(default_factory=list)
    """Whether the right hand stayed bit-identical where the left one was redone, for each excerpt."""


def _evaluate(excerpts: list[Excerpt], options: TakeOptions) -> _Results:
    """Make and measure the takes of all excerpts, and say so after each."""
    pipeline, results = Pipeline(), _Results()
    for index, excerpt in enumerate(excerpts):
        takes: dict[str, Take] = {}
        with tempfile.TemporaryDirectory() as name:
            for made in make_takes(pipeline, excerpt, Path(name), options):
                row = measure(made.kind, made.take, excerpt.notes, excerpt.seconds, made.seconds)
                results.rows.setdefault(made.kind, []).append((excerpt.name, row))
                takes[made.kind] = made.take
        if options.other_seed:
            results.differences.append(median_difference_mm(takes["contact 1"], takes["another seed"]))
        if options.redo:
            results.kept.append(right_hand_kept(takes["contact 1"], takes["redone left hand"]))
        found = ", ".join(f"{kind} {of[-1][1].figures['onset_f1']:.3f}" for kind, of in results.rows.items())
        print(f"{index + 1}/{len(excerpts)} {excerpt.name}: onset F1 {found}", file=sys.stderr, flush=True)
    return results


def _print(results: _Results, summaries: list[dict[str, Any]], source: str, what: str) -> None:
    print(f"From {source}, {what}, {summaries[0]['music_s']:.0f} s, {summaries[0]['notes']} notes.")
    if source == "sound":
        print(f"Onset F1 of the transcription alone: {summaries[0]['transcription_onset_f1']:.3f}")
    print(as_markdown(summaries))
    print("\nDynamics:\n\n" + dynamics_markdown([one["dynamics"] for one in summaries]) + "\n")
    print("\n".join(looks_lines({kind: [row for _, row in of] for kind, of in results.rows.items()})))
    if results.differences:
        ordered = sorted(results.differences)
        print(
            f"Another seed: median fingertip difference {ordered[len(ordered) // 2]:.1f} mm "
            f"(least of a piece {ordered[0]:.1f})"
        )
    if results.kept:
        print(
            f"Redone left hand: the right hand bit-identical in {sum(results.kept)} of {len(results.kept)} pieces"
        )


def _write_json(
    path: Path, results: _Results, summaries: list[dict[str, Any]], arguments: argparse.Namespace
) -> None:
    """Write every figure of every piece, with the settings that they were made with."""
    report = {
        "settings": {
            name: str(value) for name, value in vars(arguments).items() if name not in ("main", "command")
        },
        "summary": summaries,
        "pieces": [
            {"piece": piece, "kind": kind, **row.figures}
            for kind, of in results.rows.items()
            for piece, row in of
        ],
        "seed_difference_mm": results.differences,
        "right_hand_kept": results.kept,
    }
    write_text_whole(path, json.dumps(report, indent=1) + "\n")


def _excerpts(arguments: argparse.Namespace) -> list[Excerpt]:
    if arguments.real is not None:
        return played_by_pianists(arguments.real, arguments.count, arguments.seed)
    return choose_excerpts(
        arguments.scores,
        arguments.split,
        arguments.count,
        arguments.seconds,
        arguments.timing,
        arguments.seed,
    )
