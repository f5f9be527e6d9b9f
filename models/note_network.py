# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcription network: `transkun`'s layers and published weights, put together without its other
dependencies.

`transkun` (Yujia Yan, MIT) is installed without dependencies. Its backbone, scorer and spectrum modules need
torch only; its model class, which also trains and evaluates, needs torchaudio, pretty_midi, mir_eval and
more. So this file composes the layers itself, with the published parameter names. The mel filter bank, the
one thing that torchaudio computes there, is a buffer of the checkpoint, and is read from it.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.errors import UserError
from models.interval_decoding import IntervalScores, best_intervals
from models.keyboard import KEYS, LOWEST_PITCH

PEDALS = (-64, -67)
"""Tracks before the 88 keys: sustain and soft pedal; the network was trained with them, this project drops them."""
LOG_FLOOR = 1e-5
TRACKS_AT_ONCE = 8
"""Interval scores of so many tracks are in memory at the same time (frames x frames each)."""


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


@dataclass(frozen=True)
class SegmentNotes:
    """Notes of one key in one segment, in frames of the network (fractional) from the segment's start."""

    pitch: int
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    """(n,)"""
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    """(n,) the whole frames that were scored."""
    velocity: NDArray[np.int64]
    begins: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    """(n,) False where the note comes from before or goes on after the segment."""


