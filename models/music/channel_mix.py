# SPDX-License-Identifier: GPL-3.0-or-later
"""From many channels to two, without losing what is played.

One channel stays one and two stay two: what listens to a pair adds up their power, so that channels in opposite phase
do not cancel. Of more, each goes to its side, all but the first pair softer. So no two of a side are added up with
equal weight, and even there nothing cancels wholly. The channel of low effects has no music of its own and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SOFTER = np.sqrt(0.5)
"""Of a channel that is not of the first pair, in the centre or at the back (ITU-R BS.775)."""


def mix(names: Sequence[str]) -> NDArray[np.float32] | None:
    """Weights (channels, 2) that make two channels of those named as FFmpeg does; None where they stay as they are.

    A channel without a name goes left and right by turns.
    """
    if len(names) <= 2:
        return None
    weights = np.zeros((len(names), 2), np.float32)
    for i, name in enumerate(names):
        if name.startswith("LFE"):
            continue
        if name.endswith("C"):
            weights[i] = SOFTER
        else:
            side = "LR".index(name[-1]) if name[-1:] in ("L", "R") else i % 2
            weights[i, side] = 1.0 if i < 2 else SOFTER
    weights = weights if weights.any() else np.ones_like(weights)
    return weights / weights.sum(0)


def mono(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """One channel (n,) of one or two (n, channels): their mean, or half their difference where that cancels."""
    mixed: NDArray[np.float32] = samples.mean(1)
    if samples.shape[1] != 2:
        return mixed
    opposite = (samples[:, 0] - samples[:, 1]) / 2
    cancels = np.square(mixed).sum() * 100 < np.square(opposite).sum()
    return opposite if cancels else mixed
