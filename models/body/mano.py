# SPDX-License-Identifier: GPL-3.0-or-later
"""Between MANO hands in a camera's view, as PianoMotion10M stores them, and our hands over a piano.

A stored pose is 48 numbers: the wrist's turn and 15 joints (index, middle, little, ring finger and thumb, three
each: the order of `hands.json`), rotation vectors in radians, all in the axes of MANO's right-hand template; the mean
pose is added to the fingers first (the `smplx` package with `flat_hand_mean=False`). **The left hand is stored as a
mirrored right hand**: pose it as a right hand, then negate x.

MANO's template (right hand) has straight fingers along -x, the palm towards -y, the thumb towards +z; fingers flex by
positive turns about z. Its flat rest becomes our rest pose, so that a joint's turn R in template axes is
`F' A R A' F` in the frame F of our bone, where A takes template axes to piano axes.

The camera looks down: x to the treble, y towards the player, z away from it. Only x and y are near to metres; z is
the depth of a weak-perspective camera and mostly noise, so that by default it is not used for the height.

Hand axis: 0 left, 1 right. Joint limits are not applied here.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from models.body import skeleton
from models.body.kinematics import like
from models.body.rotations import (
    Array,
    axis_angle_to_matrix,
    euler_to_matrix,
    matrix_to_axis_angle,
    matrix_to_euler,
    transposed,
)
from models.checks import check_ranges
from models.errors import UserError, quoted

POSE_CHANNELS = 48
MEAN_POSE = (
    *(0.11167871, -0.04289218, 0.41644183, 0.10881133, 0.06598568, 0.75622000, -0.09639297, 0.09091566),
    *(0.18845929, -0.11809504, -0.05094385, 0.52958450, -0.14369841, -0.05524170, 0.70485710, -0.01918292),
    *(0.09233685, 0.33791350, -0.45703298, 0.19628395, 0.62545750, -0.21465237, 0.06599829, 0.50689423),
    *(-0.36972436, 0.06034463, 0.07949023, -0.14186970, 0.08585263, 0.63552827, -0.30334160, 0.05788098),
    *(0.63138920, -0.17612089, 0.13209307, 0.37335458, 0.85096430, -0.27692273, 0.09154807, -0.49983943),
    *(-0.02655647, -0.05288088, 0.53555920, -0.04596104, 0.27735803),
)
"""Mean of the right hand's 15 joints, rotation vectors in radians, as published with MANO (`read_mean_pose`)."""
WRIST_JOINT = (0.0957, 0.0064, 0.0062)
"""Wrist joint of the mean right hand in template axes, metres, about."""

_PIANO_FROM_TEMPLATE = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_PIANO_FROM_CAMERA = np.diag([1.0, -1.0, -1.0])
_LEFT_SIGNS = (1.0, -1.0, -1.0)


def _bone_frames() -> NDArray[Any]:
    """Frames (16, 3, 3) of the right hand's bones, columns in piano axes."""
    frames = np.empty((16, 3, 3))
    frames[0] = skeleton.STANDARD_HANDS.wrist_frames[skeleton.RIGHT]
    for finger, joints in enumerate(skeleton.FINGER_JOINTS):
        frames[joints] = skeleton.STANDARD_HANDS.finger_frames[skeleton.RIGHT, finger]
    return frames


def _basis() -> tuple[NDArray[Any], NDArray[Any]]:
    """(16, 3, 3) each: L = before R after, where R is MANO's turn of a joint and L ours."""
    frames = _bone_frames()
    after = _PIANO_FROM_TEMPLATE.T @ frames
    before = after.swapaxes(-1, -2).copy()
    before[0] = frames[0].T @ _PIANO_FROM_CAMERA  # the wrist's turn starts from the camera's axes
    return before, after


_BEFORE, _AFTER = _basis()


def _mean(mean_pose: Any, pose: Array) -> Array:
    mean = np.asarray(mean_pose, np.float64)
    if mean.shape != (45,):
        raise ValueError(f"mean_pose has shape {mean.shape}; it must have 45 numbers")
    return like(np.concatenate([np.zeros(3), mean]).reshape(16, 3), pose)


def euler_from_mano(pose: Array, mean_pose: Any = MEAN_POSE) -> Array:
    """XYZ Euler angles (..., 2, 16, 3) in bone frames of stored poses (..., 2, 48); radians.

    mean_pose: 45 numbers that are added to the fingers; zeros where the poses hold it already.
    """
    if pose.shape[-2:] != (2, POSE_CHANNELS):
        raise ValueError(f"pose has shape {tuple(pose.shape)}; it must be (..., 2, {POSE_CHANNELS})")
    turn = axis_angle_to_matrix(
        array_namespace(pose).reshape(pose, (*pose.shape[:-1], 16, 3)) + _mean(mean_pose, pose)
    )
    euler = matrix_to_euler(like(_BEFORE, pose) @ turn @ like(_AFTER, pose))
    return euler * like([[_LEFT_SIGNS], [(1.0, 1.0, 1.0)]], pose)


