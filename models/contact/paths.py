# SPDX-License-Identifier: GPL-3.0-or-later
"""The path of each contact point from key to key, sampled on the frame grid.

Per finger, the path goes through knots for every note it plays: above the key, through the press depth exactly
when the note sounds, at the key bottom, through the press depth again at the release, above the key. Heights follow a
monotone cubic (Fritsch and Butland, 1984) between the knots, so they neither overshoot nor cross the press depth
anywhere else; sideways a finger moves only between its presses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models import keyboard
from models.contact.schedule import Presses, PressTiming

_SERVED_S = 0.04  # the wrist serves a finger from this long before it strikes
_LIFTED_S = 0.04  # and half-heartedly until it has left the key
_FIRM_BEFORE_S, _FIRM_AFTER_S, _FIRM_EASE_S = 0.035, 0.03, 0.1  # sideways only above the keys


@dataclass(frozen=True)
class FingerPaths:
    """Where the contact points should be, frame by frame."""

    points: NDArray[np.float32]
    """(frames, 2, 5, 3) metres."""
    weight: NDArray[np.float32]
    """(frames, 2, 5) 0 leaves the finger to the generated motion, 1 puts it on the path."""
    pitch: NDArray[np.int64]
    """(frames, 2, 5) the key that the finger is on its way into, in, or on its way out of; 0 for none."""
    holding: NDArray[np.float32]
    """(frames, 2, 5) 1 from just before the strike until the release: how much the wrist has to serve the finger."""
    firm: NDArray[np.float32]
    """(frames, 2, 5) 1 while the finger must be where its path says, 0 while it may step aside."""


@dataclass(frozen=True)
class _Slot:
    """What of one finger's path does not depend on where on the keys it lands."""

    finger: int
    mine: NDArray[np.int64]
    knots: NDArray[np.float64]
    hover_before: NDArray[np.float64]
    hover_after: NDArray[np.float64]
    interval: NDArray[np.int64]
    u: NDArray[np.float64]
    press: NDArray[np.int64]
    way: NDArray[np.float64]


