# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m training`: synthesise, train, export, recipe, evaluate and more; `--help` lists all.

A subcommand is a module with `add_commands(commands)` that registers parsers with `set_defaults(main=...)`, where
`main` takes the parsed arguments and returns the exit status. List it in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = (
    "training.synthesis.cli",
    "training.synthesis.process_fit",
    "training.fingering.cli",
    "training.train_cli",
    "training.statistics_cli",
    "training.convert_cli",
    "training.recipe",
    "training.evaluation.cli",
    "training.metrics_cli",
    "training.cost_cli",
    "training.pianomotion.cli",
)
"""Modules with subcommands, in the order in which `--help` shows them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train the models of S2C Piano Hands."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in COMMANDS:
        importlib.import_module(module).add_commands(commands)
    parsed = parser.parse_args(arguments)
    return parsed.main(parsed)


if __name__ == "__main__":
    sys.exit(main())
