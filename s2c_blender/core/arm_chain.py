# SPDX-License-Identifier: GPL-3.0-or-later
"""From where a take puts shoulder, elbow, wrist and hand to the rotations of the bones of an arm, and back. No bpy.

The chain is shoulder, upper arm, forearm, hand, each bone fixed at the end of the one before. Only the first one
moves: it carries the shoulder joint's sway. The elbow bends about its hinge. The forearm takes all of the hand's roll
about the forearm's own line, as radius and ulna do, so that the wrist bends and turns but does not twist.

Places are metres in the piano frame (docs/definitions.md). Arrays are (frames, ...) of one arm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import skeleton
from .directions import TINY, beside, unit
from .turns import AXIS_ANGLE, matrices_of

Array = NDArray[np.floating[Any]]

STRAIGHT = np.sin(np.radians(12.0))
"""An arm that is bent less than this, as the sine of the angle, gets its hinge in part from the rest pose."""
REACH = 1.0 - 1e-6
"""The shoulder follows a wrist that is farther away than this share of the arm's length."""
FOREARM = 2
"""Its place in the chain."""


@dataclass(frozen=True)
class Twist:
    """A bone along the forearm that takes a share of the hand's roll, so that the skin twists by degrees."""

    frame: Array
    """(3, 3) at rest, columns X, Y, Z."""
    axis: Array
    """(3,) what it turns about at rest: from its head to the wrist, which stays where it is so."""
    share: float
    """How much of the roll it takes, 0 to 1."""
    above: int = FOREARM
    """What it hangs on: the forearm, or the twist at ``above - FOREARM - 1``, which comes before it."""


@dataclass(frozen=True)
class ChainRest:
    """The four bones at rest: shoulder, upper arm, forearm, hand."""

    heads: Array
    """(4, 3): inner end of the collarbone, shoulder joint, elbow, wrist."""
    frames: Array
    """(4, 3, 3), columns X, Y, Z of each bone."""
    hinge: Array | None = None
    """(3,) the axis about which the elbow bends; None takes it from the rest pose."""
    twists: tuple[Twist, ...] = ()
    hand_above: int = FOREARM
    """What the hand hangs on, as a twist does."""

    def __post_init__(self) -> None:
        """Raises ValueError for other shapes, and where upper arm or forearm has no length."""
        if self.heads.shape != (4, 3) or self.frames.shape != (4, 3, 3):
            raise ValueError(f"an arm has four bones, got {self.heads.shape} and {self.frames.shape}")
        if not (self.lengths > TINY).all():
            raise ValueError("upper arm and forearm must have a length")

    @property
    def lengths(self) -> Array:
        """(2,) of upper arm and forearm, metres."""
        lengths: Array = np.linalg.norm(np.diff(self.heads[1:], axis=0), axis=1)
        return lengths


@dataclass(frozen=True)
class ArmPlaces:
    """Where an arm is."""

    shoulder: Array
    """(frames, 3) the shoulder joint."""
    elbow: Array
    """(frames, 3)"""
    wrist: Array
    """(frames, 3)"""
    hand: Array
    """(frames, 3, 3) rotation of the hand against its rest frame, as `euler` of a take has it for the wrist."""


def built_in_chain(hand: int, hand_size: float = 1.0) -> ChainRest:
    """The chain of the built-in rig."""
    arm, wrist = skeleton.arm_bones(hand, hand_size), skeleton.rest_bones(hand, hand_size)[0]
    heads = np.array([*(bone.head for bone in arm), wrist.head])
    return ChainRest(heads, np.array([*(bone.frame for bone in arm), wrist.frame]))


def to_bones(rest: ChainRest, places: ArmPlaces, roll_share: float = 1.0) -> tuple[Array, Array]:
    """How far the first bone moves, (frames, 3) in the piano frame, and the rotation of each bone.

    roll_share: how much of the hand's roll the forearm takes; twists take theirs, the wrist the rest.

    Rotations are (frames, 4 + twists, 3, 3): shoulder, upper arm, forearm, the twists, hand.

    The wrist and the hand's orientation are met exactly, and shoulder and elbow as well where they are as far from
    each other and from the wrist as the bones are long. Else the elbow goes to the nearest place where they are, and
    a shoulder that is out of reach follows the wrist.
    """
    shoulder, elbow = _joined(rest, places)
    upper, lower = unit(elbow - shoulder), unit(places.wrist - elbow)
    ways = np.diff(rest.heads[1:], axis=0) / rest.lengths[:, None]
    hinge_at_rest = _hinge_at_rest(rest, ways)
    hinge = _hinge(upper, lower, ways[0], hinge_at_rest)
    at_rest = [_basis(way[None], hinge_at_rest[None])[0] for way in ways]
    world_hand = rest.frames[3] @ places.hand
    bent = _basis(lower, hinge)
    roll = _roll(_turned(bent) @ world_hand @ (at_rest[1].T @ rest.frames[3]).T)
    chain = [
        np.broadcast_to(rest.frames[0], world_hand.shape),
        _basis(upper, hinge) @ (at_rest[0].T @ rest.frames[1]),
        bent @ _about_y(roll_share * roll) @ (at_rest[1].T @ rest.frames[2]),
    ]
    frames = np.array([*rest.frames[:3], *(twist.frame for twist in rest.twists), rest.frames[3]])
    shares = [0.0, 0.0, roll_share, *(twist.share for twist in rest.twists)]
    for twist in rest.twists:
        turn = _about(twist.axis, (twist.share - shares[twist.above]) * roll)
        chain.append(chain[twist.above] @ (frames[twist.above].T @ turn @ twist.frame))
    world = np.stack([*chain, world_hand], axis=1)
    above = [0, 1, *(twist.above for twist in rest.twists), rest.hand_above]
    joints = _turned(frames[above]) @ frames[1:]
    turns = np.empty_like(world)
    turns[:, 0] = np.eye(3)  # the first bone only moves
    turns[:, 1:] = _turned(joints) @ (_turned(world[:, above]) @ world[:, 1:])
    return shoulder - rest.heads[1], turns


