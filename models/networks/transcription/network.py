# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcription network: `transkun`'s layers and published weights, without its other dependencies.

`transkun` (Yujia Yan, MIT) is installed without dependencies. Its backbone, scorer and spectrum modules need
torch only; its model class, which also trains and evaluates, needs torchaudio, pretty_midi, mir_eval and
more. So this file composes the layers itself, with the published parameter names. The mel filter bank, the
one thing that torchaudio computes there, is a buffer of the checkpoint, and is read from it.

What the layers compute is done by `spectrum`, `backbone` and `scoring`, which give the same numbers in two thirds of
the processor's time.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import metadata, resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.body.keyboard import KEYS, LOWEST_PITCH
from models.errors import UserError
from models.music.transcription.decoding import best_intervals
from models.music.transcription.note_network import Findings, SegmentNotes, segment_notes
from models.music.transcription.onnx_files import WEIGHTS_SHA256
from models.networks.one_core import OneCorePool
from models.networks.transcription.backbone import NoteBackbone
from models.networks.transcription.scoring import IntervalScorer
from models.networks.transcription.spectrum import Spectrum

PEDALS = (-64, -67)
"""Tracks before the 88 keys: sustain and soft pedal; the network was trained with them, this project drops them."""


@dataclass(frozen=True)
class NetworkConfig:
    """What the published configuration says about the network's shape; names are its, in this project's spelling."""

    fs: int
    hop_size: int
    window_size: int
    n_mels: int
    n_extra_wins: int
    base_size: int
    n_head: int
    n_layers: int
    fourier_size: int
    hidden_factor: float
    hidden_factor_attn: float
    scoring_expansion_factor: int
    downsample_f: bool
    pos_embed_init_gamma: float
    enabled_attn: list[str]
    velocity_predictor_hidden_size: int
    refined_of_predictor_hidden_size: int

    @classmethod
    def published(cls) -> NetworkConfig:
        """The configuration that lies beside the weights."""
        values = json.loads(_data("2.0.conf").decode())["Model"]["config"]
        folded = {_folded(name): value for name, value in values.items()}
        return cls(**{field.name: folded[_folded(field.name)] for field in fields(cls)})


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


class _Published(nn.Module):
    """Everything that the checkpoint holds, made of `transkun`'s layers under its names."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        from transkun.LayersTransformer import Backbone, ScaledInnerProductIntervalScorer
        from transkun.Util import Spectrum as LibrarySpectrum

        width = config.base_size * config.scoring_expansion_factor
        extractor = nn.Module()
        extractor.spectrogramExtractor = LibrarySpectrum(config.window_size, config.n_extra_wins)
        extractor.register_buffer("freq2mels", torch.zeros(config.window_size // 2 + 1, config.n_mels))
        self.framewiseFeatureExtractor = extractor
        self.scorer = ScaledInnerProductIntervalScorer(width, 1)
        self.velocityPredictor = _head(3 * width, config.velocity_predictor_hidden_size, 128)
        self.refinedOFPredictor = _head(3 * width, config.refined_of_predictor_hidden_size, 4)
        self.backbone = Backbone(
            inputSize=config.n_extra_wins + 1,
            baseSize=config.base_size,
            posEmbedInitGamma=config.pos_embed_init_gamma,
            nHead=config.n_head,
            fourierSize=config.fourier_size,
            hiddenFactor=config.hidden_factor,
            hiddenFactorAttn=config.hidden_factor_attn,
            expansionFactor=config.scoring_expansion_factor,
            nLayers=config.n_layers,
            enabledAttn=config.enabled_attn,
            downsampleF=config.downsample_f,
            useGradientCheckpoint=False,
        )


class TorchNoteNetwork:
    """Sound to intervals on 88 keys in torch (`models.music.transcription.note_network.NoteNetwork`)."""

    def __init__(self, config: NetworkConfig, published: Any, device: torch.device) -> None:
        self.config, self._device = config, device
        self.rate, self.hop = config.fs, config.hop_size
        self.ticks = 2 * config.n_layers + 4
        tracks = torch.tensor([*PEDALS, *range(LOWEST_PITCH, LOWEST_PITCH + KEYS)], device=device)
        self.spectrum = Spectrum.of(published.framewiseFeatureExtractor, config.hop_size)
        self.backbone = NoteBackbone(published.backbone, tracks, KEYS)
        self.scorer = IntervalScorer(published.backbone.upConv1dSkip, published.scorer)
        self.velocity, self.ends = published.velocityPredictor, published.refinedOFPredictor

    @torch.inference_mode()
    def hear(
        self, sound: NDArray[np.float32], start: NDArray[np.int64], tick: Callable[[], None]
    ) -> list[SegmentNotes]:
        """See `NoteNetwork`."""
        with OneCorePool(self._device) as pool:
            features = self.spectrum(torch.from_numpy(sound).to(self._device), pool)
        tick()
        grid = self.backbone.embedded(features)  # torch splits convolutions between cores well
        tick()
        with OneCorePool(self._device) as pool:
            for layer in range(self.config.n_layers):
                grid = self.backbone.layer(layer, grid, pool, tick)
                tick()
            tokens = grid[1:].transpose(0, 1)  # (keys, steps, width)
            scores = self.scorer.scores(tokens, features.shape[1], pool)
        tick()
        paths = best_intervals(scores, start)
        notes = segment_notes(paths, scores, self._findings(tokens, paths), features.shape[1] - 1)
        tick()
        return notes

    def _findings(self, tokens: Tensor, paths: list[NDArray[np.int64]]) -> Findings:
        track = np.repeat(np.arange(len(paths)), [len(path) for path in paths])
        first, last = np.concatenate(paths).T
        index = [torch.from_numpy(part).to(self._device) for part in (track, first, last)]
        begin, end = (self.scorer.context(tokens, index[0], frame) for frame in index[1:])
        both = torch.cat([begin, end, begin * end], -1)
        velocity = self.velocity(both).argmax(-1).cpu().numpy()
        shift, presence = self.ends(both).float().chunk(2, -1)
        return Findings(velocity, shift.cpu().numpy(), presence.cpu().numpy())


def _head(width: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(0), nn.Linear(hidden, out))


def _data(name: str) -> bytes:
    try:
        return resources.files("transkun").joinpath("pretrained", name).read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        sentence = "The piano transcriber is not installed; install the runtime again."
        raise UserError("transcriber_missing", sentence, repr(error)) from error


def published_licence() -> str:
    """The licence of the published layers and weights, to lie beside whatever is made of them."""
    for file in metadata.files("transkun") or ():
        if file.name == "LICENSE":
            return file.read_text("utf-8")
    raise FileNotFoundError("transkun is installed without its licence")


def load_network(device: torch.device) -> TorchNoteNetwork:
    """The network with the published weights, ready to listen.

    The checkpoint holds tensors only, so it is loaded with `weights_only=True` and nothing needs to be allow-
    listed.

    Raises:
        UserError: `transcriber_missing` where `transkun` is not installed, or not with the weights that are known.
    """
    config = NetworkConfig.published()
    published = _Published(config)
    weights = _data("2.0.pt")
    if hashlib.sha256(weights).hexdigest() != WEIGHTS_SHA256:
        sentence = "The piano transcriber has other weights than expected; install the runtime again."
        raise UserError("transcriber_missing", sentence)
    state: dict[str, Any] = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    published.load_state_dict(state["state_dict"])
    published.eval().requires_grad_(False).to(device)
    return TorchNoteNetwork(config, published, device)
