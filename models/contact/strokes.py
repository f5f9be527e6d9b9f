# SPDX-License-Identifier: GPL-3.0-or-later
"""The stroke of each finger on each key it plays, sampled on the frame grid.

Heights are those of `models.contact.stroke_curves`. A finger must be on its stroke from where it starts until its key
is half way up again. Before and after, its tolerance grows exponentially, so that a finger on its way is its hand's own
business.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.smoothing import smoothstep
from models.contact.schedule import Presses, arrivals, usual_dip
from models.contact.slides import ends_of, slide_x, touching
from models.contact.stroke_curves import AWAY, BOTTOM, KNOTS, STARTED, StrokeCurves, pressed_share

_SERVED_S, _LIFTED_S = 0.035, 0.04
"""A finger is as good as holding from so long before it strikes until it has left its key."""
_LETS_GO_S = 0.02
"""Before a finger strikes and after it has left its key, its tolerance grows by a factor of e in this time."""
_THERE_FRAMES, _THERE_S = 1.2, 0.06
"""A finger is over its key so long before its stroke starts."""
_GOES_ALONG, _FARTHEST_M = 0.8, 0.012
"""A finger that holds its key goes along with its hand, toward the fallboard and back: by this share of what it was
generated to, and at most so far. Real ones slide by 4 to 7 mm (median, PianoMime), half as far as their wrist goes."""
_EDGE_M = 0.003
"""Metres before the black keys that a finger on a white key stays, where it landed before them."""
_IMPACT_S = 0.02
"""So long after a key is at its bottom, its finger is stopped by it."""
_COMES, _FOLLOWS = 0.4, 0.7
"""The same in shares of the time from where it waits to where its stroke starts; and after its key is half way up, in
shares of the time until it is nearly up."""


_BY_FRAME = (
    *("pitch", "_here", "_there", "_deep", "_way", "_height", "_power", "_share", "_ceiling", "_slide_x"),
    *("_firm", "_over", "_holding", "_impact"),
)
"""What a sampler knows of each frame."""


@dataclass(frozen=True, eq=False)
class Strokes:
    """Where the contact points should be, frame by frame."""

    points: NDArray[np.float64]
    """(3, 2, 5, F) metres."""
    pitch: NDArray[np.int64]
    """(2, 5, F) the key that the finger is on its way into, in, or on its way out of; 0 for none."""
    firm: NDArray[np.float64]
    """(2, 5, F) 1 while the finger must be as high as its stroke says, falling towards 0 before and after."""
    over: NDArray[np.float64]
    """(2, 5, F) the same for its place over the keys, which it has to be at a little sooner."""
    holding: NDArray[np.float64]
    """(2, 5, F) 1 while the finger strikes or holds its key, a half until it has left it."""
    impact: NDArray[np.float64]
    """(2, 5, F) 1 from when the finger starts to strike until its key has stopped it, else 0."""
    ceiling: NDArray[np.float64]
    """(2, 5, F) metres above which the finger would come down faster to its stroke than it strikes; infinite mostly."""


class StrokeSampler:
    """Samples the strokes of all ten fingers; where they land on their keys may change from call to call."""

    def __init__(self, presses: Presses, frames: int, fps: float) -> None:
        times = np.arange(frames) / fps
        shape = (10, frames)
        self._press = presses.pitch
        self._struck = np.clip(np.round(presses.down_s * fps).astype(int), 0, max(frames - 1, 0))
        self._range = presses.landing_range
        self._frames = np.arange(frames)
        self._usual = usual_dip(presses.pitch)
        self._dip_factor = presses.dip_factor
        self._dip = presses.dip_factor * self._usual
        self._surface = keyboard.key_surface(presses.pitch)
        self._here, self._there, self._deep = (np.full(shape, -1) for _ in range(3))
        self._way, self._height, self._power = (np.zeros(shape) for _ in range(3))
        self._share, self._ceiling = np.full(shape, np.nan), np.full(shape, np.inf)
        self._slide_x = np.full(shape, np.nan)
        self._firm, self._over, self._holding, self._impact = (np.zeros(shape) for _ in range(4))
        pitch = np.zeros(shape, np.int64)
        self.pitch = pitch.reshape(2, 5, frames)
        """(2, 5, F) as of `Strokes`."""
        arrives = arrivals(presses)
        for finger in np.unique(presses.slot).tolist():
            mine = np.flatnonzero(presses.slot == finger)
            struck = presses.down_s[mine]
            first, last = ends_of(touching(struck, presses.up_s[mine]))
            down, up = struck[first], presses.up_s[mine[last]]
            curves = self._follow(finger, presses, mine[first], mine[last], times, fps)
            begin = np.searchsorted(curves.knots[:, 0], times, side="right") - 1
            stroke = np.maximum(begin, 0)
            now = np.clip(np.searchsorted(struck, times, side="right") - 1, first[stroke], last[stroke])
            busy = (begin >= 0) & (times <= curves.knots[stroke, AWAY])
            pitch[finger] = np.where(busy, presses.pitch[mine[now]], 0)
            begin = np.searchsorted(curves.knots[:, STARTED] - _SERVED_S, times, side="right") - 1
            late = times - up[np.maximum(begin, 0)]
            held = np.where(late <= 0, 1.0, np.where(late <= _LIFTED_S, 0.5, 0.0))
            self._holding[finger] = np.where(begin >= 0, held, 0.0)
            lets_go = np.maximum(_LETS_GO_S, _FOLLOWS * curves.released_s)
            waits, started = curves.knots[:, 0], curves.knots[:, STARTED]
            comes = np.maximum(_LETS_GO_S, _COMES * (started - waits))
            # Over its key it is sooner than down: on its way it would cut through the edge of the key beside.
            sooner = np.maximum(
                _THERE_FRAMES / fps, np.minimum(_THERE_S, 0.25 * np.append(np.inf, down[1:] - up[:-1]))
            )
            there = np.maximum(started - sooner, np.append(-np.inf, up[:-1]))
            comes_to = arrives[mine[first]]
            rises = np.maximum(started, np.minimum(comes_to, down))
            self._firm[finger] = _firmness(times, rises, up, comes, lets_go)
            self._over[finger] = _firmness(
                times, np.maximum(there, np.minimum(comes_to, rises)), up, comes, lets_go
            )
            begin = np.searchsorted(curves.knots[:, STARTED] - 0.5 / fps, times, side="right") - 1
            self._impact[finger] = (begin >= 0) & (times < down[np.maximum(begin, 0)] + _IMPACT_S)
            for slide in (mine[i : j + 1] for i, j in zip(first, last, strict=True) if j > i):
                down, up = presses.down_s[slide], presses.up_s[slide]
                sliding = np.flatnonzero((times >= down[0]) & (times <= up[-1]))
                self._slide_x[finger, sliding] = slide_x(times[sliding], down, up, presses.pitch[slide])

    def part(self, frames: slice) -> StrokeSampler:
        """Of some frames, with the same presses; as if it had been made for them, and in a fraction of the time."""
        found = copy(self)
        for name in _BY_FRAME:
            setattr(found, name, getattr(self, name)[..., frames])
        count = found.pitch.shape[-1]
        found._frames = np.arange(count)
        found._struck = np.clip(self._struck - frames.start, 0, max(count - 1, 0))
        return found

    def _follow(
        self,
        finger: int,
        presses: Presses,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        times: NDArray[np.float64],
        fps: float,
    ) -> StrokeCurves:
        """Note heights and ways of one finger's strokes, from press to press; first and last press of each."""
        curves = StrokeCurves.of_presses(
            presses.down_s[first],
            presses.up_s[last],
            hold_s=presses.up_s[last] - presses.down_s[last],
            velocity=presses.velocity[first],
            lift=presses.lift[first],
            rise_s=presses.rise_s[last],
            dips=(self._dip[first], self._dip[last]),
            fps=fps,
        )
        surface = np.repeat(self._surface[first][:, None], KNOTS, 1)
        surface[:, BOTTOM + 1 :] = self._surface[last][:, None]
        found = curves.at(times, surface)
        stroke, knot = found.stroke, found.knot
        self._height[finger], self._share[finger], self._power[finger] = (
            found.height,
            found.share,
            found.power,
        )
        self._ceiling[finger] = curves.ceiling(times, self._surface[first])
        following = np.minimum(stroke + 1, len(first) - 1)
        self._here[finger] = np.where(knot < BOTTOM, first[stroke], last[stroke])
        self._there[finger] = first[following]
        away, next_waits = curves.knots[stroke, AWAY], curves.knots[following, 0]
        share = (times - away) / np.maximum(next_waits - away, 1e-6)
        self._way[finger] = np.where(knot == AWAY, smoothstep(share), 0.0)
        self._deep[finger] = np.where(knot <= BOTTOM, first[stroke], last[stroke])
        return curves

    def __call__(
        self,
        x: NDArray[np.floating[Any]],
        y: NDArray[np.floating[Any]],
        generated: NDArray[np.float64] | None = None,
    ) -> Strokes:
        """The strokes when press i lands at ``x[i]``, ``y[i]``, metres.

        generated: (2, 5, F) Y of the fingertips as they were generated, with which those that hold go along; None for
        fingers that stay where they landed.
        """
        if not len(x):
            shape = self.pitch.shape
            zeros = np.zeros((3, *shape))
            return Strokes(zeros, self.pitch, zeros[0], zeros[0], zeros[0], zeros[0], zeros[0] + np.inf)
        plays, here, there = self._here >= 0, np.maximum(self._here, 0), np.maximum(self._there, 0)
        deeper = keyboard.bottom_depth(self._press, y) / self._usual
        deep = np.maximum(self._deep, 0)
        below = np.minimum(self._height - self._surface[deep], 0.0)
        # The deeper a key goes where it is struck, the less bent its curve is: the speed stays.
        power = np.maximum(self._power / deeper[deep], 1.0)
        way = x[there] - x[here]
        side = x[here] + self._way * way
        side = np.where(np.isnan(self._slide_x), side, self._slide_x)
        along = 0.0 if generated is None else self._along(y, generated.reshape(self._way.shape))
        forth = y[here] + along * (1 - self._way) + self._way * (y[there] - y[here])
        goes = keyboard.bottom_depth(self._press[deep], y[deep] + along) / self._usual[deep]
        height = self._height + (goes - 1) * below
        pressing = ~np.isnan(self._share)
        pressed = self._surface[deep] + goes * below * pressed_share(self._share, power)
        height = np.where(pressing, pressed, height)
        points = np.where(plays, np.stack([side, forth, height]), 0.0)
        shape = self.pitch.shape
        return Strokes(
            points.reshape(3, *shape),
            self.pitch,
            self._firm.reshape(shape),
            self._over.reshape(shape),
            self._holding.reshape(shape),
            self._impact.reshape(shape),
            self._ceiling.reshape(shape),
        )

    def _along(self, y: NDArray[np.floating[Any]], generated: NDArray[np.float64]) -> NDArray[np.float64]:
        """(10, F) how far each finger has gone along since it landed, on its key and on the same side of its edge."""
        here = np.maximum(self._here, 0)
        struck, landed = self._struck[here], y[here]
        moved = _GOES_ALONG * (generated - np.take_along_axis(generated, struck, 1))
        moved = np.where(self._frames >= struck, _FARTHEST_M * np.tanh(moved / _FARTHEST_M), 0.0)
        low, high = (bound[here] for bound in self._range)
        edge = keyboard.BLACK_FRONT - _EDGE_M
        white = ~keyboard.is_black(self._press[here])
        high = np.where(white & (landed <= edge), np.minimum(high, edge), high)
        along: NDArray[np.float64] = np.clip(
            landed + moved, np.minimum(low, landed), np.maximum(high, landed)
        )
        return along - landed

    @property
    def depths(self) -> NDArray[np.float64]:
        """(2, 5, F) how far the key of each finger is down, 0 to 1."""
        if not len(self._usual):
            return np.zeros(self.pitch.shape)
        deep = np.maximum(self._deep, 0)
        below = (self._surface[deep] - self._height) / self._dip[deep]
        below *= np.where(np.isnan(self._share), 1.0, pressed_share(self._share, self._power))
        return np.where(self._here >= 0, np.clip(below, 0.0, 1.0), 0.0).reshape(self.pitch.shape)

    @property
    def lowered(self) -> NDArray[np.float64]:
        """(2, 5, F) the same in dips of our keys."""
        return self._dip_factor * self.depths


def _firmness(
    times: NDArray[np.float64],
    rise: NDArray[np.float64],
    fall: NDArray[np.float64],
    comes_s: NDArray[np.float64],
    lets_go_s: NDArray[np.float64],
) -> NDArray[np.float64]:
    """1 from rise to fall (n,); before and after, the weight falls. It is a tolerance's inverse square.

    comes_s, lets_go_s: (n,) the tolerance is larger by a factor of e for each such time before rise, and after fall.
    """
    following = np.clip(np.searchsorted(rise, times), 0, len(rise) - 1)
    preceding = np.clip(np.searchsorted(rise, times, side="right") - 1, 0, len(rise) - 1)
    to_next = np.where(rise[following] >= times, rise[following] - times, np.inf)
    since_last = np.where(rise[preceding] <= times, np.maximum(times - fall[preceding], 0.0), np.inf)
    return np.exp(-2 * np.minimum(to_next / comes_s[following], since_last / lets_go_s[preceding]))
