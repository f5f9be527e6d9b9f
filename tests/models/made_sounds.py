# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds whose time can be told, in files of many kinds."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 44_100


def bursts(seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    """Two channels (n, 2), the second softer: a rising chirp of 50 ms every 0.37 s from 0.3 s on."""
    time = np.arange(round(seconds * rate)) / rate
    samples = np.zeros(len(time))
    for begin in np.arange(0.3, seconds - 0.2, 0.37):
        inside = (time >= begin) & (time < begin + 0.05)
        since = time[inside] - begin
        wave = np.sin(2 * np.pi * (500 * since + 3e4 * since**2))
        samples[inside] += 0.6 * wave * np.minimum(1, (0.05 - since) / 0.01)
    return np.stack([samples, 0.9 * samples], 1).astype(np.float32)


def encode(
    path: Path, codec: str, samples: NDArray[np.float32], layout: str = "stereo", rate: int = RATE
) -> Path:
    """Write samples (n, channels) as FFmpeg's `codec`, in the container that the file's name says."""
    rate = 48_000 if codec == "libopus" else rate
    if codec == "libopus" and len(samples):
        samples = bursts(len(samples) / RATE, rate)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        stream.bit_rate = 192_000
        stream.format = stream.codec_context.codec.audio_formats[0].name
        resampler = av.AudioResampler(format=stream.format, layout=layout, rate=rate)
        for first in range(0, len(samples), 4800):
            block = np.ascontiguousarray(samples[first : first + 4800]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
            frame.sample_rate, frame.pts = rate, first
            for ready in resampler.resample(frame):
                container.mux(stream.encode(ready))
        for ready in resampler.resample(None):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return path
