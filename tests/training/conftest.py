# SPDX-License-Identifier: GPL-3.0-or-later
"""A small set of shards for every test that trains."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.body.keyboard import key_x
from training.data.shards import TOLD


@pytest.fixture(scope="session")
def shards(tmp_path_factory) -> Path:
    """Four short performances: hands wander, fingers wave, a note sounds under each hand."""
    folder = tmp_path_factory.mktemp("shards")
    entries = []
    for i in range(4):
        frames = 150 + 10 * i
        t = np.arange(frames) / 30
        wrist = np.zeros((frames, 2, 3), np.float32)
        wrist[:, 0, 0], wrist[:, 1, 0] = -0.2 + 0.05 * np.sin(t + i), 0.25 + 0.05 * np.cos(t + 2 * i)
        wrist[..., 1], wrist[..., 2] = -0.05, 0.06
        euler = np.zeros((frames, 2, 16, 3), np.float16)
        euler[..., 0] = (0.3 + 0.2 * np.sin(3 * t + i))[:, None, None]
        onset = np.repeat(np.arange(0.2, t[-1], 0.4), 2).astype(np.float32)
        hands = np.tile([0, 1], len(onset) // 2).astype(np.int8)
        pitch = 21 + np.abs(key_x(np.arange(21, 109)) - np.interp(onset, t, wrist[:, 0, 0])[:, None]).argmin(
            1
        )
        other = 21 + np.abs(key_x(np.arange(21, 109)) - np.interp(onset, t, wrist[:, 1, 0])[:, None]).argmin(
            1
        )
        notes = np.stack([onset, onset + 0.3, np.where(hands == 0, pitch, other), np.full(len(onset), 90)], 1)
        np.savez(
            folder / f"p{i}.npz",
            euler=euler,
            wrist=wrist,
            notes=notes.astype(np.float32),
            hands=hands,
            fingering=np.stack([hands, np.full(len(onset), 2)], 1).astype(np.int8),
            style=np.full((2, TOLD), 0.1 * i, np.float32),
            fps=np.float32(30),
        )
        entries.append({"file": f"p{i}.npz", "split": "train" if i < 3 else "validation"})
    (folder / "index.json").write_text(json.dumps({"shards": entries}))
    return folder
