# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training synthesise`, `recorded` and `calibration`: training motion, and how real it looks."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.app.command_line import complain
from models.plain_text import printable
from training.synthesis.calibration import compare
from training.synthesis.dataset import SynthesisConfig, build
from training.synthesis.recorded_shards import RecordedConfig, build_recorded


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommands."""
    make = commands.add_parser(
        "synthesise", help="make shards of aligned notes and motion from two-track scores"
    )
    make.add_argument(
        "--scores", type=Path, required=True, help="folder of MIDI files with tracks `left` and `right`"
    )
    make.add_argument(
        "--out", type=Path, required=True, help="folder of the shards; what is there already is kept"
    )
    make.add_argument("--hours", type=float, required=True, help="hours of music in all")
    make.add_argument("--seed", type=int, default=0)
    make.add_argument("--processes", type=int, default=1)
    make.set_defaults(main=_synthesise)
    tracked = commands.add_parser(
        "recorded", help="make shards of the tracked paths of real pianists, three of every four excerpts"
    )
    tracked.add_argument("--real", type=Path, required=True, help="fingertips.npz of the PianoMime data set")
    tracked.add_argument("--out", type=Path, required=True, help="folder of the shards")
    tracked.add_argument("--performances", type=int, default=2, help="of each excerpt (default: 2)")
    tracked.add_argument("--seed", type=int, default=0)
    tracked.add_argument("--processes", type=int, default=1)
    tracked.set_defaults(main=_recorded)
    check = commands.add_parser("calibration", help="hold the shards' motion beside that of real pianists")
    check.add_argument("--shards", type=Path, required=True)
    check.add_argument("--real", type=Path, help="fingertips.npz of the PianoMime data set")
    check.add_argument("--limit", type=int, default=60, help="at most so many shards")
    check.add_argument("--plots", type=Path, help="folder for pictures of the comparison (needs matplotlib)")
    check.set_defaults(main=_calibrate)


def _synthesise(arguments: argparse.Namespace) -> int:
    try:
        config = SynthesisConfig(hours=arguments.hours, seed=arguments.seed, processes=arguments.processes)
        index = build(arguments.scores, arguments.out, config)
    except (ValueError, FileNotFoundError) as error:
        complain(error)
        return 2
    print(f"{printable(str(index))} lists the shards")
    return 0


def _recorded(arguments: argparse.Namespace) -> int:
    try:
        config = RecordedConfig(
            performances=arguments.performances, seed=arguments.seed, processes=arguments.processes
        )
        index = build_recorded(arguments.real, arguments.out, config)
    except (OSError, KeyError, ValueError) as error:
        complain(error)
        return 2
    print(f"{printable(str(index))} lists the shards")
    return 0


def _calibrate(arguments: argparse.Namespace) -> int:
    try:
        print(compare(arguments.shards, arguments.real, arguments.limit, arguments.plots))
    except (ValueError, FileNotFoundError) as error:
        complain(error)
        return 2
    return 0
