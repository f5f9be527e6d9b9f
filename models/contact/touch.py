# SPDX-License-Identifier: GPL-3.0-or-later
"""How loud, fast and long fingers touch keys: what two performances on a computer grand show of strokes and releases.

Key positions were taken 500 times a second (1,754 notes, MIDI velocities 25 to 84). A key's depth goes with the p-th
power of time from 4 % of its way to the bottom; it is fastest at the bottom, and the louder the faster:

    peak speed = 0.047 exp(0.0341 V) m/s        from 4 % of the way to the bottom = 287 exp(-0.0253 V) ms

for velocity V, rank correlations 0.90 and -0.92. How a key comes up again has nothing to do with its loudness: from
85 % to 10 % of the way it takes 76, 126 and 208 ms (quartiles). Lifts before strokes rise with tempo and loudness.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.floating[Any]]

FASTEST = 1.0
"""Metres a second; keys of grand pianos seldom go faster, even in forte."""
SHORTEST_TRAVEL_S = 0.02
START = 0.04
"""Share of the dip at which a stroke begins; until then the finger takes the key up."""
TAKE_UP = 0.35
"""Time of that, in shares of the stroke."""
SETTLED = 0.94
"""Share of the dip at which a held key rests, after the felt has given way."""
STRUCK_VELOCITY = 85.0
"""Louder keys are struck from above, others pressed by a finger that touches them."""
STRUCK_POWER = 1.3
RELEASE_FROM, RELEASE_TO = 0.85, 0.10
"""Shares of the dip between which a release is timed; it is half way at its middle."""
_SHARES = (0.0, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 1.0)
_RELEASES_S = (0.045, 0.054, 0.060, 0.076, 0.126, 0.208, 0.352, 0.507, 0.600)
"""Of these shares of all notes the key comes up so fast or faster, seconds."""
_HELD = ((0.1, 0.3, 1.0), (0.85, 1.3, 1.6))
"""Seconds that a key is held, and how much slower than usual it comes up then (measured up to 0.8 s)."""
_TONES_S, _LIFTS = (0.12, 0.70), (0.015, 0.005)
"""Time from tone to tone, and the lift above the key that goes with it, metres."""
_LOUDNESS, _LIFT_FACTORS = (30.0, 64.0, 100.0), (0.7, 1.0, 1.6)
_LIFT_SPREAD = 0.35
"""Deviation of the lift's logarithm from note to note."""
_HIGHEST = 0.024
"""Metres above its key that a finger is lifted at most."""
_BOTTOM = ((30.0, 75.0), (0.985, 1.03))
"""Velocities, and shares of the dip that a stroke goes to before the key settles."""


def peak_speed(velocity: Numbers) -> Array:
    """Metres a second that a key of MIDI velocity 0 to 127 is fastest at."""
    return np.minimum(0.0470 * np.exp(0.0341 * np.asarray(velocity, float)), FASTEST)


def travel_s(velocity: Numbers) -> Array:
    """Seconds from 4 % of its way to its bottom."""
    return np.maximum(0.287 * np.exp(-0.0253 * np.asarray(velocity, float)), SHORTEST_TRAVEL_S)


def bottom(velocity: Numbers) -> Array:
    """Share of the dip that a stroke goes to."""
    return np.interp(np.asarray(velocity, float), *_BOTTOM)


def bottom_lag_s(velocity: Numbers, dip: Numbers) -> Array:
    """Seconds from when a note sounds, at three quarters of the ``dip`` (metres), to the bottom of its key."""
    return 0.25 * dip / peak_speed(velocity)


def rise_s(draw: Numbers, hold_s: Numbers) -> Array:
    """Seconds from 85 % to 10 % of the dip on the way up, for numbers between 0 and 1 and how long a key is held."""
    return np.interp(np.asarray(draw, float), _SHARES, _RELEASES_S) * np.interp(hold_s, *_HELD)


def lift(tone_s: Numbers, velocity: Numbers, draw: Numbers) -> Array:
    """Metres above its key that a finger is lifted before a stroke.

    Args:
        tone_s: seconds from the hand's tone before to this one. velocity: MIDI. draw: numbers between 0 and 1.
    """
    height = np.interp(np.asarray(tone_s, float), _TONES_S, _LIFTS)
    height *= np.interp(np.asarray(velocity, float), _LOUDNESS, _LIFT_FACTORS)
    # Of a number that is even between 0 and 1, a logistic one of unit deviation: near enough to normal.
    even = np.clip(np.asarray(draw, float), 0.01, 0.99)
    return np.minimum(height * np.exp(_LIFT_SPREAD * 0.55 * np.log(even / (1 - even))), _HIGHEST)


def draws(onset_s: Numbers, pitch: NDArray[Any], stream: int) -> Array:
    """A number between 0 and 1 for each note, always the same for the same note.

    What is redone, or worked on in other stretches of time, so keeps its touch.
    """
    place = np.round(np.asarray(onset_s, float) * 1e4).astype(np.uint64)
    mixed = (
        (place << np.uint64(12)) ^ (np.asarray(pitch).astype(np.uint64) << np.uint64(4)) ^ np.uint64(stream)
    )
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
