# SPDX-License-Identifier: GPL-3.0-or-later
"""The height of a finger over its keys as a curve in time: n strokes of one finger, each with its own loudness.

A stroke of speed v and travel T goes through the share ``0.04 + 0.96 u^p`` of the dip d at the share u of T, with
``p = v T / (0.96 d)``, so that it is fastest, v, at the bottom (`models.contact.touch`). All other parts (the lift, the
taking up of the key, the release) are a monotone cubic through knots.

**What frames can show.** Motion goes straight from frame to frame, so between two frames no stroke is faster than the
way from one to the other. A stroke so goes ``0.85 v / fps`` in its last frame or more: soft ones gather that way at the
end, loud ones come from above the key. Where frames are short (240 a second) this changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from models.contact import touch

Array = touch.Array

KNOTS = 10
"""Of a stroke: waiting, touching, started, bottom, settled, released, 85 %, half way, 10 %, away."""
TOUCHED, STARTED, BOTTOM, AWAY = 1, 2, 3, KNOTS - 1
_SHOWN = 0.85
"""Share of a stroke's speed that its last frame shows."""
_FULL = 0.95
"""Share of the dip that a finger, which touches its key one frame before, goes in the last frame at most; faster ones
come from above."""
_AGAIN = 0.75
"""Share of the dip that a key which is struck again at once comes up in between."""
_WAIT_S = 0.09
"""From where a finger waits to where it touches its key, and from its key to where it waits."""
_SETTLE_S = 0.06
_AFTERWARDS, _BEFORE = 0.40, 0.76
"""Shares of a release, at most, that come after its key is half way up, and before. A finger that is wanted elsewhere
hurries over what comes afterwards, so it begins to lift sooner, and slowly: real keys are half way up after 45 %."""
_EARLIER_S = 0.006
"""A key is half way up so much sooner than its note says, at most, where there is no time to come up afterwards."""
_COMES_S, _COMES_NEAR, _COMES_SPEED = 0.18, 0.003, 0.5
"""So long before a stroke its finger comes down to so near its key no faster than this share of its speed."""
_LOWEST_LIFT = 0.001
"""Metres that a finger is lifted before the softest stroke, where there is time."""
_UNHURRIED_S = 0.25
"""With less time between two strokes a finger stays nearer to its keys."""
_RISES, _AWAY, _COMES, _STROKE = 0.31, 0.38, 0.17, 0.60
"""Shares of the time between two strokes of a finger, at most: to come up to 10 % of the dip, and to where it waits; to
come down from there, and to strike. A soft stroke that takes its share leaves none for waiting: the finger goes from
one stroke into the next, and the stroke is as slow as it is soft."""
_HIGHEST_PER_S, _HIGHEST = 0.2, 0.024
"""Metres that a finger may be above its key one frame before it strikes: for each second of that time, and at most."""


@dataclass(frozen=True, eq=False)
class Heights:
    """Of one finger at some times (t,)."""

    height: Array
    """Metres; while a key is being pressed, of its bottom."""
    stroke: NDArray[np.int64]
    knot: NDArray[np.int64]
    """The last stroke and its last knot by then."""
    share: Array
    """Of the stroke's time; nan while no key is being pressed."""
    power: Array
    """Of `pressed_share`, on a key of the usual dip."""


