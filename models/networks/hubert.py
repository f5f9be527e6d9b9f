# SPDX-License-Identifier: GPL-3.0-or-later
"""Phi_a of the paper: the features f_a of a sound are the last hidden state of a HuBERT (Hsu et al. 2021).

Axes: B batch, S samples at 16 kHz, T frames of the motion, C channels. As in the released code, the convolutions'
features (50 a second) are interpolated to the motion's frames before the transformer, which so runs at 30 frames a
second. The convolutions are always frozen; the transformer may be fine-tuned, in stage 1, for each hand apart.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from models.config import EncoderConfig
from models.errors import UserError, quoted
from models.networks.hubert_config import checked
from models.networks.weights_file import Misfit, compare, read_list, shapes_of
from models.plain_file import CONFIG, read_plain

SAMPLE_RATE = 16_000
CONFIG_FILE = "hubert.json"
HAND_FILES = ("hubert.left.safetensors", "hubert.right.safetensors")
_VARIANCE_FLOOR = 1e-7
WEIGHT_NORM = {
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}
"""Names in checkpoints of older versions of torch, and today's."""


def normalise(audio: Tensor) -> Tensor:
    """Sounds [B, S], each to mean zero and variance one, as the published feature extractor does."""
    centred = audio - audio.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + _VARIANCE_FLOOR).sqrt()


def build_hubert(config: dict[str, Any]) -> nn.Module:
    """A HuBERT of random weights from the content of its `config.json`."""
    transformers = _transformers()
    return transformers.HubertModel(transformers.HubertConfig(**config))


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise UserError(
            "needs_transformers",
            "This model listens with HuBERT, for which the Python package transformers is missing; "
            "press Install Generator again.",
            repr(error),
        ) from error
    return transformers


class HubertEncoder(nn.Module):
    """forward(audio [B, S], frames) -> f_a [B, T, C]."""

    def __init__(self, hubert: nn.Module) -> None:
        super().__init__()
        self.hubert = hubert
        self.hubert.feature_extractor.requires_grad_(False)

    @property
    def width(self) -> int:
        """C."""
        return int(self.hubert.config.hidden_size)  # type: ignore[union-attr, arg-type]

    def forward(self, audio: Tensor, frames: int) -> Tensor:
        """Sound [B, S] to features [B, T, C], T = `frames`."""
        with torch.no_grad():
            heard = self.hubert.feature_extractor(normalise(audio))  # type: ignore[operator]
            heard = F.interpolate(heard, size=frames, mode="linear", align_corners=True)
        projected = self.hubert.feature_projection(heard.transpose(1, 2))  # type: ignore[operator]
        return self.hubert.encoder(projected)[0]  # type: ignore[operator]


class HubertPair(nn.Module):
    """Both hands' features: forward(audio [B, S], frames) -> [B, 2, T, C]. One encoder serves both, or one each."""

    def __init__(self, encoders: list[HubertEncoder]) -> None:
        super().__init__()
        if len(encoders) not in (1, 2):
            raise ValueError(f"{len(encoders)} encoders; one or two are wanted")
        self.encoders = nn.ModuleList(encoders)

    def forward(self, audio: Tensor, frames: int) -> Tensor:
        """Sound [B, S] to both hands' features [B, 2, T, C], T = `frames`."""
        heard = [encoder(audio, frames) for encoder in self.encoders]
        return torch.stack([heard[0], heard[-1]], 1)


def load_pair(config: EncoderConfig, folder: Path, *, allow_download: bool = False) -> HubertPair:
    """The encoder or encoders of the model in `folder`, in evaluation mode.

    Raises:
        UserError: files are missing or damaged, their width is not the configuration's, or a download was needed and
            not allowed.
    """
    if config.per_hand:
        encoders = [_from_files(folder / CONFIG_FILE, folder / name) for name in HAND_FILES]
    else:
        from models.networks.hubert_source import find_source

        found = find_source(config.source, folder, allow_download=allow_download)
        encoders = [_from_files(found / "config.json", found / "model.safetensors")]
    for encoder in encoders:
        if encoder.width != config.feature_dim:
            raise UserError(
                "encoder_width",
                f"The sound encoder of the model {quoted(folder)} does not fit it; install the model again.",
                f"{encoder.width} channels, the model wants {config.feature_dim}",
            )
    return HubertPair(encoders).eval().requires_grad_(False)


def _from_files(config_path: Path, weights_path: Path) -> HubertEncoder:
    for path in (config_path, weights_path):
        if not path.exists():
            raise UserError(
                "encoder_missing",
                f"The sound encoder of the model is missing from {quoted(path.parent)}; install the model again.",
                f"no {path}",
            )
    try:
        config = checked(json.loads(read_plain(config_path, CONFIG).decode("utf-8")))
        with torch.device("meta"):
            wanted = shapes_of(build_hubert(config))
        found = read_list(weights_path)
        names = {name: new for name in found if (new := _plain_name(name)) is not None}
        compare({new: found[name] for name, new in names.items()}, wanted)
        hubert = build_hubert(config)
        state = _plain_names(load_file(weights_path))
        for name, value in state.items():
            if not torch.isfinite(value).all():
                raise Misfit(f"the tensor {name} holds numbers that are not finite")
        hubert.load_state_dict(state, strict=True)
    except (SafetensorError, RuntimeError, OSError, ValueError, TypeError) as error:
        raise UserError(
            "encoder_damaged",
            f"The sound encoder in {quoted(weights_path.parent)} is damaged or of another kind; install it again.",
            str(error)[:2000],
        ) from error
    return HubertEncoder(hubert)


def _plain_name(name: str) -> str | None:
    """Name as today's `HubertModel` has it: without its prefix; None for the speech head of a fine-tuned one."""
    name = name.removeprefix("hubert.")
    stem, _, last = name.rpartition(".")
    if name.startswith("lm_head."):
        return None
    return f"{stem}.{WEIGHT_NORM[last]}" if last in WEIGHT_NORM else name


def _plain_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {new: value.float() for name, value in state.items() if (new := _plain_name(name)) is not None}
