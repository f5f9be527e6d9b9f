# SPDX-License-Identifier: GPL-3.0-or-later
"""The last correction: fingers and hands that still run through each other come apart, in a few frames at a time.

Around each frame in which bones are too near, all that is still free moves a little, by gradient descent on angles
and wrists: the height and depth of a hand, abduction, the arch of a finger over the same key, where on its key a
finger lies. Corrections are smoothed in time, the wrist's more than the fingers', and fade out around the episode.

Axes: F frames, n of them worked on, 2 hands, 5 fingers; 20 bones a hand as in `models.contact.apart`; K close pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from models import skeleton
from models.biomechanics import FINGERS_CLOSER_M, HANDS_CLOSER_M, closest_shares
from models.contact.chain import Fingers, finger_points, hand_rotation, to_piano
from models.contact.surface import CLEARANCE, height_under
from models.kinematics import rest_tensors

_FINGER_MARGIN, _HAND_MARGIN = 0.0016, 0.003  # metres beyond what counts as running through each other
_CLOSE = 0.010  # metres: bones within this of their least distance are watched
_AROUND_S = 0.3  # the correction fades in and out within this
_FINGER_S, _WRIST_S = 0.025, 0.09  # standard deviations of the smoothing
_STEPS, _RATE = 40, 0.6
_IDLE_GRADIENT = 0.3  # variables that matter less than this hardly move
_MISSED = 0.003  # metres: a playing finger farther than this from its key gets help, too
_FREE_STEP = 0.005  # of idle fingers, metres
_SLACK = (0.0003, 0.002, 0.0002)  # of fingers on keys: to the side, along the key, in height
# One unit of a variable moves a fingertip by about a millimetre.
_ANGLE, _PLACE, _TURN = 0.02, 0.001, 0.006
_BLOCK = 256


@dataclass(frozen=True)
class Posture:
    """Hands of some frames."""

    fingers: Fingers
    turn: Tensor
    """(F, 2, 3) Euler angles of the wrists, radians."""
    place: Tensor
    """(F, 2, 3) wrists, metres."""

    def bones(self, size: float) -> Tensor:
        """Heads of the finger bones and contact points (F, 2, 5, 4, 3) in the piano frame, metres."""
        points = finger_points(self.fingers).flatten(2, 3)
        return to_piano(points, hand_rotation(self.turn), self.place, size).unflatten(2, (5, 4))


@dataclass(frozen=True)
class Aims:
    """What fingertips have to keep to."""

    points: Tensor
    """(F, 2, 5, 3) metres."""
    firm: NDArray[np.float32]
    """(F, 2, 5) 1 for a finger that must be at its point, 0 for one that may step aside."""
    busy: NDArray[np.bool_]
    """(F, 2, 5) whether the finger is above or in the key that it plays; others stay above the keys."""


@dataclass(frozen=True)
class Tangle:
    """A pair of bones that is too near."""

    frame: NDArray[np.int64]
    """(K,)"""
    slots: NDArray[np.int64]
    """(K, 2) hand * 5 + finger of both; -1 for a palm."""


def _pair_table() -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pairs of bones (P, 2), numbered hand * 20 + finger * 4 + bone from the palm's, and their least distance."""
    pairs, least = [], []
    for one in range(40):
        for other in range(one + 1, 40):
            across = one // 20 != other // 20
            inside = one // 4 != other // 4 and one % 4 and other % 4
            if across or inside:
                pairs.append((one, other))
                least.append(HANDS_CLOSER_M if across else FINGERS_CLOSER_M)
    return np.array(pairs), np.array(least, np.float32)


_PAIRS, _LEAST = _pair_table()
_MARGIN = np.where(_LEAST > FINGERS_CLOSER_M + 1e-4, _HAND_MARGIN, _FINGER_MARGIN).astype(np.float32)


