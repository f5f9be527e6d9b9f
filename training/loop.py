# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loop that both stages share: AdamW, cosine learning rate, averaged weights, checkpoints,
progress.

Resuming is exact: all randomness of step s comes from (seed, s), and a checkpoint holds weights, averaged
weights, optimiser and step. With a limit in steps a resumed run ends with the same bits as an uninterrupted
one; with a limit in minutes the learning rate follows the clock, so it ends as well but not bit for bit the
same.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CHECKPOINT_FILE = "checkpoint.pt"
LOG_FILE = "log.jsonl"
SETTINGS_FILE = "settings.json"


class NonFiniteLossError(RuntimeError):
    """The loss is not a number any more; nothing was updated with it."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How to train; saved beside the checkpoint."""

    seed: int = 0
    steps: int = 0
    """Stop after so many steps; 0 means that `minutes` decides."""
    minutes: float = 0.0
    """Stop after so many minutes of training, those before a resume included."""
    batch_size: int = 16
    learning_rate: float = 1e-3
    final_rate: float = 0.02
    """Share of the learning rate that is left at the end of the cosine."""
    warmup_steps: int = 100
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average_limit: float = 0.9995
    """Upper bound of the averaged weights' decay, which is (1 + s) / (10 + s) at step s: the last tenth of a run."""
    precision: str = "float32"
    """`bfloat16` runs the networks in autocast; faster where the processor has the instructions (measure)."""
    hint_dropout: float = 0.0
    """Share of the windows whose rolls do not say which hand plays a note (models without a finger plan)."""
    fingertip_weight: float = 0.5
    """Stage 2: weight of the fingertips' distance (squared, in centimetres); 0 leaves the loss of eq. 5 alone."""
    playing_weight: float = 4.0
    """Stage 2: how many times a finger that holds a key weighs in that distance (with a finger plan)."""
    speed_weight: float = 0.1
    """Stage 2: weight of the fingertips' change from frame to frame (squared, in half centimetres)."""
    log_seconds: float = 20.0
    save_seconds: float = 120.0

    def __post_init__(self) -> None:
        if (self.steps > 0) == (self.minutes > 0):
            raise ValueError(
                f"give either steps or minutes, not steps={self.steps} and minutes={self.minutes}"
            )
        for name, low, high in (
            ("batch_size", 1, 4096),
            ("learning_rate", 1e-8, 1.0),
            ("final_rate", 0.0, 1.0),
            ("warmup_steps", 0, 10**6),
            ("weight_decay", 0.0, 1.0),
            ("clip_norm", 1e-6, 1e6),
            ("average_limit", 0.0, 1.0),
            ("hint_dropout", 0.0, 1.0),
            ("fingertip_weight", 0.0, 1e3),
            ("playing_weight", 1.0, 1e3),
            ("speed_weight", 0.0, 1e3),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be between {low} and {high}")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision is {self.precision!r}; it must be float32 or bfloat16")


@dataclass
class State:
    """What a checkpoint holds besides the settings."""

    network: nn.Module
    averaged: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Randomness:
    """All that one step may draw from."""

    numpy: np.random.Generator
    torch: torch.Generator


def step_randomness(seed: int, step: int) -> Randomness:
    """Generators that depend on seed and step only."""
    sequence = np.random.SeedSequence((seed, step))
    generator = torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0]) >> 1)
    return Randomness(np.random.default_rng(sequence), generator)


StepLoss = Callable[[nn.Module, Randomness], dict[str, Tensor]]
"""(network, randomness) -> named parts of the loss; `loss` is the one to minimise."""


def rate_factor(settings: TrainSettings, step: int, seconds: float) -> float:
    """Learning rate as a share of the highest: linear warm-up, then half a cosine down to `final_rate`."""
    share = step / settings.steps if settings.steps else seconds / (60 * settings.minutes)
    cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return min(1.0, (step + 1) / (settings.warmup_steps + 1)) * (
        settings.final_rate + (1 - settings.final_rate) * cosine
    )


