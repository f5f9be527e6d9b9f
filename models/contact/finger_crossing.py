# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbouring long fingers keep their order: one that does not play steps aside.

Flexion keeps a finger in the upright plane through its first joint, so seen from above the palm each long finger is a
straight line whose direction is its abduction. Two lines that stay apart as far as both fingers reach cannot touch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.body.pose import RestTensors

GAP = 0.012
"""Metres between the lines of neighbouring fingers, about a fingertip's width."""
_PAIRS = ((1, 2), (2, 3), (3, 4))
_SWEEPS = 3
_WILLING = 4.0  # a finger that may yield a quarter resolves the whole conflict with one that must not
_NEAREST = 0.02  # metres from the first joint: no finger ends nearer


def keep_fingers_from_crossing(
    abduction: Tensor, reach: Tensor, yielding: Tensor, rest: RestTensors
) -> Tensor:
    """Abductions at which neighbouring long fingers do not cross, wherever one of the two may yield.

    Args:
        abduction: (..., 2, 5) radians. reach: (..., 2, 5) how far each tip lies from its first joint, seen from above.
        yielding: (..., 2, 5) 0 for a finger that stays, 1 for one that gives way.
        rest: the hands' geometry.
    """
    side = abduction.new_tensor([-1.0, 1.0])
    across = side[:, None] * rest.finger_bases[..., 0]  # rising from index to little finger on both hands
    forward = rest.finger_bases[..., 1]
    slope = [side * abduction[..., finger].tan() for finger in range(5)]
    end = forward + reach * abduction.cos()
    lines = [_line(across, forward, finger) for finger in range(5)]
    for _ in range(_SWEEPS):
        for one, other in _PAIRS:
            level = torch.minimum(end[..., one], end[..., other])
            arms = [(level - lines[finger][1]).clamp_min(_NEAREST) for finger in (one, other)]
            gap = lines[other][0] + slope[other] * arms[1] - lines[one][0] - slope[one] * arms[0]
            lack = (GAP - gap).clamp_min(0)
            free = [yielding[..., finger] for finger in (one, other)]
            share = (_WILLING * torch.maximum(*free)).clamp_max(1) / (free[0] + free[1] + 1e-6)
            slope[one] = slope[one] - lack * share * free[0] / arms[0]
            slope[other] = slope[other] + lack * share * free[1] / arms[1]
    kept = [abduction[..., 0], *(side * slope[finger].atan() for finger in range(1, 5))]
    return torch.stack(kept, -1)


def _line(across: Tensor, forward: Tensor, finger: int) -> tuple[Tensor, Tensor]:
    return across[:, finger], forward[:, finger]
