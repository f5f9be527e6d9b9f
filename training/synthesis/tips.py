# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingertips in space: over their keys in time, lifted before they strike, down while they hold, in order.

X and Y come from the hand's process (`hand_process.py`); idle fingers follow where the wrist had to make room.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from models.body.keyboard import BLACK_FRONT, BLACK_HEIGHT
from models.body.player import Style
from training.synthesis.hand_notes import HandNotes, frame_spans
from training.synthesis.hand_process import HandPath, leads
from training.synthesis.smooth import noise_path
from training.synthesis.wrist import WristPath

REACH_X = np.array([[-0.100, -0.020], [-0.062, 0.022], [-0.036, 0.058], [-0.004, 0.085], [0.028, 0.106]])
REACH_Y = np.array([[0.084, 0.142], [0.116, 0.184], [0.122, 0.196], [0.116, 0.184], [0.086, 0.150]])
"""Where each fingertip gets without the wrist, metres from it, of a right hand that is not turned."""
FINGER_GAP_M = 0.015
THUMB_BASE = np.array([-0.025, 0.023])
SHORTEST_THUMB_M = 0.100
"""An idle thumb keeps so far, seen from above, from its base: nearer, it stands up like a hook."""
_EASE_S = 0.12
"""A finger hands over from its key to the idle hand in this time."""


def tip_paths(
    hand: HandNotes,
    path: HandPath,
    wrist: WristPath,
    style: Style,
    fps: float,
    rng: np.random.Generator,
    *,
    tracked: bool = False,
) -> NDArray[np.float64]:
    """Fingertips (F, 5, 3) in right-hand terms.

    tracked: the path is that of a real hand, whose fingers are within reach and in order as they are.
    """
    busy, size = busy_fingers(hand, len(path.wrist), fps), style.size_factor
    moved = wrist.place[:, :2] - path.wrist
    tips = path.tips + (1 - busy)[..., None] * moved[:, None]
    if not tracked:
        offsets = _within_reach(tips - wrist.place[:, None, :2], wrist.turn, size)
        offsets[:, 0] = _not_hooked(offsets[:, 0], wrist.turn, 1 - busy[:, 0], size)
        tips = wrist.place[:, None, :2] + offsets
        _keep_order(tips, busy, size)
    return np.concatenate([tips, tip_heights(hand, tips, busy, style, fps, rng)[..., None]], 2)


def busy_fingers(hand: HandNotes, frames: int, fps: float) -> NDArray[np.float64]:
    """(F, 5) 1 from when a finger waits above its key until it lets go, eased to 0 on both sides."""
    early, time, busy = leads(hand), np.arange(frames) / fps, np.zeros((frames, 5))
    note, frame = frame_spans(hand.onset - early - _EASE_S, hand.offset + _EASE_S, frames, fps)
    outside = np.maximum(hand.onset[note] - early[note] - time[frame], time[frame] - hand.offset[note])
    share = np.clip(1 - outside / _EASE_S, 0, 1)
    np.maximum.at(busy, (frame, hand.finger[note]), share * share * (3 - 2 * share))
    return busy


def _within_reach(offsets: NDArray[Any], turn: NDArray[Any], size: float) -> NDArray[np.float64]:
    """Offsets (F, 5, 2) from the wrist, kept where the fingers of a turned hand get; the thumb does not turn along."""
    angle = turn[:, None] * np.array([0, 1, 1, 1, 1])
    cos, sin = np.cos(angle), np.sin(angle)
    x = np.clip(cos * offsets[..., 0] - sin * offsets[..., 1], *(size * REACH_X.T))
    y = np.clip(sin * offsets[..., 0] + cos * offsets[..., 1], *(size * REACH_Y.T))
    return np.stack([cos * x + sin * y, cos * y - sin * x], 2)


def _not_hooked(
    thumb: NDArray[Any], turn: NDArray[Any], idle: NDArray[Any], size: float
) -> NDArray[np.float64]:
    """Thumb tips (F, 2) from the wrist, idle ones away from their base."""
    x, y = THUMB_BASE * size
    base = np.stack([np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x], 1)
    along = thumb - base
    length = np.linalg.norm(along, axis=1, keepdims=True)
    lack = np.clip(SHORTEST_THUMB_M * size - length, 0, None) * idle[:, None]
    return thumb + along / np.maximum(length, 1e-6) * lack


def _keep_order(place: NDArray[Any], busy: NDArray[Any], size: float) -> None:
    """Keep idle long fingers, in place, at least a finger's width from their neighbours, index to little finger."""
    for _ in range(2):
        for low, high in ((1, 2), (2, 3), (3, 4)):
            lack = np.clip(FINGER_GAP_M * size - (place[:, high, 0] - place[:, low, 0]), 0, None)
            share = (1.02 - busy[:, low]) / (2.04 - busy[:, low] - busy[:, high])
            place[:, low, 0] -= lack * share
            place[:, high, 0] += lack * (1 - share)


def tip_heights(
    hand: HandNotes,
    place: NDArray[Any],
    busy: NDArray[Any],
    style: Style,
    fps: float,
    rng: np.random.Generator,
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
    mine: HandNotes, style: Style, hover: float, time: NDArray[Any]
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
