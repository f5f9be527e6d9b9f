# SPDX-License-Identifier: GPL-3.0-or-later
"""The last word on hands that collide: one is moved as a whole until the bones of the two keep their distance.

Around each run of colliding frames a hand moves along one direction: to its side, up, or both. In a colliding frame
conservative advancement (Mirtich 1996: steps no longer than the free distance) from far outside finds a displacement
from which on the hands stay clear however much farther they move; a smooth bump stays above these displacements.
Frames that the bump brings into collision ask for their own, so that every round settles at least one frame more and
the rounds end; then no frame under the bump collides. Frames beside it are untouched, so runs are settled in turn.

Of several directions the one that costs the music least is taken. A hand that rises only ever lets go of keys. One
that went to its side with a fingertip now in the key beside rises out of it, where it meets nothing there.

Axes: F frames, 2 hands, 20 bones a hand as in `models.body.bones`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, maximum_filter1d

from models.body import keyboard
from models.body.bones import BLOCK_FRAMES, HANDS_CLOSER_M, Bones
from models.body.edit_mask import EditMask
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.skeleton import STANDARD_HANDS, HandGeometry
from models.contact.bumps import bump

CLEAR_M = HANDS_CLOSER_M + 0.0004
"""Metres that the bones of two hands keep; a little more than what counts as a collision, for rounding's sake."""
_TOLERANCE = 0.0002  # metres: advancement ends this near to the least displacement
_ADVANCES = 60
_EASES_S = (0.16, 0.10)  # a bump rises, and falls, within twice one of these times
_QUICKLY = 0.3  # what the way of a quicker one costs more, in shares
_NEAR_S = 0.4  # colliding frames no farther apart are one run
_LOST, _MISSED, _WRONG = 0.2, 2.0, 3.0
"""What a frame with a key let go, a missed stroke and a frame with a wrong key cost, in centimetres of way."""
_UP_AND_OUT = 0.6, 0.8  # to the side, up
_SUNK_M, _OVER_M = 0.001, 0.001
"""A fingertip that comes over another key is in it so far below its top, and rises so far above it."""
_RISES_S = 0.03  # a hand rises out of a key, and comes down again, within twice this time


def separate_hands(
    motion: Motion, edits: EditMask, hand_size: float = 1.0, geometry: HandGeometry = STANDARD_HANDS
) -> NDArray[np.floating[Any]]:
    """Wrists (F, 2, 3) of the motion, displaced where the hands would collide.

    Frames in which no hand may move stay as they are, collisions included; all others have none after this.

    Args:
        edits: which hands may be moved in which of the motion's frames.
    """
    euler, wrist = (np.asarray(part, np.float32) for part in (motion.euler, motion.wrist))
    bones = _all_bones(euler, wrist, hand_size, geometry)
    colliding = _colliding(bones) & edits.free.any(1)
    if not colliding.any():
        return motion.wrist
    shift, keys = np.zeros_like(wrist), keyboard.key_under(bones.tips)
    while colliding.any():
        first = _first_run(colliding, motion.fps)
        best = min(
            (
                _settled(bones, first, way, motion.fps, quickly)
                for way in _ways(edits.free, first)
                for quickly in range(len(_EASES_S))
            ),
            key=lambda bump: bump.cost,
        )
        shift[best.frames] += best.shift
        bones = _joined(bones, best)
        colliding[best.frames] = False
    shift[..., 2] += _rises(bones, keys, shift, edits.free, motion.fps)
    return (motion.wrist + shift).astype(motion.wrist.dtype)


@dataclass(frozen=True)
class _Way:
    """A direction for the hands to part in."""

    unit: NDArray[np.float32]
    """(2, 3) displacements of both hands for each metre that they part."""
    may: NDArray[np.bool_]
    """(F,) frames in which what it moves may be moved."""


@dataclass(frozen=True)
class _Bump:
    """Displacements under which some frames do not collide."""

    frames: NDArray[np.int64]
    shift: NDArray[np.float32]
    """(n, 2, 3) metres."""
    cost: float


def _ways(free: NDArray[np.bool_], run: NDArray[np.int64]) -> Iterator[_Way]:
    side = np.array([-1.0, 1.0])
    throughout = free[run].all(0)
    out, up = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
    if throughout.all():
        yield _Way((0.5 * side[:, None] * out).astype(np.float32), free.all(1))
    for hand in np.flatnonzero(throughout if throughout.any() else free[run].any(0)):
        ways = [up, side[hand] * _UP_AND_OUT[0] * out + _UP_AND_OUT[1] * up]
        for way in ways if throughout.all() else [*ways, side[hand] * out]:
            unit = np.zeros((2, 3), np.float32)
            unit[hand] = way
            yield _Way(unit, free[:, hand])


def _first_run(colliding: NDArray[np.bool_], fps: float) -> NDArray[np.int64]:
    frames = np.flatnonzero(colliding)
    breaks = np.flatnonzero(np.diff(frames) > _NEAR_S * fps)
    return frames[: breaks[0] + 1] if len(breaks) else frames


