# SPDX-License-Identifier: GPL-3.0-or-later
"""All weights and margins of key contact, in one place.

A cost is half the sum over frames of squared residuals, each divided by its tolerance: a residual as large as its
tolerance costs a half in one frame of thirty a second. So a tolerance says how readily something gives way: a wrist's
place (centimetres) long before a finger on its key (a third of a millimetre in height).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from models.checks import check_range


@dataclass(frozen=True, kw_only=True)
class ContactWeights:
    """Tolerances and margins, in the unit that each one names; all but the ranges and `lands_back` are above 0.

    Raises:
        ValueError: for a number that is not above 0, a share that is none, and a comfortable range that is none.
    """

    # `stay`: near to what was generated
    finger_angle: float = 0.5
    """Radians that fingers leave the generated ones by."""
    wrist_place: float = 0.03
    """Metres, over the keys."""
    wrist_height: float = 0.008
    """Metres from where the wrist is carried."""
    idle_tip: float = 0.003
    """Metres that an idle fingertip leaves its generated height by, and its place about the wrist."""
    wrist_turn: float = 0.12
    """Radians."""
    # `smooth`: acceleration of the difference from what was generated
    finger_acceleration: float = 120.0
    """Radians a second squared."""
    place_acceleration: float = 4.0
    """Metres a second squared, over the keys: hands may hurry to a far key sooner than they were generated to."""
    height_acceleration: float = 1.0
    """Metres a second squared, of the wrist's height."""
    turn_acceleration: float = 17.0
    """Radians a second squared."""
    impact: float = 0.98
    """Share of the fingers' cost that does not count while they strike."""
    # `slow`: speed of joints and wrists
    fastest_joint: float = 9.8
    """Radians a second."""
    speed: float = 0.15
    """Radians a second that a joint is faster."""
    fastest_wrist: float = 1.8
    """Metres a second, in each direction by itself. Real hands are over 2.3 in one frame of 10,000 (PianoMime)."""
    wrist_speed: float = 0.04
    """Metres a second that a wrist is faster."""
    # `strokes`: fingertips on their strokes, off the other keys and above them
    stroke_height: float = 0.0003
    """Metres, of a finger that strikes, holds or leaves its key."""
    stroke_side: float = 0.0007
    """Metres to the side and along the key, of the same."""
    stays_far_in: float = 1.0
    """Share that stays, in each step of the solver, of what a finger is farther in on its key than keys are usually
    struck (`models.contact.schedule.FAR_IN`)."""
    lands_back: float = 0.5
    """Share, 0 to 1, of the way back along its key to where a finger was generated, in each step of the solver."""
    comes_height: float = 0.001
    """Metres that a finger on its way to its stroke is too high to come down gently."""
    key_clearance: float = 0.002
    """Metres above the keys that an idle finger keeps."""
    key_height: float = 0.0004
    """Metres that a fingertip sinks below what it has to stay above."""
    lowest_wrist: float = 0.025
    """Metres above the white keys; wrists never go below."""
    # `apart`: bones of two fingers, and of two hands
    finger_margin: float = 0.0016
    """Metres beyond the least distance that bones of two fingers are kept at."""
    hand_margin: float = 0.003
    """The same of two hands."""
    apart: float = 0.0003
    """Metres that bones are nearer than that."""
    # `order`: neighbouring long fingers do not cross
    order_gap: float = 0.012
    """Metres between the lines of neighbouring fingers, about a fingertip's width."""
    order: float = 0.003
    """Metres that they lack."""
    # `comfort`: playing fingers arched and not spread wide
    least_arch: tuple[float, ...] = (-0.05, 0.40, 0.42, 0.40, 0.40)
    most_arch: tuple[float, ...] = (0.55, 1.10, 1.15, 1.10, 0.95)
    """Comfortable flexion of the middle joint, radians, thumb to little finger."""
    arch: float = 0.12
    """Radians that it is outside that range."""
    widest_spread: float = 0.30
    """Comfortable abduction to either side, radians."""
    spread: float = 0.12
    """Radians that it is wider."""
    # the solver
    steps: int = 5
    """Gauss-Newton steps of a stretch."""
    damping: float = 0.03
    """A step changes variables by about this much before that costs as much as half a unit: radians, or 5 cm."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name != "lands_back" and isinstance(value, (int, float)) and not value > 0:
                raise ValueError(f"{item.name} is {value}; it must be above 0")
        check_range("lands_back", self.lands_back, 0, 1)
        if len(self.least_arch) != 5 or not np.less(self.least_arch, self.most_arch).all():
            raise ValueError("least_arch must have five numbers, each below that of most_arch")


OUR_WEIGHTS = ContactWeights()
"""Of our hands, whose motion the networks make."""
OTHER_WEIGHTS = ContactWeights(stroke_side=0.0005, stays_far_in=0.65, lands_back=0.0, idle_tip=0.008, steps=8)
"""Of other bodies, whose fingers differ each by its own from those that the motion was made for: keys pull them more
and out from between the black ones, where they only are because another finger is short; where ours would have landed
says little about theirs; idle ones give way more readily, and an octave that a small hand just reaches takes more
steps to find (`benchmarks.other_hands`)."""
