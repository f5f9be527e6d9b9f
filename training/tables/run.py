# SPDX-License-Identifier: GPL-3.0-or-later
"""Training and measuring the rows of a table, each row and seed once.

Folder: `stage1/seedN` (one for all rows of a seed), `ROW/seedN` (stage 2), `results/ROW~N.json`, `autoencoder/`.
What is finished is not repeated; what was made with other settings is refused: a table never mixes budgets.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.config import ModelConfig
from models.whole_file import write_text_whole
from training.comparators import SYSTEMS
from training.metrics.clips import Clip
from training.metrics.embedding import EmbeddingConfig, EmbeddingNet
from training.stages.loop import LOG_FILE, read_checkpoint
from training.stages.settings import TrainSettings
from training.stages.sources import Windows
from training.stages.stage1 import FOLDER as STAGE1_FOLDER
from training.stages.stage1 import train_stage1
from training.stages.stage2 import FOLDER, train_stage2
from training.tables.figures import all_figures, clips_of
from training.tables.generate import Sampled, held_out_batches, sample_held_out
from training.tables.rows import Row

CPU = torch.device("cpu")
RESULTS = "results"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What every row gets; equal in steps, so not in seconds."""

    steps: int = 0
    minutes: float = 0.0
    """Instead of steps: of stage 2 of every row and seed."""
    stage1_steps: int = 300
    batch_size: int = 8
    windows: int = 96
    """Held-out windows that the figures are taken over."""
    form: str = "fixed"
    """Of the field's figures."""
    latent: int = 32
    """Numbers of the autoencoder's latent vector; there must be more windows."""
    autoencoder_steps: int = 300
    """0 leaves FID out."""

    def __post_init__(self) -> None:
        if (self.steps > 0) == (self.minutes > 0):
            raise ValueError("give the steps of a row, or its minutes")
        if self.autoencoder_steps and self.windows <= self.latent:
            raise ValueError(f"FID with {self.latent} latent numbers needs more than {self.latent} windows")

    def settings(self, seed: int, *, stage: int) -> TrainSettings:
        """Eq. 5 alone, the same timestep for both hands, music without hints about hands: as in the paper."""
        steps = self.stage1_steps if stage == 1 else self.steps
        return TrainSettings(
            seed=seed,
            steps=steps,
            minutes=0.0 if steps else self.minutes,
            batch_size=self.batch_size,
            warmup_steps=min(50, steps // 10) if steps else 50,
            average_limit=0.99,
            fingertip_weight=0.0,
            speed_weight=0.0,
            hint_dropout=1.0,
            same_time=True,
            log_seconds=60.0,
            save_seconds=600.0,
        )


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where and on what the rows are trained."""

    out: Path
    base: ModelConfig
    budget: Budget
    train: Windows
    held_out: Windows
    data: str
    """What the windows are, for the records."""
    hardware: str
    report: Callable[[str], None]


def _facts(bench: Bench, row: Row) -> dict[str, Any]:
    """What a result depends on, as plain JSON."""
    facts = {
        "row": dataclasses.asdict(row),
        "config": json.loads(row.config(bench.base).to_json()),
        "budget": dataclasses.asdict(bench.budget),
        "data": bench.data,
    }
    return json.loads(json.dumps(facts))


def result_path(out: Path, row: Row, seed: int) -> Path:
    """The file of a row's figures."""
    return out / RESULTS / f"{row.key}~{seed}.json"


def read_result(bench: Bench, row: Row, seed: int) -> dict[str, Any] | None:
    """The result of a row and seed, None where there is none; `ValueError` for one of other settings."""
    path = result_path(bench.out, row, seed)
    if not path.is_file():
        return None
    result = json.loads(path.read_text(encoding="utf-8"))
    if result["facts"] != _facts(bench, row):
        raise ValueError(f"{path} was made with another configuration, budget or data; choose another --out")
    return result


def train_shared_stage1(bench: Bench, seed: int) -> Path:
    """Stage 1 of a seed, which all rows share: they differ in stage 2 only. Its folder."""
    out = bench.out / STAGE1_FOLDER / f"seed{seed}"
    settings = bench.budget.settings(seed, stage=1)
    train_stage1(out, bench.base, settings, bench.train, bench.held_out, CPU, bench.report)
    return out


def _begin_row(bench: Bench, row: Row, seed: int, stage1: Path) -> Path:
    """The row's training folder with stage 1's weights and statistics in it."""
    out = bench.out / row.key / f"seed{seed}"
    if not (out / "config.json").is_file():
        shutil.copytree(stage1 / STAGE1_FOLDER, out / STAGE1_FOLDER, dirs_exist_ok=True)
        measured = ModelConfig.load(stage1 / "config.json").statistics
        config = dataclasses.replace(row.config(bench.base), statistics=measured)
        write_text_whole(out / "config.json", config.to_json())
    return out


def run_row(
    bench: Bench, row: Row, seed: int, stage1: Path, autoencoder: EmbeddingNet | None
) -> dict[str, Any]:
    """Train and measure a row, or read what was measured before."""
    found = read_result(bench, row, seed)
    if found is not None:
        return found
    bench.report(f"{row.key}, seed {seed}")
    system = SYSTEMS[row.system]
    out = _begin_row(bench, row, seed, stage1)
    settings = bench.budget.settings(seed, stage=2)
    train_stage2(
        out,
        settings,
        bench.train,
        bench.held_out,
        CPU,
        bench.report,
        build=system.build,
        step_loss=system.loss,
    )
    sampled = sample_held_out(out, system, bench.held_out, settings, bench.budget.windows)
    figures = all_figures(sampled, bench.base.fps, bench.budget.form, autoencoder)
    checkpoint = read_checkpoint(out / FOLDER)
    log = [json.loads(line) for line in (out / FOLDER / LOG_FILE).read_text(encoding="utf-8").splitlines()]
    held_out = [entry["validation"] for entry in log if "validation" in entry][-1]
    result = {
        "facts": _facts(bench, row),
        "seed": seed,
        "figures": {**figures, **{f"held_out_{name}": value for name, value in held_out.items()}},
        "parameters": sum(value.numel() for value in checkpoint["averaged"].values()),
        "steps": checkpoint["step"],
        "seconds": checkpoint["seconds"],
        "hardware": bench.hardware,
    }
    path = result_path(bench.out, row, seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text_whole(path, json.dumps(result, indent=1) + "\n")
    return result


def shared_autoencoder(bench: Bench) -> EmbeddingNet | None:
    """The network behind FID, trained once on training windows; None where the budget leaves it out."""
    from training.metrics.autoencoder import (
        AutoencoderSettings,
        load_autoencoder,
        save_autoencoder,
        train_autoencoder,
    )

    steps = bench.budget.autoencoder_steps
    if not steps:
        return None
    folder = bench.out / "autoencoder"
    if not folder.is_dir():
        settings = AutoencoderSettings(steps=steps, batch_size=32)
        config = EmbeddingConfig(frames=bench.base.window_frames, latent=bench.budget.latent)
        seen, unseen = _real_clips(bench, bench.train), _real_clips(bench, bench.held_out)
        network, losses = train_autoencoder(seen, unseen, settings, config, report=bench.report)
        save_autoencoder(folder, network, {"steps": steps, **losses})
    return load_autoencoder(folder)


def _real_clips(bench: Bench, windows: Windows, count: int = 512) -> list[Clip]:
    settings = bench.budget.settings(0, stage=2)
    batches = held_out_batches(windows, bench.base, settings, count)
    return clips_of([Sampled(batch, batch.euler, batch.wrist) for batch in batches], bench.base.fps)[0]


def run_table(bench: Bench, rows: Sequence[Row], seeds: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    """Results of every row, seed by seed, so that a run that is cut short has whole seeds."""
    autoencoder = shared_autoencoder(bench)
    results: dict[str, list[dict[str, Any]]] = {row.key: [] for row in rows}
    for seed in seeds:
        waiting = any(read_result(bench, row, seed) is None for row in rows)
        stage1 = train_shared_stage1(bench, seed) if waiting else bench.out
        for row in rows:
            results[row.key].append(run_row(bench, row, seed, stage1, autoencoder))
    return results
