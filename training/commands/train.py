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
import dataclasses
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch

from models.app.command_line import complain
from models.config import ModelConfig
from models.errors import UserError, quoted
from models.model_folder import PRESETS_FOLDER
from models.networks.device import choose_device
from models.networks.hubert import HubertPair
from models.networks.stages import Networks, parameter_count
from models.plain_text import printable
from training.data.shards import Piece
from training.stages.distributed import Share
from training.stages.settings import TrainSettings, parse_change, resolve
from training.stages.sources import Windows


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `train` and `export`."""
    train = commands.add_parser("train", help="train one stage of the model on shards or PianoMotion10M")
    train.add_argument("--stage", type=int, choices=(1, 2), required=True, help="1 positions, 2 diffusion")
    train.add_argument("--data", type=Path, required=True, help="folder of shards, or of PianoMotion10M")
    train.add_argument(
        "--also",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="further folders of shards to learn from",
    )
    train.add_argument("--out", type=Path, required=True, help="training folder, both stages in one")
    train.add_argument("--preset", default="default", help="training preset: default, paper or official")
    train.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change one setting")
    train.add_argument("--config", type=Path, help="config.json of the architecture (stage 1)")
    train.add_argument("--minutes", type=float, help="stop after so many minutes")
    train.add_argument("--steps", type=int, help="stop after so many steps instead")
    train.add_argument("--batch", type=int, help="windows in a step, over all processes")
    train.add_argument("--rate", type=float, help="highest learning rate")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--tips", type=float, help="weight of the fingertip loss of stage 2")
    train.add_argument("--precision", choices=("float32", "bfloat16", "float16"))
    train.add_argument("--threads", type=int, default=0, help="processor threads; 0 leaves torch's choice")
    train.add_argument("--limit", type=int, default=0, help="use at most so many shards")
    train.add_argument("--uploaders", nargs="*", default=[], help="PianoMotion10M: only these uploaders")
    train.add_argument(
        "--workers", type=int, default=2, help="PianoMotion10M: processes that read ahead, 0 none"
    )
    train.add_argument(
        "--feature-cache", type=Path, help="PianoMotion10M: keep a frozen HuBERT's features here"
    )
    train.add_argument("--hubert", default="", help="folder or hub name of the HuBERT to begin with")
    train.add_argument("--allow-download", action="store_true", help="fetch that HuBERT from the hub")
    train.add_argument("--tensorboard", action="store_true", help="write curves for TensorBoard")
    train.add_argument("--dry-run", action="store_true", help="print what would be trained, as JSON")
    train.add_argument(
        "--follow",
        action="store_true",
        help="take in shards that are still being made; such a run cannot be repeated exactly",
    )
    train.add_argument(
        "--start", type=Path, help="begin with the weights of another training folder, or of a model folder"
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
    """Run one stage, in one process or in those that `torchrun` started."""
    from training.stages.distributed import process_group
    from training.stages.loop import NonFiniteLossError
    from training.stages.run_log import MissingTensorBoardError

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    try:
        with process_group(choose_device(arguments.device)) as device:
            return _train(arguments, device)
    except (ValueError, OSError, UserError, NonFiniteLossError, MissingTensorBoardError) as error:
        complain(error)
        return 2


def _settings(arguments: argparse.Namespace) -> TrainSettings:
    flags = {
        "steps": arguments.steps,
        "minutes": arguments.minutes,
        "batch_size": arguments.batch,
        "learning_rate": arguments.rate,
        "precision": arguments.precision,
        "fingertip_weight": arguments.tips,
    }
    changes = {name: value for name, value in flags.items() if value is not None}
    changes.update(parse_change(text) for text in arguments.set)
    return resolve(arguments.preset, arguments.stage, {"seed": arguments.seed, **changes})


def _config(arguments: argparse.Namespace) -> ModelConfig:
    if arguments.stage == 2 and (arguments.out / "config.json").is_file():
        return ModelConfig.load(arguments.out / "config.json")
    if arguments.config is not None:
        return ModelConfig.load(arguments.config)
    if arguments.start is not None:
        return ModelConfig.load(arguments.start / "config.json")
    return ModelConfig.load(PRESETS_FOLDER / arguments.preset / "config.json")


def _train(arguments: argparse.Namespace, device: torch.device) -> int:
    from training.data.shards import extend_pieces
    from training.stages.audio_encoder import starting_encoder
    from training.stages.distributed import rank, ranks
    from training.stages.sources import as_source
    from training.stages.stage1 import train_stage1
    from training.stages.stage2 import train_stage2

    settings, config = _settings(arguments), _config(arguments)
    windows, held_out, pieces, what = _sources(arguments, config)
    summary = what.format(as_source(windows, config, settings).hours)
    if arguments.follow and (not pieces or ranks() > 1):
        raise ValueError("--follow works with shards in one process only")
    if arguments.dry_run:
        if rank() == 0:
            networks = Networks(config)
            counts = {name: parameter_count(part) for name, part in networks.named_children()}
            resolved = {
                "model": dataclasses.asdict(config),
                "training": dataclasses.asdict(settings),
                "data": summary,
                "parameters": counts,
                "device": str(device),
                "processes": ranks(),
            }
            print(json.dumps(resolved, indent=1), flush=True)
        return 0

    def report(line: str) -> None:
        print(line, flush=True)

    if rank() == 0:
        report(summary)

    def follow() -> None:
        for folder in (arguments.data, *arguments.also):
            extend_pieces(pieces, folder, "train", fps=config.fps)

    at_checkpoint = follow if arguments.follow else None
    encoder = None
    if arguments.stage == 1 or not config.encoder.per_hand:
        encoder = starting_encoder(
            config, arguments.hubert, arguments.out, device, allow_download=arguments.allow_download
        )
    if arguments.feature_cache is not None:
        if isinstance(windows, Sequence) or encoder is None or config.encoder.per_hand:
            raise ValueError("--feature-cache is for PianoMotion10M and a HuBERT that is not trained")
        _keep_features(arguments.feature_cache, encoder, (windows, held_out), report)
    with _read_ahead(windows, arguments, settings) as windows:
        common = (windows, held_out, device, report, at_checkpoint, arguments.tensorboard)
        if arguments.stage == 1:
            train_stage1(arguments.out, config, settings, *common, encoder=encoder, start=arguments.start)
        else:
            train_stage2(arguments.out, settings, *common, encoder=encoder, start=arguments.start)
    return 0


def _sources(arguments: argparse.Namespace, config: ModelConfig) -> tuple[Windows, Windows, list[Piece], str]:
    """What is learned from, what is held out, the pieces in memory (none of PianoMotion10M), and a line about them."""
    from training.data.pianomotion.source import open_source
    from training.data.shards import INDEX_FILE, read_pieces

    if (arguments.data / INDEX_FILE).is_file():
        pieces = [
            piece
            for folder in (arguments.data, *arguments.also)
            for piece in read_pieces(folder, "train", fps=config.fps, limit=arguments.limit)
        ]
        held_out = read_pieces(arguments.data, "validation", fps=config.fps, limit=arguments.limit or 24)
        return (
            pieces,
            held_out,
            pieces,
            f"{len(pieces)} pieces, {{:.1f}} hours of motion; {len(held_out)} held out",
        )
    if arguments.also:
        raise ValueError("--also is for folders of shards")
    clips, others = (
        open_source(arguments.data, split, config, uploaders=arguments.uploaders)
        for split in ("train", "validation")
    )
    return (
        clips,
        others,
        [],
        f"{len(clips.clips)} clips, {{:.1f}} hours of motion; {len(others.clips)} held out",
    )


def _keep_features(
    folder: Path, encoder: HubertPair, sources: Sequence[Any], report: Callable[[str], None]
) -> None:
    """Each clip heard once, by the first process; all read the features from disk."""
    from training.data.pianomotion.features import FeatureCache
    from training.stages.distributed import barrier, rank

    cache = FeatureCache(folder, encoder)
    for source in sources:
        if rank() == 0:
            source.fill_features(cache, report)
    barrier()
    for source in sources:
        source.use_features(cache)


def _read_ahead(
    windows: Windows, arguments: argparse.Namespace, settings: TrainSettings
) -> AbstractContextManager[Windows]:
    """The same windows, read by other processes before they are asked for where they come from disk."""
    from training.stages.background import BackgroundSource, generator_of
    from training.stages.distributed import rank, ranks
    from training.stages.loop import CHECKPOINT_FILE, read_checkpoint

    # Parts of an accumulated step begin from one generator each; only the first would be foreseen.
    if isinstance(windows, Sequence) or arguments.workers < 1 or settings.accumulate > 1:
        return nullcontext(windows)
    folder = arguments.out / f"stage{arguments.stage}"
    begun = (folder / CHECKPOINT_FILE).is_file()
    return BackgroundSource(
        windows,
        partial(generator_of, settings.seed),
        size=settings.batch_size,
        rows=Share(rank(), ranks(), ranks()).rows(settings.batch_size),
        first_step=read_checkpoint(folder)["step"] if begun else 0,
        workers=arguments.workers,
    )


def export_main(arguments: argparse.Namespace) -> int:
    """Write the model folder."""
    from training.stages.export import export_model

    try:
        notes = arguments.notes.read_text(encoding="utf-8") if arguments.notes is not None else ""
    except UnicodeDecodeError as error:
        sentence = f"The file {quoted(arguments.notes)} is no text in UTF-8; choose a Markdown file."
        raise UserError("not_a_text", sentence, repr(error)) from error
    digest = export_model(arguments.out, arguments.folder, arguments.name, half=arguments.half, notes=notes)
    print(f"{printable(str(arguments.folder))}: weights {digest}")
    return 0
