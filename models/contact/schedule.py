# SPDX-License-Identifier: GPL-3.0-or-later
"""When each finger presses and where on its key it lands; `models.contact.strokes` makes strokes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.notes import Notes
from models.contact import touch
from models.contact.slides import SLIDE_BACK, SLIDE_FRONT, ends_of, slid_into, touching
from models.music.notes import CHORD_WINDOW_S
from models.planning.thinning import STROKE_FRAMES, stroke_times

USUAL_Y = (0.04, 0.075)
"""Where a white and a black key are most often struck, metres from the front edge."""
FAR_IN = (0.078, 0.092)
"""Farther in than this white and black keys are seldom struck, metres from the front edge."""
_MATTERS_S = 1.0  # presses this far outside a stretch of time still shape the paths inside
_LATEST_S = 0.04  # a press must show this long after its onset at the latest
_DOWN_FRAMES = 0.6  # from the frame in which a key is at its bottom until it is half way up, at least
_UP_FRAMES = 1.25  # a key struck again is up for so long, so that the lift is seen
_UP_SHARE = 0.55  # or for this share of the time between both: then the frame between them shows it
_LIVELIER = 0.5  # what a step of energy adds to the lifts, in shares
# Between two strokes of a key, and of a finger, there is time for the second one and so much more, within this share
# of the time from one to the other.
_BETWEEN_S, _MOST_UP = 0.04, 0.46
# A finger that has to get over the edge of a black key (`over_edge`) rises, goes there and comes down, in so long.
_AROUND_FRAMES, _AROUND_SHARE = 4.1, 0.65
_HURRIES_S = 0.15  # with less time from key to key, a finger stays before the black ones
_LANDS_BACK_M = 0.015  # a finger generated this far beside its key lands six tenths as far back
_BEFORE_BLACK_M = keyboard.BLACK_FRONT - 0.003  # a white key's part before the black ones ends here
_TRAVEL = 2.5  # metres a second of a finger from one of its keys to the next
_REACH_M, _LOOKS_BACK = 0.18, 8  # from one key to another of a hand that stays; presses that it may come from
# A hand that goes on to a key so far away, one of so many presses later, lets go quickly: the key comes up in so many
# times what is left until then.
_LEAP_M, _LOOKS_AHEAD, _LEAP_RISE = 0.11, 6, 1.5
_SLOWER = 1.45  # times slower than keys come up: hands that go on take that from a release again
_BLACKS_BELOW: NDArray[np.int64] = np.cumsum(np.append(0, keyboard.is_black(np.arange(128)).astype(np.int64)))
"""(129,) of each pitch: how many black keys lie below it."""
_ENDS_FRAMES = 1.0  # from the first frame that shows a slide's last key until that is half way up, at least


@dataclass(frozen=True)
class Presses:
    """The presses of all notes that a finger plays, sorted by time; those of one finger that touch are a slide."""

    note: NDArray[np.int64]
    """(m,) index of the note."""
    slot: NDArray[np.int64]
    """(m,) hand * 5 + finger."""
    down_s: NDArray[np.float64]
    """(m,) the instant of a frame: the first in which the key is all the way down."""
    up_s: NDArray[np.float64]
    """(m,) when it is half way up again."""
    pitch: NDArray[np.int64]
    """(m,)"""
    velocity: NDArray[np.float64]
    """(m,) MIDI velocity."""
    lift: NDArray[np.float64]
    """(m,) metres above its key that the finger is lifted, where it has time."""
    rise_s: NDArray[np.float64]
    """(m,) that the key takes to come up, where nothing hurries it (`models.contact.touch`)."""
    dip_factor: float = 1.0
    """How deep the piano's keys go, in dips of ours."""

    @cached_property
    def landing_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The nearest and the farthest Y (m,), metres, at which each press's finger may be on its key.

        It lies inside `models.body.keyboard.playable_y`.
        """
        black = keyboard.is_black(self.pitch)
        near = _with_black_keys(self, black)
        white = np.where(_hurries_past_black(self, black), _BEFORE_BLACK_M, np.where(near, 0.100, 0.090))
        return keyboard.playable_y(self.pitch)[0], np.where(black, 0.125, white)

    @cached_property
    def slides(self) -> list[NDArray[np.int64]]:
        """The presses of each slide."""
        return list(_slides(self))

    def later(self, start_s: float) -> Presses:
        """The same, their times counted from ``start_s``."""
        return replace(self, down_s=self.down_s - start_s, up_s=self.up_s - start_s)

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Presses:
        """Some of them, by a mask or by index."""
        return replace(self, **{name: getattr(self, name)[which] for name in _COLUMNS})


_COLUMNS = ("note", "slot", "down_s", "up_s", "pitch", "velocity", "lift", "rise_s")


def usual_dip(pitch: NDArray[np.int64]) -> NDArray[np.float64]:
    """(m,) metres that our keys go down where they are most often struck."""
    return keyboard.bottom_depth(pitch, np.where(keyboard.is_black(pitch), *USUAL_Y[::-1]))


def over_edge(one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n,) whether a finger that goes straight from one key (n,) to another runs into the side of a black key.

    Between a white key and a black one it does, and from white to white past a black one; black ones are as high as
    each other.
    """
    first, last = np.minimum(one, other), np.maximum(one, other)
    white = ~keyboard.is_black(one) & ~keyboard.is_black(other)
    passed: NDArray[np.int64] = _BLACKS_BELOW[last] - _BLACKS_BELOW[np.minimum(first + 1, last)]
    found: NDArray[np.bool_] = (keyboard.is_black(one) != keyboard.is_black(other)) | (white & (passed > 0))
    return found


