# SPDX-License-Identifier: GPL-3.0-or-later
"""Where stretches meet, or a redone range meets what is given, motions are faded into each other.

What lies halfway between two postures may tangle fingers though neither does: those few frames are taken apart again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.edit_mask import EditMask
from models.body.motion import Motion
from models.body.pose import Pose
from models.contact.collision_solver import solve_collisions
from models.contact.posture import Aims, tangles

_ATTEMPTS = 3
_URGENCY = 16.0
_AROUND_S = 1.0


def repair_seams(motion: Motion, edits: EditMask, hand_size: float) -> Motion:
    """The motion with tangled fingers taken apart where hands may change."""
    if not motion.frames:
        return motion
    whole = Pose.of_motion(motion, hand_size)
    bad = np.unique(tangles(whole, fixed=edits.fixed).frame)
    if not len(bad):
        return motion
    reach = round(_AROUND_S * motion.fps)
    near = np.zeros(motion.frames + 2 * reach, bool)
    for step in range(2 * reach + 1):
        near[bad + step] = True
    frames = np.flatnonzero(near[reach : reach + motion.frames])
    part, fixed = whole.at(frames), edits.fixed[frames]
    tips = part.points[..., 3, :]
    playing = _pressing(tips.numpy())
    aims = Aims(tips, playing.astype(np.float32), playing)
    for _ in range(_ATTEMPTS):
        part = solve_collisions(part, aims, motion.fps, fixed, 1.0, _URGENCY, help_missed=False, margin=0.0)
        if not len(tangles(part, fixed=fixed).frame):
            break
    out_euler, out_wrist = motion.euler.copy(), motion.wrist.copy()
    changed = edits.free[frames]
    for out, values in ((out_euler, part.euler), (out_wrist, part.wrist)):
        piece = out[frames]
        piece[changed] = values.numpy()[changed]
        out[frames] = piece
    return Motion(out_euler, out_wrist, motion.fps)


def _pressing(tips: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """(F, 2, 5) fingers whose contact points are as deep as a pressed key's."""
    key = keyboard.key_under(tips)
    surface = keyboard.key_surface(key + keyboard.LOWEST_PITCH)
    return (key >= 0) & (tips[..., 2] < surface - keyboard.PRESS_DEPTH)
