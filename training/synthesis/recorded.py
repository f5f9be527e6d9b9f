# SPDX-License-Identifier: GPL-3.0-or-later
"""Performances of real pianists as training motion: their paths over the keys are real, the rest is made.

Wrists and fingertips of the PianoMime excerpts are tracked in X and Y (`real_notes.py`). Heights, turns and joint
angles are the synthesiser's, strokes are key contact's, and how loud each note is, is drawn. Axes: F frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from models.body.notes import Notes
from models.body.player import MOST_SCORE, SCORES, Player, Style
from models.body.skeleton import LEFT, RIGHT
from models.contact import apply_contact
from training.synthesis.hand_notes import notes_of_hand
from training.synthesis.hand_process import HandHabits, HandPath, fitted_habits
from training.synthesis.motion import raised
from training.synthesis.real_notes import REAL_FPS, RealExcerpt
from training.synthesis.sample import Sample
from training.synthesis.smooth import noise_path
from training.synthesis.style import draw_style

SMOOTH_FRAMES = 0.4
"""Standard deviation of the bell curve that takes the tracker's steps out of the paths."""
SIDE = np.array([[-1.0, 1.0], [1.0, 1.0]])
"""(2, 2) what turns X and Y of a hand into right-hand terms, and back."""
PHRASE_S = 2.5
"""Loudness swells and fades over so many seconds."""
LEAVES_S, SHORTEST_S = 0.05, 0.06
"""A finger lets go so long before its note ends, but no sooner than that after it struck: in the first frame without
the press a hand that leaps is 19 mm on its way already, 39 mm in the next one (medians of 4,332)."""


def recorded(
    excerpt: RealExcerpt, rest: NDArray[np.float64], rng: np.random.Generator, fps: float = 30.0
) -> Sample:
    """The performance of an excerpt.

    Args:
        rest: (2, 10) where fingertips lie from the wrist, on average over many pianists (`average_lying`).
    """
    player = Player(style=_style(rng), scores=scores_of(excerpt, rest))
    notes = with_loudness(excerpt.notes, rng)
    frames = int((len(excerpt.wrist) - 1) / REAL_FPS * fps) + 1
    wrist, tips = (resampled(part, frames, fps) for part in (excerpt.wrist, excerpt.tips))
    paths = [HandPath(wrist[:, hand] * SIDE[hand], tips[:, hand] * SIDE[hand]) for hand in (LEFT, RIGHT)]
    played = [notes_of_hand(notes, hand) for hand in (LEFT, RIGHT)]
    motion = raised(paths, played, rest, player, rng, fps, tracked=True)
    done = apply_contact(motion, notes, hand_size=player.hand_size, style=player.style)
    return Sample(done.motion, notes, player, tracked=True)


def resampled(path: NDArray[np.float64], frames: int, fps: float) -> NDArray[np.float64]:
    """A path (F, ...) at `REAL_FPS`, smoothed, at another rate: (frames, ...)."""
    smooth = gaussian_filter1d(path, SMOOTH_FRAMES, axis=0, mode="nearest")
    curve = CubicSpline(np.arange(len(path)) / REAL_FPS, smooth, axis=0)
    result: NDArray[np.float64] = curve(np.minimum(np.arange(frames) / fps, (len(path) - 1) / REAL_FPS))
    return result


def average_lying(excerpts: Iterable[RealExcerpt]) -> NDArray[np.float64]:
    """(2, 10) where fingertips lie from the wrist on average, right-hand terms."""
    lying = [[_lying(one, hand).mean(0) for hand in (LEFT, RIGHT)] for one in excerpts]
    average: NDArray[np.float64] = np.mean(lying, 0)
    return average


def scores_of(excerpt: RealExcerpt, rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3) how far a pianist's hands lie from the average along the directions in which players differ.

    The inverse of `HandHabits.lying`: what the networks are told of a drawn player is found of a real one.
    """
    habits = fitted_habits()
    variances, directions = np.linalg.eigh(habits.between)
    upward = np.where(directions.sum(0) < 0, -1.0, 1.0)
    scores = []
    for hand in (LEFT, RIGHT):
        apart = _lying(excerpt, hand).mean(0) - rest[hand] - _leant(excerpt, hand, habits)
        parts = upward * (directions.T @ apart) / np.sqrt(np.maximum(variances, 1e-9))
        scores.append(parts[::-1][: len(SCORES)])
    return np.clip(np.array(scores), -MOST_SCORE, MOST_SCORE)


def with_loudness(notes: Notes, rng: np.random.Generator) -> Notes:
    """Notes with a drawn loudness and the time at which their finger lets go; how loud they were was not tracked.

    An excerpt has a level, phrases swell and fade, one hand leads, and notes differ.
    """
    duration = float(notes.offset_s.max()) + 1.0
    rate = 10.0
    swell = noise_path(int(duration * rate) + 2, 1, PHRASE_S * rate, rng)[:, 0]
    level, range_, lead = rng.uniform(45, 80), rng.uniform(6, 16), rng.uniform(-10, 10)
    loud = level + range_ * np.interp(notes.onset_s, np.arange(len(swell)) / rate, swell)
    loud += np.where(notes.hand == RIGHT, lead / 2, -lead / 2) + rng.normal(0, 5.0, len(notes))
    velocity = np.clip(loud, 15, 115).astype(notes.velocity.dtype)
    onset, offset = notes.onset_s.astype(np.float64), notes.offset_s.astype(np.float64)
    release = np.maximum(offset - LEAVES_S, np.minimum(onset + SHORTEST_S, offset))
    return replace(notes, velocity=velocity, release_s=release)


def _style(rng: np.random.Generator) -> Style:
    """How high wrists are carried and how energetically is drawn; size and curl are the pianist's own, of average."""
    return replace(draw_style(rng), hand_size=0.0, curl=0.0)


def _lying(excerpt: RealExcerpt, hand: int) -> NDArray[np.float64]:
    """(F, 10) fingertips from the wrist, right-hand terms."""
    return ((excerpt.tips[:, hand] - excerpt.wrist[:, hand, None]) * SIDE[hand]).reshape(-1, 10)


def _leant(excerpt: RealExcerpt, hand: int, habits: HandHabits) -> NDArray[Any]:
    """(10,) how much farther out fingertips lie because the hand is farther out than usual."""
    out = float((excerpt.wrist[:, hand, 0] * SIDE[hand, 0]).mean())
    leant: NDArray[Any] = habits.lean[hand] * (out - habits.middle[hand])
    return leant
