# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand `blind`: a page on which anyone can try to tell hands apart.

    python -m training blind --real fingertips.npz -o blind
    python -m training blind --before runs/takes/old --now runs/takes/new -o blind
    python -m training blind --real fingertips.npz --takes runs/judge/model --before OLD --now NEW -o blind

Pairs of stick-figure clips of eight seconds on the same notes: real pianists' paths (PianoMime) against takes on
their notes, seen from above; and takes of the same names in two folders, with height. Which one is where is hidden
until the end, where the page says how many were right and how many guessers would do as well, and gives the answers as
a file. FOLDER/index.html is all there is: it needs neither a network nor a server.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

import numpy as np

from models.app.command_line import complain
from models.app.pipeline import Pipeline
from models.body.take import Take
from models.whole_file import write_text_whole
from training.evaluation.blind import CLIP_S, NOW, REAL, Pair, cut, page
from training.evaluation.blind_clips import clip_of_paths, clip_of_take
from training.evaluation.paths import WHAT, Paths, real_pieces, take_on


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `blind`."""
    parser = commands.add_parser("blind", help="a page on which anyone can try to tell hands apart")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--real", type=Path, help="fingertips.npz of the PianoMime data set")
    parser.add_argument("--what", choices=WHAT, default=WHAT[0], help="what is shown beside real hands")
    parser.add_argument(
        "--takes", type=Path, metavar="FOLDER", help="where takes on real notes stay, as of `judge`"
    )
    parser.add_argument("--before", type=Path, metavar="FOLDER", help="older takes")
    parser.add_argument("--now", type=Path, metavar="FOLDER", help="newer takes of the same names and notes")
    parser.add_argument(
        "--pairs", type=int, default=10, metavar="N", help="so many pairs of each kind at most"
    )
    parser.add_argument("--seconds", type=float, default=CLIP_S, help="length of a clip")
    parser.add_argument("--seed", type=int, default=0, help="of the excerpts, their parts and their order")
    parser.add_argument("--preset", default="default", help="preset or model folder")
    parser.set_defaults(main=blind_main)


def blind_main(arguments: argparse.Namespace) -> int:
    """Write the page."""
    if (arguments.before is None) != (arguments.now is None) or (arguments.real or arguments.now) is None:
        complain(ValueError("blind needs --real, or --before and --now, or all three"))
        return 2
    try:
        pairs = _real_pairs(arguments) if arguments.real is not None else []
        pairs += _now_pairs(arguments) if arguments.now is not None else []
    except (OSError, KeyError, ValueError) as error:
        complain(error)
        return 2
    if not pairs:
        complain(
            ValueError("there is nothing to compare: no excerpt, and no takes of the same name and notes")
        )
        return 1
    rng = np.random.default_rng(arguments.seed)
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "index.html"
    write_text_whole(path, page([cut(pair, rng, arguments.seconds) for pair in pairs], arguments.seed))
    print(f"{len(pairs)} pairs: open {path} in a browser")
    return 0


def _real_pairs(arguments: argparse.Namespace) -> list[Pair]:
    """Real pianists against takes on their notes."""
    pipeline, options, pairs = Pipeline(), {"seed": arguments.seed, "preset": arguments.preset}, []
    with contextlib.ExitStack() as stack:
        folder = arguments.takes or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for piece in real_pieces(arguments.real, arguments.pairs, arguments.seed):
            take = take_on(pipeline, piece.excerpt, arguments.what, folder, options)
            real, made = (clip_of_paths(paths) for paths in (piece.paths, Paths.of_take(take)))
            pairs.append(Pair(REAL, piece.excerpt.name, real, made, piece.excerpt.notes))
            print(piece.excerpt.name, file=sys.stderr, flush=True)
    return pairs


def _now_pairs(arguments: argparse.Namespace) -> list[Pair]:
    """Newer takes against older ones of the same name and notes."""
    pairs: list[Pair] = []
    for path in sorted(arguments.now.glob("*.npz")):
        older = arguments.before / path.name
        if not older.is_file() or len(pairs) == arguments.pairs:
            continue
        new, old = Take.load(path), Take.load(older)
        if new.notes.same_strokes(old.notes):
            pairs.append(Pair(NOW, path.stem, clip_of_take(new), clip_of_take(old), new.notes))
    return pairs
