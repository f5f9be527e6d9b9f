# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingertips about a relaxed arch that turns with the hand: early over their keys, lifted before they strike.

A finger leaves for its next key when it is let go of the last one. Idle fingers follow their neighbours part of the
way (enslaving, Zatsiorsky et al. 2000) and trail behind the wrist a little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from models.keyboard import BLACK_FRONT, BLACK_HEIGHT
from training.synthesis.smooth import noise_path, smooth_path
from training.synthesis.style import Style
from training.synthesis.wishes import HandNotes, Timing, frame_spans, weighted_wishes
from training.synthesis.wrist import WristPath, tips_at_rest

REACH_X = np.array([[-0.100, -0.020], [-0.062, 0.022], [-0.036, 0.058], [-0.004, 0.085], [0.028, 0.106]])
REACH_Y = np.array([[0.084, 0.142], [0.116, 0.184], [0.122, 0.196], [0.116, 0.184], [0.086, 0.150]])
"""Where each fingertip gets without the wrist, metres from it, of a right hand that is not turned."""
THUMB_TURN = 0.0
"""The thumb's share in the hand's turn; it stays behind on its keys."""
FINGER_GAP_M = 0.015
EARLY_S = 0.16
"""A finger is at its key so long before the stroke, where it is free by then."""


