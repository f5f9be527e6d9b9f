# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage 1 of the paper (section 3.2): the position predictors, P = Phi_A2P(f_a).

Loss: L1 of the normalised positions plus L1 of their differences from frame to frame, over the frames in which the
hand was seen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn

from models.body.kinematics import forward_kinematics
from models.conditioning.conditioning import predict_positions
from models.conditioning.finger_features import SINCE_OFFSET, X_NOW
from models.conditioning.hand_space import Normalizer, canonical_euler, canonical_wrist, plan_in_hand_space
from models.config import FINGERS_A_HAND, ModelConfig, Statistics
from models.networks.hubert import HubertPair
from models.networks.position_predictor import PositionPredictors
from models.whole_file import write_text_whole
from training.data.shards import Batch, Piece, WindowSource
from training.stages.audio_encoder import ListeningPredictors, encoder_in, write_encoder_config
from training.stages.distributed import ALONE, Share, barrier, rank
from training.stages.loop import CHECKPOINT_FILE, Randomness, step_randomness
from training.stages.on_windows import train_on_windows
from training.stages.settings import TrainSettings
from training.stages.sources import Windows

FOLDER = "stage1"
_SMALLEST_ANGLE_SPREAD = 0.02
_STATISTICS_BATCHES = 64
_HEADROOM = 1.05
_POSTURE_FRAMES, _REACHING_PIECES = 60, 200
"""Frames over which a posture changes; at most about so many pieces are looked at."""


def measure_statistics(pieces: Sequence[Piece], *, shared_hands: bool) -> Statistics:
    """Mean and spread of hand-space angles and wrists over the training pieces; residuals are measured by stage 2."""
    euler = torch.cat(
        [torch.from_numpy(piece.euler[::5].astype(np.float32)) for piece in pieces]
    )  # [F, 2, 48]
    wrist = torch.cat([torch.from_numpy(piece.wrist[::5]) for piece in pieces])
    euler = canonical_euler(euler.transpose(0, 1)[None], shared_hands=shared_hands).flatten(0, 2)
    wrist = canonical_wrist(wrist.transpose(0, 1)[None], shared_hands=shared_hands).flatten(0, 2)

    spread = euler.std(0).clamp_min(_SMALLEST_ANGLE_SPREAD)
    return Statistics(
        euler_mean=rounded(euler.mean(0)),
        euler_std=rounded(spread),
        position_mean=rounded(wrist.mean(0)),
        position_std=rounded(wrist.std(0).clamp_min(1e-3)),
        finger_reach=rounded(_finger_reach(pieces, shared_hands=shared_hands)),
        reaching=rounded(reaching(pieces, spread, shared_hands=shared_hands)),
    )


def rounded(values: Tensor) -> tuple[float, ...]:
    """To six digits, as they are written."""
    return tuple(float(f"{value:.6g}") for value in values)


