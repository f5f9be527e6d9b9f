# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones that are near each other, and which way each variable pushes them apart.

Axes: K pairs; bones are numbered as in `models.body.bones`, ``hand * 20 + finger * 4 + bone``, bone 0 the palm's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.body.bones import HANDS_CLOSER_M, LEAST, PAIRS, closest_shares, segment_distance
from models.contact.equations import NormalEquations
from models.contact.hand_points import HandPoints, cross
from models.contact.separation import CLEAR_M
from models.contact.variables import FINGER_VARIABLES, Array
from models.contact.weights import ContactWeights

_ROUNDING_M = 2e-5  # of 32 bit
_OF_TWO_HANDS = PAIRS[:, 0] // 20 != PAIRS[:, 1] // 20
_TOO_NEAR = LEAST + np.where(_OF_TWO_HANDS, CLEAR_M - HANDS_CLOSER_M, _ROUNDING_M)
"""(P,) metres nearer than which a pair has to be mended."""
_WITHIN, _ACROSS = np.flatnonzero(~_OF_TWO_HANDS), np.flatnonzero(_OF_TWO_HANDS)
WATCH_M = 0.012
"""Bones within this of the distance that they should keep are watched."""
_WRIST = np.arange(FINGER_VARIABLES, FINGER_VARIABLES + 6)


