# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage 1 of the paper (section 3.2): the position predictors, P = Phi_A2P(f_a).

Loss: L1 of the normalised positions plus L1 of their differences from frame to frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from models.canonical import Normalizer, canonical_euler, canonical_plan, canonical_wrist
from models.condition import hear, predict_positions
from models.config import FINGERS_A_HAND, ModelConfig, Statistics
from models.finger_plan import SINCE_OFFSET, X_NOW
from models.networks.position_predictor import PositionPredictors
from training.data import Batch, Piece, random_batch
from training.loop import CHECKPOINT_FILE, Randomness, TrainSettings, new_state, run
from training.validation import validation

FOLDER = "stage1"
_SMALLEST_ANGLE_SPREAD = 0.02


def measure_statistics(pieces: Sequence[Piece], *, shared_hands: bool) -> Statistics:
    """Mean and spread of canonical angles and wrists over the training pieces; residuals are measured by stage 2."""
    euler = torch.cat(
        [torch.from_numpy(piece.euler[::5].astype(np.float32)) for piece in pieces]
    )  # [F, 2, 48]
    wrist = torch.cat([torch.from_numpy(piece.wrist[::5]) for piece in pieces])
    euler = canonical_euler(euler.transpose(0, 1)[None], shared_hands=shared_hands).flatten(0, 2)
    wrist = canonical_wrist(wrist.transpose(0, 1)[None], shared_hands=shared_hands).flatten(0, 2)

    def numbers(values: Tensor) -> tuple[float, ...]:
        return tuple(float(f"{value:.6g}") for value in values)

    return Statistics(
        euler_mean=numbers(euler.mean(0)),
        euler_std=numbers(euler.std(0).clamp_min(_SMALLEST_ANGLE_SPREAD)),
        position_mean=numbers(wrist.mean(0)),
        position_std=numbers(wrist.std(0).clamp_min(1e-3)),
        finger_reach=numbers(_finger_reach(pieces, shared_hands=shared_hands)),
    )


def _finger_reach(pieces: Sequence[Piece], *, shared_hands: bool) -> Tensor:
    """(5,) metres: the median X from the wrist to the key that a finger holds, in canonical space."""
    away: list[list[Tensor]] = [[] for _ in range(FINGERS_A_HAND)]
    for piece in pieces:
        plan = torch.from_numpy(piece.plan[::5].astype(np.float32)).transpose(0, 1)[None]
        wrist = torch.from_numpy(piece.wrist[::5]).transpose(0, 1)[None]
        plan = canonical_plan(plan, shared_hands=shared_hands)
        key = plan[..., X_NOW] - canonical_wrist(wrist, shared_hands=shared_hands)[..., :1]
        for finger in range(FINGERS_A_HAND):
            away[finger].append(key[..., finger][plan[..., finger, SINCE_OFFSET] < 0])
    found = [torch.cat(values) for values in away]
    return torch.stack([values.median() if len(values) else torch.tensor(0.0) for values in found])


def position_loss(
    network: nn.Module, batch: Batch, config: ModelConfig, normalizer: Normalizer
) -> dict[str, Tensor]:
    """Loss parts, and `metres`: mean distance between predicted and true wrist."""
    truth = normalizer.positions(canonical_wrist(batch.wrist, shared_hands=config.shared_hands))
    heard = hear(batch.sounds, batch.plan, normalizer)
    predicted = predict_positions(network, heard, batch.style[:, : config.style_dim])  # type: ignore[arg-type]
    place = (predicted - truth).abs().mean()
    speed = (predicted.diff(dim=2) - truth.diff(dim=2)).abs().mean()
    metres = (normalizer.metres(predicted) - normalizer.metres(truth)).norm(dim=-1).mean()
    return {"loss": place + speed, "place": place, "speed": speed, "metres": metres}


def _begun_config(out: Path, config: ModelConfig) -> ModelConfig | None:
    """The configuration of the run that has begun in `out`; None where there is none.

    Its statistics stay: both stages' weights belong to them, whatever shards have come since.
    """
    if not (out / FOLDER / CHECKPOINT_FILE).is_file() or not (out / "config.json").is_file():
        return None
    begun = ModelConfig.load(out / "config.json")
    if dataclasses.replace(begun, statistics=config.statistics) != config:
        raise ValueError(f"{out} holds a run of another configuration; choose another folder, or delete it")
    return begun


def train_stage1(
    out: Path,
    config: ModelConfig,
    settings: TrainSettings,
    pieces: Sequence[Piece],
    held_out: Sequence[Piece],
    device: torch.device,
    report: Callable[[str], None] = print,
    at_checkpoint: Callable[[], None] | None = None,
) -> ModelConfig:
    """Train the predictors in `out`/stage1; returns the configuration with measured statistics."""
    config = _begun_config(out, config) or dataclasses.replace(
        config, statistics=measure_statistics(pieces, shared_hands=config.shared_hands)
    )
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(config.to_json(), encoding="utf-8")
    normalizer = Normalizer(config, device)
    torch.manual_seed(settings.seed)
    state = new_state(PositionPredictors(config).to(device), settings)

    def loss_of(network: nn.Module, draw: Randomness) -> dict[str, Tensor]:
        batch = random_batch(
            pieces,
            draw.numpy,
            size=settings.batch_size,
            frames=config.window_frames,
            hint_dropout=settings.hint_dropout,
            mirror=not config.shared_hands,
        )
        return position_loss(network, batch.to(device), config, normalizer)

    def held_out_loss(network: nn.Module, batch: Batch, draw: Randomness) -> dict[str, Tensor]:
        return position_loss(network, batch, config, normalizer)

    run(
        out / FOLDER,
        state,
        settings,
        loss_of,
        validation(held_out, config, settings, held_out_loss),
        report,
        at_checkpoint,
    )
    return config
