# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands with the built-in bones as the generator's hand geometry (docs/formats.md). No bpy.

Takes turn these bones from their own rest, so their axes are those of the bones, not those of a flat open hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..skeleton import FINGER_JOINTS, FINGERS, HANDS, rest_bones
from .axes import STANDARD_RADII
from .geometry import file_of, finger_object
from .same_hands import SAME_AXIS

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class JointsAtRest:
    """One hand with the built-in bones at rest, metres in the piano frame."""

    heads: Array
    """(16, 3) the joints, wrist first."""
    tips: Array
    """(5, 3) contact points."""
    frames: Array
    """(16, 3, 3) axes of the bones as columns."""


def standard_geometry(size: float) -> dict[str, Any]:
    """The hands that this version adds, so many times as large."""
    hands = []
    for hand in range(len(HANDS)):
        bones = rest_bones(hand, size)
        tips = np.array([bones[joint].tail for joint in FINGER_JOINTS[:, 2]])
        hands.append(
            JointsAtRest(np.array([b.head for b in bones]), tips, np.array([b.frame for b in bones]))
        )
    found = own_geometry(hands, size, "")
    assert found is not None, "the built-in fingers are straight at rest"
    return found


def own_geometry(hands: Iterable[JointsAtRest], size: float, name: str) -> dict[str, Any] | None:
    """The geometry of both hands, whose fingers are as thick as those of built-in hands of this size.

    None where a finger is not straight at rest: the generator's fingers are. Raises UserError for hands too large or
    small to play.
    """
    fingers = []
    for hand, joints in enumerate(hands):
        own: dict[str, Any] = {}
        for finger, chain in enumerate(FINGER_JOINTS):
            axes = joints.frames[chain[0]]
            steps = np.diff(np.vstack([joints.heads[chain], joints.tips[finger]]), axis=0)
            lengths = np.linalg.norm(steps, axis=1)
            along = steps / np.maximum(lengths, 1e-9)[:, None]
            bent = max(np.abs(joints.frames[chain] - axes).max(), np.abs(along - axes[:, 1]).max())
            if bent > SAME_AXIS:
                return None
            base = joints.heads[chain[0]] - joints.heads[0]
            own[FINGERS[finger]] = finger_object(
                hand, finger, base=base, axes=axes, lengths=lengths, radii=size * STANDARD_RADII[finger]
            )
        fingers.append(own)
    return file_of(fingers, name)
