# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers that would press a key which is not theirs stay above it: better a note missed than a wrong one struck."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from models.body import keyboard
from models.body.pose import Pose
from models.contact.chain import solve_chains
from models.contact.key_heights import CLEARANCE, height_under

_EASE_S, _WRIST_EASE_S = 0.05, 0.1
_HIGHEST_RISE = 0.03
"""Metres that a wrist is raised at most."""
_UP = np.array([0.0, 0.0, 1.0])
_DEEP = keyboard.PRESS_DEPTH - 0.0005
"""Metres below a key's rest surface that a wrong finger may not reach: just less than pressed."""


def lift_off_wrong_keys(
    pose: Pose,
    pitch: NDArray[np.integer[Any]],
    fps: float,
    fixed: NDArray[np.bool_],
    strength: float = 1.0,
) -> Pose:
    """The pose with fingers raised off keys that they do not play.

    Args:
        pitch: (F, 2, 5) the key that each finger plays, 0 for none.
        fixed: (F, 2) what has to stay where it is (`EditMask.fixed`).
        strength: 0 to 1, how much of the rise is done.
    """
    stray, rightly, tips = _strays(pose, pitch, fixed)
    if not stray.any():
        return pose
    # The rise is eased in and out in time, but no key that is rightly held is let go for it.
    rise = np.where(stray, height_under(tips) + CLEARANCE - tips[..., 2], 0.0)
    eased = np.where(rightly, 0.0, _eased(rise, _EASE_S * fps)) * strength
    eased[fixed] = 0.0
    targets = tips + eased[..., None] * _UP
    pose = _reaching(pose, targets, eased > 1e-6)
    return _with_higher_wrists(pose, targets, pitch, fps, fixed)


def _with_higher_wrists(
    pose: Pose,
    targets: NDArray[np.floating[Any]],
    pitch: NDArray[np.integer[Any]],
    fps: float,
    fixed: NDArray[np.bool_],
) -> Pose:
    """Where fingers are bent back as far as they go and still press a wrong key, the hand rises.

    Its other fingers stay on their targets (F, 2, 5, 3).
    """
    stray, _, tips = _strays(pose, pitch, fixed)
    if not stray.any():
        return pose
    short = np.where(stray, (targets - tips)[..., 2], 0.0).max(-1)
    rise = _eased(np.clip(short, 0.0, _HIGHEST_RISE), _WRIST_EASE_S * fps)
    rise[fixed] = 0.0
    higher = torch.from_numpy((rise[..., None] * _UP).astype(np.float32))
    moved = np.repeat(rise[..., None] > 1e-6, 5, axis=-1)
    return _reaching(replace(pose, wrist=pose.wrist + higher), targets, moved)


def _strays(
    pose: Pose, pitch: NDArray[np.integer[Any]], fixed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.floating[Any]]]:
    """(F, 2, 5) fingers that press a key of another's, and of their own, and (F, 2, 5, 3) all contact points."""
    tips = pose.points[..., 3, :].numpy()
    under = keyboard.key_under(tips) + keyboard.LOWEST_PITCH
    depth = keyboard.key_surface(under) - tips[..., 2]
    deep = (under >= keyboard.LOWEST_PITCH) & (depth > _DEEP)
    stray = deep & (under != pitch)
    stray &= ~fixed[..., None]
    return stray, deep & ~stray, tips


def _eased(values: NDArray[np.floating[Any]], frames: float) -> NDArray[np.float64]:
    """At least the values (F, ...) nearly everywhere, and coming and going over so many frames."""
    half = max(round(frames), 1)
    eased = gaussian_filter1d(maximum_filter1d(values, 2 * half + 1, axis=0), half / 2, axis=0)
    return np.maximum(values, eased)


def _reaching(pose: Pose, targets: NDArray[np.floating[Any]], moved: NDArray[np.bool_]) -> Pose:
    """The pose with the fingers that are ``moved`` (F, 2, 5) on their targets, as near as they reach."""
    frames = np.flatnonzero(moved.any((1, 2)))
    part = pose.at(frames)
    points = torch.from_numpy(targets[frames].astype(np.float32))
    risen = solve_chains(part.to_hand(points), part.fingers, part.rest)
    chosen = torch.from_numpy(moved[frames])[..., None]
    return pose.replaced(frames, replace(part, fingers=torch.where(chosen, risen, part.fingers)))
