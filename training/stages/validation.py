# SPDX-License-Identifier: GPL-3.0-or-later
"""The loss on held-out pieces: the same few batches, with the same random choices, every time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from models.config import ModelConfig
from training.data.shards import Batch
from training.stages.loop import Randomness, step_randomness
from training.stages.settings import TrainSettings
from training.stages.sources import Windows, as_source

BatchLoss = Callable[[nn.Module, Batch, Randomness], dict[str, Tensor]]

_BATCHES = 8
_SEED = 20250414


def validation(
    windows: Windows | None, config: ModelConfig, settings: TrainSettings, loss: BatchLoss
) -> Callable[[nn.Module], dict[str, float]]:
    """A function from a network to the mean parts of `loss`; it gives nothing where there are no windows."""
    source = as_source(windows, config, settings) if windows else None

    def validate(network: nn.Module) -> dict[str, float]:
        rows: list[dict[str, float]] = []
        device = next(network.parameters()).device
        with torch.no_grad():
            for i in range(_BATCHES):
                if source is None:
                    break
                draw = step_randomness(_SEED, i)
                batch = source.batch(draw.numpy, settings.batch_size)
                rows.append(
                    {name: float(value) for name, value in loss(network, batch.to(device), draw).items()}
                )
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]} if rows else {}

    return validate
