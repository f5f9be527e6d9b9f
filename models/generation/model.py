# SPDX-License-Identifier: GPL-3.0-or-later
"""A loaded model and the folder it lives in: `config.json`, `model.safetensors`, `README.md` (the model card)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import nn

from models.checks import BadValue
from models.conditioning.hand_space import Normalizer
from models.conditioning.hubert import HubertPair, load_pair
from models.config import ModelConfig
from models.device import choose_device
from models.errors import UserError, quoted
from models.networks.dual_stream import DualStream
from models.networks.position_predictor import PositionPredictors
from models.networks.weights_file import Misfit, load_into, outline
from models.plain_file import WEIGHTS, sha256_of
from models.whole_file import whole_file, whole_folder, write_text_whole

PRESETS_FOLDER = Path(__file__).parents[1] / "presets"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"
LONGEST_REASON = 300


class Networks(nn.Module):
    """Both stages; the names in the weights file begin with `predictors.` and `streams.`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.predictors = PositionPredictors(config)
        self.streams = DualStream(config)


@dataclass(frozen=True)
class Model:
    """Networks in evaluation mode on one device, with what is needed to use them."""

    config: ModelConfig
    networks: Networks
    normalizer: Normalizer
    device: torch.device
    preset: str
    weights_hash: str
    """First 16 digits of the SHA-256 of the weights file; empty for weights that never were in a file."""
    encoder: HubertPair | None = None
    """What it listens to sound with; None where it reads notes."""


def parameter_count(module: nn.Module) -> int:
    """Number of trained numbers in `module`."""
    return sum(parameter.numel() for parameter in module.parameters())


def presets() -> list[str]:
    """Names of the presets that can be loaded: those with weights."""
    return sorted(folder.parent.name for folder in PRESETS_FOLDER.glob(f"*/{WEIGHTS_FILE}"))


def preset_folder(preset_or_folder: str | Path) -> Path:
    """The folder that a preset's name or a path means."""
    named = PRESETS_FOLDER / str(preset_or_folder)
    folder = named if named.is_dir() else Path(preset_or_folder)
    if not (folder / CONFIG_FILE).exists():
        raise UserError(
            "model_missing",
            f"There is no model called {quoted(preset_or_folder)}; "
            f"choose one of: {', '.join(presets()) or 'none is installed'}.",
            f"no {CONFIG_FILE} in {folder}",
        )
    return folder


def load_model(
    preset_or_folder: str | Path = "default", device: str = "auto", *, allow_download: bool = False
) -> Model:
    """Load a preset or a model folder; `allow_download` lets a missing sound encoder come from the network.

    Raises:
        UserError: when it is missing, its configuration is wrong, or its weights do not fit the configuration.
    """
    folder = preset_folder(preset_or_folder)
    weights = folder / WEIGHTS_FILE
    if not weights.exists():
        raise UserError(
            "weights_missing",
            f"The model {quoted(folder)} comes without weights: train it, or convert the authors' checkpoints, "
            "and choose the folder that this makes.",
            f"no {weights}",
        )
    try:
        config = ModelConfig.load(folder / CONFIG_FILE)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        why = str(error)[:LONGEST_REASON] if isinstance(error, BadValue) else "it is no JSON"
        raise UserError(
            "model_config",
            f"The configuration of the model {quoted(folder)} cannot be used, because {why}; install the model again.",
            repr(error)[:2000],
        ) from error
    chosen = choose_device(device)
    try:
        networks = outline(lambda: Networks(config))
        load_into(networks, weights)
    except (Misfit, RuntimeError, SafetensorError, OSError, ValueError) as error:
        why = f", because {error}" if isinstance(error, Misfit) else ""
        raise UserError(
            "model_weights",
            f"The weights of the model {quoted(folder)} are damaged or belong to another "
            f"version{why}; install the model again.",
            str(error)[:2000],
        ) from error
    encoder = None
    if config.encoder.kind == "hubert":
        encoder = load_pair(config.encoder, folder, allow_download=allow_download)
    return wrap(
        config, networks, chosen, preset=folder.name, weights_hash=file_hash(weights), encoder=encoder
    )


def wrap(
    config: ModelConfig,
    networks: Networks,
    device: torch.device,
    *,
    preset: str,
    weights_hash: str = "",
    encoder: HubertPair | None = None,
) -> Model:
    """A `Model` around networks that are in memory."""
    networks = networks.to(device).eval().requires_grad_(False)
    encoder = encoder.to(device) if encoder is not None else None
    return Model(config, networks, Normalizer(config, device), device, preset, weights_hash, encoder)


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


def file_hash(path: Path) -> str:
    """First 16 hexadecimal digits of a file's SHA-256."""
    return sha256_of(path, WEIGHTS)[:16]
