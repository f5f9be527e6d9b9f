# SPDX-License-Identifier: GPL-3.0-or-later
"""A model that is loaded: its configuration, and an engine that runs its networks."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from models.conditioning.hand_space import Normalizer
from models.config import ModelConfig
from models.errors import UserError, quoted
from models.generation.devices import has_accelerator
from models.generation.engine import Engine
from models.model_folder import config_of, preset_folder, weights_hash, weights_of

ENGINES = ("auto", "onnx", "torch")


@dataclass(frozen=True)
class Model:
    """What generating needs of a model."""

    config: ModelConfig
    engine: Engine
    preset: str
    weights_hash: str
    """First 16 digits of the SHA-256 of the weights file; empty for weights that never were in a file."""
    normalizer: Normalizer
    """With NumPy's arrays."""


def load_model(
    preset_or_folder: str | Path = "default",
    device: str = "auto",
    engine: str = "auto",
    *,
    allow_download: bool = False,
) -> Model:
    """Load a preset or a model folder; `allow_download` lets a missing sound encoder come from the network.

    engine: `onnx`, `torch`, or `auto`: torch on a GPU and for models that need it, else onnx.

    Raises:
        UserError: when it is missing, its configuration is wrong, its weights do not fit the configuration, or the
            engine or the device cannot be had.
    """
    folder = preset_folder(preset_or_folder)
    weights, config = weights_of(folder), config_of(folder)
    digest = weights_hash(weights)
    found: Engine | None = None
    if choose_engine(config, folder, device, engine) == "onnx":
        from models.generation.onnx_engine import OnnxEngine
        from models.generation.onnx_files import facts_of, files_for, numbers_for

        files = files_for(config, weights, digest, may_fail=engine == "auto" and torch_installed())
        if files is not None:
            numbers = numbers_for(files, weights)
            found = OnnxEngine(config, files, facts_of(config, digest), numbers=numbers)
    if found is None:
        found = _torch_engine(config, weights, device, allow_download=allow_download)
    return Model(config, found, folder.name, digest[:16], Normalizer(config))


def choose_engine(config: ModelConfig, folder: Path, device: str, engine: str) -> str:
    """`onnx` or `torch` for a model, a device and an engine as they are asked for; UserError for what cannot be."""
    if engine not in ENGINES:
        raise UserError(
            "unknown_engine", f"There is no engine called {engine!r}; choose one of: {', '.join(ENGINES)}."
        )
    needs_torch = not runs_without_torch(config)
    if engine == "onnx":
        if needs_torch:
            sentence = f"The model {quoted(folder)} needs the engine torch; choose auto or torch."
            raise UserError("engine_cannot", sentence)
        if device not in ("auto", "cpu"):
            sentence = (
                f"The engine onnx computes on the CPU, not on {device}; choose the engine auto or torch."
            )
            raise UserError("engine_cannot", sentence)
        return "onnx"
    if engine == "torch" or needs_torch or device not in ("auto", "cpu"):
        return "torch"
    return "torch" if device == "auto" and has_accelerator() else "onnx"


def runs_without_torch(config: ModelConfig) -> bool:
    """Whether the engine onnx can run a model: one that reads notes, with networks of this project's own layout."""
    layouts = (config.predictor.layout, config.refiner.layout, config.unet.layout)
    return config.encoder.kind == "notes" and "released" not in layouts


def torch_installed() -> bool:
    """Whether the engine torch can be had; says so without importing it."""
    return importlib.util.find_spec("torch") is not None


def _torch_engine(config: ModelConfig, weights: Path, device: str, *, allow_download: bool) -> Engine:
    if not torch_installed():
        sentence = f"The model {quoted(weights.parent)} needs PyTorch: Install Generator in the preferences brings it."
        raise UserError("torch_missing", sentence)
    from models.networks.device import choose_device
    from models.networks.stages import load_networks
    from models.networks.torch_engine import TorchEngine

    chosen = choose_device(device)
    networks, encoder = load_networks(config, weights), None
    if config.encoder.kind == "hubert":
        from models.networks.hubert import load_pair

        encoder = load_pair(config.encoder, weights.parent, allow_download=allow_download)
    return TorchEngine(config, networks, chosen, encoder)


def wrap(config: ModelConfig, engine: Engine, preset: str) -> Model:
    """A `Model` around networks that are in memory."""
    return Model(config, engine, preset, "", Normalizer(config))