def cut_presses(presses: Presses, start_s: float, stop_s: float) -> Presses:
    """The presses that matter between two times, their times counted from ``start_s``.

    Strokes depend on those of the same finger before and after them, however long before and after.
    """
    near = (presses.up_s > start_s - _MATTERS_S) & (presses.down_s < stop_s + _MATTERS_S)
    order = np.argsort(presses.slot, kind="stable")
    by_finger, same = near[order], np.diff(presses.slot[order]) == 0
    near[order[1:]] |= by_finger[:-1] & same
    near[order[:-1]] |= by_finger[1:] & same
    return presses.select(near).later(start_s)


def plan_presses(notes: Notes, fps: float, energy: float = 0.0, dip_factor: float = 1.0) -> Presses:
    """Press and release times that are visible at ``fps`` and that no two uses of a key or a finger share.

    Args:
        notes: fingered, their ``release_s`` known.
        fps: frames a second.
        energy: of the style; fingers are lifted higher, the more there is.
        dip_factor: how deep the keys go, in dips of ours.
    """
    if notes.release_s is None:
        raise ValueError("the notes have no release_s; finger_notes gives it")
    played = np.flatnonzero(notes.played)
    played = played[np.argsort(notes.onset_s[played], kind="stable")]
    onset, velocity = (column[played].astype(float) for column in (notes.onset_s, notes.velocity))
    slot, pitch = notes.slot[played], notes.pitch[played].astype(int)
    frame = _bottom_frames(onset, pitch, touch.bottom_lag_s(velocity, dip_factor * usual_dip(pitch)), fps)
    up, x = notes.release_s[played] * fps, keyboard.key_x(pitch)
    for group in (pitch, slot):
        for value in np.unique(group):
            index = np.flatnonzero(group == value)
            following = frame[index[1:]]
            period = following - frame[index[:-1]]
            wants = np.maximum(_UP_FRAMES, (_BETWEEN_S + touch.travel_s(velocity[index[1:]])) * fps)
            least = np.maximum(
                np.minimum(wants, _MOST_UP * period), np.minimum(_UP_FRAMES, _UP_SHARE * period)
            )
            way = np.abs(np.diff(x[index])) / _TRAVEL * fps
            around = np.minimum(_AROUND_FRAMES, _AROUND_SHARE * period)
            way = np.maximum(way, around * over_edge(pitch[index[:-1]], pitch[index[1:]]))
            latest = following - np.maximum(least, np.minimum(way, period - _DOWN_FRAMES))
            up[index[:-1]] = np.minimum(up[index[:-1]], latest)
    up = np.maximum(up, frame + _DOWN_FRAMES)
    presses = Presses(
        note=played,
        slot=slot,
        down_s=frame / fps,
        up_s=up / fps,
        pitch=pitch,
        velocity=velocity,
        lift=touch.lift(_since_the_tone_before(onset, slot // 5), velocity, touch.draws(onset, pitch, 2))
        * (1 + _LIVELIER * energy),
        rise_s=_SLOWER * touch.rise_s(touch.draws(onset, pitch, 1), (up - frame) / fps),
        dip_factor=dip_factor,
    )
    return _in_time(_with_slides(presses, onset, fps))


def _bottom_frames(
    onset: NDArray[np.float64], pitch: NDArray[np.int64], lag_s: NDArray[np.float64], fps: float
) -> NDArray[np.float64]:
    """(m,) the frame nearest to when each key is at its bottom, ``lag_s`` after it sounds.

    A key that is struck again is up for one frame between.
    """
    frame = np.minimum(np.round((onset + lag_s) * fps), np.maximum(np.floor((onset + _LATEST_S) * fps), 0))
    for value in np.unique(pitch):
        index = np.flatnonzero(pitch == value)
        if (np.diff(onset[index]) < STROKE_FRAMES / fps).any():
            shown = stroke_times(onset[index], fps)
            moved = ~np.isnan(shown) & (shown != onset[index])
            frame[index[moved]] = np.ceil(shown[moved] * fps - 1e-6)
        # As near to its own frame as the strokes before it allow.
        place = np.arange(len(index)) * 2.0
        frame[index] = np.maximum.accumulate(frame[index] - place) + place
    return frame


def _since_the_tone_before(onset: NDArray[np.float64], hand: NDArray[np.int64]) -> NDArray[np.float64]:
    """(m,) seconds from the last onset of the same hand that is not of the same chord; a second where there is none."""
    since = np.ones(len(onset))
    for side in (0, 1):
        mine = np.flatnonzero(hand == side)
        time = onset[mine]
        before = np.searchsorted(time, time - CHORD_WINDOW_S) - 1
        there = before >= 0
        since[mine[there]] = np.minimum(time[there] - time[before[there]], 1.0)
    return since


def _in_time(presses: Presses) -> Presses:
    """The presses, of which those come up in time whose key is struck again, or whose hand leaps away."""
    rise, x, hand = presses.rise_s.copy(), keyboard.key_x(presses.pitch), presses.slot // 5
    for value in np.unique(presses.pitch):
        index = np.flatnonzero(presses.pitch == value)
        room = np.maximum(presses.down_s[index[1:]] - presses.up_s[index[:-1]], 0.0)
        rise[index[:-1]] = np.minimum(rise[index[:-1]], room)
    for back in range(1, min(_LOOKS_AHEAD, len(rise) - 1) + 1):
        left, room = slice(0, -back), presses.down_s[back:] - presses.up_s[:-back]
        leaps = (hand[back:] == hand[left]) & (np.abs(x[back:] - x[left]) > _LEAP_M) & (room > 0)
        rise[left] = np.where(leaps, np.minimum(rise[left], _LEAP_RISE * room), rise[left])
    return replace(presses, rise_s=rise)


def arrivals(presses: Presses) -> NDArray[np.float64]:
    """(m,) second from which on each press's hand can be at its key: it may have to come from keys beyond its reach."""
    order = np.argsort(presses.down_s, kind="stable")
    down, up = presses.down_s[order], presses.up_s[order]
    x, hand = keyboard.key_x(presses.pitch[order]), presses.slot[order] // 5
    arrives = np.full(len(down), -np.inf)
    for back in range(1, min(_LOOKS_BACK, len(down) - 1) + 1):
        beyond = np.abs(x[back:] - x[:-back]) - _REACH_M
        left = np.minimum(up[:-back], down[back:]) + np.maximum(beyond, 0.0) / _TRAVEL
        comes = (hand[back:] == hand[:-back]) & (beyond > 0) & (down[back:] - down[:-back] > CHORD_WINDOW_S)
        arrives[back:] = np.where(comes, np.maximum(arrives[back:], left), arrives[back:])
    found = np.empty(len(down))
    found[order] = np.minimum(arrives, down)
    return found


def _with_slides(presses: Presses, onset: NDArray[np.float64], fps: float) -> Presses:
    """The presses with those that a finger slides through made to touch."""
    order = np.argsort(presses.slot, kind="stable")
    slid = slid_into(onset[order], presses.slot[order], presses.pitch[order])
    if not slid.any():
        return presses
    # A finger that slides is down in the keys between two frames, too.
    down, up = presses.down_s.copy(), presses.up_s.copy()
    into = np.flatnonzero(slid)
    down[order[into]] = np.maximum(onset[order[into]], down[order[into - 1]] + 1e-3)
    up[order[into - 1]] = down[order[into]]
    ends = order[slid & np.append(~slid[1:], True)]
    up[ends] = np.maximum(up[ends], (np.ceil(down[ends] * fps + 1e-6) + _ENDS_FRAMES) / fps)
    sooner = np.argsort(down, kind="stable")
    presses = replace(presses, down_s=down, up_s=up)
    return presses.select(sooner)


def contact_points(
    presses: Presses,
    tips: NDArray[np.floating[Any]],
    generated: NDArray[np.floating[Any]],
    fps: float,
    stays_in: float = 1.0,
    lands_back: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where on its key each finger lands: as near the motion's own fingertip as the key allows.

    Args:
        tips: (frames, 2, 5, 3) contact points of the hands as they are.
        generated: the same of the motion that they began with.
        stays_in: share that stays of what a finger is farther in than `FAR_IN`.
        lands_back: share of the way back along the key to where the motion had the finger. A finger that goes down
            turns about its knuckle, which takes its tip toward the front end; the share fades for a finger that was
            not generated over its key.

    Returns:
        X and Y (m,) metres.
    """
    # A press between two frames takes the later one, wherever the frames are counted from.
    frame = np.clip(np.floor(presses.down_s * fps + 0.5 + 1e-6).astype(int), 0, len(tips) - 1)
    natural = tips.reshape(len(tips), 10, 3)[frame, presses.slot]
    black = keyboard.is_black(presses.pitch)
    low, high = presses.landing_range
    y = np.clip(natural[:, 1], low, high)
    began = generated.reshape(len(tips), 10, 3)[frame, presses.slot]
    back = np.clip(began[:, 1], low, high)
    beside = np.hypot(began[:, 0] - keyboard.key_x(presses.pitch), began[:, 1] - back)
    y += lands_back * np.exp(-0.5 * (beside / _LANDS_BACK_M) ** 2) * (back - y)
    y -= (1 - stays_in) * np.maximum(y - np.where(black, *FAR_IN[::-1]), 0.0)
    between_blacks = ~black & (y > _BEFORE_BLACK_M)
    left, right = keyboard.playable_x(presses.pitch, between_blacks)
    x = np.clip(natural[:, 0], left, right)
    for slide in presses.slides:
        x[slide] = keyboard.key_x(presses.pitch[slide])
        y[slide] = (
            np.mean(y[slide]) if black[slide[0]] else np.clip(np.mean(y[slide]), SLIDE_FRONT, SLIDE_BACK)
        )
    return x, y


def _hurries_past_black(presses: Presses, black: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(m,) whether a finger goes from one white key to another, past the black key between them, in no time.

    Between black keys it would have to be lifted over one of them; before them it goes straight there.
    """
    order = np.argsort(presses.slot, kind="stable")
    one, other = order[:-1], order[1:]
    hurries = (presses.slot[one] == presses.slot[other]) & ~black[one] & ~black[other]
    hurries &= np.abs(presses.pitch[one] - presses.pitch[other]) > 1
    hurries &= presses.down_s[other] - presses.up_s[one] < _HURRIES_S
    found = np.zeros(len(order), bool)
    found[one] |= hurries
    found[other] |= hurries
    return found


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
