# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound at another sample rate, a part at a time."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from models.music.audio import Audio, StoredSamples

FILTER_ZEROS = 16
"""Zero crossings of the resampling filter to either side."""


def resampled(audio: Audio, rate: int, first: int, count: int) -> NDArray[np.float32]:
    """Samples (channels, count) of the sound at another rate, from sample `first` of that rate on.

    Before and after the sound there is silence. Only the part is resampled, on the grid of the whole, so that the
    parts fit together.
    """
    common = math.gcd(rate, audio.rate)
    up, down = rate // common, audio.rate // common
    if up == down:
        return np.ascontiguousarray(_padded(audio.samples, first, first + count).T)
    from scipy.signal import resample_poly  # takes a second to import, and most sound has the right rate

    # Whole periods of the two rates, with as many more as the filter reaches over.
    reach = math.ceil((FILTER_ZEROS * max(1, down / up) + 1) / down)
    begin, end = first // up - reach, -(-(first + count) // up) + reach
    part = _padded(audio.samples, begin * down, end * down)
    whole = resample_poly(part, up, down, axis=0, window=_low_pass(up, down))
    cut = first - begin * up
    return np.ascontiguousarray(whole[cut : cut + count].T, np.float32)


@functools.lru_cache(maxsize=4)
def _low_pass(up: int, down: int) -> NDArray[np.float32]:
    from scipy.signal import firwin

    widest = max(up, down)
    taps: NDArray[np.float32] = firwin(2 * FILTER_ZEROS * widest + 1, 0.95 / widest, window=("kaiser", 9.0))
    return taps.astype(np.float32)


def _padded(samples: NDArray[np.float32] | StoredSamples, first: int, last: int) -> NDArray[np.float32]:
    inside = samples[max(first, 0) : max(last, 0)]
    before = min(max(-first, 0), last - first)
    return np.pad(inside, ((before, last - first - before - len(inside)), (0, 0)))
