# SPDX-License-Identifier: GPL-3.0-or-later
"""A take between its frames, as Blender shows it: angles and wrists go straight from frame to frame.

Blender has one linear key a frame on every angle and place, so what moves between two frames is worked out from angles
in between, not from fingertips in between. Axis letters: F frames, E moments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.arms import Arms, wrist_bend
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.skeleton import FINGER_JOINTS, STANDARD_HANDS, HandGeometry

LEAST_RATE = 240.0
"""Moments a second."""
_BLOCK = 64
"""Frames whose moments are posed together; bounds memory."""
_KNUCKLES = FINGER_JOINTS[1:, 0]


@dataclass(frozen=True, eq=False)
class FineMotion:
    """Moment i is second i / ``rate``; every frame of the take is a moment, the first and the last included."""

    rate: float
    """Moments a second, a whole multiple of the take's frame rate, `LEAST_RATE` or more."""
    tips: NDArray[np.float32]
    """(E, 2, 5, 3) contact points, metres."""
    wrist: NDArray[np.float32]
    """(E, 2, 3) metres."""
    knuckles: NDArray[np.float32]
    """(E, 2) mean height of the first joints of the four fingers, metres."""
    bend: NDArray[np.float32] | None
    """(E, 2) how far each hand hangs from its forearm, radians (`wrist_bend`); None where arms were not asked for."""

    def __len__(self) -> int:
        """Number of moments."""
        return len(self.tips)


def fine_motion(
    motion: Motion,
    hand_size: float = 1.0,
    arms: Arms | None = None,
    geometry: HandGeometry = STANDARD_HANDS,
) -> FineMotion:
    """The motion at `LEAST_RATE` or the next multiple of its rate; with arms, how wrists bend against them."""
    rate, count = moments(motion)
    fine = FineMotion(
        rate,
        np.zeros((count, 2, 5, 3), np.float32),
        np.zeros((count, 2, 3), np.float32),
        np.zeros((count, 2), np.float32),
        None if arms is None else np.zeros((count, 2), np.float32),
    )
    begin = 0
    for part in fine_blocks(motion, hand_size, arms, geometry):
        block = slice(begin, begin + len(part))
        fine.tips[block], fine.wrist[block], fine.knuckles[block] = part.tips, part.wrist, part.knuckles
        if fine.bend is not None and part.bend is not None:
            fine.bend[block] = part.bend
        begin += len(part)
    return fine


def moments(motion: Motion) -> tuple[float, int]:
    """Moments a second and their number."""
    steps = _steps(motion)
    return motion.fps * steps, (motion.frames - 1) * steps + 1 if motion.frames else 0


def fine_blocks(
    motion: Motion,
    hand_size: float = 1.0,
    arms: Arms | None = None,
    geometry: HandGeometry = STANDARD_HANDS,
) -> Iterator[FineMotion]:
    """`fine_motion` in blocks that follow each other, for those who need not keep it."""
    steps = _steps(motion)
    there = _long_fingers(geometry)
    for begin in range(0, motion.frames, _BLOCK):
        euler, wrist = (_between(part, begin, steps) for part in (motion.euler, motion.wrist))
        joints = forward_kinematics(euler, wrist, hand_size, geometry)
        bend = None
        if arms is not None:
            own = Arms(*(_between(part, begin, steps) for part in (arms.elbow, arms.shoulder)))
            bend = wrist_bend(Motion(euler, wrist, motion.fps * steps), own)[..., 0].astype(np.float32)
        knuckles = joints.position[..., _KNUCKLES, 2].mean(-1, where=there)
        yield FineMotion(motion.fps * steps, joints.tips, wrist, knuckles, bend)


def _long_fingers(geometry: HandGeometry) -> NDArray[np.bool_]:
    """(2, 4) those that each hand has; all where it has none."""
    there = geometry.present[:, 1:]
    return there | ~there.any(1, keepdims=True)


def _steps(motion: Motion) -> int:
    return max(ceil(LEAST_RATE / motion.fps - 1e-6), 1)


def _between(values: NDArray[np.floating[Any]], begin: int, steps: int) -> NDArray[np.float32]:
    """The moments of `_BLOCK` frames of values (F, ...) from ``begin`` on; of the last frame there is only itself."""
    part = np.asarray(values[begin : begin + _BLOCK + 1], np.float32)
    if len(part) == 1:
        return part
    share = (np.arange(steps, dtype=np.float32) / steps).reshape(1, -1, *[1] * (part.ndim - 1))
    moments = np.asarray(part[:-1, None] * (1 - share) + part[1:, None] * share, np.float32)
    moments = moments.reshape(-1, *part.shape[1:])
    return moments if len(part) > _BLOCK else np.concatenate([moments, part[-1:]])
