# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training fingering` and `python -m training hands`."""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from models.app.command_line import complain
from models.body.skeleton import HANDS
from models.plain_text import printable
from models.planning.fingering import FingeringCosts
from models.planning.fingering_costs import WEIGHTS_FILE
from models.planning.hand_odds import WEIGHTS_FILE as HANDS_FILE
from models.whole_file import check_output, whole_file, write_text_whole
from training.fingering.agreement import between_editions, with_digits, with_staffs
from training.fingering.fit import FitOptions, fit
from training.fingering.hand_fit import HandFitOptions, fit_hands
from training.fingering.pianists import read_pianists
from training.fingering.schools import school_scales
from training.fingering.works import HELD_OUT, TRAIN, read_works
from training.synthesis.scores import Score, index_pieces, load_score

PRINT_COUNTS, SCALES_COUNT = 3, 6
"""So many times printed works and the schools' scales are in what is fitted; pianists' excerpts are in it once. There
are fewer digits in print, and they stand where the finger is not obvious."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register both subcommands."""
    fingers = commands.add_parser(
        "fingering", help="agreement with print and with pianists; --fit fits the costs to them first"
    )
    fingers.add_argument(
        "--data", type=Path, required=True, help="folder of Humdrum files with **fing spines"
    )
    fingers.add_argument("--real", type=Path, help="also pianists' fingers: fingertips.npz of PianoMime")
    fingers.add_argument("--fit", action="store_true", help="fit on what is for training and store the costs")
    fingers.add_argument("--out", type=Path, default=WEIGHTS_FILE, help="where --fit stores them")
    fingers.add_argument("--rounds", type=int, default=FitOptions.rounds)
    fingers.set_defaults(main=_fingering)
    hands = commands.add_parser(
        "hands", help="how well hidden hands are found; --fit trains the network first"
    )
    hands.add_argument("--scores", type=Path, required=True, help="folder of MIDI with tracks left and right")
    hands.add_argument("--fit", action="store_true", help="train on training composers and store the weights")
    hands.add_argument("--out", type=Path, default=HANDS_FILE, help="where --fit stores them")
    hands.add_argument("--pieces", type=int, default=400, help="at most so many pieces to train on")
    hands.add_argument("--count", type=int, default=40, help="validation pieces to measure on")
    hands.add_argument("--steps", type=int, default=HandFitOptions.steps)
    hands.set_defaults(main=_hands)


def _fingering(arguments: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if arguments.fit:
        check_output(arguments.out)
    try:
        works = read_works(arguments.data)
        real, other_real = ([], []) if arguments.real is None else read_pianists(arguments.real)
        train, held_out = ([work.score for work in works if work.side == side] for side in (TRAIN, HELD_OUT))
        if arguments.fit:
            options = FitOptions(rounds=arguments.rounds)
            known = PRINT_COUNTS * train + SCALES_COUNT * school_scales() + real
            _store(fit(known, FingeringCosts(), options), arguments.out)
    except (OSError, KeyError, ValueError) as error:
        complain(error)
        return 2
    notes = sum(len(score.notes) for score in held_out)
    began = time.process_time()
    after = with_digits(held_out)
    speed = notes / (time.process_time() - began)
    bare = FingeringCosts(fitted=False)
    print(f"print, train         {with_digits(train)}")
    print(f"print, held out      {after}; {with_digits(held_out, bare).share:.3f} without the fit")
    print(f"editions             {between_editions(works)} between themselves")
    print(f"scales               {with_digits(school_scales())}")
    for hand, name in enumerate(HANDS if other_real else ()):
        print(f"pianists, held out   {name} hand: {with_digits(other_real, hand=hand)}; ", end="")
        print(f"{with_digits(other_real, bare, hand).share:.3f} without the fit")
    print(f"speed                {speed:.0f} notes a CPU second")
    return 0


def _store(fitted: dict[str, NDArray[np.float32]], path: Path) -> None:
    rounded = {name: np.round(value.astype(float), 2).tolist() for name, value in fitted.items()}
    write_text_whole(path, json.dumps(rounded, separators=(",", ":")) + "\n")
    print(f"costs stored in {printable(str(path))}")


def _hands(arguments: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        pieces = index_pieces(arguments.scores)
    except FileNotFoundError as error:
        complain(error)
        return 2
    order = np.random.default_rng(0).permutation(len(pieces))
    chosen = {"train": arguments.pieces if arguments.fit else 0, "validation": arguments.count}
    scores: dict[str, list[Score]] = {"train": [], "validation": []}
    for index in order:
        piece = pieces[index]
        if len(scores[piece.split]) < chosen[piece.split] and (score := load_score(piece.path)) is not None:
            scores[piece.split].append(score)
    if arguments.fit:
        check_output(arguments.out)
        weights = fit_hands(scores["train"], HandFitOptions(steps=arguments.steps))
        with whole_file(arguments.out) as part:
            save_file({name: np.asarray(value, np.float16) for name, value in weights.items()}, part)
        print(f"weights stored in {printable(str(arguments.out))}")
    notes = sum(len(score.notes) for score in scores["validation"])
    began = time.process_time()
    found = with_staffs(scores["validation"])
    print(f"validation {found} notes get the hand of their staff")
    print(f"speed      {notes / (time.process_time() - began):.0f} notes a CPU second")
    return 0
