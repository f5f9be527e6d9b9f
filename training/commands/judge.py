# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand `judge`: can a classifier tell our hands from real ones on the same notes, and by what.

    python -m training judge --real fingertips.npz
    python -m training judge --real fingertips.npz --what synthesiser --takes runs/judge/synthesiser
    python -m training judge --real fingertips.npz --what real

Excerpts of PianoMime against takes on their notes: paths of wrists and fingertips in X and Y at 20 Hz, both smoothed
alike, in windows of two seconds; gradient boosting with each excerpt's windows in one fold. It prints the area under
the curve with all features and with each group of features alone, and the numbers that differ most. `--what real` is
the floor: other real excerpts in the place of the takes. With `--takes` the takes stay in a folder, and those that
lie there already are used: another model or another version of it needs another folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from models.app.command_line import complain
from models.app.pipeline import Pipeline
from models.whole_file import check_output, write_text_whole
from training.evaluation.judge import Verdict, Windows, judge
from training.evaluation.judge_features import SMOOTH_FRAMES, WINDOW_S, window_features
from training.evaluation.paths import WHAT, Paths, RealPiece, real_pieces, take_on

REAL = "real"


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `judge`."""
    parser = commands.add_parser("judge", help="can a classifier tell our hands from real ones")
    parser.add_argument("--real", type=Path, required=True, help="fingertips.npz of the PianoMime data set")
    parser.add_argument(
        "--what", choices=(*WHAT, REAL), default=WHAT[0], help="what is judged (default: model)"
    )
    parser.add_argument("--excerpts", type=int, default=30, metavar="N")
    parser.add_argument("--seed", type=int, default=0, help="of the excerpts, the takes and the folds")
    parser.add_argument("--takes", type=Path, metavar="FOLDER", help="where takes stay and are used again")
    parser.add_argument("--preset", default="default", help="preset or model folder")
    parser.add_argument("--window", type=float, default=WINDOW_S, metavar="S", help="length of a window")
    parser.add_argument(
        "--smooth",
        type=float,
        default=SMOOTH_FRAMES,
        metavar="FRAMES",
        help="smoothing of both sides, at 20 Hz",
    )
    parser.add_argument("--show", type=int, default=16, metavar="N", help="so many single differences")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.set_defaults(main=judge_main)


def judge_main(arguments: argparse.Namespace) -> int:
    """Judge and print the tables."""
    if arguments.json is not None:
        check_output(arguments.json)
    sides = 2 if arguments.what == REAL else 1
    try:
        pieces = real_pieces(arguments.real, sides * arguments.excerpts, arguments.seed)
        verdict = _verdict(pieces, arguments)
    except (OSError, KeyError, ValueError) as error:
        complain(error)
        return 2
    print(as_markdown(verdict, arguments.what, arguments.show))
    if arguments.json is not None:
        write_text_whole(arguments.json, json.dumps(asdict(verdict), indent=1) + "\n")
    return 0


def _verdict(pieces: list[RealPiece], arguments: argparse.Namespace) -> Verdict:
    def windows(of: list[Paths], first: int = 0) -> Windows:
        return Windows.of([window_features(one, arguments.window, arguments.smooth) for one in of], first)

    if arguments.what == REAL:
        half = len(pieces) // 2
        made, real = ([one.paths for one in part] for part in (pieces[half:], pieces[:half]))
        return judge(windows(made, half), windows(real), arguments.seed)
    made = _made(pieces, arguments)
    return judge(windows(made), windows([one.paths for one in pieces]), arguments.seed)


def _made(pieces: list[RealPiece], arguments: argparse.Namespace) -> list[Paths]:
    pipeline, options = Pipeline(), {"seed": arguments.seed, "preset": arguments.preset}
    made = []
    with contextlib.ExitStack() as stack:
        folder = arguments.takes or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for index, piece in enumerate(pieces):
            made.append(Paths.of_take(take_on(pipeline, piece.excerpt, arguments.what, folder, options)))
            print(f"{index + 1}/{len(pieces)} {piece.excerpt.name}", file=sys.stderr, flush=True)
    return made


def as_markdown(verdict: Verdict, what: str, show: int) -> str:
    """The table of groups, and that of the largest single differences."""
    made, real = verdict.windows
    lines = [
        f"{what} against real hands, {made} and {real} windows",
        "",
        "| features | area under the curve |",
        "|---|---|",
    ]
    lines += [f"| **all** | **{verdict.auc:.3f}** (± {verdict.spread:.3f} from division to division) |"]
    lines += [
        f"| {group} | {auc:.3f} |" for group, auc in sorted(verdict.groups.items(), key=lambda one: -one[1])
    ]
    lines += ["", f"| largest differences | alone | {what} | real |", "|---|---|---|---|"]
    lines += [
        f"| {one.name} | {one.auc:.2f} | {one.made:.3f} | {one.real:.3f} |"
        for one in verdict.differences[:show]
    ]
    return "\n".join(lines)
