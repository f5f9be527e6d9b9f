# SPDX-License-Identifier: GPL-3.0-or-later
"""A motion of one pair of hands for another: the fingertips stay where they were over the keys.

Networks know the standard hands, of some size, and nobody else's. What they make is carried over before contact is
solved: each hand turns as it lies over the keys (`lie`), its wrist goes as far as the middle of its fingertips is off,
then the fingers bend for the rest. The same way back, what is kept of a take is told to the networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.body.bones import BLOCK_FRAMES
from models.body.motion import Motion
from models.body.skeleton import STANDARD_HANDS, HandGeometry
from models.contact.hand_points import find_points
from models.contact.lie import lie_of
from models.contact.reaching import reached
from models.contact.variables import FINGER_VARIABLES, PLACE, TURN, Array, Variables


@dataclass(frozen=True)
class ShownHands:
    """Hands of a size; equal to others of the same geometry and size."""

    geometry: HandGeometry = STANDARD_HANDS
    size: float = 1.0

    def tips(self, variables: Variables) -> Array:
        """(3, 2, 5, F) fingertips, metres."""
        return find_points(variables, self.geometry, self.size).tips


def refitted(motion: Motion, own: ShownHands, to: ShownHands) -> Motion:
    """The motion of the hands ``own`` as one of the hands ``to``, with the same fingertips as near as those get."""
    shared = (own.geometry.present & to.geometry.present).astype(float)
    # The thumb is what hands differ in most; the long fingers say where the hand is.
    shared[:, 0] *= ~shared[:, 1:].any(1)
    shared = (shared / shared.sum(1, keepdims=True))[None, :, :, None]
    turned = (lie_of(to.geometry) - lie_of(own.geometry))[..., None]
    euler, wrist = np.empty_like(motion.euler), np.empty_like(motion.wrist)
    for start in range(0, motion.frames, BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        part = Motion(motion.euler[block], motion.wrist[block], motion.fps)
        wanted = own.tips(Variables.of_motion(part, own.geometry))
        moved = Variables.of_motion(part, to.geometry)
        values = moved.values.copy()
        values[:, TURN.start : TURN.start + 2] += turned
        moved = moved.with_values(values.copy())
        values[:, PLACE] += ((wanted - to.tips(moved)) * shared).sum(2).transpose(1, 0, 2)
        free = np.ones((part.frames, 2), bool)
        found = reached(moved.with_values(values), wanted, free, to.geometry, to.size)
        # A finger that one of the two hands does not have stays as it is.
        both = np.repeat(own.geometry.present & to.geometry.present, 3, 1)[..., None]
        fingers = np.where(both, found.values[:, :FINGER_VARIABLES], values[:, :FINGER_VARIABLES])
        values[:, :FINGER_VARIABLES] = fingers
        done = found.with_values(values).to_motion(motion.fps)
        euler[block], wrist[block] = done.euler, done.wrist
    return Motion(euler, wrist, motion.fps)
