# SPDX-License-Identifier: GPL-3.0-or-later
"""The wrist: a smooth carrier that is where the coming fingers need it before they strike, and a turning hand.

Short sideways errands are run by turning the hand, longer ones by travel: fingertips of real pianists move 23 mm (one
deviation) to the left and right of the wrist, all four long fingers together, while the thumb stays (PianoMime).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.synthesis.smooth import limited_path, noise_path, smooth_path
from training.synthesis.style import Style
from training.synthesis.wishes import (
    HandNotes,
    Timing,
    fill_idle,
    frame_spans,
    playing_frames,
    sum_by_frame,
    weighted_wishes,
)

TIP_X = np.array([-0.066, -0.013, 0.021, 0.042, 0.063])
TIP_Y = np.array([0.114, 0.170, 0.174, 0.158, 0.126])
"""Relaxed fingertips from the wrist, right hand, metres: means of PianoMime with the hand's turn taken out, and 3 mm
for what pressing fingers hold back."""
PRESS_X = np.array([-0.070, -0.020, 0.012, 0.040, 0.077])
PRESS_Y = np.array([0.114, 0.160, 0.168, 0.155, 0.119])
"""The same while a finger presses (medians): where the wrist wants to be for a note."""
WRIST_Z = 0.052
MAX_SPEED, MAX_ACCELERATION = 2.2, 40.0
"""Of the wrist, m/s and m/s²."""
HOME = np.array([0.20, -0.10])
HAND_GAP = 0.155
"""Wrists nearer than this in X get out of each other's way (real pianists: 1 % of the time nearer)."""
TURN_SHARE_M = 0.025
"""The hand's turn runs errands up to this far."""
LONGEST_TURN = 0.42
LEVER_M = 0.15
"""From the wrist to the long fingertips: what a turn moves them by, per radian."""
SWING_QUICK, SWING_SLOW = np.array([0.006, 0.0035]), np.array([0.006, 0.003])
"""Deviations of the sway in X and Y, metres."""
TURN_HABIT, TURN_SWAY = 0.09, 0.15
"""Radians: how differently players sit, and how far the hand turns to and fro."""
FOREARM_TURN = 0.50
"""Radians of turn for each metre that the wrist is farther out than ``FOREARM_X``."""
FOREARM_X = 0.12


@dataclass
class WristPath:
    """Where the hand is, right-hand terms."""

    place: NDArray[np.float64]
    """(F, 3) metres."""
    turn: NDArray[np.float64]
    """(F,) radians, positive outward."""


def tips_at_rest(style: Style) -> NDArray[np.float64]:
    """(5, 2) relaxed fingertips from the wrist, right hand; curled players have theirs nearer."""
    return _tips(TIP_X, TIP_Y, style)


def _tips(x: NDArray, y: NDArray, style: Style) -> NDArray[np.float64]:
    nearer = style.curl * np.array([0.002, 0.007, 0.008, 0.007, 0.005])
    return np.stack([x, y], 1) * style.size_factor - np.stack([np.zeros(5), nearer], 1)


def _leads(hand: HandNotes) -> NDArray[np.float64]:
    """(n,) how early the wrist is there: half of the time since the hand's onset before."""
    gaps = np.diff(hand.onset, prepend=hand.onset[0] - 1.0)
    together = gaps < 0.03
    start = np.maximum.accumulate(np.where(together, 0, np.arange(len(gaps))))
    return np.clip(0.5 * gaps[start], 0.05, 0.15)


def plan_wrist(hand: HandNotes, style: Style, frames: int, fps: float, rng: np.random.Generator) -> WristPath:
    """X, Y and turn that the notes ask for; the height is still that of the rest."""
    height = np.full(frames, WRIST_Z + 0.008 * style.wrist_height)
    if not len(hand):
        return WristPath(np.column_stack([np.tile(HOME, (frames, 1)), height]), np.zeros(frames))
    wished = np.stack([hand.x, hand.y], 1) - _tips(PRESS_X, PRESS_Y, style)[hand.finger]
    timing = Timing(lead_s=_leads(hand), settle_s=0.12, before_s=0.24, after_s=0.14)
    targets, weights = weighted_wishes(hand, wished, timing, frames, fps)
    targets = fill_idle(targets, weights)
    weights = np.minimum(weights, 2.0) + 1e-4
    errand = limited_path(targets, weights, 5.0, fps, MAX_SPEED, MAX_ACCELERATION)
    calm = smooth_path(errand, weights, 1000.0)
    slack = np.array([TURN_SHARE_M, 0.008])
    near = errand + slack * np.tanh((calm - errand) / slack) + _swing(style, frames, fps, rng)
    carried = limited_path(near, weights, 5.0, fps, MAX_SPEED, MAX_ACCELERATION)
    turn = (errand[:, 0] - carried[:, 0]) / LEVER_M + FOREARM_TURN * (carried[:, 0] - FOREARM_X)
    turn += TURN_HABIT * rng.standard_normal()
    turn += TURN_SWAY * noise_path(frames, 1, 0.3 * fps, rng)[:, 0] * (1 + 0.4 * style.looseness)
    return WristPath(np.column_stack([carried, height]), LONGEST_TURN * np.tanh(turn / LONGEST_TURN))


