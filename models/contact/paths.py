# SPDX-License-Identifier: GPL-3.0-or-later
"""The path of each contact point from key to key, sampled on the frame grid.

Per finger, the path goes through knots for every note it plays: above the key, through the press depth exactly
when the note sounds, at the key bottom, through the press depth again at the release, above the key. Heights follow a
monotone cubic (Fritsch and Butland, 1984) between the knots, so they neither overshoot nor cross the press depth
anywhere else; sideways a finger moves only between its presses. To a key near by it goes by itself; to a far one it
rides with its hand, or it would stay behind over the old key and then snap to the new one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from models.body import keyboard
from models.contact.schedule import Presses, PressTiming
from models.contact.slides import ends_of, slide_x, touching

_SERVED_S = 0.04  # the wrist serves a finger from this long before it strikes
_LIFTED_S = 0.04  # and half-heartedly until it has left the key
_FIRM_BEFORE_S, _FIRM_AFTER_S, _FIRM_EASE_S = 0.035, 0.03, 0.1  # sideways only above the keys
_NEAR, _FAR = 0.01, 0.03
"""Metres sideways from key to key up to which a finger goes by itself, and from which on its hand carries it."""
_REACHES_S = 0.1
"""Before it strikes, a finger that is carried reaches out for its key."""
_CHANGE_S = 0.3
"""What a finger was off its hand's way at the old key it gives up in this time for what it will be at the new one."""
_FAST_S = 0.15
"""Seconds between two keys in which there is no time to wait above the second one; in twice that there is."""


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
class _Leap:
    """Frames between the end of one press of a finger and the beginning of its next one."""

    frame: NDArray[np.int64]
    stroke: NDArray[np.int64]
    """The stroke before, counted within the finger's own; the one after follows it."""
    way: NDArray[np.float64]
    """0 at the release to 1 at the next press."""
    left: NDArray[np.float64]
    """0 at the release to 1 when the finger is above the keys."""
    coming: NDArray[np.float64]
    """1 until the finger reaches out for its next key, 0 when it is above it."""
    release: NDArray[np.float64]
    """When the one key is left, in frames."""
    strike: NDArray[np.float64]
    """When the other one is struck, in frames."""


@dataclass(frozen=True)
class _Slot:
    """What of one finger's path does not depend on where on the keys it lands."""

    finger: int
    first: NDArray[np.int64]
    """(s,) the press that each of the finger's strokes begins with."""
    last: NDArray[np.int64]
    """(s,) the press that it ends with: the same one, but for slides."""
    knots: NDArray[np.float64]
    hover_before: NDArray[np.float64]
    hover_after: NDArray[np.float64]
    times: NDArray[np.float64]
    """Of the frames, held within the knots, seconds."""
    stroke: NDArray[np.int64]
    arrives: NDArray[np.bool_]
    """(F,) whether the stroke has not reached its key yet."""
    way: NDArray[np.float64]
    leap: _Leap
    sliding: NDArray[np.int64]
    """Frames in which the finger slides."""
    slide_x: NDArray[np.float64]
    """Where it is then, metres."""


class PathSampler:
    """Samples the paths of all ten contact points; where fingers land on their keys may change from call to call."""

    def __init__(self, presses: Presses, frames: int, fps: float, timing: PressTiming) -> None:
        times = np.arange(frames) / fps
        self._presses, self._frames = presses, frames
        self._surface = keyboard.key_surface(presses.pitch)
        self._slots: list[_Slot] = []
        self._weight, self._holding, self._firm = (np.zeros((frames, 10), np.float32) for _ in range(3))
        pitch = np.zeros((frames, 10), np.int64)
        self.pitch = pitch.reshape(frames, 2, 5)
        """(frames, 2, 5) as of `FingerPaths`."""
        for finger in np.unique(presses.slot):
            mine = np.flatnonzero(presses.slot == finger)
            struck = presses.down_s[mine]
            first, last = ends_of(touching(struck, presses.up_s[mine]))
            down, up = struck[first], presses.up_s[mine[last]]
            slot = _slot(
                int(finger), mine[first], mine[last], down, up, self._surface[mine[first]], times, timing
            )
            for slide in (mine[i : j + 1] for i, j in zip(first, last, strict=True) if j > i):
                slot = _sliding(slot, presses, slide, times)
            self._slots.append(slot)
            rise, fall = slot.knots[0::6], slot.knots[5::6]
            begin = np.searchsorted(rise, times, side="right") - 1
            stroke = np.maximum(begin, 0)
            inside = (begin >= 0) & (times <= fall[stroke])
            now = np.clip(np.searchsorted(struck, times, side="right") - 1, first[stroke], last[stroke])
            pitch[:, finger] = np.where(inside, presses.pitch[mine[now]], 0)
            self._weight[:, finger] = _eased(times, rise, fall, timing.blend_s)
            begin = np.searchsorted(down - _SERVED_S, times, side="right") - 1
            late = times - up[np.maximum(begin, 0)]
            served = np.where(late <= 0, 1.0, np.where(late <= _LIFTED_S, 0.5, 0.0))
            self._holding[:, finger] = np.where(begin >= 0, served, 0.0)
            self._firm[:, finger] = _eased(times, down - _FIRM_BEFORE_S, up + _FIRM_AFTER_S, _FIRM_EASE_S)

    def __call__(
        self, x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]], free: NDArray[np.floating[Any]]
    ) -> FingerPaths:
        """The paths when press i lands at ``x[i]``, ``y[i]``, metres.

        free: (frames, 2, 5, 3) contact points of fingers that only go along with their hands, metres.
        """
        free = free.reshape(self._frames, 10, 3)
        bottom = self._surface - keyboard.bottom_depth(self._presses.pitch, y)
        depth = self._surface - keyboard.PRESS_DEPTH
        points = np.zeros((self._frames, 10, 3), np.float32)
        for slot in self._slots:
            first, last = slot.first, slot.last
            heights = np.stack(
                [
                    slot.hover_before,
                    depth[first] - 1e-4,
                    bottom[first],
                    bottom[last],
                    depth[last] + 1e-4,
                    slot.hover_after,
                ],
                1,
            ).reshape(-1)
            following = np.minimum(slot.stroke + 1, len(first) - 1)
            landed, left = (np.stack([x[ends], y[ends]], 1) for ends in (first, last))
            for axis in (0, 1):
                here = np.where(slot.arrives, landed[slot.stroke, axis], left[slot.stroke, axis])
                points[:, slot.finger, axis] = here + slot.way * (landed[following, axis] - here)
            _ride(points[:, slot.finger], left, landed, free[:, slot.finger], slot.leap)
            points[slot.sliding, slot.finger, 0] = slot.slide_x
            points[:, slot.finger, 2] = monotone_cubic(slot.knots, heights, slot.times)
        shape = (self._frames, 2, 5)
        return FingerPaths(
            points.reshape(*shape, 3),
            self._weight.reshape(shape),
            self.pitch,
            self._holding.reshape(shape),
            self._firm.reshape(shape),
        )


