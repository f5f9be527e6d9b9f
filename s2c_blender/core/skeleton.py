# SPDX-License-Identifier: GPL-3.0-or-later
"""The rest skeleton that Blender's side shares with the generator, read from ``hands.json``. No bpy.

Hand 0 is left, 1 is right. Metres and radians in the piano frame (docs/definitions.md); ``models/body/skeleton.py``
documents the keys of the file. Arrays: 2 hands, 16 joints (wrist first), 5 fingers (thumb first).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arm_geometry import ArmGeometry

Array = NDArray[np.float64]

DATA = json.loads((Path(__file__).resolve().parents[2] / "models" / "hands.json").read_text(encoding="utf-8"))

LEFT, RIGHT = 0, 1
HANDS = ("left", "right")
SUFFIXES: tuple[str, str] = tuple(DATA["bone_suffixes"])
JOINTS: tuple[str, ...] = tuple(DATA["joints"])
FINGERS: tuple[str, ...] = tuple(DATA["finger_order"])
ARM = ("shoulder", "upper_arm", "forearm")
"""The parts of an arm in the order of the chain; the hand follows."""
FINGER_JOINTS = np.array([[JOINTS.index(f"{finger}{i}") for i in (1, 2, 3)] for finger in FINGERS])  # (5, 3)
MIRROR = np.array([-1.0, 1.0, 1.0])
STANDARD_ARMS = ArmGeometry.of_rest_data(DATA)
"""The arms of the built-in rig."""
BONE_RADII = np.array(
    [DATA["fingers"][finger]["radii"] for finger in FINGERS]
)  # (5, 4) joints 1-3 and the tip


@dataclass(frozen=True)
class Bone:
    """One bone at rest, hand size 1."""

    name: str
    joint: int
    hand: int
    parent: int
    """Joint of the parent, -1 for the wrist (whose parent is the root bone)."""
    connected: bool
    """Whether the head is the parent's tail."""
    head: Array
    tail: Array
    frame: Array
    """(3, 3) columns X, Y, Z; Y from head to tail."""


@dataclass(frozen=True)
class ArmBone:
    """One bone of an arm at rest."""

    name: str
    part: str
    """One of `ARM`."""
    head: Array
    tail: Array
    """The head of the next bone of the chain; the forearm's is the wrist."""
    frame: Array
    """(3, 3) columns X, Y, Z; Y from head to tail."""


def _frame(axes: dict[str, Any]) -> Array:
    y, z = np.array(axes["y_axis"], float), np.array(axes["z_axis"], float)
    y /= np.linalg.norm(y)
    z -= y * (y @ z)
    z /= np.linalg.norm(z)
    return np.stack([np.cross(y, z), y, z], axis=1)


def rest_bones(hand: int, hand_size: float = 1.0) -> list[Bone]:
    """The 16 bones of a hand in the order of `JOINTS`; the wrist joint stays where it is for every hand size."""
    sign = MIRROR if hand == LEFT else np.ones(3)

    def mirrored(frame: Array) -> Array:
        result: Array = sign[:, None] * frame * np.array([sign[0], 1.0, 1.0])[None, :]
        return result

    wrist = np.array(DATA["rest_wrist"]) * sign
    frame = mirrored(_frame(DATA["wrist"]))
    tail = wrist + hand_size * DATA["wrist"]["length"] * frame[:, 1]
    bones = {0: Bone(DATA["bones"]["wrist"] + SUFFIXES[hand], 0, hand, -1, False, wrist, tail, frame)}
    for finger, joints in zip(FINGERS, FINGER_JOINTS, strict=True):
        data = DATA["fingers"][finger]
        frame = mirrored(_frame(data))
        head = wrist + hand_size * np.array(data["base"]) * sign
        for index, joint in enumerate(joints):
            tail = head + hand_size * data["lengths"][index] * frame[:, 1]
            name = DATA["bones"][JOINTS[joint]] + SUFFIXES[hand]
            parent = int(joints[index - 1]) if index else 0
            bones[int(joint)] = Bone(name, int(joint), hand, parent, index > 0, head, tail, frame)
            head = tail
    return [bones[joint] for joint in range(16)]


def arm_bones(hand: int, hand_size: float = 1.0) -> list[ArmBone]:
    """The arm of a hand at rest, in the order of `ARM`; its lengths grow with the hand, away from the rest wrist.

    +X bends the elbow: X of upper arm and forearm is the normal of the plane through shoulder, elbow and wrist. +X of
    the shoulder's bone lifts it.
    """
    data = DATA["arm"]
    sign = MIRROR if hand == LEFT else np.ones(3)
    wrist = np.array(DATA["rest_wrist"])
    places = [wrist + hand_size * (np.array(data[part]) - wrist) for part in ("collar", "shoulder", "elbow")]
    places.append(wrist)
    ways = np.diff(places, axis=0)
    hinge = np.cross(ways[1], ways[2])
    bones = []
    for index, part in enumerate(ARM):
        up = np.array([0.0, 0.0, 1.0]) if part == "shoulder" else np.cross(hinge, ways[index])
        frame = _frame({"y_axis": ways[index], "z_axis": up})
        frame = sign[:, None] * frame * np.array([sign[0], 1.0, 1.0])
        head, tail = places[index] * sign, places[index + 1] * sign
        bones.append(ArmBone(data["bones"][part] + SUFFIXES[hand], part, head, tail, frame))
    return bones


def euler_matrices(euler: ArrayLike) -> Array:
    """Matrices (..., 3, 3) of XYZ Euler angles (..., 3): Rz @ Ry @ Rx, as ``mathutils`` reads them."""
    angles = np.asarray(euler, float)
    (cx, cy, cz), (sx, sy, sz) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    rows = [
        np.stack([cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz], -1),
        np.stack([cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz], -1),
        np.stack([-sy, sx * cy, cx * cy], -1),
    ]
    return np.stack(rows, -2)


def forward_kinematics(
    euler: ArrayLike, wrist: ArrayLike, hand: int, hand_size: float = 1.0
) -> tuple[Array, Array, Array]:
    """Pose of one hand in the piano frame.

    Args:
        euler: (..., 16, 3) radians relative to rest. wrist: (..., 3) metres.

    Returns:
        joints (..., 16, 3) bone heads, tips (..., 5, 3) contact points, frames (..., 16, 3, 3).
    """
    bones = rest_bones(hand, hand_size)
    local = euler_matrices(euler)
    wrist = np.asarray(wrist, float)
    joints = np.empty(local.shape[:-3] + (16, 3))
    frames = np.empty_like(local)
    tips = np.empty(local.shape[:-3] + (5, 3))
    joints[..., 0, :] = wrist
    frames[..., 0, :, :] = bones[0].frame @ local[..., 0, :, :]
    for chain, finger in zip(FINGER_JOINTS, range(5), strict=True):
        for joint in chain:
            bone, parent = bones[joint], bones[joint].parent
            basis = bones[parent].frame.T  # armature axes to the parent's rest frame
            joints[..., joint, :] = joints[..., parent, :] + frames[..., parent, :, :] @ (
                basis @ (bone.head - bones[parent].head)
            )
            frames[..., joint, :, :] = (
                frames[..., parent, :, :] @ (basis @ bone.frame) @ local[..., joint, :, :]
            )
        last = bones[chain[2]]
        length = np.linalg.norm(last.tail - last.head)
        tips[..., finger, :] = joints[..., chain[2], :] + length * frames[..., chain[2], :, 1]
    return joints, tips, frames
