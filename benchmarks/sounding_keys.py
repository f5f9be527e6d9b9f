# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits the plane that parts tokens of sounding keys from others before the transcription network's last layer.

    python -m benchmarks.sounding_keys RECORDING ... -o models/networks/transcription/sounding_keys.json

A key's token sounds where one of its notes, as the network in torch finds them, is held. The plane is fitted by
logistic regression on 16 s segments of all recordings, and once more without each recording in turn; printed is how
surely keys that sound are then told, and how many of the 88 keys are kept at several thresholds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.body.keyboard import KEYS
from models.music.audio import load_audio
from models.music.sample_rate import resampled
from models.music.transcription.decoding import best_intervals
from models.networks.one_core import OneCorePool
from models.networks.transcription.network import TorchNoteNetwork, load_network
from models.whole_file import write_text_whole

HOPS = 690
STEADINESS = 1e-4
"""Weight of the plane's square in the loss."""
THRESHOLDS = (-6.0, -5.0, -4.0, -3.0, -2.0, 0.0)


@torch.inference_mode()
def tokens_of(network: TorchNoteNetwork, sound: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    """Tokens (steps, keys, width) before the last layer, and which of them sound."""
    with OneCorePool(torch.device("cpu")) as pool:
        features = network.spectrum(torch.from_numpy(sound), pool)
        grid = network.backbone.embedded(features)
        layers = network.config.n_layers
        for layer in range(layers - 1):
            grid = network.backbone.layer(layer, grid, pool, lambda: None)
        before = grid[1:, -KEYS:].clone()
        tokens = network.backbone.layer(layers - 1, grid, pool, lambda: None)[1:].transpose(0, 1)
        scores = network.scorer.scores(tokens, features.shape[1], pool)
    sounds = torch.zeros(before.shape[:2])
    for key, path in enumerate(best_intervals(scores, np.zeros(KEYS, np.int64))):
        for first, last in path // network.scorer.frames_per_token:
            sounds[first : last + 1, key] = 1
    return before, sounds


def plane(segments: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Weight (width,) and bias of the logit of sounding."""
    tokens = torch.cat([before.flatten(0, 1) for before, _ in segments])
    sounds = torch.cat([labels.flatten() for _, labels in segments])
    mean, deviation = tokens.mean(0), tokens.std(0) + 1e-6
    tokens = (tokens - mean) / deviation
    weight, bias = torch.zeros(tokens.shape[1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=25, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        logit = tokens @ weight + bias
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, sounds)
        loss = loss + STEADINESS * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.no_grad():
        return weight / deviation, bias - (mean / deviation * weight).sum()


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sounds", type=Path, nargs="+", metavar="RECORDING")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=32.0, help="of each recording")
    arguments = parser.parse_args()
    network = load_network(torch.device("cpu"))
    length = HOPS * network.hop
    found: list[list[tuple[Tensor, Tensor]]] = []
    for path in arguments.sounds:
        audio = load_audio(path, end_s=arguments.seconds)
        count = max(int(audio.duration_s * network.rate) // length, 1)
        parts = [resampled(audio, network.rate, index * length, length) for index in range(count)]
        found.append([tokens_of(network, part) for part in parts])
    surely, sounding = [], []
    for left_out, segments in enumerate(found):
        weight, bias = plane([segment for i, other in enumerate(found) if i != left_out for segment in other])
        surely += [(before @ weight + bias).amax(0) for before, _ in segments]
        sounding += [labels.amax(0) > 0 for _, labels in segments]
    logit, sounds = torch.stack(surely), torch.stack(sounding)
    least = logit[sounds].sort().values[:5]
    print(f"{int(sounds.sum())} sounding keys in {len(logit)} segments; the least sure: {least.tolist()}")
    for threshold in THRESHOLDS:
        missed = int((logit[sounds] <= threshold).sum())
        print(f"{threshold:+.0f}: {(logit > threshold).sum(1).float().mean():.1f} keys kept, {missed} missed")
    weight, bias = plane([segment for segments in found for segment in segments])
    rounded = {"weight": [float(f"{value:.5g}") for value in weight], "bias": float(f"{float(bias):.5g}")}
    write_text_whole(arguments.output, json.dumps(rounded) + "\n")


if __name__ == "__main__":
    main()