def mano_from_euler(euler: Array, mean_pose: Any = MEAN_POSE) -> Array:
    """The inverse of `euler_from_mano`: stored poses (..., 2, 48), each turn at most pi from MANO's flat rest."""
    if euler.shape[-3:] != (2, 16, 3):
        raise ValueError(f"euler has shape {tuple(euler.shape)}; it must be (..., 2, 16, 3)")
    right = euler * like([[_LEFT_SIGNS], [(1.0, 1.0, 1.0)]], euler)
    before, after = like(_BEFORE, euler), like(_AFTER, euler)
    turn = transposed(before) @ euler_to_matrix(right) @ transposed(after)
    pose = matrix_to_axis_angle(turn) - _mean(mean_pose, euler)
    return array_namespace(pose).reshape(pose, (*pose.shape[:-2], POSE_CHANNELS))


@dataclass(frozen=True, kw_only=True)
class CameraView:
    """How wrists in the camera's view (both hands in real x) lie over the piano.

    X = scale x + offset X, Y = offset Y - scale y, Z = offset Z - depth_factor (z - depth).
    """

    scale: float = 1.0
    offset: tuple[float, float, float] = (0.0, 0.05, 0.06)
    """Metres; where x = y = 0 and z = depth are over the piano."""
    depth: float = 25.0
    """Typical z."""
    depth_factor: float = 0.0
    """Metres of height for a unit of z. True depth would be about 1 / 20; the noise of z is then decimetres."""
    wrist_joint: tuple[float, float, float] = WRIST_JOINT
    """What lies between the stored position and the wrist joint, metres."""

    def __post_init__(self) -> None:
        check_ranges(self, "camera.", scale=(0.1, 10), depth_factor=(0, 1))
        if len(self.offset) != 3 or len(self.wrist_joint) != 3:
            raise ValueError("camera.offset and camera.wrist_joint need three numbers each")


DEFAULT_VIEW = CameraView()
"""Keyboard in the middle of the picture, hands at rest height; y as PianoMotion10M has it after its `adjust`."""


def camera_wrist(transl: Array, wrist_joint: Any = WRIST_JOINT) -> Array:
    """Wrist joints (..., 2, 3) in the camera's view, both hands in real x, of stored positions (..., 2, 3)."""
    return (transl + like(wrist_joint, transl)) * _mirror_left(transl)


def piano_from_camera(transl: Array, view: CameraView = DEFAULT_VIEW) -> Array:
    """Wrists (..., 2, 3) in metres of the piano frame of stored positions (..., 2, 3)."""
    seen = camera_wrist(transl, view.wrist_joint) - like([0.0, 0.0, view.depth], transl)
    factors = (view.scale, -view.scale, -view.depth_factor)
    return seen * like(factors, transl) + like(view.offset, transl)


def camera_from_piano(wrist: Array, view: CameraView = DEFAULT_VIEW) -> Array:
    """The inverse of `piano_from_camera`; without a depth factor every z is `view.depth`."""
    height = -1 / view.depth_factor if view.depth_factor else 0.0
    seen = (wrist - like(view.offset, wrist)) * like([1 / view.scale, -1 / view.scale, height], wrist)
    seen = seen + like([0.0, 0.0, view.depth], wrist)
    return seen * _mirror_left(wrist) - like(view.wrist_joint, wrist)


def _mirror_left(array: Array) -> Array:
    return like([[-1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], array)


def read_mean_pose(path: str | Path) -> NDArray[Any]:
    """The mean pose (45,) of the right hand from the user's own MANO: `.npz` or `.safetensors` with `hands_mean`.

    MANO's own files are pickles, which can run code when they are read: they are refused.

    Raises:
        UserError: the file is missing, of another kind or holds no such numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError("mano_missing", f"The file {quoted(path)} does not exist; choose another.", str(path))
    sentence = (
        f"The file {quoted(path)} holds no mean hand pose; it must be .npz or .safetensors with hands_mean."
    )
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as data:
                mean = np.asarray(data["hands_mean"], np.float64)
        elif path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            mean = np.asarray(load_file(path)["hands_mean"], np.float64)
        else:
            raise UserError("mano_format", sentence, f"suffix {path.suffix!r}")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError("mano_unreadable", sentence, repr(error)) from error
    if mean.size != 45 or not np.isfinite(mean).all():
        raise UserError("mano_unreadable", sentence, f"hands_mean has shape {mean.shape}")
    return mean.reshape(45)
