# SPDX-License-Identifier: GPL-3.0-or-later
"""Preset `paper` normalises with its own frame's statistics and bounds nothing that is unwrapped."""

import json
from pathlib import Path

import numpy as np
import torch

from models.conditioning.hand_space import Normalizer
from models.config import ModelConfig
from models.model_folder import CONFIG_FILE, PRESETS_FOLDER
from training.__main__ import main
from training.stages.settings import resolve

CONFIG = PRESETS_FOLDER / "paper" / CONFIG_FILE


def test_an_error_of_the_predictor_is_small_in_every_direction():
    config = ModelConfig.load(CONFIG)
    normalizer = Normalizer(config, torch.empty(0))
    apart = normalizer.metres(torch.full((1, 2, 1, 3), 0.01)) - normalizer.metres(torch.zeros(1, 2, 1, 3))
    assert apart.abs().max() < 0.01
    reach = normalizer.metres(torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 2, 1, 3))
    low, high = reach[0, 0, 0], reach[1, 0, 0]
    assert low[0] < -0.5 and high[0] > 0.5  # the keyboard is 1.22 m wide, in metres of the piano frame
    assert -0.2 < low[2] < high[2] < 0.6


def test_angles_beyond_pi_are_not_bent():
    config = ModelConfig.load(CONFIG)
    assert config.clamp == 0 and ModelConfig.load(PRESETS_FOLDER / "official" / CONFIG_FILE).clamp == 1
    assert max(config.statistics.euler_std) < np.pi / 2 and min(config.statistics.euler_std) > 0


def test_training_measures_again():
    assert resolve("paper", 1, {}).statistics == "measured"


def test_command_prints_and_writes_what_it_measured(shards, tmp_path: Path, capsys):
    path = tmp_path / "config.json"
    path.write_text(CONFIG.read_text())
    assert main(["statistics", "--preset", "paper", "--data", str(shards), "--write", str(path)]) == 0
    said = json.loads(capsys.readouterr().out)
    written = ModelConfig.load(path).statistics
    assert list(written.position_std) == said["position_std"] and said["position_std"][2] < 1
    assert written != ModelConfig.load(CONFIG).statistics
    assert main(["statistics", "--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("statistics: ")
