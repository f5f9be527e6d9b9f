# SPDX-License-Identifier: GPL-3.0-or-later
"""Comfortable fingers: the wrist keeps such a distance from the keys that playing fingers stay arched.

A finger that plays too near the hand is drawn up like a claw, one that plays too far is stretched flat, one that
plays far to the side has no room left to follow its key. Within its comfortable range a finger asks for nothing.
Thumbs that wait are not hooked up in the air.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.body.pose import Pose
from models.body.skeleton import ABDUCTION, FLEXION, MIDDLE

# Flexion of the middle joint, radians, thumb to little finger.
_LEAST = np.array([-0.05, 0.40, 0.42, 0.40, 0.40], np.float32)
_MOST = np.array([0.55, 1.10, 1.15, 1.10, 0.95], np.float32)
_SPREAD = 0.30  # abduction to either side, radians
_METRES_PER_RADIAN = (
    0.022  # how fast a finger's reach falls as its middle joint flexes, near the relaxed arch
)
_REACH = 0.08  # from the first joint to the tip of an arched finger, metres
_FARTHEST = 0.012
# A little before `models.evaluation.posture_metrics` counts a thumb as hooked.
_HOOKED_ROOT, _HOOKED_MIDDLE = np.radians((-10.0, 40.0))


def posture_costs(pose: Pose) -> NDArray[np.float32]:
    """Displacements (F, 2, 5, 3) of the wrist that would bring each finger back into its comfortable range, metres."""
    flexion = pose.fingers[..., MIDDLE].numpy()
    excess = np.maximum(flexion - _MOST, 0) - np.maximum(_LEAST - flexion, 0)
    back = np.clip(excess * _METRES_PER_RADIAN * pose.size, -_FARTHEST, _FARTHEST)
    spread = pose.fingers[..., ABDUCTION].numpy()
    past = (spread - np.clip(spread, -_SPREAD, _SPREAD)) * _REACH * pose.size
    aside = np.clip(past, -_FARTHEST, _FARTHEST)
    # In the finger's own frame, seen from above: back along the finger, and to the side that it is spread to.
    sine, cosine = np.sin(spread), np.cos(spread)
    wanted = np.stack([back * sine - aside * cosine, -back * cosine - aside * sine, 0 * back], -1)
    to_hand = pose.rest.finger_frames.numpy().swapaxes(-1, -2)
    wanted = (wanted[..., None, :] @ to_hand)[..., 0, :] @ pose.rotation.numpy().swapaxes(-1, -2)
    wanted[..., 2] = 0  # to and fro over the keys; heights are the strokes' own
    return wanted


def unhooked(fingers: Tensor) -> Tensor:
    """The fingers (..., 2, 5, 4), their thumbs stretched as far as they are hooked up in the air.

    Hooked: the root raised, the middle bent.
    """
    raised = (_HOOKED_ROOT - fingers[..., 0, FLEXION]).clamp_min(0)
    bent = (fingers[..., 0, MIDDLE] - _HOOKED_MIDDLE).clamp_min(0)
    stretched = fingers.clone()
    stretched[..., 0, MIDDLE] -= torch.minimum(raised, bent)
    return stretched