def new_state(network: nn.Module, settings: TrainSettings) -> State:
    """A run's beginning."""
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(
        network.parameters(),
        lr=settings.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    return State(network, averaged, optimizer)


def save_checkpoint(folder: Path, state: State, settings: TrainSettings) -> None:
    """Write the checkpoint; the old one stays until the new one is whole."""
    content = {
        "network": state.network.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "seconds": state.seconds,
    }
    part = folder / (CHECKPOINT_FILE + ".part")
    torch.save(content, part)
    os.replace(part, folder / CHECKPOINT_FILE)
    (folder / SETTINGS_FILE).write_text(
        json.dumps(dataclasses.asdict(settings), indent=1) + "\n", encoding="utf-8"
    )


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """A checkpoint's content; loaded with `weights_only`, so it cannot run code."""
    return torch.load(folder / CHECKPOINT_FILE, map_location="cpu", weights_only=True)


def resume(folder: Path, state: State) -> bool:
    """Load the checkpoint of `folder` into `state` where there is one."""
    if not (folder / CHECKPOINT_FILE).is_file():
        return False
    content = read_checkpoint(folder)
    state.network.load_state_dict(content["network"])
    state.averaged.load_state_dict(content["averaged"])
    state.optimizer.load_state_dict(content["optimizer"])
    state.step, state.seconds = content["step"], content["seconds"]
    return True


def train_step(state: State, settings: TrainSettings, loss_of: StepLoss) -> dict[str, float]:
    """One update of weights and averaged weights; `NonFiniteLossError` before any change."""
    factor = rate_factor(settings, state.step, state.seconds)
    for group in state.optimizer.param_groups:
        group["lr"] = settings.learning_rate * factor
    device = next(state.network.parameters()).device.type
    with torch.autocast(device, torch.bfloat16, enabled=settings.precision == "bfloat16"):
        parts = loss_of(state.network, step_randomness(settings.seed, state.step))
    loss = parts["loss"]
    if not torch.isfinite(loss):
        raise NonFiniteLossError(
            f"the loss of step {state.step} is {float(loss.detach())}; lower --rate, or look at the data"
        )
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip_norm)
    if not torch.isfinite(norm):
        raise NonFiniteLossError(
            f"the gradient of step {state.step} is not finite; lower --rate, or look at the data"
        )
    state.optimizer.step()
    decay = min(settings.average_limit, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        for average, value in zip(state.averaged.parameters(), state.network.parameters()):
            average.lerp_(value, 1 - decay)
    state.step += 1
    return {
        **{name: float(value.detach()) for name, value in parts.items()},
        "norm": float(norm),
        "rate": factor,
    }


def run(
    folder: Path,
    state: State,
    settings: TrainSettings,
    loss_of: StepLoss,
    validate: Callable[[nn.Module], dict[str, float]],
    report: Callable[[str], None] = print,
    at_checkpoint: Callable[[], None] | None = None,
) -> None:
    """Train until the limit, with checkpoints, a log of JSON lines and a line of progress now and then."""
    folder.mkdir(parents=True, exist_ok=True)
    if resume(folder, state):
        report(f"goes on at step {state.step}, {state.seconds / 60:.1f} minutes in")
    state.network.train()
    begin = time.monotonic() - state.seconds
    last_log = last_save = time.monotonic()
    since: list[dict[str, float]] = []
    while (state.step < settings.steps) if settings.steps else (state.seconds < 60 * settings.minutes):
        since.append(train_step(state, settings, loss_of))
        now = time.monotonic()
        state.seconds = now - begin
        if now - last_log >= settings.log_seconds:
            means = {name: float(np.mean([entry[name] for entry in since])) for name in since[0]}
            rate = len(since) * settings.batch_size / (now - last_log)
            left = (
                (settings.steps - state.step) * state.seconds / state.step
                if settings.steps
                else 60 * settings.minutes - state.seconds
            )
            _log(
                folder,
                {"step": state.step, "seconds": round(state.seconds, 1), "windows_per_second": rate, **means},
            )
            report(
                f"step {state.step}: "
                + ", ".join(f"{name} {value:.4f}" for name, value in means.items())
                + f"; {rate:.1f} windows/s, {max(left, 0) / 60:.1f} min left"
            )
            since, last_log = [], now
        if now - last_save >= settings.save_seconds:
            save_checkpoint(folder, state, settings)
            last_save = now
            if at_checkpoint is not None:
                at_checkpoint()
    save_checkpoint(folder, state, settings)
    figures = validate(state.averaged)
    _log(folder, {"step": state.step, "seconds": round(state.seconds, 1), "validation": figures})
    report(
        f"done at step {state.step} ({state.seconds / 60:.1f} min); validation: "
        + ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
    )


def _log(folder: Path, entry: dict[str, Any]) -> None:
    with open(folder / LOG_FILE, "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