class NoteNetwork(nn.Module):
    """Sound to intervals on 90 tracks (two pedals, 88 keys), with velocities and exact ends.

    Call `hear` under `torch.inference_mode()`.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        from transkun.LayersTransformer import Backbone, ScaledInnerProductIntervalScorer
        from transkun.Util import Spectrum

        self.config = config
        width = config.base_size * config.scoring_expansion_factor
        extractor = nn.Module()
        extractor.spectrogramExtractor = Spectrum(config.window_size, config.n_extra_wins)
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
        self._tick: Callable[[], None] = _silence
        for layer in self.backbone.encoderLayers:
            # Without the batch axis attention is four-dimensional, which torch computes without storing its
            # weights.
            layer.register_forward_pre_hook(lambda _, inputs: (inputs[0][0],))
            layer.register_forward_hook(self._after_layer)
        self._convolutions = 0
        for part in self.backbone.modules():
            if isinstance(part, nn.Conv2d):
                self._convolutions += 1
                part.register_forward_hook(self._after_convolution)

    @property
    def ticks(self) -> int:
        """How often `hear` calls `tick` for one segment."""
        return self._convolutions + self.config.n_layers + math.ceil(KEYS / TRACKS_AT_ONCE) + 3

    def _after_convolution(self, _part: nn.Module, _inputs: Any, _output: Tensor) -> None:
        self._tick()

    def _after_layer(self, _layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        self._tick()
        return output[None]

    def features(self, sound: Tensor) -> Tensor:
        """Log-mel spectra under six windows, (1, frames, n_mels, 6), of sound (channels, samples).

        The power is averaged over channels; a frame every hop, the first one centred on the first sample.
        """
        size, hop = self.config.window_size, self.config.hop_size
        frames = math.ceil(sound.shape[-1] / hop) + 1
        right = (frames - 1) * hop + size // 2 - sound.shape[-1]
        framed = nn.functional.pad(sound, (size // 2, right)).unfold(-1, size, hop)
        extractor: Any = self.framewiseFeatureExtractor
        # Every segment is brought to one loudness, over the overlapping windows as the network was trained.
        framed = (framed - framed.mean()) / (framed.std() + 1e-8)
        power = torch.stack(
            [extractor.spectrogramExtractor(channel).abs().square() for channel in framed]
        ).mean(0)
        mel = power.transpose(-1, -2) @ extractor.freq2mels  # (frames, windows, mels)
        floor = math.log(LOG_FLOOR)
        return ((mel + LOG_FLOOR).log() - floor).div(-floor).transpose(-1, -2)[None]

    def context(self, features: Tensor) -> Tensor:
        """Features of each track and frame, (tracks, frames, width)."""
        tracks = torch.tensor([*PEDALS, *range(LOWEST_PITCH, LOWEST_PITCH + KEYS)], device=features.device)
        context: Tensor = self.backbone(features, outputIndices=tracks)[0]
        return context

    def scores(self, context: Tensor) -> IntervalScores:
        """Positive interval scores: inner products of an end's and a begin's features, times the length in frames."""
        tracks, frames, width = context.shape
        found = []
        single = []
        at = torch.arange(frames, device=context.device)
        length = (at - at[:, None]).clamp(min=0).to(context.dtype)  # (begin, end)
        for first in range(0, tracks, TRACKS_AT_ONCE):
            ends, begins, alone = self.scorer.map(context[first : first + TRACKS_AT_ONCE]).split(
                [width, width, 1], -1
            )
            score = begins @ (ends / math.sqrt(width)).transpose(-1, -2) * length
            where = (score > 0).nonzero()
            value = score[tuple(where.T)]
            where[:, 0] += first
            found.append((where.cpu(), value.float().cpu()))
            single.append(alone[..., 0].float().cpu())
            self._tick()
        where, value = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
        return IntervalScores(where[:, 0], where[:, 1], where[:, 2], value, torch.cat(single).numpy())

    def hear(
        self, sound: Tensor, start: NDArray[np.int64], tick: Callable[[], None] | None = None
    ) -> list[SegmentNotes]:
        """Notes of each key in one segment of sound (channels, samples) at the network's rate.

        Args:
            start: (88,) frame from which each key's notes are looked for.
            tick: called `ticks` times in the course of the work; may raise.
        """
        self._tick = tick or _silence
        try:
            features = self.features(sound)
            self._tick()
            context = self.context(features)[len(PEDALS) :]
            scores = self.scores(context)
            self._tick()
            paths = best_intervals(scores, start)
            notes = self._describe(context, paths)
            self._tick()
            return notes
        finally:
            self._tick = _silence

    def _describe(self, context: Tensor, paths: list[NDArray[np.int64]]) -> list[SegmentNotes]:
        """Velocity, exact ends and completeness of the chosen intervals."""
        last_frame = context.shape[1] - 1
        track = np.repeat(np.arange(len(paths)), [len(path) for path in paths])
        first, last = np.concatenate(paths).T
        index = [torch.from_numpy(part).to(context.device) for part in (track, first, last)]
        begin, end = context[index[0], index[1]], context[index[0], index[2]]
        both = torch.cat([begin, end, begin * end], -1)
        velocity = self.velocityPredictor(both).argmax(-1).cpu().numpy()
        shift_logits, presence = self.refinedOFPredictor(both).float().chunk(2, -1)
        # The exact end is the mean of a continuous Bernoulli distribution, which training squeezed by 0.99.
        mean = torch.distributions.ContinuousBernoulli(logits=shift_logits).mean
        shift = ((mean - 0.5) / 0.99).clamp(-0.5, 0.5).double().cpu().numpy()
        present = (presence > 0).cpu().numpy()
        begins, ends = (first > 0) | present[:, 0], (last < last_frame) | present[:, 1]
        table = (first + shift[:, 0], last + shift[:, 1], first, last, velocity, begins, ends)
        edges = np.searchsorted(track, np.arange(len(paths) + 1))
        return [
            SegmentNotes(LOWEST_PITCH + key, *(column[edges[key] : edges[key + 1]] for column in table))
            for key in range(len(paths))
        ]


def _head(width: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(0), nn.Linear(hidden, out))


def _silence() -> None:
    pass


def _data(name: str) -> bytes:
    try:
        return resources.files("transkun").joinpath("pretrained", name).read_bytes()
    except (ModuleNotFoundError, OSError) as error:
        sentence = "The piano transcriber is not installed; install the runtime again."
        raise UserError("transcriber_missing", sentence, repr(error)) from error


def load_network(device: torch.device) -> NoteNetwork:
    """The network with the published weights, ready to listen.

    The checkpoint holds tensors only, so it is loaded with `weights_only=True` and nothing needs to be allow-
    listed.
    """
    network = NoteNetwork(NetworkConfig.published())
    state: dict[str, Any] = torch.load(io.BytesIO(_data("2.0.pt")), map_location="cpu", weights_only=True)
    network.load_state_dict(state["state_dict"])
    return network.eval().to(device)