def _settled(bones: Bones, run: NDArray[np.int64], way: _Way, fps: float, quickly: int = 0) -> _Bump:
    """The bump along a way that leaves no collision under it where the way may be gone, and what it costs."""
    count = len(way.may)
    need = np.zeros(count)
    asking = run[way.may[run]]
    reach = max(round(_EASES_S[quickly] * fps), 2)
    kernel = (1 - (np.arange(-reach, reach + 1) / (reach + 1)) ** 2) ** 2
    kernel /= kernel.sum()
    rim = _from_rim(way.may, reach)
    while True:
        need[asking] = _needs(bones.at(asking), way.unit)
        # Every value under the kernel is at least the need of its middle, so their mean is, too.
        wide = convolve1d(maximum_filter1d(need, 2 * reach + 1), kernel, mode="nearest")
        part = np.where(way.may, np.maximum(wide * rim, need), 0.0)
        frames = np.flatnonzero(part > 0)
        shift = (part[frames, None, None] * way.unit).astype(np.float32)
        moved = bones.at(frames).moved(shift)
        asking = frames[_colliding(moved)]
        if not len(asking):
            far = part.max() * (1 + _QUICKLY * quickly)
            return _Bump(frames, shift, _cost(bones.at(frames), moved, far))


def _from_rim(may: NDArray[np.bool_], reach: int) -> NDArray[np.float64]:
    """(F,) 1 well inside the frames that may change, falling to 0 beside those that may not."""
    if may.all():
        return np.ones(len(may))
    kept = np.flatnonzero(~may)
    index = np.arange(len(may))
    after = np.searchsorted(kept, index)
    to_next = kept[np.minimum(after, len(kept) - 1)] - index
    to_last = index - kept[np.maximum(after - 1, 0)]
    away = np.minimum(np.abs(to_next), np.abs(to_last))
    t = np.clip(away / (2 * reach), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def _needs(bones: Bones, unit: NDArray[np.float32]) -> NDArray[np.float64]:
    """Displacements (F,) from which on the hands stay clear, found from outside inwards.

    A displacement of d metres changes no distance by more than d, so steps of the free distance skip no contact.
    """
    apart = (unit[1] - unit[0]).astype(float)
    speed = float(np.linalg.norm(apart))
    left, right = (
        np.einsum("cbf,c->bf", np.concatenate([bones.heads[:, h], bones.tails[:, h]], 1), apart)
        for h in (0, 1)
    )
    way = (left.max(0) - right.min(0)) / speed + CLEAR_M + _TOLERANCE
    open_ = np.ones(len(way), bool)
    for _ in range(_ADVANCES):
        index = np.flatnonzero(open_)
        if not len(index):
            break
        here = bones.at(index).moved(unit * (way[index] / speed)[:, None, None])
        free = here.between_hands().min((0, 1)) - CLEAR_M
        way[index] -= np.maximum(free, 0) * (free > _TOLERANCE)
        open_[index] = (free > _TOLERANCE) & (way[index] > 0)
    return np.maximum(way / speed, 1e-6)


def _cost(before: Bones, after: Bones, way: float) -> float:
    """Of a displacement: its length, keys that are let go or not struck, and above all keys that are struck by it."""
    keys, then = (keyboard.pressed_keys(part.tips) for part in (before, after))
    struck = keys.copy()
    struck[1:] &= ~keys[:-1]
    return (
        100 * way
        + _LOST * int((keys & ~then).sum())
        + _MISSED * int((struck & ~then).sum())
        + _WRONG * int((then & ~keys).sum())
    )


def _rises(
    bones: Bones,
    keys: NDArray[np.int64],
    shift: NDArray[np.float32],
    free: NDArray[np.bool_],
    fps: float,
) -> NDArray[np.float64]:
    """Metres (F, 2) that hands rise by, so that no fingertip is in a key that it was not over before it was moved.

    Args:
        bones: as they were moved. keys: (F, 2, 5) under the fingertips before that. shift: (F, 2, 3) metres.
    """
    then = keyboard.key_under(bones.tips)
    depth = keyboard.key_surface(then + keyboard.LOWEST_PITCH) - bones.tips[..., 2]
    sunk = (then >= 0) & (then != keys) & (depth > _SUNK_M) & (shift != 0).any(-1)[..., None]
    need = np.where(sunk, depth + _OVER_M, 0.0).max(-1).T
    reach = max(round(_RISES_S * fps), 1)
    while need.any():
        rise = np.where(free, bump(need, reach).T, 0.0)
        frames = np.flatnonzero(rise.any(1))
        up = np.zeros((len(frames), 2, 3), np.float32)
        up[..., 2] = rise[frames]
        meet = np.zeros(len(free), bool)
        here = bones.at(frames)
        meet[frames] = _colliding(here.moved(up)) & ~_colliding(here)
        if not meet.any():
            return rise
        need[:, maximum_filter1d(meet, 4 * reach + 1)] = 0.0
    return np.zeros(free.shape)


def _all_bones(
    euler: NDArray[np.float32], wrist: NDArray[np.float32], hand_size: float, geometry: HandGeometry
) -> Bones:
    blocks = []
    for begin in range(0, max(len(euler), 1), BLOCK_FRAMES):
        block = slice(begin, begin + BLOCK_FRAMES)
        blocks.append(Bones.of_joints(forward_kinematics(euler[block], wrist[block], hand_size, geometry)))
    return Bones(*(np.concatenate([getattr(part, end) for part in blocks], -1) for end in ("heads", "tails")))


def _joined(bones: Bones, bump: _Bump) -> Bones:
    moved = bones.at(bump.frames).moved(bump.shift)
    bones.heads[..., bump.frames], bones.tails[..., bump.frames] = moved.heads, moved.tails
    return bones


def _colliding(bones: Bones) -> NDArray[np.bool_]:
    """(F,) whether bones of the two hands are nearer than `CLEAR_M`."""
    result = np.zeros(len(bones), bool)
    near = np.flatnonzero(bones.gap_between_hands() < CLEAR_M)
    for begin in range(0, len(near), BLOCK_FRAMES):
        block = near[begin : begin + BLOCK_FRAMES]
        result[block] = bones.at(block).between_hands().min((0, 1)) < CLEAR_M
    return result
