# SPDX-License-Identifier: GPL-3.0-or-later
"""What the transcription network sees of a sound: log-mel spectra under six windows."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from models.networks.one_core import OneCorePool
from models.thread_pool import slices

LOG_FLOOR = 1e-5
FRAMES_AT_ONCE = 16


class Spectrum:
    """Sound to features, as `transkun`'s extractor makes them, for as many frequencies as its mel filters hear."""

    def __init__(self, windows: Tensor, filters: Tensor, hop: int) -> None:
        """From windows (windows, samples), the mel filters (frequencies, mels) and the hop in samples."""
        self.windows, self._hop = windows, hop
        heard = filters.any(1).nonzero()
        self.heard = slice(int(heard[0]), int(heard[-1]) + 1)
        """The frequencies that any filter lets through."""
        self.filters = filters[self.heard].contiguous()

    @classmethod
    def of(cls, published: Any, hop: int) -> Spectrum:
        """From `transkun`'s extractor: one Hann window and five Gaussian ones that were learned."""
        spectrum = published.spectrogramExtractor
        windows = torch.cat([spectrum.win[None], spectrum.winGen.get().T]).detach()
        return cls(windows, published.freq2mels, hop)

    def __call__(self, sound: Tensor, pool: OneCorePool) -> Tensor:
        """Features (1, frames, mels, windows) of sound (channels, samples).

        The power is averaged over channels; a frame every hop, the first one centred on the first sample.
        """
        size = self.windows.shape[1]
        frames = math.ceil(sound.shape[-1] / self._hop) + 1
        right = (frames - 1) * self._hop + size // 2 - sound.shape[-1]
        framed = nn.functional.pad(sound, (size // 2, right)).unfold(-1, size, self._hop)
        # Every segment is brought to one loudness, over the overlapping windows as the network was trained.
        mean, scale = framed.mean(), framed.std() + 1e-8

        def spectra(part: slice) -> Tensor:
            windowed = ((framed[:, part] - mean) / scale).unsqueeze(-2) * self.windows
            complete = torch.view_as_real(torch.fft.rfft(windowed, norm="ortho")[..., self.heard])
            power = complete.square().sum(-1).mean(0)
            return (power @ self.filters + LOG_FLOOR).log_()  # (frames, windows, mels)

        floor = math.log(LOG_FLOOR)
        mel = torch.cat(pool.each(spectra, slices(frames, FRAMES_AT_ONCE)))
        return mel.sub_(floor).div_(-floor).transpose(-1, -2)[None]