class PathSampler:
    """Samples the paths of all ten contact points; where fingers land on their keys may change from call to call."""

    def __init__(self, presses: Presses, frames: int, fps: float, timing: PressTiming) -> None:
        times = np.arange(frames) / fps
        self._presses, self._frames = presses, frames
        self._surface = keyboard.key_surface(presses.pitch)
        self._slots: list[_Slot] = []
        self._weight, self._holding, self._firm = (np.zeros((frames, 10), np.float32) for _ in range(3))
        self._pitch = np.zeros((frames, 10), np.int64)
        for finger in np.unique(presses.slot):
            mine = np.flatnonzero(presses.slot == finger)
            down, up = presses.down_s[mine], presses.up_s[mine]
            slot = _slot(int(finger), mine, down, up, self._surface[mine], times, timing)
            self._slots.append(slot)
            rise, fall = slot.knots[0::6], slot.knots[5::6]
            begin = np.searchsorted(rise, times, side="right") - 1
            inside = (begin >= 0) & (times <= fall[np.maximum(begin, 0)])
            self._pitch[:, finger] = np.where(inside, presses.pitch[mine][np.maximum(begin, 0)], 0)
            self._weight[:, finger] = _eased(times, rise, fall, timing.blend_s)
            begin = np.searchsorted(down - _SERVED_S, times, side="right") - 1
            late = times - up[np.maximum(begin, 0)]
            served = np.where(late <= 0, 1.0, np.where(late <= _LIFTED_S, 0.5, 0.0))
            self._holding[:, finger] = np.where(begin >= 0, served, 0.0)
            self._firm[:, finger] = _eased(times, down - _FIRM_BEFORE_S, up + _FIRM_AFTER_S, _FIRM_EASE_S)

    def __call__(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> FingerPaths:
        """The paths when press i lands at ``x[i]``, ``y[i]``, metres."""
        bottom = self._surface - keyboard.bottom_depth(self._presses.pitch, y)
        depth = self._surface - keyboard.PRESS_DEPTH
        points = np.zeros((self._frames, 10, 3), np.float32)
        for slot in self._slots:
            mine = slot.mine
            heights = np.stack(
                [
                    slot.hover_before,
                    depth[mine] - 1e-4,
                    bottom[mine],
                    bottom[mine],
                    depth[mine] + 1e-4,
                    slot.hover_after,
                ],
                1,
            ).reshape(-1)
            following = np.minimum(slot.press + 1, len(mine) - 1)
            for axis, values in enumerate((x[mine], y[mine])):
                here = values[slot.press]
                points[:, slot.finger, axis] = here + slot.way * (values[following] - here)
            points[:, slot.finger, 2] = monotone_cubic(slot.knots, heights, slot.interval, slot.u)
        shape = (self._frames, 2, 5)
        return FingerPaths(
            points.reshape(*shape, 3),
            self._weight.reshape(shape),
            self._pitch.reshape(shape),
            self._holding.reshape(shape),
            self._firm.reshape(shape),
        )


def _slot(
    finger: int,
    mine: NDArray[np.int64],
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    surface: NDArray[np.float64],
    times: NDArray[np.float64],
    timing: PressTiming,
) -> _Slot:
    before = np.concatenate([[np.inf], down[1:] - up[:-1]])
    after = np.concatenate([before[1:], [np.inf]])
    hold = up - down
    strike, lift = np.minimum(timing.strike_s, 0.45 * before), np.minimum(timing.lift_s, 0.45 * after)
    settle, leave = np.minimum(timing.settle_s, 0.45 * hold), np.minimum(timing.leave_s, 0.45 * hold)
    knots = np.stack([down - strike, down, down + settle, up - leave, up, up + lift], 1).reshape(-1)
    clipped = np.clip(times, knots[0], knots[-1])
    interval = np.clip(np.searchsorted(knots, clipped, side="right") - 1, 0, len(knots) - 2)
    u = (clipped - knots[interval]) / (knots[interval + 1] - knots[interval])
    travels = interval % 6 == 5
    return _Slot(
        finger,
        mine,
        knots,
        surface + timing.hover * np.clip(before / 0.16, 0.3, 1.0),
        surface + timing.hover * np.clip(after / 0.16, 0.3, 1.0),
        interval,
        u,
        interval // 6,
        np.where(travels, u * u * (3 - 2 * u), 0.0),
    )


def monotone_cubic(
    knots: NDArray[np.float64],
    values: NDArray[np.float64],
    interval: NDArray[np.int64],
    u: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Cubic through ``values`` (k,) at ``knots`` (k,), level at both ends, monotone between neighbouring knots.

    Evaluated at the share ``u`` of each of the intervals ``interval``.
    """
    width = np.diff(knots)
    secant = np.diff(values) / width
    slope = np.zeros(len(knots))
    left, right = secant[:-1], secant[1:]
    rising = left * right > 0
    w1, w2 = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    safe_left, safe_right = np.where(rising, left, 1.0), np.where(rising, right, 1.0)
    slope[1:-1] = np.where(rising, (w1 + w2) / (w1 / safe_left + w2 / safe_right), 0.0)
    span = width[interval]
    v = 1 - u
    start = values[interval] * (1 + 2 * u) + span * slope[interval] * u
    end = values[interval + 1] * (1 + 2 * v) - span * slope[interval + 1] * v
    return start * v * v + end * u * u


def _eased(
    times: NDArray[np.float64], rise: NDArray[np.float64], fall: NDArray[np.float64], ease_s: float
) -> NDArray[np.float64]:
    """1 from rise to fall, eased to 0 within ``ease_s`` on both sides, 1 throughout gaps too short to let go."""
    following = np.clip(np.searchsorted(rise, times), 0, len(rise) - 1)
    preceding = np.clip(np.searchsorted(rise, times, side="right") - 1, 0, len(rise) - 1)
    to_next = np.where(rise[following] >= times, rise[following] - times, np.inf)
    since_last = np.where(rise[preceding] <= times, np.maximum(times - fall[preceding], 0.0), np.inf)
    ease = np.clip(1 - np.minimum(to_next, since_last) / ease_s, 0.0, 1.0)
    ease = np.where(to_next + since_last < 2 * ease_s, 1.0, ease)
    return ease * ease * (3 - 2 * ease)
