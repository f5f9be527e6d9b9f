# SPDX-License-Identifier: GPL-3.0-or-later
"""What the transcription network sees of a sound: power spectra under six windows."""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.thread_pool import ThreadPool, slices

FRAMES_AT_ONCE = 16


def power_spectra(
    sound: NDArray[np.float32],
    windows: NDArray[np.float32],
    hop: int,
    heard: slice,
    pool: ThreadPool,
) -> NDArray[np.float32]:
    """Power (frames, windows, frequencies) of sound (channels, samples), averaged over channels.

    A frame every hop, the first one centred on the first sample, and one after the last sample.

    Args:
        windows: (windows, samples).
        heard: the frequencies that are wanted.
    """
    size = windows.shape[1]
    samples = sound.shape[-1]
    frames = math.ceil(samples / hop) + 1
    padded = np.pad(sound, [(0, 0), (size // 2, (frames - 1) * hop + size // 2 - samples)])
    mean, deviation = _level(padded, size, hop, frames)
    framed = sliding_window_view((padded - mean) / deviation, size, axis=-1)[:, ::hop]

    def spectra(part: slice) -> NDArray[np.float32]:
        found = scipy.fft.rfft(framed[:, part, None] * windows, norm="ortho")[..., heard]
        return np.mean(found.real**2 + found.imag**2, axis=0)

    return np.concatenate(pool.each(spectra, slices(frames, FRAMES_AT_ONCE)))


def _level(padded: NDArray[np.float32], size: int, hop: int, frames: int) -> tuple[np.float32, np.float32]:
    """Mean and deviation over the overlapping frames: the network was trained with sounds that are 0 and 1 there."""
    times = np.zeros(padded.shape[-1] + 1)
    np.add.at(times, hop * np.arange(frames), 1)
    np.add.at(times, hop * np.arange(frames) + size, -1)
    times = np.cumsum(times)[:-1]
    count = len(padded) * frames * size
    mean = float((padded * times).sum() / count)
    variance = float((np.square(padded - mean, dtype=np.float64) * times).sum() / (count - 1))
    return np.float32(mean), np.float32(math.sqrt(variance) + 1e-8)
