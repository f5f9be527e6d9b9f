# SPDX-License-Identifier: GPL-3.0-or-later
"""When each finger presses, and the path of its contact point from key to key.

Per finger, the path goes through knots for every note it plays: above the key, through the press depth exactly
when the note sounds, at the key bottom, through the press depth again at the release, above the key. Between the
knots it is a monotone cubic (PCHIP), so it neither overshoots nor crosses the press depth anywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from models import keyboard
from models.contact.fingering import Assignment


@dataclass(frozen=True, kw_only=True)
class PressTiming:
    """Shape of a key press; seconds and metres."""

    strike_s: float = 0.055
    """From the hover height to the press depth."""
    settle_s: float = 0.03
    """From the press depth to the bottom."""
    leave_s: float = 0.025
    """From the bottom back to the press depth."""
    lift_s: float = 0.07
    """From the press depth back to the hover height."""
    blend_s: float = 0.22
    """The generated motion hands over to the key and back in this time."""
    hover: float = 0.011
    """Height of a waiting finger above its key."""
    frames_down: float = 1.15
    """A key is down for at least this many frames, so that the press is seen."""
    frames_up: float = 1.25
    """A key struck again is up for at least this many frames, so that the lift is seen."""

    def __post_init__(self) -> None:
        if min(self.strike_s, self.settle_s, self.leave_s, self.lift_s, self.blend_s) <= 0:
            raise ValueError(f"press times must be above 0: {self}")
        if self.hover <= 0:
            raise ValueError(f"hover is {self.hover}; it must be above 0")
        if min(self.frames_down, self.frames_up) <= 1:
            raise ValueError(f"frames_down and frames_up must be above 1: {self}")


@dataclass(frozen=True)
class Presses:
    """The presses of all notes that a finger plays, sorted by time."""

    note: NDArray[np.int64]
    """(m,) index of the note."""
    slot: NDArray[np.int64]
    """(m,) hand * 5 + finger."""
    down_s: NDArray[np.float64]
    """(m,) when the key passes the press depth."""
    up_s: NDArray[np.float64]
    """(m,) when it passes it again."""
    pitch: NDArray[np.int64]
    """(m,)"""


@dataclass(frozen=True)
class FingerPaths:
    """Where the contact points should be, frame by frame."""

    points: NDArray[np.float64]
    """(frames, 2, 5, 3) metres."""
    weight: NDArray[np.float64]
    """(frames, 2, 5) 0 leaves the finger to the generated motion, 1 puts it on the path."""
    pitch: NDArray[np.int64]
    """(frames, 2, 5) the key that the finger is on its way into, in, or on its way out of; 0 for none."""
    holding: NDArray[np.float64]
    """(frames, 2, 5) 1 from just before the strike until the release: frames the wrist has to serve."""


def plan_presses(
    notes: NDArray[np.floating], assignment: Assignment, fps: float, timing: PressTiming
) -> Presses:
    """Press and release times that are visible at ``fps`` and that no two uses of a key or a finger share."""
    played = np.flatnonzero(assignment.fingering[:, 1] >= 0)
    played = played[np.argsort(notes[played, 0], kind="stable")]
    slot = assignment.fingering[played].astype(int) @ np.array([5, 1])
    pitch = notes[played, 2].astype(int)
    # A press shows in the first frame after it, on average half a frame late.
    down = notes[played, 0].astype(float) - 0.5 / fps
    up = assignment.release_s[played] - 0.5 / fps
    least_down, least_up = timing.frames_down / fps, timing.frames_up / fps
    for group in (pitch, slot):
        for value in np.unique(group):
            index = np.flatnonzero(group == value)
            following = down[index[1:]]
            period = following - down[index[:-1]]
            latest = following - np.maximum(np.minimum(least_up, period / 2), 1e-3)
            up[index[:-1]] = np.minimum(up[index[:-1]], latest)
    shortest = np.full(len(played), least_down)
    for group in (pitch, slot):
        for value in np.unique(group):
            index = np.flatnonzero(group == value)
            period = np.diff(down[index])
            shortest[index[:-1]] = np.minimum(shortest[index[:-1]], np.maximum(period / 2, 1e-3))
    return Presses(played, slot, down, np.maximum(up, down + shortest), pitch)


def contact_points(
    presses: Presses, tips: NDArray[np.floating], fps: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where on its key each finger lands: as near the motion's own fingertip as the key allows.

    Args:
        tips: (frames, 2, 5, 3) contact points of the motion.

    Returns:
        X and Y (m,) metres.
    """
    frame = np.clip(np.round(presses.down_s * fps).astype(int), 0, len(tips) - 1)
    natural = tips.reshape(len(tips), 10, 3)[frame, presses.slot]
    black = keyboard.is_black(presses.pitch)
    near = _with_black_keys(presses, black)
    low = np.where(black, 0.054, 0.012)
    high = np.where(black, 0.092, np.where(near, 0.078, 0.045))
    y = np.clip(natural[:, 1], low, high)
    between_blacks = ~black & (y > keyboard.BLACK_FRONT - 0.003)
    left, right = keyboard.playable_x(presses.pitch, between_blacks)
    return np.clip(natural[:, 0], left, right), y