def _slot(
    finger: int,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
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
        first,
        last,
        knots,
        surface + timing.hover * np.clip(before / 0.16, 0.3, 1.0),
        surface + timing.hover * np.clip(after / 0.16, 0.3, 1.0),
        clipped,
        interval // 6,
        interval % 6 == 0,
        np.where(travels, _smoothstep(u), 0.0),
        _leap(times, down, up, strike, lift),
        np.zeros(0, np.int64),
        np.zeros(0),
    )


def _sliding(slot: _Slot, presses: Presses, slide: NDArray[np.int64], times: NDArray[np.float64]) -> _Slot:
    """The finger's path with one more slide, over these presses."""
    down, up = presses.down_s[slide], presses.up_s[slide]
    frames = np.flatnonzero((times >= down[0]) & (times <= up[-1]))
    x = slide_x(times[frames], down, up, presses.pitch[slide])
    return replace(
        slot, sliding=np.concatenate([slot.sliding, frames]), slide_x=np.concatenate([slot.slide_x, x])
    )


def _leap(
    times: NDArray[np.float64],
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    strike: NDArray[np.float64],
    lift: NDArray[np.float64],
) -> _Leap:
    press = np.searchsorted(up, times, side="right") - 1
    frame = np.flatnonzero((press >= 0) & (press < len(up) - 1))
    frame = frame[times[frame] < down[press[frame] + 1]]
    press, time = press[frame], times[frame]
    release, following = up[press], down[press + 1]
    # Where there is time, the finger waits above its key before it strikes; in a fast leap it comes with the hand.
    ready = strike[press + 1] * np.clip((following - release - _FAST_S) / _FAST_S, 0.0, 1.0)
    reaching = np.maximum(_REACHES_S * ready / strike[press + 1], strike[press + 1])
    step = times[1] - times[0] if len(times) > 1 else 1.0
    return _Leap(
        frame,
        press,
        _smoothstep((time - (release + following) / 2) / np.minimum(following - release, _CHANGE_S) + 0.5),
        _smoothstep((time - release) / lift[press]),
        _smoothstep((following - ready - time) / reaching),
        release / step,
        following / step,
    )


def _ride(
    points: NDArray[np.float32],
    left: NDArray[np.floating[Any]],
    landed: NDArray[np.floating[Any]],
    free: NDArray[np.floating[Any]],
    leap: _Leap,
) -> None:
    """Let one finger's points (frames, 3), in place, go along with its hand between keys far from each other.

    left, landed: (strokes, 2) X and Y where its strokes end and begin.
    free: (frames, 3) the finger as its hand carries it.
    """
    old, new = left[leap.stroke], landed[leap.stroke + 1]
    far = _smoothstep((np.abs(new[:, 0] - old[:, 0]) - _NEAR) / (_FAR - _NEAR))[:, None]
    frames = np.arange(len(free))
    at_release, at_strike = (
        np.stack([np.interp(when, frames, free[:, axis]) for axis in (0, 1)], 1)
        for when in (leap.release, leap.strike)
    )
    way, gone, coming = (share[:, None] for share in (leap.way, leap.left, leap.coming))
    carried = free[leap.frame, :2] + (1 - way) * (old - at_release) + way * (new - at_strike)
    carried = carried + (1 - gone) * (old - carried) + (1 - coming) * (new - carried)
    points[leap.frame, :2] += (far * (carried - points[leap.frame, :2])).astype(np.float32)


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
    return _smoothstep(ease)
