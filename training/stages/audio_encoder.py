# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks hear of a batch: notes, features that the source brings, or sound through HuBERT.

A model with an encoder `per_hand` fine-tunes it in stage 1 with the predictors (its convolutions stay frozen, dropout
stays off, as in the released code); other HuBERTs are frozen throughout and belong to no checkpoint.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.conditioning.conditioning import EncodedInput, encode_input
from models.conditioning.hand_space import Normalizer
from models.config import ModelConfig
from models.networks.hubert import (
    CONFIG_FILE,
    HAND_FILES,
    HubertEncoder,
    HubertPair,
    build_hubert,
    load_pair,
)
from models.networks.position_predictor import PositionPredictors
from models.whole_file import whole_file, write_text_whole
from training.data.shards import Batch

DEFAULT_HUBERT = "facebook/hubert-large-ls960-ft"


class ListeningPredictors(nn.Module):
    """The predictors and the encoder that is fine-tuned with them: stage 1's network of a `per_hand` model."""

    def __init__(self, predictors: PositionPredictors, encoder: HubertPair) -> None:
        super().__init__()
        self.predictors, self.encoder = predictors, encoder

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        """As `PositionPredictors`; the features come from `encoder_in`, outside of the network."""
        return self.predictors(features, style)

    def train(self, mode: bool = True) -> ListeningPredictors:
        """Switch the predictors to training or back; the encoder stays in evaluation mode."""
        super().train(mode)
        self.encoder.eval()
        return self


def encoder_in(batch: Batch, normalizer: Normalizer, encoder: HubertPair | None = None) -> EncodedInput:
    """Features of a batch as the model's configuration wants them; `ValueError` where the source lacks them."""
    kind = normalizer.config.encoder.kind
    if kind == "notes":
        if batch.sounds is None:
            raise ValueError("this model listens to notes; the training data has none")
        return encode_input(batch.sounds, batch.plan, normalizer)
    features = batch.features
    if features is None and encoder is not None:
        if batch.audio is None:
            raise ValueError("this model listens to sound; the training data has none")
        features = encoder(batch.audio, batch.euler.shape[2])
    if features is None:
        raise ValueError("this model listens to features of the sound; the training data has none")
    return EncodedInput(features, None, None)


def starting_encoder(
    config: ModelConfig, source: str, folder: Path, device: torch.device, *, allow_download: bool
) -> HubertPair | None:
    """The HuBERT that stage 1 begins with, one for each hand where it is fine-tuned; None where the model has none.

    source: folder or hub name; "" takes the configuration's, else `DEFAULT_HUBERT`. `UserError` where it is missing.
    """
    if config.encoder.kind != "hubert":
        return None
    from dataclasses import replace

    named = source or config.encoder.source or DEFAULT_HUBERT
    frozen = replace(config.encoder, source=named, per_hand=False)
    pair = load_pair(frozen, folder, allow_download=allow_download)
    if config.encoder.per_hand:
        first = pair.encoders[0]
        assert isinstance(first, HubertEncoder)
        pair = HubertPair([first, copy.deepcopy(first)]).requires_grad_(True)
        for encoder in pair.encoders:
            encoder.hubert.feature_extractor.requires_grad_(False)  # type: ignore[union-attr]
    return pair.eval().to(device)


def write_encoder_config(out: Path, encoder: HubertPair) -> None:
    """Keep the architecture of a fine-tuned encoder beside its weights."""
    config = encoder.encoders[0].hubert.config.to_dict()  # type: ignore[union-attr, operator]
    write_text_whole(out / CONFIG_FILE, json.dumps(config, indent=1, sort_keys=True) + "\n")


def split_state(
    state: dict[str, Tensor],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Weights of stage 1's network as those of the predictors and those of a fine-tuned encoder (empty: none)."""
    if not any(name.startswith("encoder.") for name in state):
        return state, {}
    predictors, encoder = (
        {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        for prefix in ("predictors.", "encoder.")
    )
    return predictors, encoder


def trained_encoder(out: Path, state: dict[str, Tensor]) -> HubertPair:
    """The fine-tuned encoder from its weights (see `split_state`) and the architecture in `out`."""
    config = json.loads((out / CONFIG_FILE).read_text(encoding="utf-8"))
    pair = HubertPair([HubertEncoder(build_hubert(config)) for _ in HAND_FILES])
    pair.load_state_dict(state)
    return pair.eval().requires_grad_(False)


def export_encoder(out: Path, folder: Path, state: dict[str, Tensor]) -> None:
    """Write a fine-tuned encoder into a model folder that is being made."""
    write_text_whole(folder / CONFIG_FILE, (out / CONFIG_FILE).read_text(encoding="utf-8"))
    for encoder, name in zip(trained_encoder(out, state).encoders, HAND_FILES, strict=True):
        weights = encoder.hubert.state_dict()  # type: ignore[union-attr]
        with whole_file(folder / name) as part:
            save_file({key: value.contiguous().clone() for key, value in weights.items()}, part)