def tangles(posture: Posture, size: float, margin: float = 0.0) -> Tangle:
    """The pairs of bones nearer than their least distance and ``margin`` metres more."""
    frame, pair = _near(posture.bones(size), posture.place, margin)
    bones = _PAIRS[pair]
    return Tangle(frame, np.where(bones % 4 > 0, bones // 4, -1))


def untangle(
    posture: Posture,
    aims: Aims,
    size: float,
    fps: float,
    fixed: NDArray[np.bool_] | None,
    strength: float,
    urgency: float = 1.0,
) -> Posture:
    """The posture (F frames) with its tangles undone as far as the joint limits and the aims allow.

    Args:
        fixed: (F, 2) what has to stay where it is; None for none.
        strength: 0 to 1, how much of the correction is applied.
        urgency: factor on the weight of tangles against everything else.
    """
    bad = np.zeros(len(posture.place), bool)
    bad[tangles(posture, size, 0.5 * _FINGER_MARGIN).frame] = True
    missed = (posture.bones(size)[..., 3, :] - aims.points).norm(dim=-1).numpy() > _MISSED
    bad |= (missed & (aims.firm > 0.9)).any((1, 2))
    if not bad.any():
        return posture
    distance = distance_transform_edt(~bad)
    share = np.clip(1.5 * (1 - distance / max(_AROUND_S * fps, 2.0)), 0.0, 1.0)
    active = np.flatnonzero(share)
    fade = share[active] ** 2 * (3 - 2 * share[active])
    fading = np.repeat(fade[:, None], 2, 1)
    if fixed is not None:
        fading[fixed[active]] = 0.0
    part = _take(posture, active)
    here = Aims(aims.points[active], aims.firm[active], aims.busy[active])
    with torch.inference_mode(False), torch.enable_grad():
        moved = _descend(
            part, here, torch.from_numpy(fading.astype(np.float32)), size, fps, strength, urgency
        )
    return _put(posture, moved, active)


def _take(posture: Posture, frames: NDArray[np.int64]) -> Posture:
    fingers = posture.fingers
    parts = (fingers.flexion, fingers.middle, fingers.last, fingers.abduction)
    return Posture(Fingers(*(part[frames] for part in parts)), posture.turn[frames], posture.place[frames])


def _put(posture: Posture, part: Posture, frames: NDArray[np.int64]) -> Posture:
    def joined(whole: Tensor, piece: Tensor) -> Tensor:
        whole = whole.clone()
        whole[frames] = piece
        return whole

    names = ("flexion", "middle", "last", "abduction")
    fingers = [joined(getattr(posture.fingers, name), getattr(part.fingers, name)) for name in names]
    return Posture(Fingers(*fingers), joined(posture.turn, part.turn), joined(posture.place, part.place))


def _descend(
    part: Posture, aims: Aims, fade: Tensor, size: float, fps: float, strength: float, urgency: float
) -> Posture:
    part, points = _cloned(part), aims.points.clone()
    firm = torch.from_numpy(aims.firm)
    count = len(fade)
    angles = torch.zeros(count, 40, requires_grad=True)
    wrists = torch.zeros(count, 12, requires_grad=True)
    finger_kernel, wrist_kernel = _kernel(_FINGER_S * fps), _kernel(_WRIST_S * fps)
    descent = torch.optim.Adam([angles, wrists], lr=_RATE, betas=(0.8, 0.98), eps=_IDLE_GRADIENT)
    slack = torch.tensor(_SLACK)
    calmer = torch.optim.lr_scheduler.CosineAnnealingLR(descent, _STEPS)
    for step in range(_STEPS + 1):
        bend = _faded(angles, finger_kernel, fade).unflatten(2, (5, 4))
        move = _faded(wrists, wrist_kernel, fade)
        share = 1.0 if step < _STEPS else strength
        moved = _moved(part, share * bend, share * move)
        if step == _STEPS:
            return _cloned(moved)
        bones = moved.bones(size)
        if step % 10 == 0:
            frame, pair = _near(bones.detach(), moved.place.detach(), _CLOSE)
            least = torch.from_numpy(_LEAST[pair] + _MARGIN[pair])
            floor = _floor(bones[..., 3, :].detach(), points, aims.busy)
            one, other = (torch.from_numpy(_PAIRS[pair, i] + 40 * frame) for i in (0, 1))
        apart = _distances(bones, moved.place, one, other)
        miss = bones[..., 3, :] - points
        off = (miss.abs() - slack).clamp_min(0).square().sum(-1) * firm
        away = (miss.norm(dim=-1) - _FREE_STEP).clamp_min(0).square() * (1 - firm)
        sunk = (floor - bones[..., 3, 2]).clamp_min(0).square()
        loss = 1e6 * (
            4 * urgency * (least - apart).clamp_min(0).square().sum()
            + 2 * off.sum()
            + 0.05 * away.sum()
            + 4 * sunk.sum()
        )
        loss = loss + 0.004 * bend.square().sum() + 0.02 * move.square().sum()
        descent.zero_grad()
        loss.backward()
        descent.step()
        calmer.step()
    raise AssertionError("unreachable")


def _floor(tips: Tensor, points: Tensor, busy: NDArray[np.bool_]) -> Tensor:
    """Heights (n, 2, 5) to stay above: the keys', or the finger's own while it plays, so that it strikes in time."""
    keys = torch.from_numpy(height_under(tips.numpy()) + CLEARANCE)
    return torch.where(torch.from_numpy(busy), points[..., 2] - _SLACK[2], keys)


def _cloned(part: Posture) -> Posture:
    fingers = part.fingers
    parts = (fingers.flexion, fingers.middle, fingers.last, fingers.abduction)
    return Posture(
        Fingers(*(value.detach().clone() for value in parts)),
        part.turn.detach().clone(),
        part.place.detach().clone(),
    )


def _moved(part: Posture, bend: Tensor, move: Tensor) -> Posture:
    """The posture with angles (n, 2, 5, 4) and wrists (n, 2, 6) moved, inside the joint limits."""
    limits = rest_tensors(part.place.dtype, part.place.device).limits
    joints = limits[:, torch.as_tensor(skeleton.FINGER_JOINTS)]  # (2, 5, 3, 3, 2)
    axes = ((0, 0), (1, 0), (2, 0), (0, 2))
    fingers = part.fingers
    values = (fingers.flexion, fingers.middle, fingers.last, fingers.abduction)
    bent = [
        _within(value + _ANGLE * bend[..., i], joints[:, :, joint, axis])
        for i, (value, (joint, axis)) in enumerate(zip(values, axes, strict=True))
    ]
    turn = _within(part.turn + _TURN * move[..., 3:], limits[:, 0])
    return Posture(Fingers(*bent), turn, part.place + _PLACE * move[..., :3])


def _within(values: Tensor, limits: Tensor) -> Tensor:
    return torch.minimum(torch.maximum(values, limits[..., 0]), limits[..., 1])


def _kernel(deviation: float) -> Tensor:
    """Bell curve of odd length, its sum 1, standard deviation in frames."""
    reach = max(round(3 * deviation), 1)
    curve = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / max(deviation, 0.3)) ** 2)
    return curve / curve.sum()


