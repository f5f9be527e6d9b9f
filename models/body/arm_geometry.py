# SPDX-License-Identifier: GPL-3.0-or-later
"""A player's arms as data, and where an elbow can be between a shoulder and a wrist (docs/definitions.md).

This file lies in `models/body` and in `s2c_blender/core`, the same to the byte, beside `natural_arms.py`. It needs
numpy and nothing of either side. Both arms are worked out as right ones: the left is mirrored before and after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SIDES = np.array([[-1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
"""(2, 3) what mirrors each hand's vectors to the right side."""
REACH = (0.26, 0.34, 0.89, 0.957)
"""How far wrists are from their shoulders, from 0 for a folded arm to 1 for a straight one: nearest, comfortably near,
comfortably far and farthest."""
MOST_REACH = (0.2, 0.26, 0.957, 0.985)
"""The same for arms that are there already: within `REACH` they stay as they are."""
BACK_AND_DOWN = np.array([0.0, -0.6, -0.8])
"""Where elbows are from the line between shoulder and wrist; no wrist at a piano lies in this direction."""
OUTWARD, FORWARD = np.eye(3)[:2]
_LEAST_HANG = 0.05
"""Metres, at size 1, below the line from shoulder to wrist at which a wished elbow is held back."""


@dataclass(frozen=True, eq=False)
class ArmGeometry:
    """The arms of a player at rest: hand 0 is left, 1 is right; metres of a hand of size 1, piano axes."""

    collar: Array
    """(2, 3) inner ends of the collarbones."""
    shoulder: Array
    """(2, 3)"""
    elbow: Array
    """(2, 3)"""
    wrist: Array
    """(2, 3)"""
    wrist_frames: Array
    """(2, 3, 3) the wrist bone's axes X, Y, Z at rest, as columns."""

    def __post_init__(self) -> None:
        for name in ("collar", "shoulder", "elbow", "wrist", "wrist_frames"):
            shape = (2, 3, 3) if name == "wrist_frames" else (2, 3)
            found = getattr(self, name)
            if found.shape != shape or not np.isfinite(found).all():
                raise ValueError(
                    f"{name} of the arms has the shape {found.shape}; it must be {shape} and finite"
                )
        if min(self.upper_arm.min(), self.forearm.min()) <= 0:
            raise ValueError("upper arms and forearms must be longer than nothing")

    @classmethod
    def of_rest_data(cls, data: dict[str, Any]) -> ArmGeometry:
        """The arms of a file like ``hands.json``, which describes the right one."""
        arm, y, z = data["arm"], np.array(data["wrist"]["y_axis"]), np.array(data["wrist"]["z_axis"])
        frame = np.stack([np.cross(y, z), y, z], axis=1)
        points = (arm["collar"], arm["shoulder"], arm["elbow"], data["rest_wrist"])
        collar, shoulder, elbow, wrist = (np.array(point) * SIDES for point in points)
        return cls(collar, shoulder, elbow, wrist, mirrored(np.stack([frame, frame])))

    @property
    def upper_arm(self) -> Array:
        """(2,) lengths from shoulder to elbow."""
        return length(self.elbow - self.shoulder)

    @property
    def forearm(self) -> Array:
        """(2,) lengths from elbow to wrist."""
        return length(self.wrist - self.elbow)

    @property
    def frames(self) -> Array:
        """(2, 2, 3, 3) axes of each upper arm and forearm at rest, as columns.

        Y runs along the bone. X is the elbow's hinge, on both: a turn about +X bends the elbow.
        """
        along = np.stack([self.elbow - self.shoulder, self.wrist - self.elbow], 1) * SIDES[:, None]
        y = along / length(along)[..., None]
        x = np.cross(y[:, :1], y[:, 1:])
        x = np.broadcast_to(x / length(x)[..., None], y.shape)
        return mirrored(np.stack([x, y, np.cross(x, y)], -1))


