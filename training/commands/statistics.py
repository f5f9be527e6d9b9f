# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand `statistics`: what stage 1 would normalise with, measured from the motion that trains it.

    python -m training statistics --preset paper --data SHARDS
    python -m training statistics --preset paper --data SHARDS --write models/presets/paper/config.json

Prints the `statistics` of a `config.json` as JSON; `--write` puts them into one. DATA as for `train`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from models.config import ModelConfig, Statistics
from models.errors import UserError
from models.model_folder import CONFIG_FILE, PRESETS_FOLDER
from models.whole_file import write_text_whole
from training.data.pianomotion.source import open_source
from training.data.shards import INDEX_FILE, read_pieces
from training.stages.settings import preset_names, resolve
from training.stages.sources import Windows
from training.stages.stage1 import first_statistics


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `statistics`."""
    parser = commands.add_parser("statistics", help="what a model normalises with, measured from motion")
    parser.add_argument("--preset", default="paper", choices=preset_names())
    parser.add_argument("--data", type=Path, required=True, help="folder of shards, or PianoMotion10M")
    parser.add_argument("--write", type=Path, metavar="CONFIG", help="config.json to put them into")
    parser.add_argument("--seed", type=int, default=0, help="of the windows of PianoMotion10M")
    parser.set_defaults(main=statistics_main)


def measured(data: Path, config: ModelConfig, preset: str, seed: int) -> Statistics:
    """Statistics of the training split; five digits, so that the file can be read."""
    windows: Windows
    if (data / INDEX_FILE).is_file():
        windows = read_pieces(data, "train", fps=config.fps, limit=0)
    else:
        windows = open_source(data, "train", config)
    settings = resolve(preset, 1, {"statistics": "measured", "seed": seed, "steps": 1})
    exact = first_statistics(windows, config, settings)
    rounded = {
        name: tuple(float(f"{value:.5g}") for value in values)
        for name, values in dataclasses.asdict(exact).items()
    }
    return Statistics(**rounded)


def statistics_main(arguments: argparse.Namespace) -> int:
    """Print or write; 1 with a sentence on stderr where the data cannot be used."""
    path = arguments.write or PRESETS_FOLDER / arguments.preset / CONFIG_FILE
    try:
        config = ModelConfig.load(path)
        found = measured(arguments.data, config, arguments.preset, arguments.seed)
    except (UserError, ValueError, OSError) as error:
        print(f"statistics: {error}", file=sys.stderr)
        return 1
    if arguments.write is not None:
        write_text_whole(path, dataclasses.replace(config, statistics=found).to_json())
    print(json.dumps(dataclasses.asdict(found), indent=1))
    return 0