def _with_black_keys(presses: Presses, black: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(m,) whether the hand holds a black key within a tenth of a second of the press."""
    near = np.zeros(len(presses.note), bool)
    hand = presses.slot // 5
    for side in (0, 1):
        mine, blacks = np.flatnonzero(hand == side), np.flatnonzero((hand == side) & black)
        if not len(blacks) or not len(mine):
            continue
        begin = np.searchsorted(presses.down_s[blacks], presses.down_s[mine] + 0.1)
        held_until = np.maximum.accumulate(presses.up_s[blacks])
        last = np.clip(begin - 1, 0, None)
        near[mine] = (begin > 0) & (held_until[last] > presses.down_s[mine] - 0.1)
    return near


def finger_paths(
    presses: Presses,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    frames: int,
    fps: float,
    timing: PressTiming,
) -> FingerPaths:
    """Sample the paths of all ten contact points on the frame grid."""
    times = np.arange(frames) / fps
    points = np.zeros((frames, 10, 3))
    weight, holding = np.zeros((frames, 10)), np.zeros((frames, 10))
    pitch = np.zeros((frames, 10), int)
    surface = keyboard.key_surface(presses.pitch)
    bottom = surface - keyboard.bottom_depth(presses.pitch, y)
    for slot in np.unique(presses.slot):
        mine = np.flatnonzero(presses.slot == slot)
        place = np.stack([x[mine], y[mine], surface[mine]], 1)
        path = _one_path(presses.down_s[mine], presses.up_s[mine], place, bottom[mine], timing)
        knots, values, rise, fall = path
        points[:, slot] = PchipInterpolator(knots, values, axis=0, extrapolate=False)(
            np.clip(times, knots[0], knots[-1])
        )
        begin = np.searchsorted(rise, times, side="right") - 1
        inside = (begin >= 0) & (times <= fall[np.maximum(begin, 0)])
        pitch[:, slot] = np.where(inside, presses.pitch[mine][np.maximum(begin, 0)], 0)
        weight[:, slot] = _weights(times, rise, fall, timing.blend_s)
        begin = np.searchsorted(presses.down_s[mine] - 0.04, times, side="right") - 1
        holding[:, slot] = (begin >= 0) & (times <= presses.up_s[mine][np.maximum(begin, 0)])
    shape = (frames, 2, 5)
    return FingerPaths(
        points.reshape(*shape, 3), weight.reshape(shape), pitch.reshape(shape), holding.reshape(shape)
    )


def _one_path(
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    place: NDArray[np.float64],
    bottom: NDArray[np.float64],
    timing: PressTiming,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Knot times (6 m,) and points (6 m, 3) of one finger, and when each press begins and ends (m,).

    ``place`` (m, 3) is where the finger meets each key at rest, ``bottom`` (m,) the Z of its surface all the way down.
    """
    surface = place[:, 2]
    before = np.concatenate([[np.inf], down[1:] - up[:-1]])
    after = np.concatenate([before[1:], [np.inf]])
    hold = up - down
    strike = np.minimum(timing.strike_s, 0.45 * before)
    lift = np.minimum(timing.lift_s, 0.45 * after)
    settle = np.minimum(timing.settle_s, 0.45 * hold)
    leave = np.minimum(timing.leave_s, 0.45 * hold)
    hover_before = surface + timing.hover * np.clip(before / 0.16, 0.3, 1.0)
    hover_after = surface + timing.hover * np.clip(after / 0.16, 0.3, 1.0)
    depth = surface - keyboard.PRESS_DEPTH
    knots = np.stack([down - strike, down, down + settle, up - leave, up, up + lift], 1)
    z = np.stack(
        [
            hover_before,
            depth - 1e-4,
            bottom,
            bottom,
            depth + 1e-4,
            hover_after,
        ],
        1,
    )
    xyz = np.concatenate([np.repeat(place[:, None, :2], 6, 1), z[..., None]], -1)
    return knots.reshape(-1), xyz.reshape(-1, 3), knots[:, 0], knots[:, -1]


def _weights(
    times: NDArray[np.float64], rise: NDArray[np.float64], fall: NDArray[np.float64], blend_s: float
) -> NDArray[np.float64]:
    """1 from rise to fall, eased to 0 within ``blend_s`` on both sides, 1 throughout gaps too short to let go."""
    following = np.clip(np.searchsorted(rise, times), 0, len(rise) - 1)
    preceding = np.clip(np.searchsorted(rise, times, side="right") - 1, 0, len(rise) - 1)
    to_next = np.where(rise[following] >= times, rise[following] - times, np.inf)
    since_last = np.where(rise[preceding] <= times, np.maximum(times - fall[preceding], 0.0), np.inf)
    ease = np.clip(1 - np.minimum(to_next, since_last) / blend_s, 0.0, 1.0)
    ease = np.where(to_next + since_last < 2 * blend_s, 1.0, ease)
    return ease * ease * (3 - 2 * ease)
