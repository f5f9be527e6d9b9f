# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands at rest go calmly on: from where they let go to where they play next, without wandering about on the way.

While a hand plays, its keys say where it is. In a silence nothing does, and generated wrists then go to and fro by ten
centimetres. Here they take a smooth way through the silence, slow for as long as it lasts; of what was generated a
little stays, so that they are not parked either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from models.body.smoothing import smoothstep

Array = NDArray[np.float64]

_SHORTEST_S, _SURE_S = 0.50, 0.90
"""Silences from so long on are calmed, from the second one on in full."""
_LEAVES_S, _THERE_S = 0.05, 0.15
"""A hand is its own business until so long after it lets go, and from so long before it strikes."""
_SMOOTH_S = 0.20
_FADE_S = 0.20
_WAITS, _WAITS_S = 2.5, 0.6
"""Times farther than elsewhere that hands stray before their first stroke and after their last one, and how calmly."""


def calmed(values: Array, strikes_s: Array, ends_s: Array, fps: float, strays: Array) -> Array:
    """Values (frames, k) of one hand with its silences calmed.

    Args:
        strikes_s: (n,) the hand's strokes, ascending. ends_s: (n,) until when it holds any of its keys so far.
        strays: (k,) how far a value goes from its smooth way at most, about.
    """
    result = values.copy()
    frames = len(values)
    begins = np.concatenate([[-np.inf], np.maximum(ends_s, strikes_s)])
    stops = np.append(strikes_s, np.inf)
    slow, slower = (
        gaussian_filter1d(values, spread * fps, axis=0, mode="nearest") for spread in (_SMOOTH_S, _WAITS_S)
    )
    for begin, stop in zip(begins, stops, strict=True):
        first = 0 if begin == -np.inf else int(np.ceil((begin + _LEAVES_S) * fps))
        last = frames - 1 if stop == np.inf else int(np.floor((stop - _THERE_S) * fps))
        first, last = max(first, 0), min(last, frames - 1)
        if last - first < 3:
            continue
        inside = slice(first, last + 1)
        ends = np.isinf([begin, stop])
        way = _way(values, first, last, fps, ends)
        stray = strays * (_WAITS if ends.any() else 1.0)
        own = stray * np.tanh(((slower if ends.any() else slow)[inside] - way) / stray)
        seconds = np.arange(last - first + 1) / fps
        edge = np.minimum(np.where(ends[0], np.inf, seconds), np.where(ends[1], np.inf, seconds[::-1]))
        calm = way + smoothstep(edge / _FADE_S)[:, None] * own
        share = np.interp(stop - begin, (_SHORTEST_S, _SURE_S), (0.0, 1.0))
        result[inside] += share * (calm - values[inside])
    return result


def _way(values: Array, first: int, last: int, fps: float, ends: NDArray[np.bool_]) -> Array:
    """(last - first + 1, k) a cubic between two frames, as fast as the values there; it waits at the motion's ends."""
    if ends.all():
        return np.broadcast_to(np.median(values, axis=0), (last - first + 1, values.shape[1]))
    start, stop = values[last if ends[0] else first], values[first if ends[1] else last]
    duration = last - first
    speeds = [
        np.zeros_like(start)
        if waits
        else duration * (values[min(i + 1, len(values) - 1)] - values[max(i - 1, 0)]) / 2
        for i, waits in zip((first, last), ends, strict=True)
    ]
    # No farther on than a third of a second at that speed would take it.
    most = min(1.0, fps / 3 / max(duration, 1))
    u = (np.arange(duration + 1) / duration)[:, None]
    leaves, arrives = u * (1 - u) ** 2, u**2 * (u - 1)
    return start + smoothstep(u) * (stop - start) + most * (leaves * speeds[0] + arrives * speeds[1])