@dataclass(frozen=True, eq=False)
class StrokeCurves:
    """n strokes of one finger; heights in metres above the resting surface of the key that is being played."""

    knots: Array
    """(n, KNOTS) seconds, ascending."""
    heights: Array
    """(n, KNOTS)"""
    released_s: Array
    """(n,) seconds from half way up to 10 % of the dip."""
    _speed: Array
    _dip: Array
    _power: Array
    _travel: Array
    """0 for a stroke from above, which goes straight in its last frame."""

    @classmethod
    def of_presses(
        cls,
        down_s: Array,
        up_s: Array,
        *,
        hold_s: Array,
        velocity: Array,
        lift: Array,
        rise_s: Array,
        dips: tuple[Array, Array],
        fps: float,
    ) -> StrokeCurves:
        """Of strokes (n,) by time.

        Args:
            down_s: when each is at its bottom. up_s: when its key is half way up again.
            hold_s: how long its last key, that is its only one but for slides, is down until then.
            velocity, lift, rise_s: as of `models.contact.schedule.Presses`; releases of the last key, the
                rest of the first key of a slide.
            dips: metres of the first and of the last key of a stroke.
            fps: frames a second that the curve is looked at.
        """
        dip = dips[0] * touch.bottom(velocity)
        frame = 1 / fps
        before = np.concatenate([[np.inf], down_s[1:] - up_s[:-1]])
        after = np.concatenate([before[1:], [np.inf]])
        speed = touch.peak_speed(velocity)
        from_above = velocity > touch.STRUCK_VELOCITY
        travel = touch.travel_s(velocity)
        travel = np.where(from_above, touch.STRUCK_POWER * (1 - touch.START) * dip / speed, travel)
        travel = np.minimum(travel, _STROKE * before / (1 + touch.TAKE_UP))
        power = np.maximum(speed * travel / ((1 - touch.START) * dip), 1.0)

        # The last frame: what the curve goes in it, and what it has to show.
        own = (1 - touch.START) * dip * (1 - np.clip(1 - frame / travel, 0, 1) ** power)
        own = np.where(travel > frame, own, dip)
        shown = _SHOWN * speed * frame
        highest = dip + np.minimum(_HIGHEST_PER_S * before, _HIGHEST)
        quick = before < 2.9 * frame
        straight = quick | (shown > _FULL * dip)
        last = np.clip(np.maximum(own, np.minimum(shown, _FULL * dip)), None, _FULL * dip)
        last = np.where(straight, np.minimum(np.maximum(shown, _AGAIN * dip), highest), last)
        travel = np.where(straight, 0.0, np.maximum(travel, 1.4 * frame))
        fits = np.log(
            (1 - touch.START - last / dip) / (1 - touch.START), where=~straight, out=np.ones_like(dip)
        )
        share = np.log(1 - frame / np.where(straight, 2 * frame, travel))
        power = np.where(straight, 1.0, fits / share)

        started = down_s - np.where(straight, frame, travel)
        comes = np.minimum(_WAIT_S, _COMES * before)
        near = _LOWEST_LIFT * np.clip(before / _UNHURRIED_S, 0.2, 1)
        lift = np.minimum(lift, near + _COMES_SPEED * speed * comes)
        presses_it = ~straight & ~from_above
        touched = started - np.where(presses_it, touch.TAKE_UP * travel, 0.4 * comes)
        waits = np.where(presses_it, touched, started) - comes
        above = np.where(straight, last - dip, -touch.START * dip)
        # One frame earlier it is not so much higher that it would come down faster than it strikes.
        falls = _COMES_SPEED * speed * (started - touched)
        nearly = np.where(presses_it, 0.0, np.maximum(above, 0.0) + np.minimum(0.5 * lift, falls) + 1e-3)

        # What there is no time for afterwards begins earlier.
        ends = np.minimum(_AFTERWARDS * rise_s, _RISES * after)
        begins = np.minimum(np.minimum(rise_s - ends, _BEFORE * rise_s), 0.7 * hold_s)
        half = up_s - np.minimum(_EARLIER_S, np.minimum(_AFTERWARDS * rise_s - ends, 0.3 * begins))
        settles = np.minimum(_SETTLE_S, 0.4 * hold_s)
        away = np.minimum(up_s + 1.4 * ends + _WAIT_S, up_s + _AWAY * after)
        held = touch.SETTLED * dips[1]
        knots = np.stack(
            [
                waits,
                touched,
                started,
                down_s,
                down_s + settles,
                up_s - 1.35 * begins,
                up_s - begins,
                half,
                up_s + ends,
                away,
            ],
            1,
        )
        next_lift = np.append(lift[1:], lift[-1:])
        heights = np.stack(
            [
                lift,
                nearly,
                above,
                -dip,
                -held,
                -held,
                -touch.RELEASE_FROM * dips[1],
                -0.5 * dips[1],
                -touch.RELEASE_TO * dips[1],
                np.minimum(lift, next_lift),
            ],
            1,
        )
        ascending = np.maximum.accumulate(knots.reshape(-1)).reshape(knots.shape)
        return cls(ascending, heights, ends, speed, dip, power, travel)

    def at(self, times: Array, surface: Array) -> Heights:
        """The curve at ``times`` (t,).

        Args:
            surface: (n, KNOTS) height of the resting surface at each knot. Before the first knot and after the last
                one, what is there stays.
        """
        knots = self.knots.reshape(-1)
        inside = np.clip(times, knots[0], knots[-1])
        height = monotone_cubic(knots, (self.heights + surface).reshape(-1), inside)
        interval = np.clip(np.searchsorted(knots, inside, side="right") - 1, 0, len(knots) - 2)
        stroke, knot = np.divmod(interval, KNOTS)
        bottom_s, travel = self.knots[stroke, BOTTOM], self._travel[stroke]
        pressing = (travel > 0) & (inside > bottom_s - travel) & (inside < bottom_s)
        share = np.clip(1 - (bottom_s - inside) / np.where(travel > 0, travel, 1.0), 0, 1)
        share = np.where(pressing, share, np.nan)
        lowest = surface[stroke, BOTTOM] - self._dip[stroke]
        return Heights(np.where(pressing, lowest, height), stroke, knot, share, self._power[stroke])

    def ceiling(self, times: Array, surface: Array) -> Array:
        """Heights (t,) above which a finger that comes to its next stroke would have to be faster than the stroke.

        Infinite where no stroke is near. surface: (n,) of the keys.
        """
        pressed = self.heights[:, TOUCHED] <= 0
        comes = np.where(pressed, self.knots[:, TOUCHED], self.knots[:, STARTED])
        lowest = surface + np.maximum(np.where(pressed, 0.0, self.heights[:, STARTED]), 0.0) + _COMES_NEAR
        before = np.diff(comes, prepend=-np.inf)
        following = np.clip(np.searchsorted(comes, times), 0, len(comes) - 1)
        ahead = comes[following] - times
        near = (ahead >= 0) & (ahead < np.minimum(_COMES_S, 0.4 * before)[following])
        height = lowest[following] + _COMES_SPEED * self._speed[following] * ahead
        return np.where(near, height, np.inf)


def pressed_share(share: Array, power: Array) -> Array:
    """Share of the dip that a key is down at a share of its stroke's time."""
    return touch.START + (1 - touch.START) * share**power


def monotone_cubic(knots: Array, values: Array, times: Array) -> Array:
    """A cubic through ``values`` (k,) at ``knots`` (k,): level at both ends, monotone between two knots (PCHIP).

    Evaluated at ``times`` (t,) within the knots. A knot that is not later than all before it is left out.
    """
    # Two presses of one finger within a millisecond overlap.
    later = np.diff(np.maximum.accumulate(knots), prepend=-np.inf) > 0
    knots, values = knots[later], values[later]
    # PCHIP is level at a knot where one side is: with a level piece beyond each end, at the ends.
    knots = np.concatenate([[knots[0] - 1.0], knots, [knots[-1] + 1.0]])
    return PchipInterpolator(knots, np.pad(values, 1, mode="edge"))(times)