def _faded(values: Tensor, kernel: Tensor, fade: Tensor) -> Tensor:
    """Variables (n, k) of both hands, smoothed along n and faded (n, 2) around episodes: (n, 2, k / 2).

    Faded before smoothing too: episodes stand next to each other here, and must not leak into their neighbours.
    """
    own = values.unflatten(1, (2, -1)) * fade[..., None]
    columns = torch.nn.functional.conv1d(own.flatten(1).T[:, None], kernel[None, None], padding="same")
    return columns[:, 0].T.unflatten(1, (2, -1)) * fade[..., None]


def _segments(bones: Tensor, wrist: Tensor) -> tuple[Tensor, Tensor]:
    """Heads and tails (F, 40, 3) of all bones, numbered as in `_PAIRS`."""
    heads = torch.cat([wrist[:, :, None, None].expand(-1, -1, 5, 1, 3), bones[..., :-1, :]], 3)
    return heads.flatten(1, 3), bones.flatten(1, 3)


def _near(bones: Tensor, wrist: Tensor, margin: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frame and pair (K,) of the pairs within ``margin`` of their least distance."""
    frames, pairs = [], []
    least = torch.from_numpy(_LEAST) + margin
    for begin in range(0, len(bones), _BLOCK):
        heads, tails = _segments(bones[begin : begin + _BLOCK], wrist[begin : begin + _BLOCK])
        middle, half = (heads + tails) / 2, (heads - tails).norm(dim=-1) / 2
        one, other = torch.from_numpy(_PAIRS).unbind(-1)
        # Bones whose middles are farther apart than both their halves reach cannot be near.
        gap = torch.cdist(middle, middle)[:, one, other] - half[:, one] - half[:, other]
        frame, pair = torch.nonzero(gap < least, as_tuple=True)
        flat = _distance(
            heads[frame, one[pair]],
            tails[frame, one[pair]],
            heads[frame, other[pair]],
            tails[frame, other[pair]],
        )
        keep = flat < least[pair]
        frames.append(frame[keep].numpy() + begin)
        pairs.append(pair[keep].numpy())
    return np.concatenate(frames), np.concatenate(pairs)


def _distances(bones: Tensor, wrist: Tensor, one: Tensor, other: Tensor) -> Tensor:
    heads, tails = (ends.flatten(0, 1) for ends in _segments(bones, wrist))
    return _distance(heads[one], tails[one], heads[other], tails[other])


def _distance(p1: Tensor, q1: Tensor, p2: Tensor, q2: Tensor) -> Tensor:
    """Distance (K,) of segments; its gradient is that of the nearest points, held where they are on their bones."""
    with torch.no_grad():
        s, t = (share[..., None] for share in closest_shares(p1, q1, p2, q2))
    return (torch.lerp(p1, q1, s) - torch.lerp(p2, q2, t)).norm(dim=-1)
