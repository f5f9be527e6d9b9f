# SPDX-License-Identifier: GPL-3.0-or-later
"""The wrist in space: the height and the turn that go with its path over the keys, and room for the other hand.

Fingertips of real pianists move 23 mm (one deviation) to the left and right of the wrist, all four long fingers
together, while the thumb stays (PianoMime): the hand turns about the wrist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.player import Style
from training.synthesis.hand_process import HandPath
from training.synthesis.smooth import noise_path, smooth_path

WRIST_Z = 0.052
HAND_GAP = 0.155
"""Wrists nearer than this in X get out of each other's way (real pianists: 1 % of the time nearer)."""
LONGEST_TURN = 0.42
"""Radians."""


@dataclass
class WristPath:
    """Where the hand is, right-hand terms."""

    place: NDArray[np.float64]
    """(F, 3) metres."""
    turn: NDArray[np.float64]
    """(F,) radians, positive outward."""


def carry_wrist(
    path: HandPath, rest: NDArray[Any], style: Style, fps: float, rng: np.random.Generator
) -> WristPath:
    """Height: slow breathing, higher deep among the keys. Turn: what the long fingers ask for.

    How high wrists are, and how they go with strokes, leaps and rests, is key contact's (`models.contact.carriage`).

    Args:
        rest: (10,) where this hand's fingertips lie from the wrist on average (`HandHabits.mean`).
    """
    frames = len(path.wrist)
    loose = 1 + 0.75 * style.looseness
    height = WRIST_Z + 0.10 * np.clip(path.wrist[:, 1] + 0.10, 0, 0.05)
    height = smooth_path(height[:, None], 4.0)[:, 0]
    height += loose * noise_path(frames, 2, 0.5 * fps, rng) @ np.array([0.0012, 0.0015])
    height += 0.0012 * np.sin(2 * np.pi * (0.25 * np.arange(frames) / fps + rng.uniform()))
    place = np.column_stack([path.wrist, np.clip(height, 0.040, 0.11)])
    return WristPath(place, hand_turn(path.tips - path.wrist[:, None], rest, fps))


def hand_turn(offsets: NDArray[np.float64], rest: NDArray[Any], fps: float) -> NDArray[np.float64]:
    """(F,) radians outward: the turn about the wrist that best explains where the long fingertips (F, 5, 2) are."""
    rest = rest.reshape(5, 2)[1:]
    long = offsets[:, 1:]
    across = (long[..., 0] * rest[:, 1] - long[..., 1] * rest[:, 0]).sum(1)
    along = (long * rest).sum((1, 2))
    turn = LONGEST_TURN * np.tanh(np.arctan2(across, along) / LONGEST_TURN)
    return smooth_path(turn[:, None], (fps / 30) ** 6 * 2.0)[:, 0]


def make_room(left: WristPath, right: WristPath) -> None:
    """Move the hands apart, in place, where they meet: sideways, the left one further in and higher."""
    gap = right.place[:, 0] + left.place[:, 0]  # right X minus left X: the left hand's plan is mirrored
    closeness = np.clip(HAND_GAP - gap, 0, 0.07)
    if not closeness.any() or len(gap) < 4:
        return
    push = smooth_path(closeness[:, None], 50.0)[:, 0]
    for path, inward, upward in ((left, 0.5, 0.25), (right, -0.1, 0.0)):
        path.place += push[:, None] * np.array([0.25, inward, upward])
        path.turn -= 0.25 * push / 0.15  # the fingers stay where they were, the wrists go out