def to_places(rest: ChainRest, sway: Array, turns: Array) -> ArmPlaces:
    """What `to_bones` was given, from the bones: sway (frames, 3) and rotations (frames, 4, 3, 3)."""
    head = rest.heads[0] + sway
    frame = rest.frames[0] @ turns[:, 0]
    heads = [head]
    for bone in range(1, 4):
        head = head + frame @ (rest.frames[bone - 1].T @ (rest.heads[bone] - rest.heads[bone - 1]))
        frame = frame @ (rest.frames[bone - 1].T @ rest.frames[bone]) @ turns[:, bone]
        heads.append(head)
    return ArmPlaces(heads[1], heads[2], heads[3], rest.frames[3].T @ frame)


def _joined(rest: ChainRest, places: ArmPlaces) -> tuple[Array, Array]:
    """Shoulder and elbow (frames, 3), as far from each other and from the wrist as the bones are long."""
    first, second = rest.lengths
    wrist = np.asarray(places.wrist, float)
    gap = np.asarray(places.shoulder, float) - wrist
    distance = np.linalg.norm(gap, axis=1, keepdims=True)
    out = np.where(distance > TINY, gap / np.maximum(distance, TINY), unit(rest.heads[1] - rest.heads[3]))
    reach = np.clip(distance, abs(first - second) / REACH + TINY, (first + second) * REACH)
    shoulder = np.where(reach == distance, places.shoulder, wrist + out * reach)
    along = (first**2 - second**2 + reach**2) / (2 * reach)  # from the shoulder toward the wrist
    aside = np.sqrt(np.maximum(first**2 - along**2, 0.0))
    rest_aside = beside(np.broadcast_to(rest.heads[2] - rest.heads[1], out.shape), out)
    given = beside(places.elbow - shoulder, out)
    known = np.linalg.norm(given, axis=1, keepdims=True) > TINY
    return shoulder, shoulder - along * out + aside * unit(np.where(known, given, rest_aside))


def _hinge_at_rest(rest: ChainRest, ways: Array) -> Array:
    """The elbow's hinge (3,): across the plane of the rest pose, or X of the forearm where the arm is straight."""
    if rest.hinge is not None:
        return unit(rest.hinge)
    across = np.cross(ways[0], ways[1])
    return unit(across if np.linalg.norm(across) > 1e-3 else rest.frames[2][:, 0])


def _hinge(upper: Array, lower: Array, rest_way: Array, hinge_at_rest: Array) -> Array:
    """The elbow's hinge (frames, 3), across upper arm and forearm; of a straight arm, as the rest pose has it."""
    across = np.cross(upper, lower)
    share = np.maximum(1.0 - np.linalg.norm(across, axis=1, keepdims=True) / STRAIGHT, 0.0)
    if not share.any():
        return unit(across)
    # The rest pose's hinge, turned as the upper arm is, by the shortest way.
    axis, cosine = np.cross(rest_way, upper), (upper @ rest_way)[:, None]
    held = hinge_at_rest * cosine + np.cross(axis, hinge_at_rest)
    held += axis * (axis @ hinge_at_rest)[:, None] / np.maximum(1.0 + cosine, TINY)
    return unit(across + share * STRAIGHT * held)


def _roll(turn: Array) -> Array:
    """By how much rotations (frames, 3, 3) turn about Y, radians; the rest of each turns about an axis across it.

    Angles follow one another without jumps, around 0.
    """
    trace = np.trace(turn, axis1=1, axis2=2)
    angle = np.unwrap(2.0 * np.arctan2(turn[:, 0, 2] - turn[:, 2, 0], 1.0 + trace))
    around: Array = angle - 2 * np.pi * np.round(angle.mean() / (2 * np.pi)) if len(angle) else angle
    return around


def _about_y(angle: Array) -> Array:
    zero = np.zeros_like(angle)
    return skeleton.euler_matrices(np.stack([zero, angle, zero], -1))


def _about(axis: Array, angle: Array) -> Array:
    """Rotations (n, 3, 3) about one axis (3,) by angles (n,)."""
    return matrices_of(np.column_stack([angle, np.broadcast_to(axis, (len(angle), 3))]), AXIS_ANGLE)


def _basis(way: Array, hinge: Array) -> Array:
    """Frames (n, 3, 3) with Y along `way` and X as near to `hinge` as can be."""
    x = unit(beside(hinge, way))
    return np.stack([x, way, np.cross(x, way)], axis=-1)


def _turned(matrices: Array) -> Array:
    return np.swapaxes(matrices, -1, -2)
