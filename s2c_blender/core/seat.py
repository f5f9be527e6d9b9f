# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a player sits well at a piano, and a proposal where not. No bpy; metres in the axes of the piano frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import keyboard
from .arm_geometry import ArmGeometry
from .skeleton import DATA

TOLERANCE_M = 0.06
"""So far from the usual seat nothing is said: people sit differently."""
WRIST = np.array([0.0, -0.06, 0.06])
"""Where a wrist is while its fingers play, from the front of their key."""
LEAN_M = 0.10
"""So much farther a trunk that leans brings the shoulder."""
FULL = 0.98
"""As much of its length an arm stretches."""


def seat_remark(shoulders: ArrayLike, arms: ArrayLike, low_pitch: int = 21, high_pitch: int = 108) -> str:
    """One sentence with a proposal where the player sits badly, else nothing.

    Args:
        shoulders: (2, 3) the left and the right shoulder joint, metres along the axes of the piano frame.
        arms: (2,) length of each arm from shoulder to wrist, metres.
        low_pitch: the lowest key. high_pitch: the highest.
    """
    at, reach = np.asarray(shoulders, float), np.asarray(arms, float)
    if at[0, 0] > at[1, 0]:
        return "The player faces away from the keys: turn the character, or the piano, by half a turn."
    usual, length = _usual()
    share = float(reach.mean()) / length
    wanted = usual * share
    middle = at.mean(0)
    moves = []
    for axis, plus, minus in (
        (0, "to the right", "to the left"),
        (1, "forward", "back"),
        (2, "higher", "lower"),
    ):
        step = float((wanted if axis else np.zeros(3))[axis] - middle[axis])
        if abs(step) > TOLERANCE_M * max(share, 0.2):
            moves.append(f"{abs(100 * step):.0f} cm {plus if step > 0 else minus}")
    short = _out_of_reach(at, reach, low_pitch, high_pitch)
    if not moves and not short:
        return ""
    if not moves:
        return f"The arms are too short for {short}, even leaning: hands meet those keys as near as they can."
    proposal = ", ".join(moves[:-1]) + (" and " if len(moves) > 1 else "") + moves[-1]
    because = f" ({short} are out of reach)" if short else ""
    return f"The player would sit better {proposal}{because}: move the character, or its seat."


def _usual() -> tuple[NDArray[np.float64], float]:
    """The middle between the shoulders of the built-in player, and the length of an arm."""
    arm = ArmGeometry.of_rest_data(DATA)
    shoulder = np.array(DATA["arm"]["shoulder"])
    length = float(arm.upper_arm.mean() + arm.forearm.mean())
    return np.array([0.0, shoulder[1], shoulder[2]]), length


def _out_of_reach(
    at: NDArray[np.float64], reach: NDArray[np.float64], low_pitch: int, high_pitch: int
) -> str:
    """The outer keys that a hand does not reach, each hand on its own side, the trunk leaning."""
    missing = []
    for hand, pitch in enumerate((low_pitch, high_pitch)):
        wrist = WRIST + (keyboard.key_x(pitch), 0, 0)
        if float(np.linalg.norm(wrist - at[hand])) - LEAN_M > FULL * reach[hand]:
            missing.append(keyboard.key_name(pitch))
    return " and ".join(missing)
