# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training fingering` and `python -m training hands`."""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from models.app.command_line import complain
from models.plain_text import printable
from models.planning.fingering import FingeringCosts
from models.planning.fingering_costs import WEIGHTS_FILE
from models.planning.hand_odds import WEIGHTS_FILE as HANDS_FILE
from models.whole_file import check_output, whole_file, write_text_whole
from training.fingering.agreement import between_editions, with_print, with_staffs
from training.fingering.fit import FitOptions, fit
from training.fingering.hand_fit import HandFitOptions, fit_hands
from training.fingering.works import HELD_OUT, TRAIN, read_works
from training.synthesis.scores import Score, index_pieces, load_score


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register both subcommands."""
    fingers = commands.add_parser(
        "fingering", help="agreement with printed fingering; --fit fits the costs to it first"
    )
    fingers.add_argument(
        "--data", type=Path, required=True, help="folder of Humdrum files with **fing spines"
    )
    fingers.add_argument("--fit", action="store_true", help="fit on the training works and store the costs")
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
    try:
        works = read_works(arguments.data)
    except FileNotFoundError as error:
        complain(error)
        return 2
    train = [work for work in works if work.side == TRAIN]
    held_out = [work for work in works if work.side == HELD_OUT]
    if arguments.fit:
        check_output(arguments.out)
        options = FitOptions(rounds=arguments.rounds)
        fitted = fit([work.score for work in train], FingeringCosts(), options)
        stored = {name: np.round(value.astype(float), 2).tolist() for name, value in fitted.items()}
        write_text_whole(arguments.out, json.dumps(stored, separators=(",", ":")) + "\n")
        print(f"costs stored in {printable(str(arguments.out))}")
    notes = sum(len(work.score.notes) for work in held_out)
    began = time.process_time()
    after = with_print(held_out)
    speed = notes / (time.process_time() - began)
    print(f"train     {with_print(train)}")
    print(
        f"held out  {after}; {with_print(held_out, FingeringCosts(fitted=False)).share:.3f} without the fit"
    )
    print(f"editions  {between_editions(works)} between themselves")
    print(f"speed     {speed:.0f} notes a CPU second")
    return 0


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
