# SPDX-License-Identifier: GPL-3.0-or-later
"""The features of a song's windows, from its recording, for models that listen to sound."""

from __future__ import annotations

from collections import OrderedDict
from math import gcd

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import resample_poly
from torch import Tensor

from models.music.audio import Audio
from models.music.channel_mix import mono
from models.networks.hubert import SAMPLE_RATE, HubertPair

KEPT_WINDOWS = 64
"""Windows whose features are remembered: positions and motion look at the same ones."""
_MARGIN_S = 0.05
"""Seconds to either side that are resampled with a stretch, so that its ends do not ring."""


def mono_16k(audio: Audio, start_s: float, seconds: float) -> NDArray[np.float32]:
    """Samples (seconds * 16000,) of a stretch, channels mixed, silent where the recording has none."""
    count = round(seconds * SAMPLE_RATE)
    first = round((start_s - _MARGIN_S) * audio.rate)
    last = round((start_s + seconds + _MARGIN_S) * audio.rate)
    inside = np.asarray(audio.samples[max(first, 0) : max(min(last, len(audio.samples)), 0)], np.float32)
    mixed = mono(inside) if len(inside) else np.zeros(0, np.float32)
    before = min(max(-first, 0), last - first)
    padded = np.pad(mixed, (before, max(last - first - before - len(mixed), 0)))
    common = gcd(SAMPLE_RATE, audio.rate)
    resampled = resample_poly(padded, SAMPLE_RATE // common, audio.rate // common)
    skip = round(_MARGIN_S * SAMPLE_RATE)
    out = np.zeros(count, np.float32)
    part = resampled[skip : skip + count]
    out[: len(part)] = part
    return out


class SoundFeatures:
    """f_a of windows of one recording."""

    def __init__(self, audio: Audio, encoder: HubertPair, fps: float, device: torch.device) -> None:
        self._audio, self._encoder, self._fps, self._device = audio, encoder, fps, device
        self._heard: OrderedDict[tuple[int, int], Tensor] = OrderedDict()

    def windows(self, starts: list[int], frames: int) -> Tensor:
        """[B, 2, frames, C] of the windows that begin at these frames, each heard by itself as in training."""
        return torch.stack([self._window(start, frames) for start in starts])

    def _window(self, start: int, frames: int) -> Tensor:
        key = (start, frames)
        if key not in self._heard:
            samples = mono_16k(self._audio, start / self._fps, frames / self._fps)
            heard = self._encoder(torch.from_numpy(samples)[None].to(self._device), frames)[0]
            self._heard[key] = heard.float()
            while len(self._heard) > KEPT_WINDOWS:
                self._heard.popitem(last=False)
        self._heard.move_to_end(key)
        return self._heard[key]
