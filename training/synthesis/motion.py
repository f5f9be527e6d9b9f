# SPDX-License-Identifier: GPL-3.0-or-later
"""Base motion of both hands from notes, fingering and a player's style; key contact then puts the fingers on the keys.

Wrist and fingertips are drawn together from how real hands lie (`hand_process.py`), raised into space (`wrist.py`,
`tips.py`), and inverse kinematics bends the fingers to their tips. Numbers are calibrated on fingertip paths of real
pianists, see docs/lab/calibration.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.motion import Motion
from models.body.notes import Notes
from models.body.player import Player, Style
from models.body.skeleton import FINGER_JOINTS, LEFT, RIGHT, STANDARD_HANDS
from training.synthesis.finger_ik import solve_fingers
from training.synthesis.hand_notes import HandNotes, notes_of_hand
from training.synthesis.hand_process import HandHabits, HandPath, draw_hand, fitted_habits
from training.synthesis.smooth import noise_path, smooth_path
from training.synthesis.tips import tip_paths
from training.synthesis.wrist import WRIST_Z, WristPath, carry_wrist, make_room

ARCH = np.array(
    [[0.1, 0.25, 0.25], [0.35, 0.60, 0.33], [0.38, 0.64, 0.40], [0.36, 0.62, 0.38], [0.30, 0.52, 0.32]]
)
"""Relaxed angles of the three bones of each finger (X), right hand; the tips decide, these set the coupling."""


def base_motion(
    notes: Notes,
    player: Player,
    duration_s: float,
    rng: np.random.Generator,
    fps: float = 30.0,
    habits: HandHabits | None = None,
) -> Motion:
    """Motion of both hands before key contact.

    Args:
        notes: with their fingers; those without one are played by nobody.
        habits: how hands lie; the fitted ones where None.
    """
    frames = int(np.ceil(duration_s * fps))
    played = [notes_of_hand(notes, hand) for hand in (LEFT, RIGHT)]
    habits = habits or fitted_habits()
    paths = [draw_hand(one, hand, player, frames, fps, rng, habits) for hand, one in enumerate(played)]
    return raised(paths, played, habits.mean, player, rng, fps)


def raised(
    paths: Sequence[HandPath],
    played: Sequence[HandNotes],
    rest: NDArray[np.float64],
    player: Player,
    rng: np.random.Generator,
    fps: float,
    *,
    tracked: bool = False,
) -> Motion:
    """Hands in space from their paths over the keys, before key contact.

    Args:
        paths: the left and the right hand from above, right-hand terms.
        played: the notes of each.
        rest: (2, 10) where each hand's fingertips lie from its wrist on average, right-hand terms.
        tracked: the paths are those of real hands.
    """
    frames, style = len(paths[0].wrist), player.style
    wrists = [carry_wrist(path, rest[hand], style, fps, rng) for hand, path in enumerate(paths)]
    make_room(*wrists)
    wrist, euler, tips = np.zeros((frames, 2, 3)), np.zeros((frames, 2, 16, 3)), np.zeros((frames, 2, 5, 3))
    for hand, (one, path, carrier) in enumerate(zip(played, paths, wrists, strict=True)):
        side = np.array([1.0 if hand == RIGHT else -1.0, 1.0, 1.0])
        tip_path = tip_paths(one, path, carrier, style, fps, rng, tracked=tracked)
        euler[:, hand] = _posture(style, carrier, tip_path, hand, rng, fps)
        wrist[:, hand], tips[:, hand] = carrier.place * side, tip_path * side
    solved = solve_fingers(euler, wrist, tips, style.size_factor)
    return Motion(solved.astype(np.float32), wrist.astype(np.float32), fps)


def _posture(
    style: Style, path: WristPath, tips: NDArray[Any], hand: int, rng: np.random.Generator, fps: float
) -> NDArray[np.float64]:
    """Angles (F, 16, 3) before the fingers are solved: the wrist's pitch, roll and turn, and the relaxed curl."""
    frames = len(path.place)
    side = 1.0 if hand == RIGHT else -1.0
    euler = np.zeros((frames, 16, 3))
    noise = noise_path(frames, 3, 0.8 * fps, rng) * np.array([0.05, 0.03, 0.01]) * (1 + 0.5 * style.looseness)
    lean = tips - path.place[:, None]
    # A hand that reaches far with thumb or little finger rolls over to it.
    size = style.size_factor
    outward = np.clip(lean[:, 4, 0] - 0.060 * size, 0, 0.05)
    outward -= 0.6 * np.clip(-0.090 * size - lean[:, 0, 0], 0, 0.04)
    roll = smooth_path(outward[:, None], 60.0)[:, 0]
    # The palm stays level enough for the fingers to reach out: a high wrist bends down, a low one up.
    euler[:, 0, 0] = -0.02 + 9.0 * (path.place[:, 2] - WRIST_Z) + 0.05 * style.curl + noise[:, 0]
    # +Y lowers the little finger's side of a right hand: hands slope that way, the more so when it reaches.
    euler[:, 0, 1] = side * (0.04 + 3.0 * roll + noise[:, 1])
    euler[:, 0, 2] = side * (path.turn + 1.5 * roll + noise[:, 2])
    limits = STANDARD_HANDS.limits[hand, 0]
    euler[:, 0] = np.clip(euler[:, 0], limits[:, 0] * 0.8, limits[:, 1] * 0.8)
    euler[:, FINGER_JOINTS, 0] = ARCH * (1 + 0.25 * style.curl)
    euler[:, 0] = smooth_path(euler[:, 0], 2.0)
    return euler
