# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage 2 of the paper (sections 3.2 and 3.3): the two diffusion streams; stage 1's predictors are frozen.

Loss: the mean squared error of v (eq. 5) over the frames that are seen and not known, and with `fingertip_weight` and
`speed_weight` the squared distance between the fingertips of the estimated and of the true motion and between their
steps from frame to frame, weighted by alpha_bar_t so that they count where the estimate is sharp.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from models.body.kinematics import forward_kinematics
from models.body.player import size_factor
from models.conditioning.conditioning import EncodedInput, build_condition, predict_positions
from models.conditioning.finger_features import SINCE_OFFSET
from models.conditioning.hand_space import Normalizer, canonical_wrist
from models.config import ModelConfig
from models.diffusion.parameterization import add_noise, v_target, x0_from_v
from models.diffusion.schedule import Schedule, build_schedule
from models.networks.dual_stream import DualStream
from models.networks.hubert import HubertPair
from models.networks.position_predictor import PositionPredictors
from models.whole_file import write_text_whole
from training.data.shards import Batch, WindowSource
from training.stages.audio_encoder import encoder_in, split_state, trained_encoder
from training.stages.distributed import Share, barrier, rank
from training.stages.loop import Randomness, read_checkpoint, step_randomness
from training.stages.masks import random_corruption
from training.stages.on_windows import train_on_windows
from training.stages.settings import TrainSettings
from training.stages.sources import Windows, as_source
from training.stages.stage1 import FOLDER as STAGE1_FOLDER

FOLDER = "stage2"
_TIP_UNIT_M = 0.01
_TIP_STEP_M = 0.005
_RESIDUAL_BATCHES = 8
"""Batches from which the spread of the wrist around its predicted position is measured."""


@dataclasses.dataclass(frozen=True)
class Stage2:
    """What every step needs besides the network."""

    config: ModelConfig
    settings: TrainSettings
    predictors: PositionPredictors
    normalizer: Normalizer
    schedule: Schedule
    encoder: HubertPair | None = None


def inputs_and_positions(
    predictors: PositionPredictors,
    batch: Batch,
    normalizer: Normalizer,
    encoder: HubertPair | None = None,
) -> tuple[EncodedInput, Tensor]:
    """What is heard in a batch and the frozen predictors' normalised positions [B, 2, T, 3]."""
    with torch.no_grad():
        heard = encoder_in(batch, normalizer, encoder)
        style = batch.style[..., : normalizer.config.player_dim]
        return heard, predict_positions(predictors, heard, style)


def motion_loss(network: nn.Module, batch: Batch, draw: Randomness, stage: Stage2) -> dict[str, Tensor]:
    """Parts of the loss; see the module's text."""
    config, normalizer = stage.config, stage.normalizer
    device = batch.euler.device
    heard, positions = inputs_and_positions(stage.predictors, batch, normalizer, stage.encoder)
    x0 = normalizer.motion(batch.euler, batch.wrist, positions)  # [B, 2, T, C]
    share, size = draw.share, len(x0) * draw.share.of
    rows = share.rows(size)
    corruption = random_corruption(
        draw.numpy,
        size=size,
        frames=x0.shape[2],
        steps=stage.schedule.steps,
        known_frames=config.known_frames,
        same_time=stage.settings.same_time,
    )
    t, known = (part[rows].to(device) for part in corruption)
    hands = 2 if config.decoupled_noise else 1
    drawn = torch.randn((size, hands, *x0.shape[2:]), generator=draw.torch)
    epsilon = drawn[rows].to(device).expand_as(x0)
    signal, noise = (values(t)[..., None, None] for values in (stage.schedule.signal, stage.schedule.noise))
    x = add_noise(x0, epsilon, signal, noise)
    condition = build_condition(network, heard, positions, normalizer)
    v = network(x, t, condition, known, x0, batch.style[..., : config.player_dim]).float()
    unknown = (~known & batch.valid[..., None]).float()
    apart_v = (v - v_target(x0, epsilon, signal, noise)).square().mean(-1, keepdim=True)
    weight_v = signal.square() if stage.settings.v_weight == "alpha_bar" else 1.0
    loss = share.mean((apart_v * weight_v * unknown).sum(), unknown.sum(), 1.0)
    parts = {"v": loss}
    settings = stage.settings
    if settings.fingertip_weight or settings.speed_weight:
        estimate = torch.where(known, x0, x0_from_v(x, v, signal, noise))
        sharp = (signal.square() * unknown)[..., 0].transpose(1, 2)  # [B, T, 2]
        apart = _tips(estimate, positions, batch.style, normalizer) - _tips(
            x0, positions, batch.style, normalizer
        )
        weight = sharp[..., None].expand(apart.shape[:-1])  # [B, T, 2, 5]
        if heard.plan is not None:
            holds = (heard.plan[..., SINCE_OFFSET] < 0).transpose(1, 2)
            weight = weight * torch.where(holds, settings.playing_weight, 1.0)
        parts["tips"] = _mean_square(apart / _TIP_UNIT_M, weight, share)
        parts["tip_speed"] = _mean_square(apart.diff(dim=1) / _TIP_STEP_M, weight[:, 1:], share)
        loss = loss + settings.fingertip_weight * parts["tips"] + settings.speed_weight * parts["tip_speed"]
    return {"loss": loss, **parts}


