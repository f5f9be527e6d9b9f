# SPDX-License-Identifier: GPL-3.0-or-later
"""The stroke of each finger on each key it plays, sampled on the frame grid.

Per finger, heights go through knots for every note it plays: above the key, through the press depth exactly when the
note sounds, at the key bottom, through the press depth again at the release, above the key. They follow a monotone
cubic (Fritsch and Butland, 1984) between the knots, so they neither overshoot nor cross the press depth anywhere else.
A finger must be on its stroke from the moment it strikes until it leaves its key. Before and after, its tolerance grows
exponentially, so that a finger on its way is its hand's own business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from models.body import keyboard
from models.contact.schedule import Presses, PressTiming
from models.contact.slides import ends_of, slide_x, touching

_SERVED_S, _LIFTED_S = 0.035, 0.04
"""A finger is as good as holding from so long before it strikes until it has left its key."""
_LETS_GO_S = 0.02
"""Before a finger strikes and after it has left its key, its tolerance grows by a factor of e in this time."""
_USUAL_Y = (0.04, 0.075)
"""Where a white and a black key are most often struck, metres from the front edge."""


@dataclass(frozen=True, eq=False)
class Strokes:
    """Where the contact points should be, frame by frame."""

    points: NDArray[np.float64]
    """(3, 2, 5, F) metres."""
    pitch: NDArray[np.int64]
    """(2, 5, F) the key that the finger is on its way into, in, or on its way out of; 0 for none."""
    firm: NDArray[np.float64]
    """(2, 5, F) 1 while the finger must be where its stroke says, falling towards 0 before and after."""
    holding: NDArray[np.float64]
    """(2, 5, F) 1 while the finger strikes or holds its key, a half until it has left it."""


class StrokeSampler:
    """Samples the strokes of all ten fingers; where they land on their keys may change from call to call."""

    def __init__(self, presses: Presses, frames: int, fps: float, timing: PressTiming) -> None:
        times = np.arange(frames) / fps
        shape = (10, frames)
        self._black = keyboard.is_black(presses.pitch)
        self._press = presses.pitch
        self._usual = keyboard.bottom_depth(presses.pitch, np.where(self._black, _USUAL_Y[1], _USUAL_Y[0]))
        self._surface = keyboard.key_surface(presses.pitch)
        self._here, self._there, self._deep = (np.full(shape, -1) for _ in range(3))
        self._way, self._height = np.zeros(shape), np.zeros(shape)
        self._slide_x = np.full(shape, np.nan)
        self._firm, self._holding = np.zeros(shape), np.zeros(shape)
        pitch = np.zeros(shape, np.int64)
        self.pitch = pitch.reshape(2, 5, frames)
        """(2, 5, F) as of `Strokes`."""
        for finger in np.unique(presses.slot).tolist():
            mine = np.flatnonzero(presses.slot == finger)
            struck = presses.down_s[mine]
            first, last = ends_of(touching(struck, presses.up_s[mine]))
            down, up = struck[first], presses.up_s[mine[last]]
            rise, fall = self._follow(finger, mine[first], mine[last], down, up, times, timing)
            begin = np.searchsorted(rise, times, side="right") - 1
            stroke = np.maximum(begin, 0)
            now = np.clip(np.searchsorted(struck, times, side="right") - 1, first[stroke], last[stroke])
            pitch[finger] = np.where((begin >= 0) & (times <= fall[stroke]), presses.pitch[mine[now]], 0)
            begin = np.searchsorted(down - _SERVED_S, times, side="right") - 1
            late = times - up[np.maximum(begin, 0)]
            held = np.where(late <= 0, 1.0, np.where(late <= _LIFTED_S, 0.5, 0.0))
            self._holding[finger] = np.where(begin >= 0, held, 0.0)
            self._firm[finger] = _firmness(times, down, up)
            for slide in (mine[i : j + 1] for i, j in zip(first, last, strict=True) if j > i):
                down, up = presses.down_s[slide], presses.up_s[slide]
                sliding = np.flatnonzero((times >= down[0]) & (times <= up[-1]))
                self._slide_x[finger, sliding] = slide_x(times[sliding], down, up, presses.pitch[slide])

    def _follow(
        self,
        finger: int,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        down: NDArray[np.float64],
        up: NDArray[np.float64],
        times: NDArray[np.float64],
        timing: PressTiming,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Note heights and ways of one finger's strokes, from press to press.

        Returns:
            When each stroke begins and ends above its key, seconds.
        """
        before = np.concatenate([[np.inf], down[1:] - up[:-1]])
        after = np.concatenate([before[1:], [np.inf]])
        hold = up - down
        strike, lift = np.minimum(timing.strike_s, 0.45 * before), np.minimum(timing.lift_s, 0.45 * after)
        settle, leave = np.minimum(timing.settle_s, 0.45 * hold), np.minimum(timing.leave_s, 0.45 * hold)
        knots = np.stack([down - strike, down, down + settle, up - leave, up, up + lift], 1).reshape(-1)
        hover_before, hover_after = (timing.hover * np.clip(gap / 0.16, 0.3, 1.0) for gap in (before, after))
        surface, pressed = self._surface[first], np.full(len(first), -keyboard.PRESS_DEPTH)
        usual_first, usual_last = -self._usual[first], -self._usual[last]
        heights = np.stack(
            [hover_before, pressed - 1e-4, usual_first, usual_last, pressed + 1e-4, hover_after], 1
        )
        heights = (heights + surface[:, None]).reshape(-1)
        clipped = np.clip(times, knots[0], knots[-1])
        interval = np.clip(np.searchsorted(knots, clipped, side="right") - 1, 0, len(knots) - 2)
        share = (clipped - knots[interval]) / (knots[interval + 1] - knots[interval])
        stroke, part = interval // 6, interval % 6
        following = np.minimum(stroke + 1, len(first) - 1)
        self._here[finger] = np.where(part == 0, first[stroke], last[stroke])
        self._there[finger] = first[following]
        self._way[finger] = np.where(part == 5, _smoothstep(share), 0.0)
        self._deep[finger] = np.where(part <= 1, first[stroke], last[stroke])
        self._height[finger] = monotone_cubic(knots, heights, clipped)
        return knots[0::6], knots[5::6]

    def __call__(self, x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]]) -> Strokes:
        """The strokes when press i lands at ``x[i]``, ``y[i]``, metres."""
        if not len(x):
            shape = self.pitch.shape
            zeros = np.zeros((3, *shape))
            return Strokes(zeros, self.pitch, zeros[0], zeros[0])
        plays, here, there = self._here >= 0, np.maximum(self._here, 0), np.maximum(self._there, 0)
        depth = keyboard.bottom_depth(self._press, y)
        deeper = (depth - keyboard.PRESS_DEPTH) / (self._usual - keyboard.PRESS_DEPTH)
        deep = np.maximum(self._deep, 0)
        threshold = self._surface[deep] - keyboard.PRESS_DEPTH
        below = np.minimum(self._height - threshold, 0.0)
        way = x[there] - x[here]
        side = x[here] + self._way * way
        side = np.where(np.isnan(self._slide_x), side, self._slide_x)
        forth = y[here] + self._way * (y[there] - y[here])
        height = self._height + (deeper[deep] - 1) * below
        points = np.where(plays, np.stack([side, forth, height]), 0.0)
        shape = self.pitch.shape
        return Strokes(
            points.reshape(3, *shape),
            self.pitch,
            self._firm.reshape(shape),
            self._holding.reshape(shape),
        )