def fit_arms(
    shoulder: ArrayLike, elbow: ArrayLike, wrist: ArrayLike, hand_size: float, geometry: ArmGeometry
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Arms (frames, 2, 3) whose bones have their lengths, as near to the given ones as that lets them.

    For what was blended or brought to another frame rate. A shoulder moves only where the wrist is out of its reach.
    """
    arms = RightArms(geometry, hand_size)
    there = np.asarray(wrist, float) * SIDES
    root = arms.within_reach(np.asarray(shoulder, float) * SIDES, there, MOST_REACH)
    bent = arms.elbow_near(np.asarray(elbow, float) * SIDES, root, there)
    return (root * SIDES).astype(np.float32), (bent * SIDES).astype(np.float32)


class RightArms:
    """Both arms at their size as right ones: rest points (2, 3), lengths (2,), wrists' axes (2, 3, 3)."""

    def __init__(self, geometry: ArmGeometry, hand_size: float) -> None:
        self.size = hand_size
        self.wrist = geometry.wrist * SIDES
        self.shoulder = self.wrist + hand_size * (geometry.shoulder * SIDES - self.wrist)
        self.elbow = self.wrist + hand_size * (geometry.elbow * SIDES - self.wrist)
        self.upper, self.fore = hand_size * geometry.upper_arm, hand_size * geometry.forearm
        self.wrist_frames = mirrored(geometry.wrist_frames)

    def reach(self, part: float) -> Array:
        """(2,) the distance from shoulder to wrist that is this part of the way from a folded arm to a straight one."""
        folded, straight = np.abs(self.upper - self.fore), self.upper + self.fore
        wanted: Array = folded + part * (straight - folded)
        return wanted

    @property
    def comfortable(self) -> Array:
        """(2,) the farthest wrist that a shoulder does not go after."""
        return self.reach(REACH[2])

    def within_reach(self, shoulder: Array, wrist: Array, parts: tuple[float, ...] = REACH) -> Array:
        """Shoulders (frames, 2, 3) moved toward or away from their wrists until the arms reach them."""
        way = wrist - shoulder
        distance = length(way)
        nearest, near, far, farthest = map(self.reach, parts)
        reached = _soft_limit(_soft_limit(distance, far, farthest), near, nearest)
        some = distance > 1e-9
        unit = np.where(some[..., None], way, FORWARD) / np.where(some, distance, 1.0)[..., None]
        moved: Array = np.where((reached == distance)[..., None], shoulder, wrist - reached[..., None] * unit)
        return moved

    def elbow_near(self, wished: Array, shoulder: Array, wrist: Array) -> Array:
        """Of all places (frames, 2, 3) where the elbow can be, the nearest to the wished one, below the arm's line."""
        way = wrist - shoulder
        distance = length(way)[..., None]
        along = way / distance
        upper, fore = self.upper[:, None], self.fore[:, None]
        foot = (distance**2 + upper**2 - fore**2) / (2 * distance)
        radius = np.sqrt(np.maximum(upper**2 - foot**2, 0))
        below = BACK_AND_DOWN - dot(along, BACK_AND_DOWN)[..., None] * along
        clear = length(below)[..., None]
        below = np.where(clear > 1e-6, below / np.maximum(clear, 1e-6), OUTWARD)
        outward = np.cross(below, along)
        middle = shoulder + foot * along
        down, out = dot(wished - middle, below), dot(wished - middle, outward)
        least = _LEAST_HANG * self.size  # wished above the line it stays below: elbows never flip
        down = np.where(down > least, down, least * np.exp(np.minimum(down / least - 1, 0)) + 1e-3 * least)
        share = radius / np.hypot(down, out)[..., None]
        elbow: Array = middle + share * (down[..., None] * below + out[..., None] * outward)
        return elbow


def _soft_limit(value: Array, start: Array, limit: Array) -> Array:
    """The value as it is up to `start`, from there on nearing `limit` without a kink; above or below."""
    room = limit - start
    beyond = (value - start) / room
    limited: Array = np.where(beyond > 0, start + room * np.tanh(np.maximum(beyond, 0)), value)
    return limited


def mirrored(frames: Array) -> Array:
    """Frames (2, ..., 3, 3) of both hands with the left one mirrored: flexion stays a turn about +X."""
    sides = SIDES.reshape(2, *[1] * (frames.ndim - 3), 3)
    other: Array = sides[..., :, None] * frames * sides[..., None, :]
    return other


def length(vectors: Array) -> Array:
    """(...) lengths of vectors (..., 3)."""
    root: Array = np.sqrt(dot(vectors, vectors))
    return root


def dot(one: Array, other: Array) -> Array:
    """(...) products of vectors (..., 3)."""
    total: Array = np.sum(one * other, axis=-1)
    return total
