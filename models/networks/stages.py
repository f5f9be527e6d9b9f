# SPDX-License-Identifier: GPL-3.0-or-later
"""Both stages of a model as torch modules, and their weights in a model folder."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import nn

from models.config import ModelConfig
from models.errors import UserError, quoted
from models.model_folder import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE, file_hash
from models.networks.dual_stream import DualStream
from models.networks.position_predictor import PositionPredictors
from models.networks.weights_file import Misfit, load_into, outline
from models.whole_file import whole_file, whole_folder, write_text_whole


class Networks(nn.Module):
    """Both stages; the names in the weights file begin with `predictors.` and `streams.`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.predictors = PositionPredictors(config)
        self.streams = DualStream(config)


def parameter_count(module: nn.Module) -> int:
    """Number of trained numbers in `module`."""
    return sum(parameter.numel() for parameter in module.parameters())


def load_networks(config: ModelConfig, weights: Path) -> Networks:
    """Networks with the numbers of a weights file; UserError where they do not fit the configuration."""
    try:
        networks = outline(lambda: Networks(config))
        load_into(networks, weights)
    except (Misfit, RuntimeError, SafetensorError, OSError, ValueError) as error:
        why = f", because {error}" if isinstance(error, Misfit) else ""
        raise UserError(
            "model_weights",
            f"The weights of the model {quoted(weights.parent)} are damaged or belong to another "
            f"version{why}; install the model again.",
            str(error)[:2000],
        ) from error
    return networks.eval().requires_grad_(False)


def save_model(
    folder: Path, config: ModelConfig, networks: Networks, card: str, *, half: bool = False
) -> str:
    """Write a model folder, whole or not at all, and return the hash of its weights.

    half: store float16, half the size. An older model of that name is replaced; see `whole_folder` for what it raises.
    """
    with whole_folder(folder, replace=True) as part:
        return write_model_files(part, config, networks, card, half=half)


def write_model_files(
    folder: Path, config: ModelConfig, networks: Networks, card: str, *, half: bool = False
) -> str:
    """The files of `save_model` into a folder that is being made."""
    kind = torch.float16 if half else torch.float32
    state = {
        name: value.detach().to("cpu", kind).contiguous() for name, value in networks.state_dict().items()
    }
    # One entry only: the library writes several in no fixed order, and the hash would change.
    with whole_file(folder / WEIGHTS_FILE) as part:
        part.write_bytes(save(state, metadata={"format": "pt"}))
    write_text_whole(folder / CONFIG_FILE, config.to_json())
    write_text_whole(folder / CARD_FILE, card)
    return file_hash(folder / WEIGHTS_FILE)
