# SPDX-License-Identifier: GPL-3.0-or-later
"""Geometry of the 88 keys in the piano frame and the definition of a pressed key (docs/definitions.md).

Units are metres; ``pitch`` is a MIDI number, 21 (A0) to 108 (C8). All functions are numpy and vectorised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.body.skeleton import REST_DATA

_DATA = REST_DATA["keyboard"]

LOWEST_PITCH: int = _DATA["lowest_pitch"]
KEYS: int = _DATA["keys"]
WHITE_PITCH: float = _DATA["white_pitch"]
WHITE_LENGTH: float = _DATA["white_length"]
WHITE_DIP: float = _DATA["white_dip"]
BLACK_TOP_WIDTH: float = _DATA["black_top_width"]
BLACK_BASE_WIDTH: float = _DATA["black_base_width"]
BLACK_FRONT: float = _DATA["black_front"]
BLACK_BACK: float = _DATA["black_back"]
BLACK_HEIGHT: float = _DATA["black_height"]
BLACK_DIP: float = _DATA["black_dip"]
HINGE: float = _DATA["hinge"]
"""Y about which keys turn."""

PRESS_DEPTH = 0.003
"""A key counts as pressed when the contact point is this far below its rest surface."""
STRUCK_SHARE, RELEASED_SHARE = 0.75, 0.50
"""A key is struck when a point on it passes the first share of the dip there downward, released at the second one
upward."""
SURFACE_MARGIN = 0.0005
"""A point this far beside a black key's playing surface still belongs to it."""
MIRROR_PITCH_SUM = 124
"""Reflecting the keyboard about D4 maps pitch p to 124 - p."""

_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_IS_BLACK = np.array([name.endswith("#") for name in _NAMES])
_WHITE_STEP = (
    np.cumsum(~_IS_BLACK) - 1
)  # white index within the octave of each pitch class (of the key below, if black)
_BLACK_OFFSET = np.array([_DATA["black_offsets"].get(name, 0.0) for name in _NAMES])


def is_black(pitch: ArrayLike) -> NDArray[np.bool_]:
    """Whether the key of ``pitch`` is black."""
    return _IS_BLACK[np.asarray(pitch, int) % 12]


