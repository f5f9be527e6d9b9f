# SPDX-License-Identifier: GPL-3.0-or-later
"""A real model at tiny size, for tests."""

from pathlib import Path

import torch

from models.config import InteractionConfig, ModelConfig, Statistics, TransformerConfig, UNetConfig
from models.generation.model import wrap
from models.networks.stages import Networks, save_model
from models.networks.torch_engine import TorchEngine

_TINY_TRANSFORMER = TransformerConfig(
    width=16, heads=2, feedforward=16, encoder_layers=1, decoder_layers=1, input_kernel=3
)
TINY = ModelConfig(
    name="tiny",
    predictor=_TINY_TRANSFORMER,
    refiner=_TINY_TRANSFORMER,
    window_frames=48,
    sampling_steps=3,
    unet=UNetConfig(
        widths=(16, 24), blocks_per_level=1, groups=4, attention_heads=2, head_width=8, time_width=16
    ),
    statistics=Statistics(
        euler_std=(0.1,) * 48,
        position_mean=(0.15, -0.06, 0.06),
        position_std=(0.15, 0.02, 0.01),
        residual_std=(0.02, 0.01, 0.01),
    ),
)


def tiny_model(config=TINY, seed=0):
    """Random weights, none of them zero, so that everything that goes in shows in what comes out."""
    torch.manual_seed(seed)
    networks = Networks(config)
    for parameter in networks.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return wrap(config, TorchEngine(config, networks, torch.device("cpu")), config.name)


def save_tiny_model(folder: Path) -> Path:
    """A model folder that loads and samples in milliseconds; its weights are random and its motion is noise."""
    small = TransformerConfig(width=8, heads=2, feedforward=8, encoder_layers=1, decoder_layers=1)
    config = ModelConfig(
        name="tiny",
        predictor=small,
        refiner=small,
        unet=UNetConfig(widths=(8, 16), blocks_per_level=1, attention_heads=1, head_width=8, time_width=8),
        interaction=InteractionConfig(heads=2),
        window_frames=60,
    )
    torch.manual_seed(0)
    save_model(folder, config, Networks(config), "Random weights for tests.")
    return folder
