# SPDX-License-Identifier: GPL-3.0-or-later
"""What stage 2 pretends to know already: random timesteps of each hand and random known frames.

One network learns every task that the generator sets it: a window from nothing, one that goes on from the
window before, a gap between two windows, one hand while the other is given, some bars to redo.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

KINDS = ("none", "prefix", "both_ends", "hand_given", "bars")
SHARES = (0.35, 0.12, 0.2, 0.18, 0.15)
"""How often each kind occurs."""
_OWN_TIMES = 0.3
"""Share of the windows in which the hands' timesteps are independent; sampling mostly runs them together."""


class Corruption(NamedTuple):
    """Timesteps [B, 2], 0 for a hand that is given whole, and known frames [B, 2, T, 1] bool."""

    t: Tensor
    known: Tensor


def random_corruption(
    rng: np.random.Generator,
    *,
    size: int,
    frames: int,
    steps: int,
    known_frames: bool = True,
    same_time: bool = False,
) -> Corruption:
    """Draw for `size` windows; timesteps 1 to `steps`, spread evenly over the batch for a less noisy loss.

    known_frames: off for a network that is never told any. same_time: one timestep for both hands of every window.
    """
    t = np.stack([_stratified(rng, size, steps) for _ in range(2)], 1)
    together = rng.random(size) >= _OWN_TIMES
    t[together | same_time, 1] = t[together | same_time, 0]
    known = np.zeros((size, 2, frames), bool)
    if not known_frames:
        return Corruption(torch.from_numpy(t), torch.from_numpy(known)[..., None])
    for i, kind in enumerate(rng.choice(KINDS, size, p=SHARES)):
        head, tail = rng.integers(1, max(frames // 4, 1) + 1, 2)
        if kind == "prefix":
            known[i, :, :head] = True
        elif kind == "both_ends":
            known[i, :, :head] = known[i, :, frames - tail :] = True
        elif kind == "bars":
            start, stop = np.sort(rng.integers(0, frames + 1, 2))
            hands = slice(None) if rng.random() < 0.5 else slice(*((0, 1) if rng.random() < 0.5 else (1, 2)))
            known[i, hands] = True
            known[i, hands, start:stop] = False
        elif kind == "hand_given":
            given = int(rng.integers(2))
            known[i, given] = True
            if rng.random() < 0.5:  # the other hand goes on from a window, or fills a gap between two
                known[i, 1 - given, :head] = True
                known[i, 1 - given, frames - tail :] = bool(rng.random() < 0.5)
    t[known.all(2)] = 0
    return Corruption(torch.from_numpy(t), torch.from_numpy(known)[..., None])


def _stratified(rng: np.random.Generator, size: int, steps: int) -> NDArray[Any]:
    levels = (rng.permutation(size) + rng.random(size)) / size
    return 1 + np.minimum((levels * steps).astype(np.int64), steps - 1)