def white_index(pitch: ArrayLike) -> NDArray[np.int64]:
    """Index from 0 (A0) to 51 (C8) of a white key; for a black key that of the white key below it."""
    pitch = np.asarray(pitch, int)
    return 7 * (pitch // 12) + _WHITE_STEP[pitch % 12] - 12


def key_x(pitch: ArrayLike) -> NDArray[np.float64]:
    """X of the middle of the key's playing surface."""
    pitch = np.asarray(pitch, int)
    black = is_black(pitch)
    return (white_index(pitch) - 25.5 + 0.5 * black) * WHITE_PITCH + _BLACK_OFFSET[pitch % 12] * black


def key_surface(pitch: ArrayLike) -> NDArray[np.float64]:
    """Z of the key's top at rest: 0 for white keys, the black height for black ones."""
    return np.where(is_black(pitch), BLACK_HEIGHT, 0.0)


def key_dip(pitch: ArrayLike) -> NDArray[np.float64]:
    """How far the front of the key goes down."""
    return np.where(is_black(pitch), BLACK_DIP, WHITE_DIP)


def bottom_depth(pitch: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
    """How far the surface of a key lies below its rest at ``y`` when its front is all the way down, metres."""
    front = np.where(is_black(pitch), BLACK_FRONT, 0.0)
    return key_dip(pitch) * (HINGE - np.asarray(y)) / (HINGE - front)


ALL_PITCHES = np.arange(LOWEST_PITCH, LOWEST_PITCH + KEYS)
KEY_X = key_x(ALL_PITCHES)  # (88,)
KEY_IS_BLACK = is_black(ALL_PITCHES)  # (88,)

_BLACK_KEYS = np.flatnonzero(KEY_IS_BLACK)
_BLACK_X = KEY_X[_BLACK_KEYS]
_WHITE_KEYS = np.flatnonzero(~KEY_IS_BLACK)


_BLOCK = 4096
"""Frames that are looked at together; bounds memory."""
BLACK_STEPS = 2
"""White keys from one black key to the next at most."""
LOWEST_BLACK = LOWEST_PITCH + int(np.flatnonzero(KEY_IS_BLACK)[0])
_PLAYABLE_INSET = 0.0025  # metres from the edge of what is under a finger
_PLAYED_FROM = (0.005, 0.059)
"""Y from which on a finger lies on a white and on a black key, and not over its front edge."""
_TIP_BEFORE_FALLBOARD = 0.007
"""Metres from a fingertip's contact point to what is in front of it: its radius."""


def playable_x(
    pitch: ArrayLike, between_blacks: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Left and right end of the X range in which a finger surely plays the key and no neighbour.

    For black keys and the front part of white keys that is the middle of the key's width; ``between_blacks`` says
    that a white key is played further in, where the black keys' playing surfaces take room.
    """
    pitch = np.asarray(pitch, int)
    black, x = is_black(pitch), key_x(pitch)
    half = np.where(black, 0.0020, 0.0045)
    left, right = x - half, x + half
    narrow = ~black & np.asarray(between_blacks, bool)
    edge = BLACK_TOP_WIDTH / 2 + SURFACE_MARGIN + _PLAYABLE_INSET
    left = np.where(narrow & is_black(pitch - 1), np.maximum(left, key_x(pitch - 1) + edge), left)
    right = np.where(narrow & is_black(pitch + 1), np.minimum(right, key_x(pitch + 1) - edge), right)
    return left, right


def playable_y(pitch: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Near and far end of the Y range in which a finger surely plays the key: from its front edge to the fallboard."""
    near = np.where(is_black(pitch), *_PLAYED_FROM[::-1])
    return near, np.full_like(near, WHITE_LENGTH - _TIP_BEFORE_FALLBOARD)


def key_under(points: ArrayLike) -> NDArray[np.int64]:
    """Key index 0 to 87 that each point (..., 3) belongs to, -1 where there is no key under it.

    A point belongs to the black key whose playing surface (plus half a millimetre) it is over, else to the white
    key, else to none.
    """
    points = np.asarray(points)
    x, y = points[..., 0], points[..., 1]
    right = np.clip(np.searchsorted(_BLACK_X, x), 1, len(_BLACK_X) - 1)
    nearest = right - (x - _BLACK_X[right - 1] < _BLACK_X[right] - x)
    over_black = (
        (np.abs(x - _BLACK_X[nearest]) <= BLACK_TOP_WIDTH / 2 + SURFACE_MARGIN)
        & (y >= BLACK_FRONT - SURFACE_MARGIN)
        & (y <= BLACK_BACK + SURFACE_MARGIN)
    )
    white = np.floor(x / WHITE_PITCH + 26).astype(int)
    over_white = (white >= 0) & (white < len(_WHITE_KEYS)) & (y >= 0) & (y <= WHITE_LENGTH)
    white_key = np.where(over_white, _WHITE_KEYS[np.clip(white, 0, len(_WHITE_KEYS) - 1)], -1)
    return np.where(over_black, _BLACK_KEYS[nearest], white_key)


def pressed_keys(tips: ArrayLike) -> NDArray[np.bool_]:
    """Which keys (frames, 88) are pressed, at least `PRESS_DEPTH` down, by contact points (frames, ..., 3)."""
    points = np.asarray(tips, np.float64)
    points = points.reshape(len(points), -1, 3)
    keys = key_under(points)
    return _by_key(keys, (keys >= 0) & (key_surface(keys + LOWEST_PITCH) - points[..., 2] >= PRESS_DEPTH))


def struck_keys(
    tips: ArrayLike, struck: float = STRUCK_SHARE, released: float = RELEASED_SHARE, dip_factor: float = 1.0
) -> NDArray[np.bool_]:
    """Which keys (frames, 88) are down: from where contact points (frames, ..., 3) strike them to where they let go.

    A point strikes its key when it passes the share ``struck`` of the dip downward, or slides onto it that deep from a
    key of the same colour: on black keys across the white ones between, no higher than there and in none of these. A
    point that comes through the side of a key otherwise strikes nothing. A key is let go when no point on it is as deep
    as the share ``released``. ``dip_factor``: how deep the keys go, in dips of ours.
    """
    state, points = KeyState(struck, released, dip_factor), np.asarray(tips)
    blocks = [state.next(points[begin : begin + _BLOCK]) for begin in range(0, len(points), _BLOCK)]
    return np.concatenate(blocks) if blocks else np.zeros((0, KEYS), bool)


class KeyState:
    """Which keys are down, as `struck_keys` has it, for motion that comes in blocks."""

    def __init__(
        self, struck: float = STRUCK_SHARE, released: float = RELEASED_SHARE, dip_factor: float = 1.0
    ) -> None:
        self._shares = struck * dip_factor, released * dip_factor
        self._down = np.zeros(KEYS, bool)
        self._before: NDArray[Any] | None = None
        self._slides: NDArray[np.int64] | None = None

    def next(self, tips: ArrayLike) -> NDArray[np.bool_]:
        """Keys (frames, 88) that are down in the frames of contact points (frames, ..., 3) after those before."""
        points = np.asarray(tips)
        if not len(points):
            return np.zeros((0, KEYS), bool)
        points = points.reshape(len(points), -1, 3)
        known = 0 if self._before is None else 1
        joined = points if self._before is None else np.concatenate([self._before, points])
        passes, holds, self._slides = _strikes(joined, *self._shares, self._slides)
        passes, holds = passes[known:], holds[known:]
        decided = passes | ~holds
        last = np.maximum.accumulate(np.where(decided, np.arange(len(passes))[:, None], -1), axis=0)
        then = np.take_along_axis(passes, np.maximum(last, 0), axis=0)
        roll: NDArray[np.bool_] = np.where(last < 0, self._down, then)
        self._before, self._down = points[-1:], roll[-1]
        return roll


def _strikes(
    points: NDArray[np.floating[Any]], struck: float, released: float, slides: NDArray[np.int64] | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Keys (frames, 88) that points (frames, p, 3) strike in a frame, and those that they hold down or strike.

    slides: (p,) the black key of each point of the first frame, as of `_black_slides`. The third result is that of the
    last frame.
    """
    points = points.astype(np.float64)
    keys = key_under(points)
    pitch, on = keys + LOWEST_PITCH, keys >= 0
    level = key_surface(pitch) - struck * bottom_depth(pitch, points[..., 1])
    deep = on & (points[..., 2] <= level)
    first = np.ones_like(deep[:1])
    came_down = np.concatenate([first, points[:-1, :, 2] > level[1:]])
    on_white = on & ~is_black(pitch)
    slid = np.concatenate([~first, on_white[:-1] & on_white[1:] & (keys[:-1] != keys[1:])])
    black_slid, last = _black_slides(points, np.where(on & is_black(pitch), keys, -1), deep, struck, slides)
    holding = on & (points[..., 2] <= key_surface(pitch) - released * bottom_depth(pitch, points[..., 1]))
    return _by_key(keys, deep & (came_down | slid | black_slid)), _by_key(keys, holding), last


def _black_slides(
    points: NDArray[np.float64],
    black: NDArray[np.int64],
    deep: NDArray[np.bool_],
    struck: float,
    slides: NDArray[np.int64] | None,
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Where points (frames, p, 3) come from one black key to the next one without coming up (frames, p).

    Args:
        black: (frames, p) the black key under each point, -1 where there is none. deep: whether it is struck by it.
        slides: (p,) the black key from which each point slides in the first frame, -1 for none; None at the beginning.

    Returns:
        That, and the key from which each point slides in the last frame (p,).
    """
    low = points[..., 2] <= BLACK_HEIGHT - struck * bottom_depth(LOWEST_BLACK, points[..., 1])
    between = low & (points[..., 2] >= 0) & (black < 0)
    frame = np.arange(len(points))[:, None]
    # What a point slid from is decided anew wherever it does not just go on between two black keys.
    decided = np.maximum.accumulate(np.where(between, -1, frame), axis=0)
    known = np.take_along_axis(np.where((black >= 0) & deep, black, -1), np.maximum(decided, 0), axis=0)
    start = np.full(points.shape[1], -1) if slides is None else slides
    source = np.where(decided < 0, start, known)
    before = np.concatenate([start[None], source[:-1]])
    steps = np.abs(white_index(black + LOWEST_PITCH) - white_index(before + LOWEST_PITCH))
    found = (black >= 0) & (before >= 0) & (black != before) & (steps <= BLACK_STEPS)
    return found & deep, source[-1]


def _by_key(keys: NDArray[np.integer[Any]], what: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keys (frames, 88) for which something holds of any of their points (frames, p)."""
    roll = np.zeros((len(keys), KEYS), bool)
    frame, point = np.nonzero(what)
    roll[frame, keys[frame, point]] = True
    return roll
