# SPDX-License-Identifier: GPL-3.0-or-later
"""The rest skeleton of both hands, read from ``hands.json`` (docs/definitions.md).

``hands.json`` is the one place for rest data; Blender's side reads the same file by path. Its keys:

- ``joints``: 16 joint names in the order of the data set; ``bones``: joint name to bone name without suffix;
  ``bone_suffixes``: the suffix of the left and of the right hand.
- ``rest_wrist``: the right wrist joint at rest; ``wrist``: rest axes and length of the wrist bone.
- ``fingers``: for each finger the first joint's offset from the wrist (``base``), the rest axes that all three
  bones of the straight chain share (``y_axis`` along the bone, ``z_axis`` the way +X flexion moves the tip),
  the bones' ``lengths`` and the flesh ``radii`` at the three joints and the tip.
- ``limits``: radians, ``[low, high]`` of X, Y, Z of the wrist and of each bone of a finger and of the thumb;
  they are those of the right hand, the left has ``(x, -y, -z)``.
- ``keyboard``: key geometry, see ``models.body.keyboard``.
- ``player``: the names and ranges of the style values and what a step of hand size is, see ``models.body.player``.

Everything is in metres and piano axes for the right hand; the left hand is the mirror image ``x -> -x``, for
which the mirrored bone frame is ``M B diag(-1, 1, 1)``: flexion stays +X on both hands.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

REST_DATA_PATH = Path(__file__).parents[1] / "hands.json"
REST_DATA = json.loads(REST_DATA_PATH.read_text(encoding="utf-8"))

LEFT, RIGHT = 0, 1
HANDS = ("left", "right")
JOINTS: tuple[str, ...] = tuple(REST_DATA["joints"])
FINGERS: tuple[str, ...] = tuple(REST_DATA["finger_order"])
FINGER_JOINTS = np.array([[JOINTS.index(f"{finger}{i}") for i in (1, 2, 3)] for finger in FINGERS])  # (5, 3)

_MIRROR = np.array([-1.0, 1.0, 1.0])


def _frame(axes: dict) -> np.ndarray:
    """Bone frame with columns X, Y, Z in piano axes, right hand."""
    y, z = np.array(axes["y_axis"]), np.array(axes["z_axis"])
    return np.stack([np.cross(y, z), y, z], axis=1)


def _both(right: np.ndarray) -> np.ndarray:
    """Stack a right-hand vector array ``(..., 3)`` behind its mirror image: ``(2, ..., 3)``."""
    return np.stack([right * _MIRROR, right])


def _both_frames(right: np.ndarray) -> np.ndarray:
    """Stack right-hand frames ``(..., 3, 3)`` behind their mirror images ``M B diag(-1, 1, 1)``."""
    return np.stack([_MIRROR[:, None] * right * _MIRROR[None, :], right])


def _limits() -> np.ndarray:
    table = np.zeros((16, 3, 2))
    table[0] = REST_DATA["limits"]["wrist"]
    for finger, joints in zip(FINGERS, FINGER_JOINTS, strict=True):
        table[joints] = REST_DATA["limits"]["thumb" if finger == "thumb" else "finger"]
    return table


_fingers = [REST_DATA["fingers"][finger] for finger in FINGERS]

REST_WRIST = _both(np.array(REST_DATA["rest_wrist"]))  # (2, 3) metres
WRIST_FRAMES = _both_frames(_frame(REST_DATA["wrist"]))  # (2, 3, 3)
FINGER_BASES = _both(np.array([finger["base"] for finger in _fingers]))  # (2, 5, 3) metres from the wrist
FINGER_FRAMES = _both_frames(np.stack([_frame(finger) for finger in _fingers]))  # (2, 5, 3, 3)
BONE_LENGTHS = np.array([finger["lengths"] for finger in _fingers])  # (5, 3) metres
BONE_RADII = np.array([finger["radii"] for finger in _fingers])  # (5, 4) metres
LIMITS = _limits()  # (16, 3, 2) radians, right hand
HAND_LIMITS = np.stack([LIMITS, LIMITS])  # (2, 16, 3, 2) radians
HAND_LIMITS[LEFT, :, 1:] = -LIMITS[:, 1:, ::-1]
