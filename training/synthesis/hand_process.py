# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrist and fingertips in X and Y: a Gaussian process of how real hands lie, given where fingers must be and when.

Offsets of the five fingertips from the wrist are jointly normal, as in real pianists: a player's habit that stays, and
posture that comes and goes (`posture.py`), livelier while the hand travels. The wrist prefers not to accelerate, but
leaps where it has to. Given the notes, a path is drawn from what is then likely, so that hands that play the same
differ as players differ and their fingers move together as fingers do. Axes: F frames, right-hand terms (X is mirrored
for the left hand).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.player import Player
from training.synthesis.banded import BandedGaussian
from training.synthesis.hand_notes import HandNotes, frame_spans
from training.synthesis.posture import posture_steps, posture_varies
from training.synthesis.smooth import noise_path, smooth_path

FITTED_PATH = Path(__file__).with_name("hand_process.json")
STRIKE_M, HOLD_M, LEAD_M = 0.003, 0.004, 0.006
"""How near in X a finger keeps to the middle of its key: as it strikes, while it holds, while it waits above."""
EARLY_S, SETTLE_S = 0.16, 0.12
"""A finger is above its key so long before the stroke where it is free by then; so long after it, it may ease."""
SPAN_M, TRAVEL_SPEED = 0.19, 1.2
"""Keys farther apart are not reached by one hand at a time; on its way between them it moves at so many m/s."""
_NOTES_BACK = 12
STILL_M = 0.0008
"""A finger that holds a key slides by so much from one thirtieth of a second to the next."""
LANDING_SPREAD = np.array([[0.012, 0.010], [0.020, 0.018], [0.020, 0.017], [0.018, 0.016], [0.014, 0.010]])
"""(5, 2) metres: how far fingers land in, on white and on black keys, varies by so much (PianoMime)."""
FIRST_ACCELERATION, CALM_ACCELERATION, ACCELERATION_SHARE = 6.0, 0.45, 1.3
"""Deviations of the wrist's acceleration, m/s²: for the first path; where that is calm; and share of it elsewhere."""
FIRST_SPEED, CALM_SPEED, SPEED_SHARE = 0.6, 1.0, 1.5
"""The same of its speed, m/s."""
LIVELINESS, LIVELY_S = 3.2, 0.4
LEAST_LIVELY, MOST_LIVELY = 0.01, 20.0
"""Calm comes and goes: the logarithm of the acceleration varies by so much, over so many seconds, within bounds: hands
would jerk, or be so still that the algebra breaks down."""
PLAYERS_DIFFER = 0.35
"""Deviation of a player's mood from others', beside 1 for what comes and goes."""
WRIST_Y, WRIST_Y_SPREAD, WRIST_Y_S = -0.082, 0.040, 0.5
"""Metres, and how often the level is asked for."""
HOME_X, HOME_SPREAD, HOME_S = 0.20, 0.25, 2.0
"""A hand that rests stays near its last and its next notes, give or take so much, and is asked so often: in a rest of
half a minute it would drift off the keyboard. Without any note it waits at ``HOME_X``."""
MOST_ACCELERATION = 2.7
_STATE = 12  # wrist X, Y, then the offsets' deviations X, Y of thumb to little finger
_FPS = 30.0


