# SPDX-License-Identifier: GPL-3.0-or-later
"""How wrists are carried: low in the keys, up between strokes, down into accents, away at rests, in arcs over leaps.

The height of a wrist is a smooth curve through two points for every stroke of its hand: lowest shortly after the keys
are down, highest on the way to the next stroke. How far depends on loudness (louder strokes need a longer way) and on
how much time there is. With its height the hand turns about its knuckles: a wrist that rises lets it hang. Figures:
wrists are 39 mm above white keys and 7 mm more for black ones (medians of 15 pianists), bend by 12.6 degrees in every
stroke of a melody (12 pianists), and the vertical range of a hand grows with loudness. How high wrists rise at rests
and over leaps nobody has published; those numbers are chosen by eye.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from models.body import keyboard
from models.body.edit_mask import EditMask
from models.body.motion import Motion
from models.body.player import AVERAGE, Style
from models.body.resampling import splice
from models.body.skeleton import STANDARD_HANDS, HandGeometry
from models.contact import touch
from models.contact.arriving import arrived
from models.contact.giving_way import given_way
from models.contact.lie import LEVEL, WHITE_M, lie_of
from models.contact.rests import calmed
from models.contact.schedule import Presses
from models.music.notes import CHORD_WINDOW_S

Array = NDArray[np.float64]

BLACK_M = 0.009
"""What black keys add to the wrist's height at white ones, `WHITE_M`."""
KNUCKLES_M = 0.095
"""From the wrist to the knuckles, which stay where they are when the wrist rises."""
_LOW_S = 0.04
"""A wrist is lowest so long after the keys are down."""
_HIGH_SHARE = 0.55
"""Where between two strokes it is highest, as a share of the time from one to the other."""
_RISE_M, _DROP_M = 0.010, 0.004
"""Metres above and below its height at rest, for velocity 64 and strokes half a second apart."""
_LOUDER = 1.4
"""Power of loudness that both go with."""
_UNHURRIED_S = 0.30
"""Strokes nearer to each other leave less time to rise."""
_CHORD = 0.12
"""Share more for each further key of a chord."""
_REST_S, _REST_M, _LONG_REST_S, _LONG_REST_M = 0.45, 0.030, 2.0, 0.050
"""A hand that is silent for so long rises by so much."""
_LEAP_M, _LEAP_RISE_M, _LEAP_SHARE, _HIGHEST_LEAP_M = 0.15, 0.010, 0.06, 0.035
"""Leaps from so far on are arcs: metres that the wrist rises, and more for each metre of way."""
_BOUND = ((0.0, 0.15), (0.65, 1.25))
"""Seconds that the hand holds no key between two strokes, and shares of the rise: bound tones make one gesture."""
_SPREAD = 0.40
"""Deviation of the logarithm of these heights from stroke to stroke."""
_DRIFT = 1.2
"""Share of the generated wrist's slow rise and fall that stays."""
_DRIFT_S = 1.2
_STRAYS = (0.03, 0.02, 0.12, 0.12)
"""How far hands stray in rests: metres sideways and forward, radians of roll and turn."""
_APART_M, _TOGETHER_M, _MEET_S = 0.20, 0.13, 0.6
"""Wrists of hands that are in each other's way are nearer than this in X; what they do then, they do for so long."""
_LIVELIER, _LOOSER, _HIGHER_M = 0.6, 0.6, 0.009
"""What a step of energy and of looseness adds, in shares; of wrist height, metres."""
_LOWEST_M, _HIGHEST_M = 0.026, 0.110


@dataclass(frozen=True, eq=False)
class _Strokes:
    """The strokes of one hand, chords taken together, by time (n,)."""

    time: Array
    ends: Array
    """Until when the hand holds any of its keys so far."""
    loudness: Array
    """1 at velocity 64."""
    keys: Array
    place: Array
    """Mean X, metres."""
    black: Array
    """Share of black keys."""
    draw: Array
    """About 1, how much this stroke is moved for."""


def carried(
    motion: Motion,
    presses: Presses,
    edits: EditMask,
    hand_size: float,
    style: Style = AVERAGE,
    geometry: HandGeometry = STANDARD_HANDS,
) -> Motion:
    """The motion with its wrists carried through the strokes, where it may change.

    Of the style, ``energy`` is how far wrists go, ``looseness`` how much they drift and differ from stroke to stroke,
    ``wrist_height`` how high they are.
    """
    given, motion = motion, arrived(motion, presses, edits, hand_size, geometry)
    hand_size = hand_size * geometry.proportion
    motion = given_way(motion, presses, edits, hand_size)
    euler, wrist = motion.euler.copy(), motion.wrist.copy()
    level = LEVEL + lie_of(geometry)[:, 0]
    # Hands that meet were generated over and under each other; so they stay.
    apart = 1 - _meet(given, hand_size)[:, None]
    strays = np.array(_STRAYS) * (hand_size, hand_size, 1, 1)
    for hand in edits.hands if len(presses.down_s) else ():
        strokes = _strokes_of(presses, hand)
        own = np.column_stack([wrist[:, hand], euler[:, hand, 0]]).astype(np.float64)
        moved, sideways = own.copy(), [0, 1, 4, 5]
        moved[:, sideways] = calmed(own[:, sideways], strokes.time, strokes.ends, motion.fps, strays)
        if len(strokes.time):
            moved[:, 2], moved[:, 3] = _lifted(
                own[:, 2], own[:, 3], strokes, motion.fps, hand_size, style, float(level[hand])
            )
            moved = own + apart * (moved - own)
        wrist[:, hand], euler[:, hand, 0] = moved[:, :3], moved[:, 3:]
    return splice(given, Motion(euler, wrist, motion.fps), edits)