StageLoss = Callable[[nn.Module, Batch, Randomness, Stage2], dict[str, Tensor]]
"""(network, batch, randomness, stage) -> named parts of the loss; `loss` is the one to minimise."""


def _mean_square(apart: Tensor, weight: Tensor, share: Share) -> Tensor:
    """Weighted mean squared length of vectors [..., 3]."""
    return share.mean((apart.square().sum(-1) * weight).sum(), weight.sum(), 1.0)


def _tips(x0: Tensor, positions: Tensor, style: Tensor, normalizer: Normalizer) -> Tensor:
    """Fingertips [B, T, 2, 5, 3], metres."""
    euler, wrist = normalizer.unmotion(x0, positions)
    size = size_factor(style[:, 0, 0]) if style.shape[2] else torch.ones(len(x0), device=x0.device)
    with torch.autocast(x0.device.type, enabled=False):  # half precision is a millimetre along a hand
        return forward_kinematics(
            euler.unflatten(-1, (16, 3)).transpose(1, 2), wrist.transpose(1, 2), size[:, None]
        ).tips


def measure_residual(
    predictors: PositionPredictors,
    source: WindowSource,
    config: ModelConfig,
    settings: TrainSettings,
    device: torch.device,
    encoder: HubertPair | None = None,
) -> ModelConfig:
    """`config` with the spread of (wrist - predicted position) over some training windows."""
    normalizer = Normalizer(config, torch.empty(0, device=device))
    gathered = []
    for i in range(_RESIDUAL_BATCHES):
        draw = step_randomness(settings.seed + 1, i)
        batch = source.batch(draw.numpy, settings.batch_size).to(device)
        _, positions = inputs_and_positions(predictors, batch, normalizer, encoder)
        truth = canonical_wrist(batch.wrist, shared_hands=config.shared_hands)
        gathered.append((truth - normalizer.metres(positions))[batch.valid].cpu())
    spread = torch.cat(gathered).square().mean(0).sqrt().clamp_min(1e-3)
    statistics = dataclasses.replace(
        config.statistics, residual_std=tuple(float(f"{value:.6g}") for value in spread)
    )
    return dataclasses.replace(config, statistics=statistics)


def load_stage1(
    out: Path, config: ModelConfig, device: torch.device
) -> tuple[PositionPredictors, HubertPair | None]:
    """The averaged predictors that stage 1 left in `out`, and the encoder that it fine-tuned, if it did; frozen."""
    if not (out / STAGE1_FOLDER / "checkpoint.pt").is_file():
        raise FileNotFoundError(f"{out / STAGE1_FOLDER} has no checkpoint; run stage 1 first")
    predictors = PositionPredictors(config)
    weights, heard = split_state(read_checkpoint(out / STAGE1_FOLDER)["averaged"])
    predictors.load_state_dict(weights)
    encoder = trained_encoder(out, heard).to(device) if heard else None
    return predictors.to(device).eval().requires_grad_(False), encoder


def train_stage2(
    out: Path,
    settings: TrainSettings,
    windows: Windows,
    held_out: Windows | None,
    device: torch.device,
    report: Callable[[str], None] = print,
    at_checkpoint: Callable[[], None] | None = None,
    tensorboard: bool = False,
    build: Callable[[ModelConfig], nn.Module] = DualStream,
    step_loss: StageLoss = motion_loss,
    encoder: HubertPair | None = None,
    start: Path | None = None,
) -> ModelConfig:
    """Train the streams in `out`/stage2 on the predictors in `out`/stage1; returns the finished configuration.

    build: makes the network; what it makes has `DualStream`'s interface. step_loss: what it learns by. encoder: the
    frozen HuBERT of a model that listens with one and did not fine-tune it. start: the training folder or model folder
    whose weights training begins with; they know the spread of the wrist that they learned with, so such a run has
    ``settings.statistics`` "config".
    """
    config = ModelConfig.load(out / "config.json")
    predictors, tuned = load_stage1(out, config, device)
    encoder = tuned or encoder
    if config.encoder.kind == "hubert" and encoder is None:
        raise ValueError("this model listens with HuBERT; give the encoder")
    if not (out / FOLDER / "checkpoint.pt").is_file():
        if config.wrist_residual and settings.statistics == "measured":
            plain = as_source(windows, config, settings)
            config = measure_residual(predictors, plain, config, settings, device, encoder)
        barrier()
        if rank() == 0:
            write_text_whole(out / "config.json", config.to_json())
        barrier()
    normalizer = Normalizer(config, torch.empty(0, device=device))
    stage = Stage2(config, settings, predictors, normalizer, build_schedule(config.schedule), encoder)
    torch.manual_seed(settings.seed)
    network = build(config)

    def loss_of(network: nn.Module, batch: Batch, draw: Randomness) -> dict[str, Tensor]:
        return step_loss(network, batch, draw, stage)

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
