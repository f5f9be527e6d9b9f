# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels of any model become our motion and lead back; a camera's hands come over their keys."""

import dataclasses

import numpy as np
import pytest
import torch

from models.body.keyboard import key_x
from models.body.notes import Notes
from models.conditioning.representation import from_piano, keyboard_shift, to_piano
from models.config import ModelConfig
from models.model_folder import PRESETS_FOLDER


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_motion_leads_back_to_the_channels(preset: str) -> None:
    config = ModelConfig.load(PRESETS_FOLDER / preset / "config.json")
    assert config.representation == {"paper": "euler", "official": "mano"}[preset]
    rng = np.random.default_rng(0)
    euler = torch.from_numpy(np.cumsum(rng.normal(0, 0.01, (40, 2, 16, 3)), 0))
    wrist = torch.from_numpy(rng.normal(0, 0.1, (40, 2, 3)))
    wrist[..., 2] = 0.06  # a camera's depth says nothing of heights
    pose, place = from_piano(config, euler, wrist, 0.07)
    assert pose.shape == (40, 2, 48)
    back, there = to_piano(config, pose, place, 0.07)
    torch.testing.assert_close(back, euler, atol=1e-6, rtol=0)
    torch.testing.assert_close(there, wrist, atol=1e-6, rtol=0)


def test_a_model_of_poses_needs_a_set_of_weights_for_each_hand() -> None:
    config = ModelConfig.load(PRESETS_FOLDER / "official" / "config.json")
    with pytest.raises(ValueError, match="shared_hands"):
        dataclasses.replace(config, shared_hands=True)


def test_hands_are_shifted_over_the_keys_that_they_play() -> None:
    rng = np.random.default_rng(2)
    pitches = rng.integers(40, 80, 60)
    onsets = np.arange(60) / 10
    notes = Notes.from_arrays(np.stack([onsets, onsets + 0.1, pitches, np.full(60, 80)], 1))
    wrist = np.zeros((200, 2, 3))
    wrist[:, 0, 0], wrist[:, 1, 0] = -0.5, 0.0
    frames = np.round(onsets * 30).astype(int)
    wrist[frames, 1, 0] = key_x(pitches) - 0.04 + rng.normal(0, 0.01, 60)
    assert keyboard_shift(wrist, notes, 30.0) == pytest.approx(0.04, abs=0.01)
    assert keyboard_shift(wrist, Notes.none(), 30.0) == 0.0
