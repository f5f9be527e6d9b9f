# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints as the authors' training code saves them, with weights that anybody can make again.

`fixtures/released_keys.json` lists keys and shapes of one hand's stage-2 model of reduced size. Every tensor is
drawn from NumPy's legacy Mersenne Twister, seeded with the CRC-32 of hand and key, so that numbers computed elsewhere
with the same rule can be compared. `fixtures/released_outputs.npz` holds such numbers: the released code
(github.com/monkek123King/S2C, PyTorch 2.13, evaluation mode) was given these weights, features instead of a HuBERT,
and these noises.
"""

from __future__ import annotations

import argparse
import json
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.config import ScheduleConfig
from models.diffusion.schedule import build_schedule

FIXTURES = Path(__file__).with_name("fixtures")
BATCH, FRAMES, FEATURES = 2, 32, 32
SIDES = ("left", "right")


def keys() -> dict[str, list[int]]:
    return json.loads((FIXTURES / "released_keys.json").read_text(encoding="utf-8"))


def steps() -> int:
    return keys()["betas"][0]


def outputs() -> dict[str, Tensor]:
    """What the released code computed: positions (2, 2, 32, 3), v and sample (2, 2, 32, 48)."""
    with np.load(FIXTURES / "released_outputs.npz") as data:
        return {name: torch.from_numpy(data[name]) for name in data.files}


def noise(name: str, *shape: int) -> Tensor:
    """Standard normal numbers that depend on the name only."""
    draw = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    return torch.from_numpy(draw.astype(np.float32))


def _weight(name: str, shape: tuple[int, ...], side: str) -> Tensor:
    draw = np.random.RandomState(zlib.crc32(f"{side}:{name}".encode())).standard_normal(shape)
    if len(shape) > 1:
        draw *= (1.0 / np.prod(shape[1:])) ** 0.5
    elif name.endswith(("weight", ".g")):
        draw = 1 + 0.1 * draw
    else:
        draw *= 0.1
    if "final_conv" in name:
        draw *= 0.2
    return torch.from_numpy(draw.astype(np.float32))


def stage2_state(side: str) -> dict[str, Tensor]:
    """One hand's state, a dictionary of the caller's own."""
    return dict(_stage2_state(side))


@lru_cache(maxsize=2)
def _stage2_state(side: str) -> dict[str, Tensor]:
    """The tables of the schedule are the cosine schedule's betas, whatever their name."""
    betas = torch.from_numpy(build_schedule(ScheduleConfig(kind="cosine", steps=steps())).beta[1:]).float()
    return {
        name: betas if "." not in name else _weight(name, tuple(shape), side)
        for name, shape in keys().items()
    }


STAGE_2 = {
    "bs_dim": 96,
    "feature_dim": 832,
    "period": 30,
    "max_seq_len": 5000,
    "batch_size": 16,
    "experiment_name": "piano2pose",
    "is_random": True,
    "up_list": [],
    "timesteps": 6,
    "unet_dim": 16,
    "xyz_guide": True,
    "remap_noise": True,
    "hidden_type": "audio_f",
    "latest_layer": "tanh",
    "encoder_type": "transformer",
    "num_layer": 1,
    "train_sec": 8,
    "lr": 1e-5,
    "fusion": 4,
    "obj": "pred_v",
}
"""What the released command of stage 2 sets, at the size of the fixture."""


def save(path: Path, state: dict[str, Tensor], **settings: object) -> Path:
    """A file as the released training loop writes it; `settings` that are not the released command's."""
    torch.save({"state_dict": state, "hyper_parameters": argparse.Namespace(**{**STAGE_2, **settings})}, path)
    return path