def _meet(motion: Motion, hand_size: float) -> Array:
    """(F,) 1 where the hands are in each other's way, 0 where they are apart."""
    if not motion.frames:
        return np.zeros(0)
    gap = (motion.wrist[:, 1, 0] - motion.wrist[:, 0, 0]) / hand_size
    near = np.clip((_APART_M - gap) / (_APART_M - _TOGETHER_M), 0.0, 1.0).astype(np.float64)
    held = maximum_filter1d(near, max(round(_MEET_S * motion.fps), 1), mode="nearest")
    return gaussian_filter1d(held, 0.25 * _MEET_S * motion.fps, mode="nearest")


def _lifted(
    own: Array,
    bend: Array,
    strokes: _Strokes,
    fps: float,
    hand_size: float,
    style: Style,
    level: float = LEVEL,
) -> tuple[Array, Array]:
    """Heights of one hand's wrist (frames,) and its bend that goes with them, for those that were generated."""
    slow = gaussian_filter1d(own, _DRIFT_S * fps, mode="nearest")
    usual, loose = np.median(own), 1 + _LOOSER * style.looseness
    moved = _heights(replace(strokes, draw=strokes.draw**loose), len(own), fps) - WHITE_M
    height = WHITE_M + _HIGHER_M * style.wrist_height + (1 + _LIVELIER * style.energy) * moved
    height += _DRIFT * loose * (slow - usual)
    wanted = hand_size * np.clip(height, _LOWEST_M, _HIGHEST_M)
    hangs = level + (wanted / hand_size - WHITE_M) / KNUCKLES_M
    # What the hand does besides, for instance for fingers that reach, it goes on doing.
    besides = bend - (np.median(bend) + (own - usual) / (KNUCKLES_M * hand_size))
    return wanted, hangs + 0.5 * loose * besides


def _strokes_of(presses: Presses, hand: int) -> _Strokes:
    mine = np.flatnonzero(presses.slot // 5 == hand)
    mine = mine[np.argsort(presses.down_s[mine], kind="stable")]
    time = presses.down_s[mine]
    first = np.flatnonzero(np.diff(time, prepend=-np.inf) > CHORD_WINDOW_S)
    if not len(mine):
        return _Strokes(*(np.zeros(0) for _ in range(7)))
    count = np.diff(np.append(first, len(mine)))
    pitch = presses.pitch[mine]
    return _Strokes(
        time=time[first],
        ends=np.maximum.accumulate(np.maximum.reduceat(presses.up_s[mine], first)),
        loudness=np.maximum.reduceat(presses.velocity[mine], first) / 64.0,
        keys=count.astype(float),
        place=np.add.reduceat(keyboard.key_x(pitch), first) / count,
        black=np.add.reduceat(keyboard.is_black(pitch).astype(float), first) / count,
        draw=np.exp(_SPREAD * 1.7 * (2 * touch.draws(time[first], pitch[first], 3) - 1)),
    )


def _heights(strokes: _Strokes, frames: int, fps: float) -> Array:
    """(F,) metres: a monotone cubic from stroke to stroke."""
    time, after = strokes.time, np.append(np.diff(strokes.time), 2.0)
    base = WHITE_M + BLACK_M * strokes.black
    effort = strokes.loudness**_LOUDER * (1 + _CHORD * (strokes.keys - 1))
    before = np.append(2.0, after[:-1])
    low = base - _DROP_M * effort * np.clip(before / _UNHURRIED_S, 0.4, 1.0)
    following = np.append(effort[1:], 0.6)
    draw = np.append(strokes.draw[1:], 1.0)
    silent = time + after - strokes.ends
    rise = _RISE_M * following * np.clip(after / _UNHURRIED_S, 0.25, 1.0) * draw
    rise *= np.interp(silent, *_BOUND)
    rest = np.interp(silent, (0.5 * _REST_S, _REST_S, _LONG_REST_S), (0.0, _REST_M, _LONG_REST_M))
    way = np.abs(np.append(np.diff(strokes.place), 0.0))
    leap = np.minimum(_LEAP_RISE_M + _LEAP_SHARE * way, _HIGHEST_LEAP_M) * (way > _LEAP_M)
    high = (base + np.append(base[1:], base[-1])) / 2 + np.maximum(np.maximum(rise, rest), leap)
    middle = np.where(
        silent > _REST_S, np.maximum(strokes.ends, time) + 0.5 * silent, time + _HIGH_SHARE * after
    )
    knots = np.stack([time + np.minimum(_LOW_S, 0.3 * after), middle], 1).reshape(-1)
    values = np.stack([low, high], 1).reshape(-1)
    # Before the first stroke the hand waits, raised for it.
    knots = np.concatenate([[knots[0] - 0.6, knots[0] - 0.22], knots])
    raised = low[0] + 0.5 * _REST_M + _RISE_M * effort[0]
    values = np.concatenate([[raised, raised], values])
    knots = np.concatenate([[knots[0] - 1.0], knots, [knots[-1] + 1.0]])
    frame_s = np.clip(np.arange(frames) / fps, knots[0], knots[-1])
    height = PchipInterpolator(knots, np.pad(values, 1, mode="edge"))(frame_s)
    return gaussian_filter1d(height, 0.02 * fps, mode="nearest")