def _smoothstep(share: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3 - 2 * share)


def monotone_cubic(
    knots: NDArray[np.float64], values: NDArray[np.float64], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A cubic through ``values`` (k,) at ``knots`` (k,): level at both ends, monotone between two knots (PCHIP).

    Evaluated at ``times`` (t,) within the knots. A knot that is not later than all before it is left out.
    """
    # Two presses of one finger within a millisecond overlap.
    later = np.diff(np.maximum.accumulate(knots), prepend=-np.inf) > 0
    knots, values = knots[later], values[later]
    # PCHIP is level at a knot where one side is: with a level piece beyond each end, at the ends.
    knots = np.concatenate([[knots[0] - 1.0], knots, [knots[-1] + 1.0]])
    return PchipInterpolator(knots, np.pad(values, 1, mode="edge"))(times)


def _firmness(
    times: NDArray[np.float64], rise: NDArray[np.float64], fall: NDArray[np.float64]
) -> NDArray[np.float64]:
    """1 from rise to fall; before and after the weight, a tolerance's inverse square, falls as `_LETS_GO_S` says."""
    following = np.clip(np.searchsorted(rise, times), 0, len(rise) - 1)
    preceding = np.clip(np.searchsorted(rise, times, side="right") - 1, 0, len(rise) - 1)
    to_next = np.where(rise[following] >= times, rise[following] - times, np.inf)
    since_last = np.where(rise[preceding] <= times, np.maximum(times - fall[preceding], 0.0), np.inf)
    return np.exp(-2 * np.minimum(to_next, since_last) / _LETS_GO_S)
