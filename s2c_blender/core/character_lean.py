# SPDX-License-Identifier: GPL-3.0-or-later
"""How a character's trunk leans after wrists that its arms do not reach. No bpy; metres in the piano frame.

The trunk turns about its lower end, toward the keys and sideways, in time for the wrist and unhurried, and not at all
where the arms are long enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .turns import AXIS_ANGLE, matrices_of

Array = NDArray[np.float64]

COMFORTABLE = 0.97
"""The trunk goes after a wrist that is farther away than this share of the straight arm."""
MOST = 0.45
"""Radians that the trunk nears and never reaches."""
AHEAD_S = 0.6
"""It is where it is needed this much before and after."""
ROUNDS = 4
"""As often the lean is worked out anew with the shoulders where it put them."""
LEAST_TRUNK_M = 0.1
"""A trunk that is shorter than this cannot lean."""


def lean(shoulder: Array, wrist: Array, lengths: Array, pivot: Array, fps: float) -> tuple[Array, Array]:
    """Rotations (frames, 3, 3) of the trunk, and the shoulders (frames, 2, 3) that it carries.

    Args:
        shoulder, wrist: (frames, 2, 3). lengths: (2 hands, 2) of upper arms and forearms.
        pivot: (frames, 3) the trunk's lower end.
    """
    height = float((shoulder[..., 2].mean(1) - pivot[:, 2]).mean())
    still = np.broadcast_to(np.eye(3), (len(wrist), 3, 3))
    if height < LEAST_TRUNK_M:
        return still, shoulder
    way = np.zeros((len(wrist), 2))
    turns, carried = still, shoulder
    for _ in range(ROUNDS):
        need = _lacking(carried, wrist, COMFORTABLE * lengths.sum(1))
        if not need.any():
            break
        way = way + _ahead(need, max(round(AHEAD_S * fps), 1))
        turns = _turns(way / height)
        carried = _turned(turns, shoulder, pivot)
    return turns, carried


def _lacking(shoulder: Array, wrist: Array, reach: Array) -> Array:
    """(frames, 2) how far both shoulders together have to go, sideways and forward."""
    way = wrist - shoulder
    distance = np.linalg.norm(way, axis=2)
    short = np.maximum(distance - reach, 0.0) / np.maximum(distance, 1e-9)
    lacking: Array = (way * short[..., None]).sum(1)[:, :2]
    return lacking


def _ahead(need: Array, reach: int) -> Array:
    """The need, held for `reach` frames before and after, and rounded off within them."""
    return _held(np.maximum(need, 0), reach) - _held(np.maximum(-need, 0), reach)


def _held(need: Array, reach: int) -> Array:
    """(frames, n) never below the need: the largest near by, then averaged with two boxes that are as wide together."""
    padded = np.concatenate([np.zeros((reach, need.shape[1])), need, np.zeros((reach, need.shape[1]))])
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
    held: Array = windows.max(-1)
    half = reach // 2
    for _ in range(2):
        padded = np.concatenate([np.repeat(held[:1], half, 0), held, np.repeat(held[-1:], half, 0)])
        held = np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1, axis=0).mean(-1)
    return held


def _turns(way: Array) -> Array:
    """Rotations for ways (frames, 2) sideways and forward, in heights of the trunk."""
    size = np.linalg.norm(way, axis=1)
    angle = MOST * np.tanh(size / MOST)
    axis = np.stack([-way[:, 1], way[:, 0], np.zeros(len(way))], 1)
    return matrices_of(np.concatenate([angle[:, None], axis], 1), AXIS_ANGLE)


def _turned(turns: Array, places: Array, pivot: Array) -> Array:
    turned: Array = np.einsum("fij,fhj->fhi", turns, places - pivot[:, None]) + pivot[:, None]
    return turned
