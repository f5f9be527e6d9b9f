# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a model's channels are to our motion, and back.

`euler`: XYZ Euler angles in bone frames, wrists in the piano frame. `mano`: axis-angle poses and a camera's positions
of PianoMotion10M (`models.body.mano`), brought over the keys by a shift in X.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from models.body.keyboard import key_x
from models.body.kinematics import like
from models.body.mano import camera_from_piano, euler_from_mano, mano_from_euler, piano_from_camera
from models.body.notes import Notes
from models.body.rotations import Array, unwrap
from models.config import ModelConfig


def to_piano(config: ModelConfig, pose: Array, place: Array, shift_x: float = 0.0) -> tuple[Array, Array]:
    """Channels (F, 2, 48) and positions (F, 2, 3) of consecutive frames to euler (F, 2, 16, 3) and wrists (F, 2, 3)."""
    if config.representation == "euler":
        return array_namespace(pose).reshape(pose, (*pose.shape[:-1], 16, 3)), place
    wrist = piano_from_camera(place)
    return unwrap(euler_from_mano(pose), 0), wrist + like([shift_x, 0.0, 0.0], wrist)


def from_piano(config: ModelConfig, euler: Array, wrist: Array, shift_x: float = 0.0) -> tuple[Array, Array]:
    """The inverse of `to_piano`: euler (..., 2, 16, 3) and wrists (..., 2, 3) to channels and positions."""
    if config.representation == "euler":
        return array_namespace(euler).reshape(euler, (*euler.shape[:-2], 48)), wrist
    return mano_from_euler(euler), camera_from_piano(wrist - like([shift_x, 0.0, 0.0], wrist))


def keyboard_shift(wrist: NDArray[np.floating[Any]], notes: Notes, fps: float, rounds: int = 5) -> float:
    """Metres in X that bring wrists (F, 2, 3) over the keys that are played: the median way from the nearer hand.

    0 where no note begins within the motion.
    """
    frames = np.round(notes.onset_s * fps).astype(int)
    inside = (frames >= 0) & (frames < len(wrist))
    if not inside.any():
        return 0.0
    keys = key_x(notes.pitch[inside].astype(int))[:, None]
    hands = wrist[frames[inside], :, 0]
    shift = 0.0
    for _ in range(rounds):
        apart = keys - hands - shift
        nearer = np.abs(apart).argmin(1)[:, None]
        shift += float(np.median(np.take_along_axis(apart, nearer, 1)))
    return shift
