# SPDX-License-Identifier: GPL-3.0-or-later
"""When each finger presses and where on its key it lands; `models.contact.strokes` makes strokes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.notes import Notes
from models.contact.slides import SLIDE_BACK, SLIDE_FRONT, ends_of, slid_into, touching
from models.planning.thinning import STROKE_FRAMES, stroke_times

_MATTERS_S = 1.0  # presses this far outside a stretch of time still shape the paths inside
_LATEST_S = 0.04  # a press must show this long after its onset at the latest
_SEEN_FRAMES = 1.1  # a key of a slide that is down for less is held down by a second finger


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
    hover: float = 0.011
    """Height of a waiting finger above its key."""
    frames_down: float = 1.15
    """A key is down for at least this many frames, so that the press is seen."""
    frames_up: float = 1.25
    """A key struck again is up for at least this many frames, so that the lift is seen."""

    def __post_init__(self) -> None:
        if min(self.strike_s, self.settle_s, self.leave_s, self.lift_s) <= 0:
            raise ValueError(f"press times must be above 0: {self}")
        if self.hover <= 0:
            raise ValueError(f"hover is {self.hover}; it must be above 0")
        if min(self.frames_down, self.frames_up) <= 1:
            raise ValueError(f"frames_down and frames_up must be above 1: {self}")


@dataclass(frozen=True)
class Presses:
    """The presses of all notes that a finger plays, sorted by time; those of one finger that touch are a slide."""

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


_COLUMNS = tuple(column.name for column in fields(Presses))


def cut_presses(presses: Presses, start_s: float, stop_s: float) -> Presses:
    """The presses that matter between two times, their times counted from ``start_s``."""
    near = (presses.up_s > start_s - _MATTERS_S) & (presses.down_s < stop_s + _MATTERS_S)
    return Presses(
        presses.note[near],
        presses.slot[near],
        presses.down_s[near] - start_s,
        presses.up_s[near] - start_s,
        presses.pitch[near],
    )


def plan_presses(notes: Notes, fps: float, timing: PressTiming) -> Presses:
    """Press and release times that are visible at ``fps`` and that no two uses of a key or a finger share.

    Args:
        notes: fingered, their ``release_s`` known.
    """
    if notes.release_s is None:
        raise ValueError("the notes have no release_s; finger_notes gives it")
    played = np.flatnonzero(notes.played)
    played = played[np.argsort(notes.onset_s[played], kind="stable")]
    slot = notes.slot[played]
    pitch = notes.pitch[played].astype(int)
    # A press shows in the first frame after it: at low frame rates it has to begin before its onset to show in time.
    early = max(1 / fps - _LATEST_S, 0.0)
    down = notes.onset_s[played].astype(float) - early
    up = notes.release_s[played] - early
    for value in np.unique(pitch):
        index = np.flatnonzero(pitch == value)
        if (np.diff(down[index]) < STROKE_FRAMES / fps).any():
            onset = notes.onset_s[played[index]].astype(float)
            shown = stroke_times(onset, fps)
            moved = ~np.isnan(shown) & (shown != onset)
            down[index[moved]] = shown[moved]
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
    return _with_slides(Presses(played, slot, down, np.maximum(up, down + shortest), pitch), fps)


def _with_slides(presses: Presses, fps: float) -> Presses:
    """The presses with those that a finger slides through made to touch, and with the second finger of fast slides."""
    order = np.argsort(presses.slot, kind="stable")
    slid = slid_into(presses.down_s[order], presses.slot[order], presses.pitch[order])
    if not slid.any():
        return presses
    up = presses.up_s.copy()
    into = np.flatnonzero(slid)
    up[order[into - 1]] = presses.down_s[order[into]]
    presses = replace(presses, up_s=up)
    more = [presses]
    for first, last in zip(*ends_of(slid), strict=True):
        slide = order[first : last + 1]
        if len(slide) > 1 and np.diff(presses.down_s[slide]).min() * fps < _SEEN_FRAMES:
            more.append(_second_finger(presses, slide, fps))
    columns = {name: np.concatenate([getattr(part, name) for part in more]) for name in _COLUMNS}
    sooner = np.argsort(columns["down_s"], kind="stable")
    return Presses(**{name: column[sooner] for name, column in columns.items()})


def _second_finger(presses: Presses, slide: NDArray[np.int64], fps: float) -> Presses:
    """What the finger behind a sliding one presses: each key of the slide but the last, when the first one leaves it.

    A key that is wanted again at once, or a finger that is, it leaves alone.
    """
    hand, finger = divmod(int(presses.slot[slide[0]]), 5)
    down, pitch = presses.down_s[slide], presses.pitch[slide[:-1]]
    treble = presses.pitch[slide[-1]] > presses.pitch[slide[0]]
    behind = hand * 5 + finger + (-1 if treble == (hand == 1) else 1)
    up = np.append(down[2:], 2 * down[-1] - down[-2])
    free = np.full(len(pitch), behind // 5 == hand and behind >= 0)
    for i, key in enumerate(pitch.tolist()):
        wanted = presses.down_s[(presses.pitch == key) | (presses.slot == behind)]
        wanted = wanted[wanted > down[i]]
        free[i] &= not len(wanted) or up[i] + 1 / fps <= wanted.min()
    return Presses(
        presses.note[slide[:-1]][free],
        np.full(int(free.sum()), behind, np.int64),
        down[1:][free],
        up[free],
        pitch[free],
    )


def contact_points(
    presses: Presses, tips: NDArray[np.floating[Any]], fps: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where on its key each finger lands: as near the motion's own fingertip as the key allows.

    Args:
        tips: (frames, 2, 5, 3) contact points of the motion.

    Returns:
        X and Y (m,) metres.
    """
    # A press between two frames takes the later one, wherever the frames are counted from.
    frame = np.clip(np.floor(presses.down_s * fps + 0.5 + 1e-6).astype(int), 0, len(tips) - 1)
    natural = tips.reshape(len(tips), 10, 3)[frame, presses.slot]
    black = keyboard.is_black(presses.pitch)
    near = _with_black_keys(presses, black)
    low = np.where(black, 0.059, 0.012)
    high = np.where(black, 0.092, np.where(near, 0.078, 0.066))
    y = np.clip(natural[:, 1], low, high)
    between_blacks = ~black & (y > keyboard.BLACK_FRONT - 0.003)
    left, right = keyboard.playable_x(presses.pitch, between_blacks)
    x = np.clip(natural[:, 0], left, right)
    for slide in _slides(presses):
        x[slide] = keyboard.key_x(presses.pitch[slide])
        y[slide] = (
            np.mean(y[slide]) if black[slide[0]] else np.clip(np.mean(y[slide]), SLIDE_FRONT, SLIDE_BACK)
        )
    return x, y


def _slides(presses: Presses) -> Iterator[NDArray[np.int64]]:
    """The presses of each slide."""
    order = np.argsort(presses.slot, kind="stable")
    slot = presses.slot[order]
    slid = touching(presses.down_s[order], presses.up_s[order])
    slid[1:] &= slot[1:] == slot[:-1]
    if slid.any():
        for first, last in zip(*ends_of(slid), strict=True):
            if last > first:
                yield order[first : last + 1]


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
