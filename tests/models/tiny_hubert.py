# SPDX-License-Identifier: GPL-3.0-or-later
"""A HuBERT of a few thousand random weights, on disk as a published one is."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from models.networks.hubert import build_hubert

WIDTH = 32
CONFIG = {
    "model_type": "hubert",
    "hidden_size": WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "conv_dim": [16] * 7,
    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
    "conv_bias": True,
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "apply_spec_augment": False,
    "hidden_dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "feat_proj_dropout": 0.0,
    "layerdrop": 0.0,
}


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return {name: value.contiguous() for name, value in build_hubert(CONFIG).state_dict().items()}


def save_source(folder: Path, seed: int = 0, prefix: str = "") -> Path:
    """A folder such as the hub gives."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    save_file({prefix + name: value for name, value in weights(seed).items()}, folder / "model.safetensors")
    return folder


def save_pair(folder: Path) -> Path:
    """Both hands' encoders as a converted model folder holds them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hubert.json").write_text(json.dumps(CONFIG))
    for seed, side in enumerate(("left", "right")):
        save_file(weights(seed), folder / f"hubert.{side}.safetensors")
    return folder
