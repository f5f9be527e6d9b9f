# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand `cost`: what presets cost, as the table of docs/lab/cost.md.

    nice -n -5 python -m training cost --presets default paper official --threads 1 2 --json cost.json

Each preset is measured in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from models.whole_file import check_output, write_text_whole
from training.tables.cost import Cost, CostOptions, preset_cost

RELEASED_SECONDS = 766
RELEASED_MILLIONS = 768
RELEASED_NOTE = (
    f"The released code: {RELEASED_SECONDS} s for one window of 8 s with 1000 steps on two CPU cores, "
    f"{RELEASED_MILLIONS} M parameters in its two U-Nets with refiners."
)
_PARTS = {
    "sound_encoder": "HuBERT",
    "predictors": "predictors",
    "refiners": "refiners",
    "unets": "U-Nets",
    "interaction": "interaction",
}


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Register `cost`."""
    parser = commands.add_parser("cost", help="parameters, multiply-adds, seconds and memory of presets")
    parser.add_argument("--presets", nargs="+", default=["default", "paper", "official"])
    parser.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2], help="numbers of threads, CPU only")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--limit", type=float, default=120.0, help="seconds above which a sampler is not run whole"
    )
    parser.add_argument("--no-timing", action="store_true", help="count only")
    parser.add_argument("--json", type=Path, help="also write everything to this file")
    parser.set_defaults(main=cost_main)


def as_markdown(costs: list[Cost]) -> str:
    """Counts, then times."""
    lines = [
        "| preset | " + " | ".join(_PARTS.values()) + " | all | one evaluation | sampler | window |",
        "|---|" + "---:|" * (len(_PARTS) + 2) + "---|---:|",
    ]
    for cost in costs:
        cells = [f"{cost.parameters[part] / 1e6:.1f} M" for part in _PARTS]
        work = cost.multiply_adds
        lines.append(
            f"| {cost.preset} | {' | '.join(cells)} | {sum(cost.parameters.values()) / 1e6:.1f} M | "
            f"{work['evaluation'] / 1e9:.2f} G | {cost.steps} of {cost.sampler} | {work['window'] / 1e9:.1f} G |"
        )
    if any(cost.timings for cost in costs):
        lines += [
            "",
            "| preset | threads | HuBERT | predictors | refiners | one evaluation | window | peak memory |",
            "|---|---:|---:|---:|---:|---:|---:|---:|",
        ]
    for cost in costs:
        memory = "" if cost.peak_memory_mb is None else f"{cost.peak_memory_mb:.0f} MB"
        for one in cost.timings:
            parts = (one.sound_encoder, one.predictors, one.refiners, one.evaluation)
            whole = f"{one.window:.3g} s" + ("" if one.measured else " (steps x evaluation)")
            lines.append(
                f"| {cost.preset} | {one.threads} | {' | '.join(f'{part:.3g} s' for part in parts)} | "
                f"{whole} | {memory} |"
            )
    return "\n".join(lines)


def cost_main(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    if arguments.json is not None:
        check_output(arguments.json)
    options = CostOptions(
        device=arguments.device,
        threads=tuple(arguments.threads),
        repeats=arguments.repeats,
        direct_seconds=arguments.limit,
        timing=not arguments.no_timing,
    )
    if options.timing:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
            costs = list(pool.map(preset_cost, arguments.presets, [options] * len(arguments.presets)))
    else:
        costs = [preset_cost(preset, options) for preset in arguments.presets]
    print(as_markdown(costs))
    print()
    print(RELEASED_NOTE)
    if arguments.json is not None:
        text = json.dumps([cost.as_dict() for cost in costs], indent=1)
        write_text_whole(arguments.json, text + "\n")
    return 0
