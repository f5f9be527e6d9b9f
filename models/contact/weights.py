# SPDX-License-Identifier: GPL-3.0-or-later
"""All weights and margins of key contact, in one place.

A cost is a sum over frames of squares, each residual divided by its tolerance: half a unit of cost is what a residual as
large as its tolerance costs in one frame of thirty a second. So a tolerance says how readily something gives way: a
finger on its key (a third of a millimetre in height) long before a wrist's place (centimetres).
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class ContactWeights:
    """Tolerances, in the unit that each one names; all are above 0."""

    # near to what was generated
    finger_angle: float = 0.5
    """Radians that fingers leave the generated ones by."""
    wrist_place: float = 0.02
    """Metres."""
    wrist_turn: float = 0.12
    """Radians."""
    # smooth: of the correction's acceleration
    finger_acceleration: float = 120.0
    """Radians a second squared."""
    place_acceleration: float = 1.0
    """Metres a second squared."""
    turn_acceleration: float = 12.0
    """Radians a second squared."""
    # fingertips on their strokes
    stroke_height: float = 0.0003
    """Metres, of a finger that strikes, holds or leaves its key."""
    stroke_side: float = 0.0007
    """Metres to the side and along the key, of the same."""
    # off the other keys and above them
    key_height: float = 0.0004
    """Metres that a fingertip may sink below what it has to stay above."""
    # fingers and hands apart
    apart: float = 0.0003
    """Metres that bones are nearer to each other than they may be."""
    order: float = 0.003
    """Metres that neighbouring fingers lack to pass each other."""
    # comfortable fingers
    arch: float = 0.12
    """Radians that the middle joint of a playing finger is outside its comfortable range."""
    spread: float = 0.12
    """Radians that a playing finger is spread wider than is comfortable."""
    # joint speed
    speed: float = 0.15
    """Radians a second that a joint is faster than `fastest_joint`."""
    fastest_joint: float = 14.0
    """Radians a second."""
    damping: float = 0.03
    """Of every step: a change of each variable by this many of its natural units (radians; 0.05 metres) costs a half."""

    def __post_init__(self) -> None:
        for item in fields(self):
            if not getattr(self, item.name) > 0:
                raise ValueError(f"{item.name} is {getattr(self, item.name)}; it must be above 0")
