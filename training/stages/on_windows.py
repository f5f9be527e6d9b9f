# SPDX-License-Identifier: GPL-3.0-or-later
"""How both stages train a network: on windows drawn anew for each step, by the loss of a batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from models.config import ModelConfig
from training.stages.loop import Randomness, new_state, run
from training.stages.settings import TrainSettings
from training.stages.sources import Windows, as_source
from training.stages.validation import BatchLoss, validation
from training.stages.warm_start import begin_with


def train_on_windows(
    folder: Path,
    network: nn.Module,
    batch_loss: BatchLoss,
    config: ModelConfig,
    settings: TrainSettings,
    windows: Windows,
    held_out: Windows | None,
    device: torch.device,
    report: Callable[[str], None] = print,
    at_checkpoint: Callable[[], None] | None = None,
    tensorboard: bool = False,
    start: Path | None = None,
) -> None:
    """Train a stage's network in its folder, which is named after the stage, until the limit of the settings.

    batch_loss: of a batch on `device`, in training and on held-out windows alike. start: the training folder or model
    folder whose weights training begins with.
    """
    if start is not None:
        begin_with(network, start, folder.name)
    state = new_state(network.to(device), settings)
    source = as_source(windows, config, settings, mirror=True)

    def loss_of(network: nn.Module, draw: Randomness) -> dict[str, Tensor]:
        batch = source.batch(draw.numpy, settings.batch_size, draw.share.rows(settings.batch_size))
        return batch_loss(network, batch.to(device), draw)

    validate = validation(held_out, config, settings, batch_loss)
    run(folder, state, settings, loss_of, validate, report, at_checkpoint, tensorboard)
