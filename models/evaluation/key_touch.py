# SPDX-License-Identifier: GPL-3.0-or-later
"""Do fingertips touch the keys that are shown: near the struck key's surface, and through none (docs/definitions.md).

A take says how deep each key is at every moment (`Take.keys`), so this is what one sees in Blender: a fingertip that
hovers over its lowered key, lies beside it or sinks into any key. Axis letters: n notes, E moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.keyboard_size import keyboard_of
from models.body.take import Take
from models.body.take_arrays import KEY_DEPTH, KEY_PITCH, KEY_SECOND
from models.evaluation.fine_motion import FineMotion

Array = NDArray[np.float64]

DOWN = 0.99
"""A key is at its bottom at this share of its way."""
LATEST_S = 0.1
"""It gets there at most so long after the note's onset, and not before `EARLIEST_S` before it."""
EARLIEST_S = 0.05
THROUGH_M = 0.002
"""A fingertip that is this far below the surface of the key under it is in the key."""
_BLOCK = 4096


@dataclass(frozen=True)
class KeyTouch:
    """Of one take; None where no note's key goes down."""

    off_key_mm_p50: float | None
    """Of the notes that are played: how far the finger is from where on its key it surely plays it and no other, at the
    moment at which the key is at its bottom."""
    off_key_mm_p95: float | None
    in_keys: float
    """Share of the frames in which a fingertip is `THROUGH_M` or more below a key, as far as that is not lowered."""
    in_keys_between: float
    """The same of all moments. Between two frames fingers go straight on, so some cut the edge of a key."""


def key_touch(take: Take, fine: FineMotion) -> KeyTouch:
    """How the fingertips of a take touch its keys; ``fine`` is its motion between the frames, too."""
    away = 1000 * off_key_m(take, fine)
    inside = [_in_keys(take, fine, slice(begin, begin + _BLOCK)) for begin in range(0, len(fine), _BLOCK)]
    p50, p95 = np.percentile(away, (50, 95)).tolist() if len(away) else (None, None)
    moments = np.concatenate(inside or [np.zeros(1, bool)])
    frames = moments[:: max(round(fine.rate / take.motion.fps), 1)]
    return KeyTouch(p50, p95, float(frames.mean()), float(moments.mean()))


def off_key_m(take: Take, fine: FineMotion) -> Array:
    """(n,) metres of each note that is played, whose key gets to its bottom."""
    notes = take.notes.select(take.notes.played & (take.notes.hand >= 0)).astype(np.float64)
    found: list[float] = []
    dip_factor = keyboard_of(take.meta).dip_factor
    for pitch in np.unique(notes.pitch.astype(int)).tolist():
        curve = take.keys[take.keys[:, KEY_PITCH] == pitch].astype(np.float64)
        bottoms = curve[curve[:, KEY_DEPTH] >= DOWN]
        for i in np.flatnonzero(notes.pitch.astype(int) == pitch):
            after = np.searchsorted(bottoms[:, KEY_SECOND], notes.onset_s[i] - EARLIEST_S)
            if after == len(bottoms) or bottoms[after, KEY_SECOND] > notes.onset_s[i] + LATEST_S:
                continue
            moment = min(int(np.rint(bottoms[after, KEY_SECOND] * fine.rate)), len(fine) - 1)
            tip = fine.tips[moment, notes.hand[i], notes.finger[i]].astype(np.float64)
            found.append(_from_surface(tip, pitch, dip_factor * float(bottoms[after, KEY_DEPTH])))
    return np.array(found)


def _from_surface(tip: Array, pitch: int, lowered: float) -> float:
    """Metres from a point (3,) to the nearest of where a key is surely played, the key so far down, in dips of ours."""
    y = float(np.clip(tip[1], *keyboard.playable_y(pitch)))
    left, right = keyboard.playable_x(pitch, not keyboard.is_black(pitch) and y > keyboard.BLACK_FRONT)
    height = keyboard.key_surface(pitch) - lowered * keyboard.bottom_depth(pitch, y)
    nearest = np.array([np.clip(tip[0], left, right), y, height])
    return float(np.linalg.norm(tip - nearest))


def _in_keys(take: Take, fine: FineMotion, block: slice) -> NDArray[np.bool_]:
    """(E,) moments in which a fingertip is in a key."""
    tips = fine.tips[block].astype(np.float64)
    seconds = np.arange(block.start, block.start + len(tips)) / fine.rate
    keys, depth = take.keys, np.zeros((len(tips), keyboard.KEYS))
    for pitch in np.unique(keys[:, KEY_PITCH]).astype(int).tolist():
        curve = keys[keys[:, KEY_PITCH] == pitch]
        depth[:, pitch - keyboard.LOWEST_PITCH] = np.interp(
            seconds, curve[:, KEY_SECOND], curve[:, KEY_DEPTH]
        )
    under = keyboard.key_under(tips)
    over_key, pitch = under >= 0, under + keyboard.LOWEST_PITCH
    lowered = (
        depth[np.arange(len(tips))[:, None, None], np.maximum(under, 0)] * keyboard_of(take.meta).dip_factor
    )
    surface = keyboard.key_surface(pitch) - lowered * keyboard.bottom_depth(pitch, tips[..., 1])
    inside: NDArray[np.bool_] = (over_key & (tips[..., 2] < surface - THROUGH_M)).any((1, 2))
    return inside
