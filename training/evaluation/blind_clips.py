# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips of stick figures for the blind page: of real pianists' paths and of takes.

Numbers of a clip are 16-bit whole numbers, tenths of a millimetre, frame by frame, the left hand's points first.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from models.body.kinematics import forward_kinematics
from models.body.skeleton import FINGER_JOINTS
from models.body.take import Take
from models.evaluation.scores import hand_size_of
from training.evaluation.judge_features import SMOOTH_FRAMES
from training.evaluation.paths import Paths
from training.synthesis.real_notes import REAL_FPS

PATHS, BONES = "paths", "bones"
"""Kinds of clips: wrists and fingertips from above; all bones and the forearm, with height."""
_THICK, _THIN = 7, 4
LINES = {
    PATHS: [(0, 1 + finger, _THIN) for finger in range(5)],
    BONES: [
        (0, 21, 2 * _THICK),
        *[
            (0 if bone == 0 else 4 * finger + bone, 4 * finger + bone + 1, _THIN if bone == 0 else _THICK)
            for finger in range(5)
            for bone in range(4)
        ],
    ],
}
"""Of each kind, the lines of a hand: point, point, width."""
DOTS = {PATHS: list(range(6)), BONES: [4 * finger + 4 for finger in range(5)]}
"""Of each kind, the points that are dots."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Some seconds of two hands."""

    kind: str
    points: NDArray[np.float64]
    """(F, 2, points, 2 or 3) metres in the piano frame. Of `PATHS` a hand's points are the wrist and the fingertips; of
    `BONES` the wrist, the joints and the tip finger by finger, and the elbow."""
    fps: float

    def part(self, start_s: float, seconds: float) -> Clip:
        """Some seconds of it."""
        first = round(start_s * self.fps)
        return Clip(self.kind, self.points[first : first + round(seconds * self.fps) + 1], self.fps)

    def packed(self) -> dict[str, Any]:
        """As the page reads it."""
        whole = np.clip(np.rint(self.points * 10_000), -32768, 32767).astype("<i2")
        return {
            "kind": self.kind,
            "fps": self.fps,
            "frames": len(self.points),
            "dims": self.points.shape[-1],
            "data": base64.b64encode(whole.tobytes()).decode(),
        }


def clip_of_paths(paths: Paths) -> Clip:
    """Wrists and fingertips, smoothed as the judge sees them: the tracker's steps shall not give real hands away."""
    points = np.concatenate([paths.wrist[:, :, None], paths.tips], 2)
    return Clip(PATHS, gaussian_filter1d(points, SMOOTH_FRAMES, axis=0, mode="nearest"), REAL_FPS)


def clip_of_take(take: Take) -> Clip:
    """All bones of a take, with forearms."""
    joints = forward_kinematics(take.motion.euler, take.motion.wrist, hand_size_of(take), take.geometry)
    fingers = np.concatenate([joints.position[:, :, FINGER_JOINTS], joints.tips[:, :, :, None]], 3)
    frames = take.motion.frames
    ends = (joints.position[:, :, :1], fingers.reshape(frames, 2, 20, 3), take.arms.elbow[:, :, None])
    return Clip(BONES, np.concatenate(ends, 2).astype(np.float64), take.motion.fps)
