# SPDX-License-Identifier: GPL-3.0-or-later
"""Shards of real pianists' performances (`recorded.py`), beside those of the synthesiser, in the same form."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.checks import check_range
from models.whole_file import write_text_whole
from training.synthesis.dataset import FORMAT, quiet_process
from training.synthesis.real_notes import RealExcerpt, excerpts_to_learn
from training.synthesis.recorded import average_lying, recorded
from training.synthesis.sample import save_sample

_EVERY = 20
"""So many performances later the index is written anew: what is made so far can be learned from."""


@dataclass(frozen=True, kw_only=True)
class RecordedConfig:
    """How the tracked performances are made into shards."""

    performances: int = 2
    """Of each excerpt, which differ in what was not tracked: loudness, heights, style."""
    seed: int = 0
    processes: int = 1
    fps: float = 30.0

    def __post_init__(self) -> None:
        check_range("performances", self.performances, 1)
        check_range("processes", self.processes, 1)
        check_range("seed", self.seed, 0)
        check_range("fps", self.fps, 10, 240)


@dataclass(frozen=True)
class _Task:
    index: int
    turn: int
    excerpt: RealExcerpt
    rest: NDArray[np.float64]
    out: Path
    config: RecordedConfig


def build_recorded(real: Path, out: Path, config: RecordedConfig, *, say: bool = True) -> Path:
    """Fill ``out`` with shards of all excerpts that may be learned from; returns the path of the index.

    Raises:
        OSError, KeyError, ValueError: when ``real`` is missing or not such a data set, or holds nothing to learn from.
    """
    excerpts = excerpts_to_learn(real)
    if not excerpts:
        raise ValueError(f"{real.name} holds no excerpt to learn from")
    rest = average_lying(excerpts.values())
    out.mkdir(parents=True, exist_ok=True)
    tasks = [
        _Task(index, turn, one, rest, out, config)
        for turn in range(config.performances)
        for index, one in excerpts.items()
    ]
    entries: list[dict[str, Any]] = []
    path = out / "index.json"
    with multiprocessing.get_context("spawn").Pool(config.processes, quiet_process) as pool:
        for entry in pool.imap(_one, tasks):
            entries.append(entry)
            if len(entries) % _EVERY == 0 or len(entries) == len(tasks):
                _write_index(path, real, config, entries)
                if say:
                    print(f"{len(entries)} of {len(tasks)} performances", flush=True)
    return path


def _write_index(path: Path, real: Path, config: RecordedConfig, entries: list[dict[str, Any]]) -> None:
    settings = {key: value for key, value in asdict(config).items() if key != "processes"}
    hours = {"train": round(sum(entry["seconds"] for entry in entries) / 3600, 4), "validation": 0.0}
    index = {"format": FORMAT, "real": real.name, "config": settings, "hours": hours, "shards": entries}
    write_text_whole(path, json.dumps(index, indent=1))


def _one(task: _Task) -> dict[str, Any]:
    seed = [task.config.seed, task.index, task.turn]
    sample = recorded(task.excerpt, task.rest, np.random.default_rng(seed), task.config.fps)
    name, file = f"pianist-{task.index:03d}", f"pianist-{task.index:03d}~{task.turn}.npz"
    save_sample(task.out / file, sample, name, "train")
    entry = {"file": file, "piece": name, "composer": "", "split": "train", "turn": task.turn, "seed": seed}
    return entry | {"seconds": sample.motion.frames / task.config.fps, "notes": len(sample.notes)}
