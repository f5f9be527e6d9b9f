# SPDX-License-Identifier: GPL-3.0-or-later
"""The training loop that both stages share, in one process or many.

It holds the optimiser, the learning rate, the averaged weights, the checkpoints and the progress.

Resuming is exact: all randomness of step s comes from (seed, s), and a checkpoint holds weights, averaged
weights, optimiser and step. With a limit in steps a resumed run ends with the same bits as an uninterrupted
one; with a limit in minutes the learning rate follows the clock, so it ends as well but not bit for bit the
same. The number of processes may change in between: a checkpoint does not know it.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.whole_file import whole_file, write_text_whole
from training.stages.distributed import (
    ALONE,
    Share,
    average_gradients,
    barrier,
    check_same,
    from_first,
    mean_of,
    rank,
    ranks,
)
from training.stages.run_log import LOG_FILE as LOG_FILE
from training.stages.run_log import RunLog
from training.stages.settings import TrainSettings as TrainSettings

CHECKPOINT_FILE = "checkpoint.pt"
SETTINGS_FILE = "settings.json"


class NonFiniteLossError(RuntimeError):
    """The loss is not a number any more; nothing was updated with it."""


@dataclass
class State:
    """What a checkpoint holds besides the settings."""

    network: nn.Module
    averaged: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    seconds: float = 0.0
    scaler: torch.amp.GradScaler = field(default_factory=lambda: torch.amp.GradScaler("cpu", enabled=False))
    """Scales the loss of float16; off otherwise."""


@dataclass(frozen=True)
class Randomness:
    """All that one step may draw from. Draw for the whole batch, then keep the rows of `share`."""

    numpy: np.random.Generator
    torch: torch.Generator
    share: Share = ALONE


def step_randomness(seed: int, step: int, share: Share = ALONE) -> Randomness:
    """Generators that depend on seed and step only."""
    sequence = np.random.SeedSequence((seed, step))
    generator = torch.Generator().manual_seed(int(sequence.generate_state(1, np.uint64)[0]) >> 1)
    return Randomness(np.random.default_rng(sequence), generator, share)


StepLoss = Callable[[nn.Module, Randomness], dict[str, Tensor]]
"""(network, randomness) -> named parts of the loss; `loss` is the one to minimise."""


def rate_factor(settings: TrainSettings, step: int, seconds: float) -> float:
    """Learning rate as a share of the highest: linear warm-up, then constant or half a cosine down to `final_rate`."""
    warm = min(1.0, (step + 1) / (settings.warmup_steps + 1))
    if settings.schedule == "constant":
        return warm
    share = step / settings.steps if settings.steps else seconds / (60 * settings.minutes)
    cosine = 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
    return warm * (settings.final_rate + (1 - settings.final_rate) * cosine)


def new_state(network: nn.Module, settings: TrainSettings) -> State:
    """A run's beginning."""
    device = next(network.parameters()).device.type
    if settings.precision == "float16" and device != "cuda":
        raise ValueError("precision float16 needs a CUDA device; take bfloat16 or float32")
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    optimizer = kind(
        [parameter for parameter in network.parameters() if parameter.requires_grad],
        lr=settings.learning_rate,
        betas=(0.9, settings.beta2),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    scaler = torch.amp.GradScaler(device, enabled=settings.precision == "float16")
    return State(network, averaged, optimizer, scaler=scaler)


def save_checkpoint(folder: Path, state: State, settings: TrainSettings) -> None:
    """Write the checkpoint; the old one stays until the new one is whole."""
    content = {
        "network": state.network.state_dict(),
        "averaged": state.averaged.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "seconds": state.seconds,
    }
    if state.scaler.is_enabled():
        content["scaler"] = state.scaler.state_dict()
    with whole_file(folder / CHECKPOINT_FILE) as part:
        torch.save(content, part)
    write_text_whole(folder / SETTINGS_FILE, json.dumps(dataclasses.asdict(settings), indent=1) + "\n")


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
    if "scaler" in content and state.scaler.is_enabled():
        state.scaler.load_state_dict(content["scaler"])
    state.step, state.seconds = content["step"], content["seconds"]
    return True


def _backward(state: State, settings: TrainSettings, loss_of: StepLoss) -> dict[str, Tensor]:
    """Gradients of this process's parts; the mean loss parts of all processes."""
    device = next(state.network.parameters()).device
    dtype = torch.float16 if settings.precision == "float16" else torch.bfloat16
    parts_here, processes = settings.accumulate, ranks()
    state.optimizer.zero_grad(set_to_none=True)
    sums: dict[str, Tensor] = {}
    for i in range(parts_here):
        share = Share(rank() * parts_here + i, parts_here * processes, processes)
        draw = step_randomness(settings.seed, state.step, share)
        # Dropout draws from torch's global generator.
        sequence = np.random.SeedSequence((settings.seed, state.step, share.index))
        torch.manual_seed(int(sequence.generate_state(1, np.uint64)[0]) >> 1)
        with torch.autocast(device.type, dtype, enabled=settings.precision != "float32"):
            parts = loss_of(state.network, draw)
        for name, value in parts.items():
            sums[name] = sums.get(name, 0) + value.detach().float()
        names = list(sums)
        loss = parts["loss"]
        if not bool(torch.isfinite(mean_of(loss.detach().float().clone()))):
            raise NonFiniteLossError(
                f"the loss of step {state.step} is {float(loss.detach())}; lower --rate, or look at the data"
            )
        state.scaler.scale(loss / parts_here if parts_here > 1 else loss).backward()
    means = mean_of(torch.stack([sums[name] for name in names]) / parts_here)
    return dict(zip(names, means))


def train_step(state: State, settings: TrainSettings, loss_of: StepLoss) -> dict[str, float]:
    """One update of weights and averaged weights; `NonFiniteLossError` before any change."""
    factor = rate_factor(settings, state.step, state.seconds)
    for group in state.optimizer.param_groups:
        group["lr"] = settings.learning_rate * factor
    parts = _backward(state, settings, loss_of)
    average_gradients(state.network)
    state.scaler.unscale_(state.optimizer)
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), settings.clip_norm or math.inf)
    if not torch.isfinite(norm) and not state.scaler.is_enabled():  # a scaler skips the step and scales less
        raise NonFiniteLossError(
            f"the gradient of step {state.step} is not finite; lower --rate, or look at the data"
        )
    state.scaler.step(state.optimizer)
    state.scaler.update()
    decay = min(settings.average_limit, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        for average, value in zip(state.averaged.parameters(), state.network.parameters()):
            average.lerp_(value, 1 - decay)
    state.step += 1
    return {**{name: float(value) for name, value in parts.items()}, "norm": float(norm), "rate": factor}


def _line(state: State, settings: TrainSettings, means: dict[str, float], rate: float) -> str:
    left = (
        (settings.steps - state.step) * state.seconds / state.step
        if settings.steps
        else 60 * settings.minutes - state.seconds
    )
    named = ", ".join(f"{name} {value:.4f}" for name, value in means.items())
    return f"step {state.step}: {named}; {rate:.1f} windows/s, {max(left, 0) / 60:.1f} min left"


def _check_processes(state: State, settings: TrainSettings, device: torch.device) -> None:
    parts = ranks() * settings.accumulate
    if settings.batch_size % parts:
        raise ValueError(
            f"batch_size {settings.batch_size} must be a multiple of {parts} "
            f"({ranks()} processes, accumulate {settings.accumulate})"
        )
    check_same(state.step, device, "the step that they go on from")


def run(
    folder: Path,
    state: State,
    settings: TrainSettings,
    loss_of: StepLoss,
    validate: Callable[[nn.Module], dict[str, float]],
    report: Callable[[str], None] = print,
    at_checkpoint: Callable[[], None] | None = None,
    tensorboard: bool = False,
) -> None:
    """Train until the limit, with checkpoints, a log of JSON lines and a line of progress now and then."""
    folder.mkdir(parents=True, exist_ok=True)
    device = next(state.network.parameters()).device
    first = rank() == 0
    resumed = resume(folder, state)
    _check_processes(state, settings, device)
    with RunLog(folder, report, first=first, tensorboard=tensorboard, total=settings.steps) as log:
        if resumed:
            log.say(f"goes on at step {state.step}, {state.seconds / 60:.1f} minutes in")

        def held_out() -> dict[str, float]:
            figures = validate(state.averaged) if first else {}
            barrier()
            log.write(state.step, state.seconds, figures, "validation")
            return figures

        state.network.train()
        begin = time.monotonic() - state.seconds
        last_log = last_save = time.monotonic()
        since: list[dict[str, float]] = []
        while (state.step < settings.steps) if settings.steps else (state.seconds < 60 * settings.minutes):
            since.append(train_step(state, settings, loss_of))
            now = time.monotonic()
            state.seconds = from_first(now - begin, device)
            log.at(state.step)
            if now - last_log >= settings.log_seconds:
                means = {name: float(np.mean([entry[name] for entry in since])) for name in since[0]}
                rate = len(since) * settings.batch_size / (now - last_log)
                log.write(state.step, state.seconds, {"windows_per_second": rate, **means})
                log.say(_line(state, settings, means, rate))
                since, last_log = [], now
            if settings.validate_steps and state.step % settings.validate_steps == 0:
                held_out()
            if first and now - last_save >= settings.save_seconds:
                save_checkpoint(folder, state, settings)
                last_save = now
                if at_checkpoint is not None:
                    at_checkpoint()
        if first:
            save_checkpoint(folder, state, settings)
        figures = held_out()
        log.say(
            f"done at step {state.step} ({state.seconds / 60:.1f} min); validation: "
            + ", ".join(f"{name} {value:.4f}" for name, value in figures.items())
        )