@dataclass(frozen=True)
class HandHabits:
    """How the fingertips of real pianists lie about their wrists, metres; axis 0 is the hand but for ``between``.

    Real left hands do not lie like mirrored right ones, so each hand has habits of its own.
    """

    mean: NDArray[np.float64]
    """(2, 10) X and Y of thumb to little finger."""
    between: NDArray[np.float64]
    """(10, 10) covariance between players."""
    within: NDArray[np.float64]
    """(2, 10, 10) covariance while one plays."""
    lean: NDArray[np.float64]
    """(2, 10) how much farther out they lie for each metre that the wrist is farther out: the forearm turns."""
    middle: NDArray[np.float64]
    """(2,) X of the wrist at which they lie as ``mean`` says."""

    def lying(
        self, hand: int, scores: NDArray[np.floating[Any]], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """(10,) where a player's fingertips lie on average.

        The player is told by ``scores`` (`models.body.player`): how far from the mean along the directions in
        which players differ most, in deviations. What those do not tell is drawn.
        """
        variances, directions = np.linalg.eigh(self.between)
        told = np.arange(len(variances)) >= len(variances) - len(scores)
        parts = rng.standard_normal(len(variances))
        parts[told] = scores[::-1]  # eigh puts the greatest last
        upward = np.where(directions.sum(0) < 0, -1.0, 1.0)
        return self.mean[hand] + directions @ (upward * np.sqrt(np.clip(variances, 0, None)) * parts)


@dataclass(frozen=True)
class HandPath:
    """One hand from above."""

    wrist: NDArray[np.float64]
    """(F, 2) metres."""
    tips: NDArray[np.float64]
    """(F, 5, 2) metres."""


@lru_cache(maxsize=1)
def fitted_habits() -> HandHabits:
    """What `training.commands.fit_hands` found."""
    data = json.loads(FITTED_PATH.read_text(encoding="utf-8"))
    return HandHabits(*(np.array(data[name]) for name in ("mean", "between", "within", "lean", "middle")))


def draw_hand(
    notes: HandNotes,
    hand: int,
    player: Player,
    frames: int,
    fps: float,
    rng: np.random.Generator,
    habits: HandHabits | None = None,
) -> HandPath:
    """Draw wrist and fingertips of a player's hand (0 left, 1 right) for its notes."""
    habits, style = habits or fitted_habits(), player.style
    lying = habits.lying(hand, player.scores[hand], rng)
    lying += habits.mean[hand] * (style.size_factor - 1)
    lying[1::2] -= style.curl * np.array([0.002, 0.007, 0.008, 0.007, 0.005])
    lean = habits.lean[hand]
    lying -= lean * habits.middle[hand]
    given = BandedGaussian(frames * _STATE, 3 * _STATE - 1)
    _wrist_has_a_place(given, notes, frames, fps)
    _fingers_play(given, notes, lying, lean, frames, fps)
    covariance = habits.within[hand] * style.size_factor**2
    offsets_at = np.arange(frames) * _STATE + 2
    first = given.copy()
    posture_varies(first, offsets_at, covariance, hand, np.ones(frames), fps)
    first = _with_wrist(first, np.full(frames, FIRST_ACCELERATION), np.full(frames, FIRST_SPEED), fps)
    moods = noise_path(frames, 1, LIVELY_S * fps, rng)[:, 0] + PLAYERS_DIFFER * rng.standard_normal()
    acceleration, speed = _needed(first.mean().reshape(frames, _STATE)[:, :2], fps)
    posture_varies(given, offsets_at, covariance, hand, posture_steps(hand, speed, moods), fps)
    drawn = _with_wrist(given, *_allowed(acceleration, speed, moods), fps).draw(
        rng, 1.0 + 0.15 * style.looseness
    )
    state = drawn.reshape(frames, _STATE)
    wrist = state[:, :2]
    offsets = lying + lean * wrist[:, :1] + state[:, 2:]
    return HandPath(wrist, wrist[:, None] + offsets.reshape(frames, 5, 2))


def _wrist_has_a_place(given: BandedGaussian, notes: HandNotes, frames: int, fps: float) -> None:
    wrist = np.arange(frames)[:, None] * _STATE
    given.state(wrist + 1, [1.0], WRIST_Y_SPREAD * np.sqrt(WRIST_Y_S * fps), WRIST_Y)
    time = np.arange(frames) / fps
    home = np.interp(time, notes.onset, notes.x) if len(notes) else HOME_X
    given.state(wrist, [1.0], HOME_SPREAD * np.sqrt(HOME_S * fps), home)


def _fingers_play(
    given: BandedGaussian, hand: HandNotes, lying: NDArray[Any], lean: NDArray[Any], frames: int, fps: float
) -> None:
    """Fingers are at their keys from before they strike until they let go, land in depth, and do not slide.

    Args:
        lying, lean: (10,) fingertips lie ``lying + lean * (X of the wrist)`` from the wrist, but for posture.
    """
    if not len(hand):
        return
    lead = leads(hand)
    own = 2 + 2 * hand.finger
    note, frame = frame_spans(hand.onset - lead, np.maximum(hand.offset, hand.onset + 1 / fps), frames, fps)
    since = frame / fps - hand.onset[note]
    near = np.where(since < -1e-6, LEAD_M, np.where(since < SETTLE_S, STRIKE_M, HOLD_M))
    out, along = 1 + lean[own - 2], lean[own - 1]
    wrist, tip = frame * _STATE, frame * _STATE + own[note]
    coefficients = np.stack([out[note], np.ones(len(note))], 1)
    given.state(np.stack([wrist, tip], 1), coefficients, near, (hand.x - lying[own - 2])[note])
    struck = np.clip(np.round(hand.onset * fps).astype(int), 0, frames - 1) * _STATE
    ones = np.ones((len(hand), 2))
    given.state(
        np.stack([struck, struck + 1, struck + own + 1], 1),
        np.column_stack([along, ones]),
        LANDING_SPREAD[hand.finger, (hand.surface > 0).astype(int)],
        hand.y - lying[own - 1],
    )
    held = (since > -1e-6) & (frame + 1 < frames) & (frame / fps + 1 / fps <= hand.offset[note])
    now = np.stack([wrist, wrist + 1, tip + 1], 1)[held]
    then = np.column_stack([along, ones])[note][held]
    still = STILL_M * np.sqrt(_FPS / fps)
    given.state(np.concatenate([now, now + _STATE], 1), np.concatenate([-then, then], 1), still)


def leads(hand: HandNotes) -> NDArray[np.float64]:
    """(n,) seconds that each note's finger is above its key before the stroke.

    What the finger's last note leaves of the time, and what the hand's way from far notes leaves.
    """
    free = np.full(len(hand), np.inf)
    for finger in range(5):
        mine = np.flatnonzero(hand.finger == finger)
        free[mine[1:]] = hand.onset[mine[1:]] - np.maximum.accumulate(hand.offset[mine])[:-1]
    lead = np.clip(0.6 * free, 0.02, EARLY_S)
    for back in range(1, min(_NOTES_BACK, len(hand))):
        later = hand.onset[back:] - hand.onset[:-back] > 0.05
        far = np.abs(hand.x[back:] - hand.x[:-back]) - SPAN_M
        left = hand.onset[back:] - hand.offset[:-back] - far / TRAVEL_SPEED
        lead[back:] = np.where(later & (far > 0), np.clip(left, 0.02, lead[back:]), lead[back:])
    return lead


def _with_wrist(
    given: BandedGaussian, acceleration: NDArray[Any], speed: NDArray[Any], fps: float
) -> BandedGaussian:
    """With a wrist whose acceleration and speed have these deviations (F,), m/s² and m/s."""
    whole, frames = given.copy(), len(acceleration)
    finer = np.sqrt(fps / _FPS)  # what is said twice as often must be said half as firmly
    for axis in (0, 1):
        wrist = np.arange(frames) * _STATE + axis
        ahead = np.stack([wrist[:-1], wrist[1:]], 1)
        whole.state(ahead, [-1.0, 1.0], speed[1:] * finer / fps)
        around = np.stack([wrist[:-2], wrist[1:-1], wrist[2:]], 1)
        whole.state(around, [1.0, -2.0, 1.0], acceleration[1:-1] * finer / fps**2)
    if frames <= 3:  # too short for any of the above to hold the offsets
        whole.state(np.arange(frames * _STATE)[:, None], [1.0], 0.02)
    return whole


def _needed(wrist: NDArray[Any], fps: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(F,) acceleration and speed of a path (F, 2), smoothed, m/s² and m/s."""
    needed = np.zeros((len(wrist), 2))
    if len(wrist) > 3:
        needed[1:-1, 0] = np.linalg.norm(np.diff(wrist, 2, axis=0), axis=1) * fps**2
        needed[1:, 1] = np.linalg.norm(np.diff(wrist, axis=0), axis=1) * fps
        needed = np.sqrt(np.clip(smooth_path(needed**2, 200.0), 0, None))
    return needed[:, 0], needed[:, 1]


def _allowed(
    acceleration: NDArray[Any], speed: NDArray[Any], moods: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(F,) m/s² and m/s: what a first path needs, and a calm hand's, as lively as it is in the mood for, everywhere."""
    lively = np.clip(np.exp(LIVELINESS * moods), LEAST_LIVELY, MOST_LIVELY)
    acceleration = CALM_ACCELERATION * lively + np.minimum(
        ACCELERATION_SHARE * acceleration, MOST_ACCELERATION
    )
    return acceleration, CALM_SPEED + SPEED_SHARE * speed
