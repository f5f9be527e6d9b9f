# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion as stored at another frame rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.body.mano import MEAN_POSE
from models.body.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from training.data.pianomotion.clip import POSE, VALID

_MEAN = np.concatenate([np.zeros(3), MEAN_POSE]).reshape(16, 3)


def resample_rows(rows: NDArray[np.float32], fps: float, new_fps: float) -> NDArray[np.float32]:
    """Rows (F, 2, 62) at `new_fps`: joints turn along the shortest way between frames, other numbers go straight.

    A frame is valid where both frames around it are.
    """
    if np.isclose(fps, new_fps, rtol=1e-6):
        return rows
    count = max(int(np.floor(len(rows) * new_fps / fps + 1e-6)), 1)
    place = np.minimum(np.arange(count) * (fps / new_fps), len(rows) - 1)
    low = np.minimum(np.floor(place + 1e-9).astype(int), len(rows) - 1)
    high = np.minimum(low + 1, len(rows) - 1)
    share = np.maximum(place - low, 0.0)[:, None, None]
    out = (rows[low] * (1 - share) + rows[high] * share).astype(np.float32)
    out[..., POSE] = _turn(rows[low][..., POSE], rows[high][..., POSE], share)
    seen = rows[..., VALID] == 1
    out[..., VALID] = seen[low] & (seen[high] | (share[..., 0] < 1e-6))
    return out


def _turn(first: NDArray[np.float32], last: NDArray[np.float32], share: NDArray[np.float64]) -> NDArray[Any]:
    """Spherical interpolation of poses (F, 2, 48); the mean pose belongs to the turns of the fingers."""
    mean = torch.from_numpy(_MEAN)
    a, b = (
        axis_angle_to_matrix(torch.from_numpy(pose.astype(np.float64)).unflatten(-1, (16, 3)) + mean)
        for pose in (first, last)
    )
    step = matrix_to_axis_angle(a.transpose(-1, -2) @ b) * torch.from_numpy(share)[..., None]
    turned = matrix_to_axis_angle(a @ axis_angle_to_matrix(step)) - mean
    return turned.flatten(-2).numpy()


def interpolate_columns(rows: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """All 62 columns stretched linearly to `frames` frames, as the released loaders do.

    Between frame centres, ends held. Rotation vectors are treated as plain numbers, and a frame next to an invalid one
    loses its valid flag.
    """
    if len(rows) == frames:
        return rows
    place = np.clip((np.arange(frames) + 0.5) * (len(rows) / frames) - 0.5, 0, len(rows) - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(rows) - 1)
    share = (place - low)[:, None, None]
    return (rows[low] * (1 - share) + rows[high] * share).astype(np.float32)
