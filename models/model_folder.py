# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder that a model lives in: `config.json`, `model.safetensors`, `README.md` (the model card)."""

from __future__ import annotations

from pathlib import Path

from models.checks import BadValue
from models.config import ModelConfig
from models.errors import UserError, quoted
from models.plain_file import WEIGHTS, sha256_of

PRESETS_FOLDER = Path(__file__).parent / "presets"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"
LONGEST_REASON = 300


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


def weights_of(folder: Path) -> Path:
    """The weights file of a model folder; UserError where there is none."""
    weights = folder / WEIGHTS_FILE
    if not weights.exists():
        raise UserError(
            "weights_missing",
            f"The model {quoted(folder)} comes without weights: train it, or convert the authors' checkpoints, "
            "and choose the folder that this makes.",
            f"no {weights}",
        )
    return weights


def config_of(folder: Path) -> ModelConfig:
    """The configuration of a model folder; UserError where it cannot be used."""
    try:
        return ModelConfig.load(folder / CONFIG_FILE)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        why = str(error)[:LONGEST_REASON] if isinstance(error, BadValue) else "it is no JSON"
        raise UserError(
            "model_config",
            f"The configuration of the model {quoted(folder)} cannot be used, because {why}; install the model again.",
            repr(error)[:2000],
        ) from error


def weights_hash(path: Path) -> str:
    """SHA-256 of a weights file, in hexadecimal digits."""
    return sha256_of(path, WEIGHTS)


def file_hash(path: Path) -> str:
    """The first 16 digits of it, by which takes name their weights."""
    return weights_hash(path)[:16]
