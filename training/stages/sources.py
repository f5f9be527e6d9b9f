# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a training takes its windows from: shards, or a folder of PianoMotion10M."""

from __future__ import annotations

from collections.abc import Sequence

from models.config import ModelConfig
from training.data.shards import Piece, ShardSource, WindowSource
from training.stages.settings import TrainSettings

Windows = Sequence[Piece] | WindowSource


def as_source(
    windows: Windows, config: ModelConfig, settings: TrainSettings, *, mirror: bool = False
) -> WindowSource:
    """Pieces as a source of the model's windows; other sources as they are. mirror: see `random_batch`."""
    if not isinstance(windows, Sequence):
        return windows
    return ShardSource(
        windows, config.window_frames, config.fps, settings.hint_dropout, mirror and not config.shared_hands
    )