def _swing(style: Style, frames: int, fps: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(F, 2) metres: the wrist sways about fingertips that stay, and the hand turns against it."""
    loose = 1 + 0.7 * style.looseness
    quick = noise_path(frames, 2, 0.14 * fps, rng) * SWING_QUICK
    return loose * (quick + noise_path(frames, 2, 0.5 * fps, rng) * SWING_SLOW)


def make_room(left: WristPath, right: WristPath) -> None:
    """Move the hands apart, in place, where they meet: sideways, the left one further in and higher."""
    gap = right.place[:, 0] + left.place[:, 0]  # right X minus left X: the left hand's plan is mirrored
    closeness = np.clip(HAND_GAP - gap, 0, 0.07)
    if not closeness.any() or len(gap) < 4:
        return
    push = smooth_path(closeness[:, None], np.ones(len(gap)), 50.0)[:, 0]
    for path, inward, upward in ((left, 0.5, 0.25), (right, -0.1, 0.0)):
        path.place += push[:, None] * np.array([0.4, inward, upward])
        path.turn -= 0.4 * push / LEVER_M  # the fingers stay where they were, the wrists go out


def live_wrist(hand: HandNotes, path: WristPath, style: Style, fps: float, rng: np.random.Generator) -> None:
    """Add, in place, what no note asks for: weight into strokes, arcs over leaps, drift, breathing, follow-through."""
    frames = len(path.place)
    energy, loose = 1 + 0.7 * style.energy, 1 + 0.75 * style.looseness
    place = path.place
    note, frame = frame_spans(hand.onset - 0.30, hand.onset + 0.40, frames, fps)
    s = frame / fps - hand.onset[note]
    # Weight goes into the key: up while the arm prepares, down with the stroke, and a rebound in loose wrists.
    stroke = np.exp(-(((s + 0.13) / 0.07) ** 2)) - 0.8 * np.exp(-(((s - 0.05) / 0.08) ** 2))
    stroke += 0.35 * loose * np.exp(-(((s - 0.22) / 0.08) ** 2))
    chord = np.maximum(
        1.0, sum_by_frame(np.round(hand.onset * fps).astype(int), np.ones(len(hand)), frames + 1)
    )
    share = 1 / chord[np.round(hand.onset * fps).astype(int)]
    bounce = sum_by_frame(frame, (0.0045 * energy * hand.loud**1.5 * share)[note] * stroke, frames)
    speed = (
        np.linalg.norm(np.gradient(place[:, :2], axis=0), axis=1) * fps if frames > 1 else np.zeros(frames)
    )
    leap = 0.020 * energy * np.clip(speed / 1.2, 0, 1)
    free = ~playing_frames(hand, 0.25, 0.12, frames, fps)
    height = place[:, 2] + bounce + leap + 0.007 * free + 0.10 * np.clip(place[:, 1] + 0.10, 0, 0.05)
    place[:, 2] = smooth_path(height[:, None], np.ones(frames), 4.0)[:, 0]
    quick = noise_path(frames, 3, 0.17 * fps, rng) * np.array([0.0038, 0.0036, 0.0012])
    slow = noise_path(frames, 3, 0.9 * fps, rng) * np.array([0.004, 0.004, 0.002])
    breath = np.sin(2 * np.pi * (0.25 * np.arange(frames) / fps + rng.uniform()))
    place += loose * (quick + slow)
    place[:, 2] += 0.0012 * breath
    place[:, 2] = np.clip(place[:, 2], 0.040, 0.11)