def tip_paths(
    hand: HandNotes, path: WristPath, style: Style, fps: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Fingertips (F, 5, 3) in right-hand terms."""
    wrist, frames = path.place, len(path.place)
    rest, size = tips_at_rest(style), style.size_factor
    turn = path.turn[:, None] * np.array([THUMB_TURN, 1, 1, 1, 1])
    cos, sin = np.cos(turn), np.sin(turn)
    offset, busy = np.zeros((frames, 5, 2)), np.zeros((frames, 5))
    free = 0.02 * (1 + 0.3 * style.looseness)  # pull to the relaxed place
    for finger in range(5):
        mine = hand.of_finger(finger)
        if not len(mine):
            continue
        before = np.concatenate([[-np.inf], np.maximum.accumulate(mine.offset)[:-1]])
        timing = Timing(
            lead_s=np.clip(0.6 * (mine.onset - before), 0.02, EARLY_S),
            settle_s=0.13,
            before_s=0.18 * (1 - 0.3 * style.looseness),
            after_s=0.06,
            earliest_s=before,
        )
        wished, weights = weighted_wishes(mine, np.stack([mine.x, mine.y], 1), timing, frames, fps)
        away = wished - wrist[:, :2]
        c, s = cos[:, finger], sin[:, finger]
        own = np.stack([c * away[:, 0] - s * away[:, 1], s * away[:, 0] + c * away[:, 1]], 1)
        reach = np.stack([REACH_X[finger], REACH_Y[finger]], 1) * size
        relative = np.clip(own, *reach) - rest[finger]
        weights = np.minimum(weights, 1.0)
        offset[:, finger] = smooth_path(relative * (weights / (weights + free))[:, None], weights + free, 0.6)
        busy[:, finger] = weights
    offset = _couple(offset, busy)
    local = rest + offset + _trail(wrist, style, fps, rng) * (1 - busy)[..., None]
    x = cos * local[..., 0] + sin * local[..., 1]
    y = cos * local[..., 1] - sin * local[..., 0]
    place = wrist[:, None, :2] + np.stack([x, y], 2)
    _keep_order(place, busy, size)
    return np.concatenate([place, tip_heights(hand, place, busy, style, fps, rng)[..., None]], 2)


def _trail(wrist: NDArray, style: Style, fps: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(F, 5, 2) what idle fingers do by themselves: small wandering, and lag behind the wrist."""
    frames, loose = len(wrist), 1 + 0.8 * style.looseness
    quick = noise_path(frames, 10, 0.17 * fps, rng).reshape(frames, 5, 2) * 0.0016
    slow = noise_path(frames, 10, 0.8 * fps, rng).reshape(frames, 5, 2) * np.array([0.003, 0.004])
    if frames < 2:
        return quick + slow
    lag = -0.012 * loose * np.gradient(wrist[:, :2], axis=0) * fps
    return loose * (quick + slow) + np.clip(lag, -0.008, 0.008)[:, None]


def _couple(offset: NDArray, busy: NDArray) -> NDArray[np.float64]:
    """Idle fingers follow their neighbours part of the way; the thumb is free."""
    result = offset.copy()
    share = {1: ((2, 0.35),), 2: ((1, 0.25), (3, 0.35)), 3: ((2, 0.3), (4, 0.3)), 4: ((3, 0.45),)}
    for finger, neighbours in share.items():
        pull = sum(weight * (offset[:, other] - offset[:, finger]) for other, weight in neighbours)
        result[:, finger] += (1 - busy[:, finger])[:, None] * pull
    return result


def _keep_order(place: NDArray, busy: NDArray, size: float) -> None:
    """Keep idle long fingers, in place, at least a finger's width from their neighbours, index to little finger."""
    for _ in range(2):
        for low, high in ((1, 2), (2, 3), (3, 4)):
            lack = np.clip(FINGER_GAP_M * size - (place[:, high, 0] - place[:, low, 0]), 0, None)
            share = (1.02 - busy[:, low]) / (2.04 - busy[:, low] - busy[:, high])
            place[:, low, 0] -= lack * share
            place[:, high, 0] += lack * (1 - share)


def tip_heights(
    hand: HandNotes, place: NDArray, busy: NDArray, style: Style, fps: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Heights (F, 5): hovering above the keys, lifted before a stroke, down while a key is held."""
    frames = len(place)
    hover = 0.009 + 0.0035 * style.energy - 0.0015 * style.looseness
    over_black = 1 / (1 + np.exp(-np.clip((place[..., 1] - BLACK_FRONT + 0.006) / 0.002, -30, 30)))
    height = hover + (BLACK_HEIGHT - 0.001) * over_black
    alive = noise_path(frames, 5, 0.35 * fps, rng) * 0.0015 * (1 + 0.5 * style.looseness)
    height += np.clip(alive, 0.003 - hover, None)
    pressing = np.zeros((frames, 5))
    time = np.arange(frames) / fps
    for finger in range(5):
        mine = hand.of_finger(finger)
        if not len(mine):
            continue
        stroke, inside = _strokes(mine, style, hover, time)
        height[:, finger] += inside * (stroke - height[:, finger])
        note, frame = frame_spans(mine.onset, mine.offset, frames, fps)
        held = np.interp(frame / fps - mine.onset[note], [0, 0.03], [0, 1])
        np.maximum.at(pressing[:, finger], frame, held)
    drag = pressing[:, 1:].copy()
    drag[:, 1:] = np.maximum(drag[:, 1:], pressing[:, 1:-1])
    drag[:, :-1] = np.maximum(drag[:, :-1], pressing[:, 2:])
    height[:, 1:] -= 0.0025 * drag * (1 - np.clip(busy[:, 1:] * 3, 0, 1))
    return height


def _strokes(
    mine: HandNotes, style: Style, hover: float, time: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Height of one finger about its notes, and how much of it counts in each frame, 0 to 1; both (F,).

    Time between two notes of a finger is shared by the release, the way up and the stroke.
    """
    on, off = mine.onset, mine.offset.copy()
    off[:-1] = np.minimum(off[:-1], on[1:] - 0.02)
    off = np.maximum(off, on + 0.035)
    before = on - np.concatenate([[on[0] - 1.0], off[:-1]])
    after = np.concatenate([on[1:], [off[-1] + 1.0]]) - off
    lift = (0.005 + 0.011 * mine.loud) * max(1 + 0.8 * style.energy, 0.15) * np.clip(before / 0.16, 0.2, 1)
    above, down = mine.surface + hover, mine.surface - 0.9 * mine.dip
    early = 0.16 * (1 - 0.3 * style.looseness)
    # The key passes the 3 mm of "pressed" at the onset, on the way down.
    knots = np.stack(
        [
            on - np.minimum(early, 0.49 * before),
            on - np.minimum(0.055, 0.25 * before),
            on,
            on + 0.03,
            np.maximum(off - 0.02, on + 0.031),
            np.maximum(off, on + 0.033),
            off + np.minimum(0.09, 0.49 * after),
        ],
        1,
    ).ravel()
    heights = np.stack(
        [above, above + lift, mine.surface - 0.003, down, down, mine.surface - 0.002, above], 1
    ).ravel()
    counts = np.tile([0.0, 1, 1, 1, 1, 1, 0], len(on))
    knots = np.maximum.accumulate(knots + 1e-5 * np.arange(len(knots)))
    strictly = np.concatenate([[True], np.diff(knots) > 0])
    curve = PchipInterpolator(knots[strictly], np.stack([heights, counts], 1)[strictly])
    inside = (time >= knots[0]) & (time <= knots[-1])
    values = curve(np.clip(time, knots[0], knots[-1]))
    return values[:, 0], np.where(inside, np.clip(values[:, 1], 0, 1), 0.0)
