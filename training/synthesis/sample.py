# SPDX-License-Identifier: GPL-3.0-or-later
"""One performance that models learn from, and its file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.body.motion import Motion
from models.body.notes import Notes
from models.body.player import Player
from models.whole_file import write_bytes_whole


@dataclass(frozen=True)
class Sample:
    """One performance."""

    motion: Motion
    notes: Notes
    """With the fingers that play them."""
    player: Player
    tracked: bool
    """Whether the hands go along the tracked paths of a real pianist."""


def save_sample(path: Path, sample: Sample, name: str, split: str) -> None:
    """Write a shard, as `training.synthesis.dataset` describes it."""
    archive = io.BytesIO()
    np.savez_compressed(
        archive,
        euler=sample.motion.euler.astype(np.float16),
        wrist=sample.motion.wrist,
        notes=sample.notes.table,
        hands=sample.notes.hand,
        fingering=sample.notes.fingering,
        style=sample.player.vector(tracked=1.0 if sample.tracked else -1.0),
        fps=np.float32(sample.motion.fps),
        name=np.array(name),
        split=np.array(split),
    )
    write_bytes_whole(path, archive.getbuffer())