@dataclass(frozen=True, eq=False)
class NearBones:
    """Pairs of bones to watch."""

    frame: NDArray[np.int64]
    """(K,)"""
    pair: NDArray[np.int64]
    """(K,) index in `models.body.bones.PAIRS`."""
    keep: Array
    """(K,) metres that they should keep."""

    def push(self, points: HandPoints, equations: NormalEquations, squared: float) -> None:
        """Add the metres that pairs lack, at the weight ``squared``."""
        one, other = PAIRS[self.pair].T
        ends = [*_ends(points, one, self.frame), *_ends(points, other, self.frame)]
        s, t = closest_shares(*ends)
        a, b = ends[0] + s * (ends[1] - ends[0]), ends[2] + t * (ends[3] - ends[2])
        between = a - b
        distance = np.sqrt((between**2).sum(0))
        lack = self.keep - distance
        short = np.flatnonzero(lack > 0)
        if not len(short):
            return
        frame, one, other, lack = self.frame[short], one[short], other[short], lack[short]
        normal = between[:, short] / np.maximum(distance[short], 1e-9)
        moves = [
            sign * _by_finger(points, bone, frame, share[short], normal)
            for bone, share, sign in ((one, s, -1.0), (other, t, 1.0))
        ]
        fingers = [3 * (bone % 20 // 4)[:, None] + np.arange(3) for bone in (one, other)]
        weight = np.full(len(lack), squared)
        same = one // 20 == other // 20
        # Two fingers of one hand: what their wrist does moves both alike.
        equations.add_sparse(
            frame[same],
            one[same] // 20,
            np.concatenate(fingers, 1)[same],
            np.concatenate(moves, 1)[same],
            lack[same],
            weight[same],
        )
        across = np.flatnonzero(~same)
        if not len(across):
            return
        when, unit = frame[across], normal[:, across]
        variables, whole = [], []
        for hand, (point, sign) in enumerate(((a, -1.0), (b, 1.0))):
            arm = point[:, short[across]] - points.wrists[:, hand, when]
            turn = (
                (points.turn_axes[:, hand, :, when].transpose(1, 2, 0) * cross(arm, unit)[:, None]).sum(0).T
            )
            variables.append(
                np.concatenate([fingers[hand][across], np.broadcast_to(_WRIST, (len(across), 6))], 1)
            )
            whole.append(np.concatenate([moves[hand][across], sign * unit.T, sign * turn], 1))
        equations.add_across(when, tuple(variables), tuple(whole), lack[across], weight[across])


def _ends(points: HandPoints, bone: NDArray[np.int64], frame: NDArray[np.int64]) -> tuple[Array, Array]:
    """Heads and tails (3, K)."""
    hand, finger, part = bone // 20, bone % 20 // 4, bone % 4
    tail = points.heads[:, hand, finger, part, frame]
    head = points.heads[:, hand, finger, np.maximum(part - 1, 0), frame]
    return np.where(part > 0, head, points.wrists[:, hand, frame]), tail


def _by_finger(
    points: HandPoints, bone: NDArray[np.int64], frame: NDArray[np.int64], share: Array, normal: Array
) -> Array:
    """(K, 3) how far a unit of each of the finger's variables moves a point on a bone along ``normal`` (3, K)."""
    hand, finger, part = bone // 20, bone % 20 // 4, bone % 4
    moved = points.by_finger.transpose(1, 2, 3, 5, 0, 4)  # (2, 5, 4, F, 3, 3)
    tail = moved[hand, finger, part, frame]
    head = moved[hand, finger, np.maximum(part - 1, 0), frame]
    at_point = head + share[:, None, None] * (tail - head)  # (K, 3, 3)
    return np.einsum("kxv,xk->kv", at_point, normal)


def distances_to_keep(weights: ContactWeights) -> Array:
    """(P,) metres that the bones of each pair should keep."""
    return LEAST + np.where(_OF_TWO_HANDS, weights.hand_margin, weights.finger_margin)


def near_bones(
    points: HandPoints, weights: ContactWeights, free: NDArray[np.bool_], beyond: float = WATCH_M
) -> NearBones:
    """The pairs within ``beyond`` metres of what they should keep, of which a hand may move, (2, F) ``free``."""
    keep = distances_to_keep(weights)
    frame, pair = _within(points, keep + beyond, free)
    return NearBones(frame, pair, keep[pair])


def too_near(
    points: HandPoints, free: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    """Frame and index in `PAIRS` (K,) of the pairs nearer than their least distance, by frame; and what they lack."""
    frame, pair = _within(points, _TOO_NEAR, free)
    in_time = np.argsort(frame, kind="stable")
    frame, pair = frame[in_time], pair[in_time]
    one, other = PAIRS[pair].T
    distance = segment_distance(*_ends(points, one, frame), *_ends(points, other, frame))
    return frame, pair, _TOO_NEAR[pair] - distance


def _within(
    points: HandPoints, bound: Array, free: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frame and index in `PAIRS` (K,) of the pairs nearer than their bound (P,), of which a hand is ``free``."""
    palm = points.wrists[:, :, None, None]
    heads = np.concatenate(
        [np.broadcast_to(palm, points.heads[:, :, :, :1].shape), points.heads[:, :, :, :-1]], 3
    )
    heads, tails = heads.reshape(3, 40, -1), points.heads.reshape(3, 40, -1)
    frames, pairs = [], []
    for pair, frame in (
        _side_by_side(points, heads, tails, bound),
        _between_hands(heads, tails, bound),
    ):
        one, other = PAIRS[pair].T
        may = free[one // 20, frame] | free[other // 20, frame]
        pair, frame, one, other = pair[may], frame[may], one[may], other[may]
        ends = (heads[:, one, frame], tails[:, one, frame], heads[:, other, frame], tails[:, other, frame])
        near = segment_distance(*ends) < bound[pair]
        frames.append(frame[near])
        pairs.append(pair[near])
    return np.concatenate(frames), np.concatenate(pairs)


def _side_by_side(
    points: HandPoints, heads: Array, tails: Array, bound: Array
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index in `PAIRS` and frame of the pairs of a hand's fingers that are not far apart across the palm."""
    bases = points.heads[:, :, :, 0]
    across = bases[:, :, 4] - bases[:, :, 1]
    across /= np.maximum(np.sqrt((across**2).sum(0)), 1e-9)
    places = [np.einsum("xhbf,xhf->hbf", ends.reshape(3, 2, 20, -1), across) for ends in (heads, tails)]
    low, high = (f(*places).reshape(40, -1) for f in (np.minimum, np.maximum))
    one, other = PAIRS[_WITHIN].T
    room = bound[_WITHIN, None] + _ROUNDING_M
    pair, frame = np.nonzero((low[one] - high[other] < room) & (low[other] - high[one] < room))
    return _WITHIN[pair], frame


def _between_hands(heads: Array, tails: Array, bound: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index in `PAIRS` and frame of the pairs of two hands' bones whose middles are not too far apart."""
    low, high = (f(heads, tails).reshape(3, 2, 20, -1) for f in (np.minimum, np.maximum))
    low, high = low.min(2), high.max(2)
    gap = np.maximum(low[:, 1] - high[:, 0], low[:, 0] - high[:, 1]).max(0)
    chosen = np.flatnonzero(gap < bound[_ACROSS[0]])
    heads, tails = heads[..., chosen], tails[..., chosen]
    middle, reach = (heads + tails) / 2, np.sqrt(((heads - tails) ** 2).sum(0)) / 2
    one, other = PAIRS[_ACROSS].T
    # Bones whose middles are farther apart than both their halves reach cannot be near.
    apart = ((middle[:, one] - middle[:, other]) ** 2).sum(0)
    pair, frame = np.nonzero(apart < (reach[one] + reach[other] + bound[_ACROSS, None]) ** 2)
    return _ACROSS[pair], chosen[frame]
