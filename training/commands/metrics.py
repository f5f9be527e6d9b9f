# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommands `metrics` and `autoencoder`.

    python -m training autoencoder --data data/shards --out runs/autoencoder
    python -m training metrics REAL_FOLDER GENERATED_FOLDER --form both --autoencoder runs/autoencoder

Folders hold takes or shards (`.npz`), or PianoMotion10M annotation; files pair by name. Where the generated takes carry
notes, key F1, real-motion distance and biomechanics stand beside the field's figures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from models.app.command_line import complain
from models.body.take import Take
from models.errors import UserError
from models.evaluation.scores import evaluate_take
from models.networks.device import choose_device
from models.plain_text import printable

FORMS = ("legacy", "fixed")
CLIP_SECONDS = 8.0
OWN = (
    "onset_f1",
    "frame_f1",
    "real_motion_distance",
    "outside_limits",
    "fingers_closer_3mm",
    "hands_colliding",
    "wrist_speed_p95",
    "wrist_acceleration_p95",
    "tip_jerk_mean",
)
"""Our own figures (models.evaluation.scores), means over takes."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `metrics` and `autoencoder`."""
    parser = commands.add_parser("metrics", help="FGD, WGD, PD, Smooth, FID of generated motion against real")
    parser.add_argument("real", type=Path, help="folder of takes, shards or PianoMotion10M annotation")
    parser.add_argument("generated", type=Path, help="folder of the same kind with files of the same names")
    parser.add_argument("--form", choices=(*FORMS, "both"), default="both")
    parser.add_argument("--autoencoder", type=Path, help="folder of a trained autoencoder; without it no FID")
    parser.add_argument("--seconds", type=float, default=CLIP_SECONDS, help="length of a clip")
    parser.add_argument("--hop", type=float, help="seconds from clip to clip; default: end to end")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead of a table")
    parser.set_defaults(main=metrics_main)
    train = commands.add_parser("autoencoder", help="train the gesture autoencoder that FID needs")
    source = train.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of shards or of PianoMotion10M")
    source.add_argument(
        "--convert", type=Path, help="the authors' gesture_autoencoder_checkpoint_best.bin instead"
    )
    train.add_argument("--out", type=Path, required=True, help="folder to write")
    train.add_argument("--steps", type=int, default=2000)
    train.add_argument("--batch", type=int, default=64, help="windows in a step")
    train.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--latent", type=int, default=256, help="numbers of a latent vector; 256 as released")
    train.add_argument(
        "--limit", type=int, default=600, help="use at most so many files, spread evenly; 0: all"
    )
    train.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    train.set_defaults(main=autoencoder_main)


def own_figures(folder: Path) -> dict[str, float]:
    """Means of our own figures over the takes of a folder that carry notes; none for annotation or without notes."""
    from training.metrics.sources import ANNOTATION, clip_files

    if (folder / ANNOTATION).is_dir():
        return {}
    rows: list[dict[str, Any]] = []
    for path in clip_files(folder).values():
        with np.load(path, allow_pickle=False) as data:
            whole = "meta" in data.files and len(data["notes"]) > 0
        if whole:
            take = Take.load(path)
            rows.append(evaluate_take(take, take.notes))
    figures = {}
    for name in OWN:
        values = [row[name] for row in rows if row[name] is not None]
        if values:
            figures[name] = float(np.mean(values))
    return figures


def metrics_main(arguments: argparse.Namespace) -> int:
    """Print the figures."""
    from training.metrics import FID_NOTE, compare, cut
    from training.metrics.autoencoder import load_autoencoder
    from training.metrics.compare import as_markdown
    from training.metrics.sources import read_pairs

    try:
        real, generated, alone = read_pairs(
            arguments.real, arguments.generated, lambda clip: cut(clip, arguments.seconds, arguments.hop)
        )
        autoencoder = None if arguments.autoencoder is None else load_autoencoder(arguments.autoencoder)
        forms = FORMS if arguments.form == "both" else (arguments.form,)
        columns = {form: compare(real, generated, form=form, autoencoder=autoencoder) for form in forms}
        own = own_figures(arguments.generated)
    except (ValueError, FileNotFoundError, UserError) as error:
        complain(error)
        return 1
    if arguments.json:
        note = {"fid_note": FID_NOTE} if autoencoder is not None else {}
        report = {
            "clips": len(real),
            "seconds": arguments.seconds,
            "unpaired": alone,
            **columns,
            "own": own,
            **note,
        }
        print(json.dumps(report))
        return 0
    print(
        f"{len(real)} clips of {arguments.seconds:g} s; {len(alone)} files without a partner were left out.\n"
    )
    print(as_markdown(columns | ({"own": own} if own else {})))
    print()
    print(FID_NOTE if autoencoder is not None else "No FID: give --autoencoder FOLDER.")
    return 0


def _chosen(every: list[tuple[str, Path]], limit: int) -> list[tuple[str, Path]]:
    if not limit or limit >= len(every):
        return every
    return [every[i] for i in np.unique(np.linspace(0, len(every) - 1, limit).round().astype(int))]


def autoencoder_main(arguments: argparse.Namespace) -> int:
    """Train (or convert) and save."""
    from training.metrics.autoencoder import (
        AutoencoderSettings,
        convert_checkpoint,
        save_autoencoder,
        train_autoencoder,
    )
    from training.metrics.embedding import EmbeddingConfig
    from training.metrics.sources import clip_files, read_clip

    if arguments.convert is not None:
        network = convert_checkpoint(arguments.convert)
        digest = save_autoencoder(arguments.out, network, {"converted_from": arguments.convert.name})
        print(f"{printable(str(arguments.out))}: weights {digest}")
        return 0
    try:
        training, validation = (list(clip_files(arguments.data, s).items()) for s in ("train", "validation"))
        if training == validation:  # a folder of takes has no splits
            training, validation = [pair for i, pair in enumerate(training) if i % 10], training[::10]
        chosen = _chosen(training, arguments.limit), _chosen(validation, arguments.limit // 10)
        clips, held_out = ([read_clip(path, name) for name, path in files] for files in chosen)
    except (ValueError, OSError) as error:
        complain(error)
        return 1
    hours = sum(clip.frames / clip.fps for clip in clips) / 3600
    print(f"{len(clips)} files, {hours:.1f} hours; {len(held_out)} held out", flush=True)
    settings = AutoencoderSettings(
        seed=arguments.seed,
        steps=arguments.steps,
        batch_size=arguments.batch,
        learning_rate=arguments.rate,
    )
    network, figures = train_autoencoder(
        clips,
        held_out,
        settings,
        EmbeddingConfig(latent=arguments.latent),
        choose_device(arguments.device),
        lambda line: print(line, flush=True),
    )
    facts = {
        "seed": settings.seed,
        "steps": settings.steps,
        "batch": settings.batch_size,
        "files": len(clips),
    }
    digest = save_autoencoder(arguments.out, network, {**facts, "hours": round(hours, 2), **figures})
    print(f"{arguments.out}: weights {digest}, " + ", ".join(f"{k} {v:.4f}" for k, v in figures.items()))
    return 0
