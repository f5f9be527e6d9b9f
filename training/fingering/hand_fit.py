# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the network that guesses hands (`models.planning.hand_odds`) on two-staff scores."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from models.body.keyboard import MIRROR_PITCH_SUM
from models.planning.hand_odds import DILATIONS, FEATURES, WIDTH, by_chord_and_pitch, note_features
from training.synthesis.scores import Score

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class HandFitOptions:
    """How the network is trained."""

    steps: int = 1500
    batch: int = 16
    length: int = 384
    """Notes of an excerpt."""
    rate: float = 3e-3
    given: float = 0.3
    """Share of excerpts in which some hands are known."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch, self.length) < 1 or self.rate <= 0 or not 0 <= self.given <= 1:
            raise ValueError(f"hand fit options are out of range: {self}")


def new_weights(seed: int) -> dict[str, torch.Tensor]:
    """Fresh weights, layers that start as nearly nothing."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int, scale: float) -> torch.Tensor:
        return torch.randn(*shape, generator=generator) * scale

    weights = {"in": drawn(FEATURES, WIDTH, scale=FEATURES**-0.5)}
    for layer in range(len(DILATIONS)):
        weights[f"kernel.{layer}"] = drawn(3, WIDTH, WIDTH, scale=0.5 * (3 * WIDTH) ** -0.5)
        weights[f"bias.{layer}"] = torch.zeros(WIDTH)
    weights["out"] = drawn(WIDTH, scale=0.1 * WIDTH**-0.5)
    weights["out_bias"] = torch.zeros(())
    return {name: value.requires_grad_() for name, value in weights.items()}


def odds(features: torch.Tensor, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """(batch, n) as `models.planning.hand_odds.right_hand_odds`, from (batch, n, FEATURES)."""
    hidden = (features @ weights["in"]).transpose(1, 2)
    for layer, dilation in enumerate(DILATIONS):
        kernel = weights[f"kernel.{layer}"].permute(2, 1, 0)
        bias = weights[f"bias.{layer}"]
        hidden = hidden + functional.conv1d(
            functional.relu(hidden), kernel, bias, padding=dilation, dilation=dilation
        )
    return functional.relu(hidden).transpose(1, 2) @ weights["out"] + weights["out_bias"]


def excerpt(
    score: Score, rng: np.random.Generator, options: HandFitOptions
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Features, hands and weights of one excerpt, varied: mirrored about D, transposed, faster or slower."""
    start = int(rng.integers(0, max(len(score.notes) - options.length, 0) + 1))
    notes = score.notes.select(slice(start, start + options.length)).astype(float)
    if rng.random() < 0.5:
        notes = replace(notes, pitch=MIRROR_PITCH_SUM - notes.pitch, hand=1 - notes.hand)
    notes = replace(notes, pitch=notes.pitch + rng.integers(-5, 6))
    slower = np.exp(rng.uniform(-0.7, 0.7))
    notes = replace(notes, onset_s=notes.onset_s * slower, offset_s=notes.offset_s * slower)
    order, chord = by_chord_and_pitch(notes)
    notes = notes.select(order)
    hands = notes.hand
    given = np.full(len(hands), -1)
    if rng.random() < options.given:
        known = rng.random(len(hands)) < rng.random() ** 2
        given[known] = hands[known]
    count = options.length
    features = np.zeros((count, FEATURES), np.float32)
    features[: len(notes)] = note_features(notes.with_hands(given), chord)
    wanted, weight = np.zeros(count, np.float32), np.zeros(count, np.float32)
    wanted[: len(notes)] = hands
    weight[: len(notes)] = given < 0
    return features, wanted, weight


def fit_hands(scores: Sequence[Score], options: HandFitOptions) -> dict[str, NDArray[np.float32]]:
    """Weights of the network."""
    rng = np.random.default_rng(options.seed)
    weights = new_weights(options.seed)
    adam = torch.optim.AdamW(weights.values(), lr=options.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, options.rate, options.steps, pct_start=0.1)
    began, total = time.process_time(), 0.0
    for step in range(1, options.steps + 1):
        chosen = [scores[int(rng.integers(len(scores)))] for _ in range(options.batch)]
        parts = [excerpt(score, rng, options) for score in chosen]
        features, wanted, weight = (torch.from_numpy(np.stack([part[k] for part in parts])) for k in range(3))
        adam.zero_grad()
        each = functional.binary_cross_entropy_with_logits(odds(features, weights), wanted, reduction="none")
        loss = (each * weight).sum() / weight.sum().clamp(min=1)
        loss.backward()
        adam.step()
        schedule.step()
        total += float(loss.detach())
        if step % 50 == 0:
            log.info("step %d: %.4f, %.0f s", step, total / 50, time.process_time() - began)
            total = 0.0
    return {name: value.detach().numpy() for name, value in weights.items()}
