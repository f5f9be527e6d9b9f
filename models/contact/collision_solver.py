# SPDX-License-Identifier: GPL-3.0-or-later
"""The last correction: fingers and hands that still run through each other come apart, in a few frames at a time.

Around each frame in which bones are too near, all that is still free moves a little, by gradient descent on angles
and wrists (`models.contact.collision_descent`): the height and depth of a hand, abduction, the arch of a finger over
the same key, where on its key a finger lies.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from models.body.pose import Pose
from models.contact.collision_descent import Descent
from models.contact.posture import Aims, tangles

_AROUND_S = 0.3  # the correction fades in and out within this
_MARGIN = 0.0008
_MISSED = 0.003  # metres: a playing finger farther than this from its key gets help, too


def solve_collisions(
    pose: Pose,
    aims: Aims,
    fps: float,
    fixed: NDArray[np.bool_],
    strength: float,
    urgency: float = 1.0,
    help_missed: bool = True,
    margin: float = _MARGIN,
) -> Pose:
    """The pose (F frames) with its tangles undone as far as the joint limits and the aims allow.

    Args:
        fixed: (F, 2) what has to stay where it is (`EditMask.fixed`).
        strength: 0 to 1, how much of the correction is applied.
        urgency: factor on the weight of tangles against everything else.
        help_missed: also where playing fingers are off their keys without a tangle.
        margin: metres beyond their least distance at which bones call for help.
    """
    bad = np.zeros(len(pose), bool)
    bad[tangles(pose, margin, fixed).frame] = True
    if help_missed:
        missed = (pose.points[..., 3, :] - aims.points).norm(dim=-1).numpy() > _MISSED
        missed &= aims.firm > 0.9
        missed &= ~fixed[..., None]
        bad |= missed.any((1, 2))
    if not bad.any():
        return pose
    distance = distance_transform_edt(~bad)
    share = np.clip(1.5 * (1 - distance / max(_AROUND_S * fps, 2.0)), 0.0, 1.0)
    active = np.flatnonzero(share)
    fade = share[active] ** 2 * (3 - 2 * share[active])
    fading = np.repeat(fade[:, None], 2, 1)
    fading[fixed[active]] = 0.0
    descent = Descent(pose.at(active), aims.at(active), torch.from_numpy(fading), fps, urgency)
    return pose.replaced(active, descent.moved(descent.run(), strength))
