# SPDX-License-Identifier: GPL-3.0-or-later
"""How a clip's camera view lies over the piano, from the notes that the hands play."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEY_X, LOWEST_PITCH
from models.body.mano import DEFAULT_VIEW, CameraView, camera_wrist
from models.body.notes import Notes
from models.body.skeleton import REST_WRIST, RIGHT

MIN_NOTES = 24
MAX_MISS_M = 0.12
"""A fit whose typical note is further than this from its hand is not believed."""
SCALES = (0.7, 1.4)
_ROUNDS = 12
_HUBER_M = 0.06
_MIN_SPREAD_M = 0.04


def view_of(extra: dict[str, Any]) -> CameraView | None:
    """The view that `export-dataset` wrote beside the motion, where there is one."""
    view = extra.get("camera")
    if not isinstance(view, dict):
        return None
    try:
        offset, joint = tuple(view["offset"]), tuple(view["wrist_joint"])
        numbers = {name: float(view[name]) for name in ("scale", "depth", "depth_factor")}
        return CameraView(offset=offset, wrist_joint=joint, **numbers)
    except (KeyError, TypeError, ValueError):
        return None


def fit_view(
    position: NDArray[np.float32],
    valid: NDArray[np.bool_],
    notes: Notes,
    fps: float,
    default: CameraView = DEFAULT_VIEW,
) -> CameraView:
    """Scale and offset that lay the hands of a clip over the keys.

    Each note is given to the nearer hand and X = scale x + offset is fitted to the keys, in turns, with less weight
    for notes far from their hand (iteratively reweighted least squares). Y is shifted so that hands lie at rest depth
    in the median. Where notes are few or do not fit, scale and X offset are `default`'s.

    Args:
        position: (F, 2, 3) as stored. valid: (F, 2). notes: in the clip's time.
    """
    wrist = camera_wrist(position.astype(np.float64), default.wrist_joint)
    scale, shift = _fit_x(wrist[..., 0], valid, notes, fps, default)
    y = wrist[..., 1][valid]
    away = float(REST_WRIST[RIGHT, 1] + scale * np.median(y)) if len(y) else default.offset[1]
    z = wrist[..., 2][valid]
    return CameraView(
        scale=scale,
        offset=(shift, away, default.offset[2]),
        depth=float(np.median(z)) if len(z) else default.depth,
        depth_factor=default.depth_factor,
        wrist_joint=default.wrist_joint,
    )


def _fit_x(
    x: NDArray[np.float64],
    valid: NDArray[np.bool_],
    notes: Notes,
    fps: float,
    default: CameraView,
) -> tuple[float, float]:
    fallback = (default.scale, default.offset[0])
    frame = np.rint(notes.onset_s * fps).astype(int)
    inside = (frame >= 0) & (frame < len(x))
    frame, keys = frame[inside], KEY_X[notes.pitch[inside].astype(int) - LOWEST_PITCH]
    seen = valid[frame]
    keep = seen.any(1)
    frame, keys, seen = frame[keep], keys[keep], seen[keep]
    if len(keys) < MIN_NOTES:
        return fallback
    at = x[frame]
    best, best_miss = fallback, np.inf
    for start in np.linspace(-0.3, 0.3, 7):  # the nearer hand depends on the offset: try several
        scale, shift = default.scale, default.offset[0] + start
        for _ in range(_ROUNDS):
            miss = np.where(seen, np.abs(scale * at + shift - keys[:, None]), np.inf)
            own = at[np.arange(len(at)), miss.argmin(1)]
            weight = np.minimum(1.0, _HUBER_M / np.maximum(miss.min(1), 1e-9))
            mean_x, mean_key = np.average(own, weights=weight), np.average(keys, weights=weight)
            spread = np.average((own - mean_x) ** 2, weights=weight)
            if spread > _MIN_SPREAD_M**2:
                slope = np.average((own - mean_x) * (keys - mean_key), weights=weight) / spread
                scale = float(np.clip(slope, *SCALES))
            shift = float(mean_key - scale * mean_x)
        miss = np.where(seen, np.abs(scale * at + shift - keys[:, None]), np.inf).min(1)
        typical = float(np.median(miss))
        if typical < best_miss:
            best, best_miss = (scale, shift), typical
    return best if best_miss <= MAX_MISS_M else fallback
