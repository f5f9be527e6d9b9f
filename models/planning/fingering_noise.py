# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeded taste: noise on finger choices that is the same wherever the note is met.

The noise of a note depends on the seed, the hand, the onset and the key alone, so that redoing some bars never
changes what was drawn for others. It is smooth in time: for a second or two a player likes some fingers more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CELL_S = 1.0
"""Seconds between two independent draws; between them the noise is interpolated."""
FINGERS = 5


def hashed_uniform(*keys: NDArray[np.integer[Any]] | int) -> NDArray[np.float64]:
    """Numbers in (0, 1) that depend on whole-number keys only (broadcast; the finaliser of splitmix64 on each)."""
    state = np.zeros(np.broadcast_shapes(*(np.shape(key) for key in keys)), np.uint64)
    with np.errstate(over="ignore"):
        for key in keys:
            state = state + np.asarray(key, np.int64).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return (np.asarray(state >> np.uint64(11), np.float64) + 0.5) / 2.0**53


def finger_noise(
    onsets: NDArray[np.floating[Any]], pitches: NDArray[np.floating[Any]], hand: int, seed: int
) -> NDArray[np.float64]:
    """(n, 5) Gumbel noise of mean 0 for each note and finger, half of it per key and half shared by all keys.

    Args:
        onsets: (n,) seconds. pitches: (n,) MIDI. hand: 0 left, 1 right.
    """
    place = np.asarray(onsets, float)[:, None] / CELL_S
    cell = np.floor(place).astype(np.int64)
    part = place - cell
    finger = np.arange(FINGERS)[None, :]
    keys = np.asarray(pitches, int)[:, None]

    def gumbel(at: NDArray[np.int64], key: NDArray[np.int64] | int) -> NDArray[np.float64]:
        return -np.log(-np.log(hashed_uniform(seed, hand, at, key, finger))) - np.euler_gamma

    per_key = (1 - part) * gumbel(cell, keys) + part * gumbel(cell + 1, keys)
    shared = (1 - part) * gumbel(cell, -1) + part * gumbel(cell + 1, -1)
    return 0.5 * (per_key + shared)
