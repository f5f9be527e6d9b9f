# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a model's ONNX files lie: in the extension, or in the user's cache, where they are made when first needed.

They are never taken from a model's own folder: a graph computes what it likes, weights only what their networks do.
Each says in its metadata which weights, which configuration and which exporter it was made of.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from models.config import ModelConfig
from models.errors import UserError, quoted
from models.generation.shared_weights import initializers, read_map
from models.model_folder import PRESETS_FOLDER, weights_hash
from models.whole_file import whole_folder, write_bytes_whole

SHIPPED_FOLDER = Path(__file__).parents[1] / "onnx"
"""In a built extension; a checkout has none."""
EXPORTER = "2"
"""Changes with what the graphs compute or how they are cut."""
WEIGHTS_FACT, CONFIG_FACT, EXPORTER_FACT = "s2c_weights_sha256", "s2c_config_sha256", "s2c_exporter"


def facts_of(config: ModelConfig, digest: str) -> dict[str, str]:
    """What the metadata of a model's files must say; `digest` is the SHA-256 of the weights file."""
    told = hashlib.sha256(config.to_json().encode()).hexdigest()
    return {WEIGHTS_FACT: digest, CONFIG_FACT: told, EXPORTER_FACT: EXPORTER}


def names_of(config: ModelConfig) -> list[str]:
    """The graphs of a model (`models.networks.export.graphs`)."""
    sets = range(1 if config.shared_hands else 2)
    return ["positions", "condition", *(f"{part}{i}" for i in sets for part in ("modulation", "down", "up"))]


def cache_folder() -> Path:
    """Where files that were made here are kept."""
    from platformdirs import user_cache_path

    return user_cache_path("s2c_blender", appauthor=False) / "onnx"


def files_for(
    config: ModelConfig, weights: Path, digest: str, *, may_fail: bool = False
) -> dict[str, Path] | None:
    """The file of each graph of a model, made where there is none yet.

    may_fail: return None where there are none and none can be made.

    Raises:
        UserError: there are none, and what makes them is not installed.
    """
    shipped = SHIPPED_FOLDER / weights.parent.name
    if weights.parent.parent == PRESETS_FOLDER and shipped.is_dir():
        return _in(shipped, config)
    facts = facts_of(config, digest)
    key = hashlib.sha256("\n".join(facts.values()).encode()).hexdigest()[:32]
    made = cache_folder() / key
    if not made.is_dir():
        if can_export():
            write_files(config, weights, made)
        elif may_fail:
            return None
        else:
            raise UserError(
                "onnx_missing",
                f"The model {quoted(weights.parent)} needs PyTorch: Install Generator in the preferences brings it.",
                f"no {shipped}, no {made}, and torch or onnx is not installed",
            )
    return _in(made, config)


def numbers_for(files: Mapping[str, Path], weights: Path) -> dict[str, dict[str, NDArray[np.float32]]]:
    """What the graphs take from the weights file, each initializer's numbers by its name (`shared_weights`)."""
    (folder,) = {path.parent for path in files.values()}
    places = read_map(folder)
    tensors = load_file(weights) if places else {}
    return {name: initializers(tensors, places.get(name, {})) for name in files}


def can_export() -> bool:
    """Whether the packages that make the files are installed; says so without importing them."""
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "onnx"))


def write_files(config: ModelConfig, weights: Path, folder: Path) -> list[Path]:
    """Make the files of a model in a new folder, whole or not at all; those of an older folder are replaced."""
    from models.networks.export import export_model
    from models.networks.stages import load_networks

    facts = facts_of(config, weights_hash(weights))
    exported: Mapping[str, bytes] = export_model(config, load_networks(config, weights), facts)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder, replace=True) as part:
        for name, content in exported.items():
            write_bytes_whole(part / f"{name}.onnx", content)
    return [folder / f"{name}.onnx" for name in exported]


def _in(folder: Path, config: ModelConfig) -> dict[str, Path]:
    return {name: folder / f"{name}.onnx" for name in names_of(config)}
