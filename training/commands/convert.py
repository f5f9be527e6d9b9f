# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand `convert`: the released checkpoints of the paper's authors to a model folder.

    python -m training convert --stage2 LEFT.ckpt RIGHT.ckpt --out FOLDER
    python -m training convert --stage2 LEFT.ckpt RIGHT.ckpt --stage1 LEFT.ckpt RIGHT.ckpt --out FOLDER --report

The stage-2 checkpoints hold the predictors and their HuBERTs too; `--stage1` takes those of other checkpoints instead.
FOLDER appears when it is whole. Then `python -m models generate song.wav --preset FOLDER -o take.npz`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from models.app.command_line import complain
from models.config import ModelConfig
from models.model_folder import CARD_FILE, CONFIG_FILE, PRESETS_FOLDER, WEIGHTS_FILE, file_hash
from models.plain_text import printable
from models.whole_file import check_new_folder, whole_file, whole_folder, write_text_whole
from training.stages.convert import (
    ConversionError,
    Converted,
    Report,
    check_hyper_parameters,
    convert,
    read_checkpoint,
)
from training.stages.hubert_config import hubert_config

HUBERT_CONFIG_FILE = "hubert.json"
SIDES = ("left", "right")


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `convert`."""
    parser = commands.add_parser("convert", help="the authors' released checkpoints to a model folder")
    pair: dict[str, Any] = {"nargs": 2, "type": Path, "metavar": ("LEFT", "RIGHT")}
    parser.add_argument("--stage2", required=True, help="checkpoints of the gesture generator", **pair)
    parser.add_argument("--stage1", help="checkpoints of the position predictor, to use instead", **pair)
    parser.add_argument("--out", type=Path, required=True, help="model folder to write; must not exist")
    parser.add_argument("--preset", default="official", help="preset whose configuration is the pattern")
    parser.add_argument("--report", action="store_true", help="list every key and what became of it")
    parser.set_defaults(main=convert_main)


def convert_main(arguments: argparse.Namespace) -> int:
    """Convert; 1 with a sentence on stderr where it cannot be done."""
    base = ModelConfig.load(PRESETS_FOLDER / arguments.preset / CONFIG_FILE)
    try:
        check_new_folder(arguments.out)
        converted = _converted(arguments.stage2, arguments.stage1, base)
        sources = [*arguments.stage2, *(arguments.stage1 or [])]
        digest = write_model(arguments.out, converted, sources)
    except (ConversionError, OSError) as error:
        complain(error, "Nothing was converted: ")
        return 1
    print_report(converted.report, whole=arguments.report)
    numbers = sum(value.numel() for value in converted.state.values())
    print(f"{printable(str(arguments.out))}: weights {digest}, {numbers / 1e6:.0f} M numbers")
    return 0


def _converted(stage2: list[Path], stage1: list[Path] | None, base: ModelConfig) -> Converted:
    given = {2: stage2} | ({1: stage1} if stage1 else {})
    names = {stage: [path.name for path in paths] for stage, paths in given.items()}
    read = {stage: [read_checkpoint(path) for path in paths] for stage, paths in given.items()}
    for stage, checkpoints in read.items():
        check_hyper_parameters(checkpoints, stage, names[stage])
    states = {stage: (left.state, right.state) for stage, (left, right) in read.items()}
    converted = convert(states[2], states.get(1), base)
    for stage, checkpoints in read.items():
        check_hyper_parameters(checkpoints, stage, names[stage], converted.config)
        for checkpoint, name in zip(checkpoints, names[stage], strict=True):
            if not checkpoint.settings:
                print(f"{name} has no hyper_parameters; the released scripts' are taken", file=sys.stderr)
    return converted


def print_report(report: Report, *, whole: bool) -> None:
    """Counts of what was mapped and ignored and why; with `whole` every key."""
    if whole:
        for name, ours in report.mapped.items():
            print(f"maps     {name} -> {ours}")
        for name, reason in report.ignored.items():
            print(f"ignores  {name}: {reason}")
    print(f"{len(report.mapped)} keys mapped, {len(report.ignored)} ignored, none missing, none unknown")
    for reason, count in sorted(Counter(report.ignored.values()).items()):
        print(f"  ignored {count}: {reason}")


def write_model(out: Path, converted: Converted, sources: list[Path]) -> str:
    """The model folder, whole or not at all; the hash of its weights."""
    with whole_folder(out) as part:
        if all(converted.hubert):
            for side, state in zip(SIDES, converted.hubert):
                tensors = {name: value.contiguous() for name, value in state.items()}
                with whole_file(part / f"hubert.{side}.safetensors") as file:
                    save_file(tensors, file, metadata={"format": "pt"})
            text = json.dumps(hubert_config(converted.hubert[0]), indent=1) + "\n"
            write_text_whole(part / HUBERT_CONFIG_FILE, text)
        state = {name: value.float().contiguous() for name, value in converted.state.items()}
        with whole_file(part / WEIGHTS_FILE) as file:
            save_file(state, file, metadata={"format": "pt"})
        write_text_whole(part / CONFIG_FILE, converted.config.to_json())
        write_text_whole(part / CARD_FILE, _card(sources))
        return file_hash(part / WEIGHTS_FILE)


def _card(sources: list[Path]) -> str:
    lines = "\n".join(f"- `{path.name}`, SHA-256 begins {file_hash(path)}" for path in sources)
    return (
        "# Converted checkpoints of the S2C authors\n\n"
        f"Made by `python -m training convert` from:\n\n{lines}\n\n"
        "Their licence is their authors'; this folder adds nothing to them. Output: MANO axis-angle poses and hand\n"
        "positions in a camera's frame, brought into the piano frame when a take is made.\n"
    )
