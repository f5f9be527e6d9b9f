# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared by the tests of `models`: a model folder of the real classes, tiny and with random weights."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that loads and samples in milliseconds; its motion is noise."""
    import torch

    from models.config import InteractionConfig, ModelConfig, TransformerConfig, UNetConfig
    from models.generation.model import Networks, save_model

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
    folder = tmp_path_factory.mktemp("presets") / "tiny"
    save_model(folder, config, Networks(config), "Random weights for tests.")
    return folder
