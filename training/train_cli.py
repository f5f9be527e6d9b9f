# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommands `train` and `export`.

    python -m training train --stage 1 --data data/shards --out runs/default --batch 8 --minutes 10
    python -m training train --stage 2 --data data/shards --out runs/default --batch 8 --minutes 40
    python -m training export --out runs/default --folder models/presets/default --half --notes NOTES.md

A run that was stopped goes on when the same command is given again. Smoke run on a CPU: `--steps 20 --batch
4`. Stage 1 measures the statistics and writes `config.json`; stage 2 needs it and stage 1's checkpoint.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from models.config import ModelConfig
from models.model import choose_device


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Register `train` and `export`."""
    train = commands.add_parser("train", help="train one stage of the model on shards")
    train.add_argument("--stage", type=int, choices=(1, 2), required=True, help="1 positions, 2 diffusion")
    train.add_argument("--data", type=Path, required=True, help="folder of shards with index.json")
    train.add_argument("--out", type=Path, required=True, help="training folder, both stages in one")
    train.add_argument("--config", type=Path, help="config.json of the architecture (stage 1)")
    train.add_argument("--minutes", type=float, default=0.0, help="stop after so many minutes")
    train.add_argument("--steps", type=int, default=0, help="stop after so many steps instead")
    train.add_argument("--batch", type=int, default=16, help="windows in a step")
    train.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--tips", type=float, default=0.5, help="weight of the fingertip loss of stage 2")
    train.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    train.add_argument("--threads", type=int, default=0, help="processor threads; 0 leaves torch's choice")
    train.add_argument("--limit", type=int, default=0, help="use at most so many shards")
    train.add_argument(
        "--follow",
        action="store_true",
        help="take in shards that are still being made; such a run cannot be repeated exactly",
    )
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    train.set_defaults(main=train_main)
    export = commands.add_parser("export", help="write a trained model folder with its model card")
    export.add_argument("--out", type=Path, required=True, help="training folder")
    export.add_argument("--folder", type=Path, required=True, help="model folder to write")
    export.add_argument("--name", default="default")
    export.add_argument("--notes", type=Path, help="Markdown file that ends the model card")
    export.add_argument("--half", action="store_true", help="store float16")
    export.set_defaults(main=export_main)


def train_main(arguments: argparse.Namespace) -> int:
    """Run one stage."""
    from training.data import extend_pieces, read_pieces
    from training.loop import TrainSettings
    from training.stage1 import train_stage1
    from training.stage2 import train_stage2

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    settings = TrainSettings(
        seed=arguments.seed,
        steps=arguments.steps,
        minutes=arguments.minutes,
        batch_size=arguments.batch,
        learning_rate=arguments.rate,
        precision=arguments.precision,
        fingertip_weight=arguments.tips,
    )
    saved = arguments.out / "config.json" if arguments.stage == 2 else arguments.config
    config = ModelConfig.load(saved) if saved else ModelConfig()
    pieces = read_pieces(arguments.data, "train", fps=config.fps, limit=arguments.limit)
    held_out = read_pieces(arguments.data, "validation", fps=config.fps, limit=arguments.limit or 24)
    hours = sum(piece.frames for piece in pieces) / config.fps / 3600
    print(f"{len(pieces)} pieces, {hours:.1f} hours of motion; {len(held_out)} held out", flush=True)
    device = choose_device(arguments.device)

    def report(line: str) -> None:
        print(line, flush=True)

    def follow() -> None:
        extend_pieces(pieces, arguments.data, "train", fps=config.fps)

    at_checkpoint = follow if arguments.follow else None
    if arguments.stage == 1:
        train_stage1(arguments.out, config, settings, pieces, held_out, device, report, at_checkpoint)
    else:
        train_stage2(arguments.out, settings, pieces, held_out, device, report, at_checkpoint)
    return 0


def export_main(arguments: argparse.Namespace) -> int:
    """Write the model folder."""
    from training.export import export_model

    notes = arguments.notes.read_text(encoding="utf-8") if arguments.notes is not None else ""
    digest = export_model(arguments.out, arguments.folder, arguments.name, half=arguments.half, notes=notes)
    print(f"{arguments.folder}: weights {digest}")
    return 0
