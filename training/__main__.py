# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training`: synthesise, train, export, recipe, evaluate and more; `--help` lists all.

A subcommand is a module with `add_commands(commands)` that registers parsers with `set_defaults(main=...)`, where
`main` takes the parsed arguments and returns the exit status. List it in `COMMANDS`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from models.app.command_line import Parser, end_cleanly_when_asked, run_command

COMMANDS = (
    "training.commands.synthesise",
    "training.commands.fit_hands",
    "training.commands.fingering",
    "training.commands.train",
    "training.commands.statistics",
    "training.commands.convert",
    "training.commands.recipe",
    "training.commands.evaluate",
    "training.commands.judge",
    "training.commands.blind",
    "training.commands.metrics",
    "training.commands.cost",
    "training.commands.pianomotion",
)
"""Modules with subcommands, in the order in which `--help` shows them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit status. What can be foreseen ends in one sentence on stderr."""
    parser = Parser(prog="python -m training", description="Train the models of S2C Piano Hands.")
    parser.add_argument("--debug", action="store_true", help="show the traceback of any error")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        importlib.import_module(module).add_commands(commands)
    parsed = parser.parse_args(arguments)
    return run_command(lambda: parsed.main(parsed), debug=parsed.debug, keep_traceback=True)


if __name__ == "__main__":
    end_cleanly_when_asked()
    sys.exit(main())
