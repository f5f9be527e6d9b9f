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
- ``arm``: bone names of the arm, and where the inner end of the collarbone, the shoulder and the elbow are at rest.
- ``keyboard``: key geometry, see ``models.body.keyboard``.
- ``player``: the names and ranges of the style values and what a step of hand size is, see ``models.body.player``.

Everything is in metres and piano axes for the right hand; the left hand is the mirror image ``x -> -x``, for
which the mirrored bone frame is ``M B diag(-1, 1, 1)``: flexion stays +X on both hands.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.arm_geometry import ArmGeometry

REST_DATA_PATH = Path(__file__).parents[1] / "hands.json"
REST_DATA = json.loads(REST_DATA_PATH.read_text(encoding="utf-8"))

LEFT, RIGHT = 0, 1
HANDS = ("left", "right")
JOINTS: tuple[str, ...] = tuple(REST_DATA["joints"])
FINGERS: tuple[str, ...] = tuple(REST_DATA["finger_order"])
FINGER_JOINTS = np.array([[JOINTS.index(f"{finger}{i}") for i in (1, 2, 3)] for finger in FINGERS])  # (5, 3)
FLEXION, MIDDLE, LAST, ABDUCTION = range(4)
"""The four angles of a finger: its first joint flexes and spreads, the middle and the last one flex."""

_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class HandGeometry:
    """The shape of a pair of hands: all that kinematics and contact know of a body.

    Hand 0 is left, 1 is right; fingers from thumb to little finger. Metres at hand size 1, radians.
    """

    wrist_frames: NDArray[np.float64]
    """(2, 3, 3) the wrist bone's axes X, Y, Z at rest, as columns in piano axes."""
    finger_bases: NDArray[np.float64]
    """(2, 5, 3) from the wrist to the first joint of each finger at rest."""
    finger_frames: NDArray[np.float64]
    """(2, 5, 3, 3) the axes of each finger's straight chain at rest, as columns in piano axes."""
    lengths: NDArray[np.float64]
    """(2, 5, 3) of the bones, from the palm to the tip."""
    radii: NDArray[np.float64]
    """(2, 5, 4) of the flesh at the three joints and at the tip."""
    limits: NDArray[np.float64]
    """(2, 16, 3, 2) lowest and highest X, Y, Z of each joint; a joint that a body does not have is locked, 0 to 0."""
    present: NDArray[np.bool_] = field(default_factory=lambda: np.ones((2, 5), bool))
    """(2, 5) whether the body has this finger. One that it has not is a stub behind the wrist, and never plays."""

    def __post_init__(self) -> None:
        shapes = {
            "wrist_frames": (2, 3, 3),
            "finger_bases": (2, 5, 3),
            "finger_frames": (2, 5, 3, 3),
            "lengths": (2, 5, 3),
            "radii": (2, 5, 4),
            "limits": (2, 16, 3, 2),
            "present": (2, 5),
        }
        for name, shape in shapes.items():
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(f"{name} of the hands has the shape {found}; it must be {shape}")

    @classmethod
    def of_rest_data(cls, data: dict[str, Any]) -> HandGeometry:
        """The hands of a file like ``hands.json``, which describes the right one; the left one is its mirror image."""
        fingers = [data["fingers"][finger] for finger in FINGERS]
        lengths, radii = (np.array([finger[key] for finger in fingers]) for key in ("lengths", "radii"))
        limits = _right_limits(data["limits"])
        mirrored = limits.copy()
        mirrored[:, 1:] = -limits[:, 1:, ::-1]
        return cls(
            wrist_frames=_both_frames(_frame(data["wrist"])),
            finger_bases=_both(np.array([finger["base"] for finger in fingers])),
            finger_frames=_both_frames(np.stack([_frame(finger) for finger in fingers])),
            lengths=np.stack([lengths, lengths]),
            radii=np.stack([radii, radii]),
            limits=np.stack([mirrored, limits]),
        )

    @property
    def finger_limits(self) -> NDArray[np.float64]:
        """(2, 5, 4, 2) lowest and highest of the four angles of each finger."""
        joints = self.limits[:, FINGER_JOINTS]  # (2, 5, 3, 3, 2)
        return joints[:, :, [0, 1, 2, 0], [0, 0, 0, 2]]

    @cached_property
    def locked(self) -> NDArray[np.bool_]:
        """(2, 5, 3) joints of fingers that cannot move."""
        return (self.limits[:, FINGER_JOINTS] == 0).all((-2, -1))

    @cached_property
    def proportion(self) -> float:
        """How long these hands are, as a factor on the standard ones: of the long fingers, from wrist to tip."""
        long = self.present.copy()
        long[:, 0] = False
        own, usual = (
            np.linalg.norm(hands.finger_bases, axis=-1) + hands.lengths.sum(-1)
            for hands in (self, STANDARD_HANDS)
        )
        return float((own / usual)[long if long.any() else self.present].mean())

    @cached_property
    def knuckles(self) -> NDArray[np.float64]:
        """(2, 3) the middle of the long fingers' first joints, from the wrist at rest.

        Where a hand has no long fingers, that of the standard hands.
        """
        middles = [
            bases[there].mean(0) if there.any() else usual.mean(0)
            for bases, usual, there in zip(
                self.finger_bases[:, 1:], STANDARD_HANDS.finger_bases[:, 1:], self.present[:, 1:], strict=True
            )
        ]
        return np.array(middles)


def _frame(axes: dict[str, Any]) -> NDArray[np.float64]:
    """Bone frame with columns X, Y, Z in piano axes, right hand."""
    y, z = np.array(axes["y_axis"]), np.array(axes["z_axis"])
    return np.stack([np.cross(y, z), y, z], axis=1)


def _both(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stack a right-hand vector array ``(..., 3)`` behind its mirror image: ``(2, ..., 3)``."""
    return np.stack([right * _MIRROR, right])


def _both_frames(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stack right-hand frames ``(..., 3, 3)`` behind their mirror images ``M B diag(-1, 1, 1)``."""
    return np.stack([_MIRROR[:, None] * right * _MIRROR[None, :], right])


def _right_limits(limits: dict[str, Any]) -> NDArray[np.float64]:
    """(16, 3, 2) radians, right hand."""
    table = np.zeros((16, 3, 2))
    table[0] = limits["wrist"]
    for finger, joints in zip(FINGERS, FINGER_JOINTS, strict=True):
        table[joints] = limits["thumb" if finger == "thumb" else "finger"]
    return table


REST_WRIST = _both(np.array(REST_DATA["rest_wrist"]))  # (2, 3) metres
STANDARD_HANDS = HandGeometry.of_rest_data(REST_DATA)
"""The hands of the built-in rig, which models learn and contact works with."""
STANDARD_ARMS = ArmGeometry.of_rest_data(REST_DATA)
"""The arms of the built-in rig."""
