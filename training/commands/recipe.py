# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand `recipe`: from scores to a model folder in one command.

    python -m training recipe --scores SCORES --out runs/default --folder models/mine

Synthesis, stage 1, stage 2 and export, one after another. Given again after a stop, it goes on where it was: shards
that exist are kept, stages go on from their checkpoints, finished stages are not repeated.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from pathlib import Path

from models.plain_text import printable

STAGE1_SHARE = 0.15
"""Stage 1's part of the minutes: it learns faster and its error is corrected by the diffusion's wrist channels."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `recipe`."""
    parser = commands.add_parser("recipe", help="scores to a model folder: synthesise, both stages, export")
    parser.add_argument("--scores", type=Path, required=True, help="folder of two-track MIDI scores")
    parser.add_argument(
        "--out", type=Path, required=True, help="training folder; its shards/ gets the motion"
    )
    parser.add_argument("--folder", type=Path, required=True, help="model folder to write")
    parser.add_argument("--name", default="default")
    parser.add_argument("--hours", type=float, default=50.0, help="hours of motion to synthesise")
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="minutes of training, both stages together"
    )
    parser.add_argument("--batch", type=int, default=8, help="windows in a step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2, help="processes that synthesise")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.set_defaults(main=recipe_main)


def steps_of(arguments: argparse.Namespace) -> list[list[str]]:
    """The commands of the recipe, each as arguments of `python -m training`."""
    shards = str(arguments.out / "shards")
    common = ["--data", shards, "--out", str(arguments.out), "--batch", str(arguments.batch)]
    common += ["--seed", str(arguments.seed), "--device", arguments.device]
    minutes = {1: STAGE1_SHARE * arguments.minutes, 2: (1 - STAGE1_SHARE) * arguments.minutes}
    train = [["train", "--stage", str(n), *common, "--minutes", f"{minutes[n]:g}"] for n in (1, 2)]
    synthesise = ["synthesise", "--scores", str(arguments.scores), "--out", shards]
    synthesise += ["--hours", f"{arguments.hours:g}", "--seed", str(arguments.seed)]
    synthesise += ["--processes", str(arguments.processes)]
    export = ["export", "--out", str(arguments.out), "--folder", str(arguments.folder)]
    return [synthesise, *train, [*export, "--name", arguments.name, "--half"]]


def recipe_main(arguments: argparse.Namespace, run: Callable[[list[str]], int] | None = None) -> int:
    """Run the steps in turn; the exit status of the first that fails, else 0."""
    from training.__main__ import main

    for step in steps_of(arguments):
        print(f"python -m training {printable(shlex.join(step))}", flush=True)
        status = (run or main)(step)
        if status:
            return status
    return 0
