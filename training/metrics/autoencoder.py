# SPDX-License-Identifier: GPL-3.0-or-later
"""Training, saving and loading the gesture autoencoder of FID.

Loss: mean absolute error of the poses plus that of their changes from frame to frame (Yoon et al. 2020 use both). Adam
with half a cosine down to nothing. All randomness comes from the seed; on one device with one number of threads the
weights repeat bit for bit.
"""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.checks import check_ranges
from models.errors import UserError, quoted
from models.model_folder import file_hash
from models.whole_file import whole_file, write_text_whole
from training.metrics.clips import Clip, both_hands, filled
from training.metrics.embedding import EmbeddingConfig, EmbeddingNet

WEIGHTS_FILE = "autoencoder.safetensors"
CONFIG_FILE = "autoencoder.json"


@dataclass(frozen=True, kw_only=True)
class AutoencoderSettings:
    """How to train."""

    seed: int = 0
    steps: int = 2000
    batch_size: int = 64
    learning_rate: float = 1e-3
    least_seen: float = 0.9
    """Share of its frames in which both hands must be seen for a window to be used."""

    def __post_init__(self) -> None:
        check_ranges(
            self, steps=(1, 10**7), batch_size=(2, 65536), learning_rate=(1e-8, 1.0), least_seen=(0.0, 1.0)
        )


class Windows:
    """Random windows of whole clips, every start equally likely; poses are kept as float16."""

    def __init__(self, clips: list[Clip], frames: int, least_seen: float) -> None:
        self.frames = frames
        self.poses: list[NDArray[np.float16]] = []
        starts: list[NDArray[np.int64]] = []
        for clip in clips:
            if clip.frames < frames:
                continue
            total = np.concatenate([np.zeros((1, 2)), np.cumsum(clip.valid, axis=0)])
            seen = ((total[frames:] - total[:-frames]) / frames).min(axis=1)
            first = np.flatnonzero(seen >= least_seen)
            starts.append(np.stack([np.full(len(first), len(self.poses)), first], 1))
            self.poses.append(both_hands(filled(clip, clip.valid)).astype(np.float16))
        if not sum(map(len, starts)):
            raise ValueError(f"no clip has {frames} frames in which both hands are seen")
        self.starts = np.concatenate(starts)

    def batch(self, rng: np.random.Generator, size: int) -> Tensor:
        """[size, frames, 96] radians."""
        chosen = self.starts[rng.integers(len(self.starts), size=size)]
        parts = [self.poses[clip][start : start + self.frames] for clip, start in chosen]
        return torch.from_numpy(np.stack(parts).astype(np.float32))


def reconstruction_loss(poses: Tensor, rebuilt: Tensor) -> Tensor:
    """Mean |error| of poses [B, T, C] plus that of their first differences."""
    return (rebuilt - poses).abs().mean() + (rebuilt.diff(dim=1) - poses.diff(dim=1)).abs().mean()


def train_autoencoder(
    clips: list[Clip],
    held_out: list[Clip],
    settings: AutoencoderSettings,
    config: EmbeddingConfig | None = None,
    device: torch.device | str = "cpu",
    report: Callable[[str], None] = print,
) -> tuple[EmbeddingNet, dict[str, float]]:
    """The trained network in evaluation mode, and its mean losses over the last tenth and over held-out windows."""
    config = config or EmbeddingConfig()
    windows = Windows(clips, config.frames, settings.least_seen)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = EmbeddingNet(config)
    network.to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    rng = np.random.default_rng((settings.seed, 1))
    losses: list[float] = []
    for step in range(settings.steps):
        share = step / settings.steps
        optimizer.param_groups[0]["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * share))
        poses = windows.batch(rng, settings.batch_size).to(device)
        loss = reconstruction_loss(poses, network(poses)[1])
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {step} is {float(loss.detach())}; lower the rate")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        if (step + 1) % max(settings.steps // 20, 1) == 0:
            report(
                f"step {step + 1}/{settings.steps}: loss {np.mean(losses[-max(settings.steps // 20, 1) :]):.4f}"
            )
    network.eval()
    figures = {"loss": float(np.mean(losses[-max(settings.steps // 10, 1) :]))}
    if held_out:
        poses = (
            Windows(held_out, config.frames, settings.least_seen)
            .batch(np.random.default_rng(0), 256)
            .to(device)
        )
        with torch.no_grad():
            figures["held_out"] = float(reconstruction_loss(poses, network(poses)[1]))
    return network, figures


def save_autoencoder(folder: Path, network: EmbeddingNet, facts: dict[str, object]) -> str:
    """Write `autoencoder.safetensors` and `autoencoder.json`; the hash of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with whole_file(folder / WEIGHTS_FILE) as part:
        save_file(state, part, metadata={"format": "pt"})
    digest = file_hash(folder / WEIGHTS_FILE)
    content = {"config": dataclasses.asdict(network.config), "weights": digest, **facts}
    write_text_whole(folder / CONFIG_FILE, json.dumps(content, indent=1) + "\n")
    return digest


def load_autoencoder(folder: Path) -> EmbeddingNet:
    """The saved network in evaluation mode; `FileNotFoundError` where there is none: FID does not go without."""
    if not (folder / WEIGHTS_FILE).is_file():
        raise FileNotFoundError(
            f"{folder} has no {WEIGHTS_FILE}; FID needs one: python -m training autoencoder --data DATA --out {folder}"
        )
    content = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    network = EmbeddingNet(EmbeddingConfig(**content["config"]))
    network.load_state_dict(load_file(folder / WEIGHTS_FILE), strict=True)
    return network.eval().requires_grad_(False)


def convert_checkpoint(path: Path) -> EmbeddingNet:
    """The authors' `gesture_autoencoder_checkpoint_best.bin` (a dict with `pose_dim` and `gen_dict`), loaded safely."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        sentence = f"The file {quoted(path)} is no checkpoint that can be read; choose the authors' one."
        raise UserError("not_a_checkpoint", sentence, repr(error)) from error
    if not isinstance(content, dict) or "gen_dict" not in content:
        raise ValueError(f"{path.name} is no checkpoint of the gesture autoencoder: it has no gen_dict")
    network = EmbeddingNet(EmbeddingConfig(pose_dim=int(content.get("pose_dim", 96))))
    network.load_state_dict(content["gen_dict"], strict=True)
    return network.eval().requires_grad_(False)