def reaching(pieces: Sequence[Piece], spread: Tensor, *, shared_hands: bool) -> Tensor:
    """(48,) the unit direction in which the angles go, in units of ``spread``, while a hand reaches out.

    Reaching is the mean Y of the long fingers' tips from the wrist, without what changes over more than
    `_POSTURE_FRAMES`; the direction is its covariance with the angles. Zeros where nothing moves.
    """
    found = torch.zeros(len(spread), dtype=torch.float64)
    for piece in pieces[:: max(len(pieces) // _REACHING_PIECES, 1)]:
        euler, wrist = piece.euler.astype(np.float64), piece.wrist.astype(np.float64)
        tips = forward_kinematics(euler.reshape(len(euler), 2, 16, 3), wrist).tips
        out = tips[:, :, 1:, 1].mean(2) - wrist[..., 1]
        out -= gaussian_filter1d(out, _POSTURE_FRAMES, axis=0)
        angles = canonical_euler(torch.from_numpy(euler.swapaxes(0, 1)[None]), shared_hands=shared_hands)[0]
        found += torch.einsum("hfc,fh->c", angles, torch.from_numpy(out))
    length = torch.linalg.vector_norm(found / spread)
    return found / spread / length if length > 0 else found


def measure_from_windows(source: WindowSource, config: ModelConfig, settings: TrainSettings) -> Statistics:
    """The same, from the valid frames of random windows; the fingers' reach stays as configured."""
    angles, places = [], []
    for i in range(_STATISTICS_BATCHES):
        batch = source.batch(step_randomness(settings.seed + 2, i).numpy, settings.batch_size)
        angles.append(canonical_euler(batch.euler, shared_hands=config.shared_hands)[batch.valid])
        places.append(canonical_wrist(batch.wrist, shared_hands=config.shared_hands)[batch.valid])
    euler, wrist = torch.cat(angles), torch.cat(places)
    return dataclasses.replace(
        config.statistics,
        euler_mean=tuple(euler.mean(0).tolist()),
        euler_std=tuple(euler.std(0).clamp_min(_SMALLEST_ANGLE_SPREAD).tolist()),
        position_mean=tuple(wrist.mean(0).tolist()),
        position_std=tuple(wrist.std(0).clamp_min(1e-3).tolist()),
    )


def _within_reach(statistics: Statistics, low: Tensor, high: Tensor) -> Statistics:
    """Positions as shares of their range: a bounded output must be able to reach all of them."""
    return dataclasses.replace(
        statistics,
        position_mean=tuple(((low + high) / 2).tolist()),
        position_std=tuple((_HEADROOM * (high - low) / 2).clamp_min(1e-3).tolist()),
    )


def first_statistics(windows: Windows, config: ModelConfig, settings: TrainSettings) -> Statistics:
    """What stage 1 normalises with: measured, or the configuration's own.

    Of the latter ``reaching`` alone is measured where it has none.
    """
    if settings.statistics == "config":
        known = config.statistics
        if any(known.reaching) or not isinstance(windows, Sequence):
            return known
        found = reaching(windows, torch.tensor(known.euler_std), shared_hands=config.shared_hands)
        return dataclasses.replace(known, reaching=rounded(found))
    if not isinstance(windows, Sequence):
        statistics = measure_from_windows(windows, config, settings)
        low, high = -3 * torch.tensor(statistics.position_std), 3 * torch.tensor(statistics.position_std)
        low, high = (
            low + torch.tensor(statistics.position_mean),
            high + torch.tensor(statistics.position_mean),
        )
    else:
        statistics = measure_statistics(windows, shared_hands=config.shared_hands)
        wrists = [torch.from_numpy(piece.wrist).transpose(0, 1)[None] for piece in windows]
        ends = [canonical_wrist(wrist, shared_hands=config.shared_hands).flatten(0, 2) for wrist in wrists]
        low = torch.stack([wrist.amin(0) for wrist in ends]).amin(0)
        high = torch.stack([wrist.amax(0) for wrist in ends]).amax(0)
    return _within_reach(statistics, low, high) if config.predictor_output == "tanh" else statistics


def _finger_reach(pieces: Sequence[Piece], *, shared_hands: bool) -> Tensor:
    """(5,) metres: the median X from the wrist to the key that a finger holds, in hand space."""
    away: list[list[Tensor]] = [[] for _ in range(FINGERS_A_HAND)]
    for piece in pieces:
        plan = torch.from_numpy(piece.plan[::5].astype(np.float32)).transpose(0, 1)[None]
        wrist = torch.from_numpy(piece.wrist[::5]).transpose(0, 1)[None]
        plan = plan_in_hand_space(plan, shared_hands=shared_hands)
        key = plan[..., X_NOW] - canonical_wrist(wrist, shared_hands=shared_hands)[..., :1]
        for finger in range(FINGERS_A_HAND):
            away[finger].append(key[..., finger][plan[..., finger, SINCE_OFFSET] < 0])
    found = [torch.cat(values) for values in away]
    return torch.stack([values.median() if len(values) else torch.tensor(0.0) for values in found])


def position_loss(
    network: nn.Module,
    batch: Batch,
    config: ModelConfig,
    normalizer: Normalizer,
    settings: TrainSettings | None = None,
    share: Share = ALONE,
    encoder: HubertPair | None = None,
) -> dict[str, Tensor]:
    """Loss parts, and `metres`: mean distance between predicted and true wrist. encoder: a frozen HuBERT."""
    if isinstance(network, ListeningPredictors):
        encoder = network.encoder
    truth = normalizer.positions(canonical_wrist(batch.wrist, shared_hands=config.shared_hands))
    heard = encoder_in(batch, normalizer, encoder)
    predicted = predict_positions(network, heard, batch.style[..., : config.player_dim])
    seen = batch.valid[..., None]
    both = seen[:, :, 1:] & seen[:, :, :-1]
    if settings is not None and not settings.mask_speed:
        both = torch.ones_like(both)
    place = _mean((predicted - truth).abs(), seen, share)
    speed = _mean((predicted.diff(dim=2) - truth.diff(dim=2)).abs(), both, share)
    metres = (normalizer.metres(predicted) - normalizer.metres(truth)).norm(dim=-1, keepdim=True)
    weight = settings.position_speed_weight if settings is not None else 1.0
    return {
        "loss": place + weight * speed,
        "place": place,
        "speed": speed,
        "metres": _mean(metres, seen, share),
    }


def _mean(values: Tensor, counts: Tensor, share: Share) -> Tensor:
    """Mean of [B, 2, T, C] over what counts, [B, 2, T, 1] bool; 0 where nothing does."""
    weight = counts.expand_as(values)
    return share.mean(torch.where(weight, values, 0.0).sum(), weight.sum().to(values.dtype), 1.0)


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
    windows: Windows,
    held_out: Windows | None,
    device: torch.device,
    report: Callable[[str], None] = print,
    at_checkpoint: Callable[[], None] | None = None,
    tensorboard: bool = False,
    encoder: HubertPair | None = None,
    start: Path | None = None,
) -> ModelConfig:
    """Train the predictors in `out`/stage1; returns the configuration with measured statistics.

    encoder: the HuBERT of a model that listens with one; it is trained, too, where the model has one for each hand.
    start: the training folder or model folder whose weights training begins with. Statistics are measured anew: the
    networks see normalised motion, and that of other data looks alike.
    """
    if config.encoder.kind == "hubert" and encoder is None:
        raise ValueError("this model listens with HuBERT; give the encoder that training begins with")
    config = _begun_config(out, config) or dataclasses.replace(
        config, statistics=first_statistics(windows, config, settings)
    )
    barrier()
    if rank() == 0:
        out.mkdir(parents=True, exist_ok=True)
        write_text_whole(out / "config.json", config.to_json())
    barrier()
    normalizer = Normalizer(config, torch.empty(0, device=device))
    torch.manual_seed(settings.seed)
    predictors = PositionPredictors(config)
    network: nn.Module = predictors
    if encoder is not None and config.encoder.per_hand:
        network = ListeningPredictors(predictors, encoder)
        if rank() == 0:
            write_encoder_config(out, encoder)
        encoder = None

    def loss_of(network: nn.Module, batch: Batch, draw: Randomness) -> dict[str, Tensor]:
        return position_loss(network, batch, config, normalizer, settings, draw.share, encoder)

    train_on_windows(
        out / FOLDER,
        network,
        loss_of,
        config,
        settings,
        windows,
        held_out,
        device,
        report,
        at_checkpoint,
        tensorboard,
        start,
    )
    return config
