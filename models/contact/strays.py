# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers that would press a key which is not theirs stay above it: better a note missed than a wrong one struck."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from models import keyboard
from models.contact.chain import hand_rotation, solve_chains, to_hand
from models.contact.posture import Posture
from models.contact.surface import CLEARANCE, height_under

_EASE_S = 0.05
_DEEP = keyboard.PRESS_DEPTH - 0.0005
"""Metres below a key's rest surface that a wrong finger may not reach: just less than pressed."""


def lift_strays(
    posture: Posture,
    pitch: NDArray[np.integer],
    size: float,
    fps: float,
    fixed: NDArray[np.bool_] | None,
    strength: float = 1.0,
) -> Posture:
    """The posture with fingers raised off keys that they do not play.

    Args:
        pitch: (F, 2, 5) the key that each finger plays, 0 for none.
        fixed: (F, 2) what has to stay where it is; None for none.
        strength: 0 to 1, how much of the rise is done.
    """
    tips = posture.bones(size)[..., 3, :].numpy()
    under = keyboard.key_under(tips) + keyboard.LOWEST_PITCH
    depth = keyboard.key_surface(under) - tips[..., 2]
    deep = (under >= keyboard.LOWEST_PITCH) & (depth > _DEEP)
    stray = deep & (under != pitch)
    if fixed is not None:
        stray &= ~fixed[..., None]
    if not stray.any():
        return posture
    half = max(round(_EASE_S * fps), 1)
    rightly = deep & ~stray
    # The rise is eased in and out in time, but no key that is rightly held is let go for it.
    rise = np.where(stray, height_under(tips) + CLEARANCE - tips[..., 2], 0.0)
    eased = gaussian_filter1d(maximum_filter1d(rise, 2 * half + 1, axis=0), half / 2, axis=0)
    eased = np.where(rightly, 0.0, np.maximum(rise, eased)) * strength
    if fixed is not None:
        eased[fixed] = 0.0
    moved = eased > 1e-6
    frames = np.flatnonzero(moved.any((1, 2)))
    part = posture.at(frames)
    targets = tips[frames] + eased[frames, ..., None] * np.array([0.0, 0.0, 1.0])
    local = to_hand(torch.from_numpy(targets.astype(np.float32)), hand_rotation(part.turn), part.place, size)
    risen = Posture.of(solve_chains(local, part.fingers), part.turn, part.place)
    chosen = torch.from_numpy(moved[frames])[..., None]
    return posture.replaced(frames, replace(part, angles=torch.where(chosen, risen.angles, part.angles)))
