# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin a training with weights that are there: those of another training folder, or of a model folder."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.model_folder import WEIGHTS_FILE
from training.stages.loop import CHECKPOINT_FILE, read_checkpoint

PARTS = {"stage1": "predictors.", "stage2": "streams."}
"""What the weights of each stage's network begin with in a model folder."""


def begin_with(network: nn.Module, folder: Path, stage: str) -> None:
    """Give a new network the weights of a stage (a key of `PARTS`): averaged ones of a training, or a model's.

    Where the network is told more numbers of its player than the one before was, the new ones begin without effect.

    Raises:
        FileNotFoundError: when there are none. ValueError: when they are of another architecture.
    """
    begun = _widened(_weights(folder, stage), network.state_dict())
    try:
        network.load_state_dict(begun)
    except RuntimeError as error:
        raise ValueError(f"{folder} holds weights of another architecture") from error


def _weights(folder: Path, stage: str) -> dict[str, Tensor]:
    if (folder / stage / CHECKPOINT_FILE).is_file():
        return read_checkpoint(folder / stage)["averaged"]
    if (folder / WEIGHTS_FILE).is_file():
        prefix = PARTS[stage]
        found = load_file(folder / WEIGHTS_FILE).items()
        return {name.removeprefix(prefix): part.float() for name, part in found if name.startswith(prefix)}
    raise FileNotFoundError(f"{folder} has neither a checkpoint of {stage} nor a model to begin with")


def _widened(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights over the player's numbers with columns of 0 for those that are new."""
    widened = dict(found)
    for name, part in found.items():
        goal = wanted.get(name)
        if ".style." not in name or goal is None or part.ndim != 2 or part.shape[0] != goal.shape[0]:
            continue
        more = goal.shape[1] - part.shape[1]
        if more > 0:
            widened[name] = torch.cat([part, part.new_zeros(len(part), more)], 1)
    return widened
