# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of held-out windows from a trained row, without key contact: contact would hide what rows differ in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.conditioning.conditioning import build_condition
from models.conditioning.hand_space import Normalizer
from models.config import ModelConfig
from models.diffusion.samplers import SAMPLERS, draw_noise
from models.diffusion.schedule import build_schedule
from training.comparators import System
from training.data.shards import Batch
from training.stages.loop import read_checkpoint
from training.stages.settings import TrainSettings
from training.stages.sources import Windows, as_source
from training.stages.stage2 import FOLDER, inputs_and_positions, load_stage1

WINDOW_SEED = 20250415
"""Chooses the held-out windows: the same ones for every row and seed."""
BATCH = 8


@dataclass(frozen=True)
class Sampled:
    """A held-out batch and what a row makes of it."""

    batch: Batch
    euler: Tensor
    """[B, 2, T, 48] radians."""
    wrist: Tensor
    """[B, 2, T, 3] metres."""


def held_out_batches(
    windows: Windows, config: ModelConfig, settings: TrainSettings, count: int
) -> Iterator[Batch]:
    """`count` windows in batches of at most `BATCH`, always the same ones."""
    source = as_source(windows, config, settings)
    for i, start in enumerate(range(0, count, BATCH)):
        yield source.batch(np.random.default_rng((WINDOW_SEED, i)), min(BATCH, count - start))


def starting_noise(
    seed: int, first: int, shape: tuple[int, ...], *, decoupled: bool
) -> tuple[Tensor, list[list[np.random.Generator]]]:
    """x_T [B, 2, T, C] of the windows from number `first` on, and the generators that go on from there.

    decoupled: each hand draws for itself; else both draw the same numbers throughout.
    """
    generators = [
        [np.random.default_rng((seed, hand if decoupled else 0, first + i)) for hand in (0, 1)]
        for i in range(shape[0])
    ]
    return torch.from_numpy(draw_noise(shape, generators)), generators


@torch.inference_mode()
def sample_batch(
    network: nn.Module,
    batch: Batch,
    condition: Tensor,
    config: ModelConfig,
    *,
    seed: int,
    first: int,
    steps: int,
) -> Tensor:
    """x0 [B, 2, T, C] by the configuration's sampler."""
    shape = (*batch.euler.shape[:3], config.channels)
    x, generators = starting_noise(seed, first, shape, decoupled=config.decoupled_noise)
    known = torch.zeros(*shape[:3], 1, dtype=torch.bool)
    style = batch.style[..., : config.player_dim]

    def denoise(x: Tensor, t: int) -> Tensor:
        return network(x, torch.full(shape[:2], t), condition, known, torch.zeros(()).expand(shape), style)

    return SAMPLERS[config.sampler](
        denoise,
        x,
        build_schedule(config.schedule),
        steps=steps,
        generators=generators,
        clamp=config.clamp,
        callback=None,
    )


def load_network(out: Path, config: ModelConfig, system: System) -> nn.Module:
    """The averaged network of a finished stage 2."""
    network = system.build(config)
    network.load_state_dict(read_checkpoint(out / FOLDER)["averaged"])
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def sample_held_out(
    out: Path, system: System, windows: Windows, settings: TrainSettings, count: int
) -> list[Sampled]:
    """What the row in the folder `out` makes of `count` held-out windows."""
    config = ModelConfig.load(out / "config.json")
    normalizer = Normalizer(config, torch.empty(0))
    predictors, encoder = load_stage1(out, config, torch.device("cpu"))
    network = load_network(out, config, system)
    done: list[Sampled] = []
    first = 0
    for batch in held_out_batches(windows, config, settings, count):
        heard, positions = inputs_and_positions(predictors, batch, normalizer, encoder)
        condition = build_condition(network, heard, positions, normalizer)
        x0 = sample_batch(
            network,
            batch,
            condition,
            config,
            seed=settings.seed,
            first=first,
            steps=system.evaluations or config.sampling_steps,
        )
        done.append(Sampled(batch, *normalizer.unmotion(x0, positions)))
        first += len(batch)
    return done
