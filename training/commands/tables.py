# SPDX-License-Identifier: GPL-3.0-or-later
"""`evaluate --table`: the paper's tables 1 and 2, trained anew.

    python -m training evaluate --table 2 --data data/shards --out runs/tables --seeds 0 1 2 --steps-each 400

Stopped and given again, it goes on: finished rows are read from `--out`. One process, on the CPU.
"""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path

import torch

from models.app.command_line import complain
from models.config import ModelConfig
from training.data.shards import INDEX_FILE, read_pieces
from training.stages.sources import Windows
from training.tables.rows import TABLES, base_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `evaluate` that belong to `--table`."""
    group = parser.add_argument_group("tables of the paper, trained anew")
    group.add_argument("--table", type=int, choices=sorted(TABLES), help="instead of --scores")
    group.add_argument("--data", type=Path, help="folder of shards, or of PianoMotion10M")
    group.add_argument("--out", type=Path, help="folder for the runs and their results")
    group.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    group.add_argument("--steps-each", type=int, default=0, help="steps of stage 2 of every row and seed")
    group.add_argument("--minutes-each", type=float, default=0.0, help="minutes instead")
    group.add_argument("--stage1-steps", type=int, default=300)
    group.add_argument("--batch", type=int, default=8)
    group.add_argument("--windows", type=int, default=96, help="held-out windows that figures are taken over")
    group.add_argument("--form", choices=("fixed", "legacy"), default="fixed", help="of the field's figures")
    group.add_argument("--autoencoder-steps", type=int, default=300, help="of FID's autoencoder; 0: no FID")
    group.add_argument("--limit", type=int, default=0, help="use at most so many shards of each split")
    group.add_argument("--reduced", default="reduced", metavar="CONFIG", help="preset or config.json")


def read_windows(folder: Path, config: ModelConfig, limit: int) -> tuple[Windows, Windows, str]:
    """Training and held-out windows of shards or of a PianoMotion10M folder, and what they are in words."""
    if (folder / INDEX_FILE).is_file():
        train, held_out = (
            read_pieces(folder, split, fps=config.fps, limit=limit) for split in ("train", "validation")
        )
        hours = [sum(piece.frames for piece in pieces) / config.fps / 3600 for pieces in (train, held_out)]
        words = (
            f"{len(train)} training pieces ({hours[0]:.1f} h), {len(held_out)} held out ({hours[1]:.1f} h)"
        )
        return train, held_out, words
    from training.data.pianomotion.layout import clips
    from training.data.pianomotion.source import PianoMotionSource

    def source(split: str) -> PianoMotionSource:
        return PianoMotionSource(
            clips(folder, split)[: limit or None],
            frames=config.window_frames,
            fps=config.fps,
            representation=config.representation,
            notes=config.encoder.kind == "notes",
            audio=False,
            style_dim=config.style_dim,
        )

    found = source("train"), source("valid")
    return *found, f"PianoMotion10M, {found[0].hours:.1f} h of training"


def tables_main(arguments: argparse.Namespace) -> int:
    """Train, measure and print one table."""
    from training.tables.report import as_markdown
    from training.tables.run import Bench, Budget, run_table

    if arguments.data is None or arguments.out is None:
        complain(ValueError("--table needs --data and --out"))
        return 2
    base = base_config(arguments.reduced)
    budget = Budget(
        steps=arguments.steps_each,
        minutes=arguments.minutes_each,
        stage1_steps=arguments.stage1_steps,
        batch_size=arguments.batch,
        windows=arguments.windows,
        form=arguments.form,
        autoencoder_steps=arguments.autoencoder_steps,
    )
    train, held_out, words = read_windows(arguments.data, base, arguments.limit)
    hardware = f"{platform.machine()} CPU, {torch.get_num_threads()} thread(s), torch {torch.__version__}"
    bench = Bench(
        out=arguments.out,
        base=base,
        budget=budget,
        train=train,
        held_out=held_out,
        data=words,
        hardware=hardware,
        report=lambda line: print(line, file=sys.stderr, flush=True),
    )
    rows = TABLES[arguments.table]
    results = run_table(bench, rows, arguments.seeds)
    print(f"{words}; {hardware}; seeds {', '.join(map(str, arguments.seeds))}; {budget}\n")
    print(as_markdown(arguments.table, rows, results))
    return 0
