# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a player sits well at a piano, and a proposal where not. No bpy; metres of the piano frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import keyboard
from .skeleton import STANDARD_ARMS

TOLERANCE = 0.06
"""So far from the usual seat nothing is said: people sit differently."""
WRIST = np.array([0.0, -0.06, 0.06])
"""Where a wrist is while its fingers play, from the front of their key."""
LEAN = 0.10
"""So much farther a trunk that leans brings the shoulder."""
FULL = 0.98
"""As much of its length an arm stretches."""


def seat_remark(
    shoulders: ArrayLike,
    arms: ArrayLike,
    *,
    low_pitch: int = keyboard.PITCHES[0],
    high_pitch: int = keyboard.PITCHES[-1],
    unit: float = 1.0,
) -> str:
    """One sentence with a proposal where the player sits badly, else nothing.

    Args:
        shoulders: (2, 3) the left and the right shoulder joint.
        arms: (2,) length of each arm from shoulder to wrist.
        low_pitch: the lowest key. high_pitch: the highest.
        unit: real metres in a metre of the piano frame, for the sentence.
    """
    at, reach = np.asarray(shoulders, float), np.asarray(arms, float)
    if at[0, 0] > at[1, 0]:
        return "The player faces away from the keys: turn the character, or the piano, by half a turn."
    size = float(reach.mean() / (STANDARD_ARMS.upper_arm + STANDARD_ARMS.forearm).mean())
    wrist = STANDARD_ARMS.wrist.mean(0)  # where a take's hands rest, whatever their size
    wanted = wrist + size * (STANDARD_ARMS.shoulder.mean(0) - wrist)
    moves = []
    words = (("to the right", "to the left"), ("forward", "back"), ("higher", "lower"))
    for step, (plus, minus) in zip((wanted - at.mean(0)).tolist(), words, strict=True):
        if abs(step) > TOLERANCE * size:
            moves.append(f"{100 * abs(step) * unit:.0f} cm {plus if step > 0 else minus}")
    short = _out_of_reach(at, reach, size, low_pitch, high_pitch)
    if not moves and not short:
        return ""
    if not moves:
        return (
            f"With the trunk leaning {short} out of reach still: hands get as near to such keys as they can."
        )
    proposal = ", ".join(moves[:-1]) + (" and " if len(moves) > 1 else "") + moves[-1]
    because = f" ({short} out of reach)" if short else ""
    return f"The player would sit better {proposal}{because}: move the character, or its seat."


def _out_of_reach(
    at: NDArray[np.float64], reach: NDArray[np.float64], size: float, low_pitch: int, high_pitch: int
) -> str:
    """The outer keys that a hand does not reach, each hand on its own side, the trunk leaning; with their verb."""
    missing = []
    for hand, pitch in enumerate((low_pitch, high_pitch)):
        wrist = WRIST * size + (keyboard.key_x(pitch), 0, 0)
        if float(np.linalg.norm(wrist - at[hand])) - LEAN * size > FULL * reach[hand]:
            missing.append(keyboard.key_name(pitch))
    return f"{' and '.join(missing)} {'are' if len(missing) > 1 else 'is'}" if missing else ""
