# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a piano is out of tune, from its sound, and the same sound in tune.

Every strong partial tells how far it lies from the nearest note of a piano at A = 440 Hz. Its place in the spectrum is
found between the bins by a parabola through the logarithms of three of them (Smith and Serra, "PARSHL", 1987). The
deviations lie on a circle of a semitone; where they crowd together is the tuning. Partials that lie off on purpose (the
fifth and the seventh, those of stiff strings) do not crowd anywhere.

A tape that runs slow is flat as well, and is put right in the same way: by reading the samples at another rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.music.audio import Audio
from models.music.sample_rate import resampled

RATE = 11_025
WINDOW = 4096
HOP = 1024
STRETCH_S = 2.0
MOST_STRETCHES = 60
"""Two minutes, spread over the recording, tell as much as all of it."""
LOWEST_HZ, HIGHEST_HZ = 110.0, 1500.0
"""Below, a bin is wide for a cent; above, stiff strings are sharp."""
PEAKS = 12
"""Of a window, the strongest."""
RANGE = 10 ** (-40 / 20)
"""A peak this much below its window's strongest is left out, and a window this much below the loudest."""
WIDTH_CENTS = 6.0
"""Of the bell by which deviations are counted together."""
CLEAR = 2.5
"""So many times as much must lie at the crowd as would if deviations lay everywhere alike: of 17 recordings of pianos
3.9 and more, of speech, applause and noise 1.5 and less."""


@dataclass(frozen=True)
class Tuning:
    """What a recording's partials say."""

    cents: float
    """How much too high the piano is, -50 to 50."""
    clearness: float
    """How many times as many partials lie there as would by chance."""

    @property
    def is_clear(self) -> bool:
        """Whether the partials agree well enough for it to be believed."""
        return self.clearness >= CLEAR


def tuning_of(audio: Audio) -> Tuning:
    """The tuning of a recording."""
    return _crowd(*_deviations(audio))


def in_tune(audio: Audio, cents: float) -> tuple[Audio, float]:
    """The sound of a piano that is `cents` too high, brought down, and how many seconds one second of it was.

    The samples stay; they are read slower, by the nearest rate that is a whole number.
    """
    step = 1 if audio.rate <= 192_000 else 100  # see `models.music.sound_file`
    rate = step * round(audio.rate * 2 ** (-cents / 1200) / step)
    return Audio(audio.samples, rate, audio.sha256, audio.remarks), rate / audio.rate


def _deviations(audio: Audio) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Cents above the nearest note, and weight, of each strong partial (n,)."""
    count = max(math.ceil(audio.duration_s / STRETCH_S), 1)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_STRETCHES)).astype(int))
    size = round(STRETCH_S * RATE)
    parts = [_partials(resampled(audio, RATE, int(i) * size, size + WINDOW)) for i in chosen]
    frequency, level = (np.concatenate(column) for column in zip(*parts, strict=True))
    kept = level > RANGE * level.max(initial=0.0)
    cents = 1200 * np.log2(frequency[kept] / 440)
    # The root lets a soft note count beside a loud one.
    return (cents + 50) % 100 - 50, np.sqrt(level[kept])


def _partials(sound: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequency in Hz and level of the strongest peaks (n,) of a stretch (channels, samples), window by window."""
    framed = np.lib.stride_tricks.sliding_window_view(sound, WINDOW, axis=1)[:, ::HOP]
    power = (np.abs(np.fft.rfft(framed * np.hanning(WINDOW))) ** 2).sum(0)
    log = np.log(power + 1e-20)
    first, last = (round(hz * WINDOW / RATE) for hz in (LOWEST_HZ, HIGHEST_HZ))
    before, here, after = log[:, first - 1 : last - 1], log[:, first:last], log[:, first + 1 : last + 1]
    height = np.where((here > before) & (here >= after), here, -np.inf)
    least = np.partition(height, -PEAKS, axis=1)[:, -PEAKS, None]
    strong = height >= np.maximum(least, height.max(1, keepdims=True) + 2 * math.log(RANGE))
    strong &= np.isfinite(height)
    at = np.nonzero(strong)[1]
    a, b, c = before[strong], here[strong], after[strong]
    shift = 0.5 * (a - c) / np.minimum(a - 2 * b + c, -1e-12)
    level = np.exp((b - 0.25 * (a - c) * shift) / 2)
    return (first + at + shift) * RATE / WINDOW, level


def _crowd(cents: NDArray[np.float64], weight: NDArray[np.float64]) -> Tuning:
    """Where on the circle of a semitone the deviations lie closest together."""
    if not weight.sum():
        return Tuning(0.0, 0.0)
    counted, _ = np.histogram(cents, bins=200, range=(-50, 50), weights=weight)
    middle = np.arange(200) * 0.5
    away = np.minimum(middle, 100 - middle)
    bell = np.exp(-0.5 * (away / WIDTH_CENTS) ** 2)
    smooth = np.fft.irfft(np.fft.rfft(counted) * np.fft.rfft(bell), 200)
    clearness = float(smooth.max() / smooth.mean())
    return Tuning(-50 + 0.5 * (int(smooth.argmax()) + 0.5), clearness)
