# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcription network: `transkun`'s layers and published weights, without its other dependencies.

`transkun` (Yujia Yan, MIT) is installed without dependencies. Its backbone, scorer and spectrum modules need
torch only; its model class, which also trains and evaluates, needs torchaudio, pretty_midi, mir_eval and
more. So this file composes the layers itself, with the published parameter names. The mel filter bank, the
one thing that torchaudio computes there, is a buffer of the checkpoint, and is read from it.

What the layers compute is done by `note_spectrum`, `note_backbone` and `note_scoring`, which give the same
numbers in two thirds of the processor's time.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.body.keyboard import KEYS, LOWEST_PITCH
from models.errors import UserError
from models.music.transcription.backbone import NoteBackbone
from models.music.transcription.decoding import IntervalScores, best_intervals
from models.music.transcription.scoring import IntervalScorer
from models.music.transcription.spectrum import Spectrum
from models.music.transcription.thread_pool import ThreadPool

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
    score: NDArray[np.float32]
    """(n,) the interval's: how much better it explains the sound than no note does."""


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


class NoteNetwork:
    """Sound to intervals on 88 keys, with velocities and exact ends."""

    def __init__(self, config: NetworkConfig, published: Any, device: torch.device) -> None:
        self.config, self._device = config, device
        tracks = torch.tensor([*PEDALS, *range(LOWEST_PITCH, LOWEST_PITCH + KEYS)], device=device)
        self.spectrum = Spectrum.of(published.framewiseFeatureExtractor, config.hop_size)
        self._backbone = NoteBackbone(published.backbone, tracks, KEYS)
        self._scorer = IntervalScorer(published.backbone.upConv1dSkip, published.scorer)
        self._velocity, self._ends = published.velocityPredictor, published.refinedOFPredictor

    @property
    def ticks(self) -> int:
        """How often `hear` calls `tick` for one segment."""
        return 2 * self.config.n_layers + 4

    @torch.inference_mode()
    def hear(
        self, sound: Tensor, start: NDArray[np.int64], tick: Callable[[], None] | None = None
    ) -> list[SegmentNotes]:
        """Notes of each key in one segment of sound (channels, samples) at the network's rate.

        Args:
            start: (88,) frame from which each key's notes are looked for.
            tick: called `ticks` times in the course of the work; may raise.
        """
        tick = tick or _silence
        with ThreadPool(self._device) as pool:
            features = self.spectrum(sound.to(self._device), pool)
        tick()
        grid = self._backbone.embedded(features)  # torch splits convolutions between cores well
        tick()
        with ThreadPool(self._device) as pool:
            for layer in range(self.config.n_layers):
                grid = self._backbone.layer(layer, grid, pool, tick)
                tick()
            tokens = grid[1:].transpose(0, 1)  # (keys, steps, width)
            scores = self._scorer.scores(tokens, features.shape[1], pool)
        tick()
        paths = best_intervals(scores, start)
        notes = self._describe(tokens, features.shape[1] - 1, paths, scores)
        tick()
        return notes

    def _describe(
        self, tokens: Tensor, last_frame: int, paths: list[NDArray[np.int64]], scores: IntervalScores
    ) -> list[SegmentNotes]:
        """Velocity, exact ends, completeness and scores of the chosen intervals."""
        track = np.repeat(np.arange(len(paths)), [len(path) for path in paths])
        first, last = np.concatenate(paths).T
        index = [torch.from_numpy(part).to(self._device) for part in (track, first, last)]
        begin, end = (self._scorer.context(tokens, index[0], frame) for frame in index[1:])
        both = torch.cat([begin, end, begin * end], -1)
        velocity = self._velocity(both).argmax(-1).cpu().numpy()
        shift_logits, presence = self._ends(both).float().chunk(2, -1)
        # The exact end is the mean of a continuous Bernoulli distribution, which training squeezed by 0.99.
        mean = torch.distributions.ContinuousBernoulli(logits=shift_logits).mean
        shift = ((mean - 0.5) / 0.99).clamp(-0.5, 0.5).double().cpu().numpy()
        present = (presence > 0).cpu().numpy()
        begins, ends = (first > 0) | present[:, 0], (last < last_frame) | present[:, 1]
        score = scores.of(track, first, last)
        table: tuple[NDArray[Any], ...] = (
            first + shift[:, 0],
            last + shift[:, 1],
            first,
            last,
            velocity,
            begins,
            ends,
            score,
        )
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
    config = NetworkConfig.published()
    published = _Published(config)
    state: dict[str, Any] = torch.load(io.BytesIO(_data("2.0.pt")), map_location="cpu", weights_only=True)
    published.load_state_dict(state["state_dict"])
    published.eval().requires_grad_(False).to(device)
    return NoteNetwork(config, published, device)
