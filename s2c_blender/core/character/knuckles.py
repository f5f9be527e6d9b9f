# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bones of a finger are its phalanges, and which of an arm its forearm, by lengths. No bpy.

Names do not tell: ``LeftHandIndex1`` is a phalanx in Mixamo and a metacarpal in others, ``...4`` a tip here and a
phalanx there, and a last bone may be of no length at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .axes import THUMB
from .rest_bones import RestBones

SHORTEST = 0.05
"""Of a finger's longest bone: a last bone whose joint is nearer to the one before it is a tip, no joint."""
FOREARM, UPPER_ARM = 2.6, 1.04
"""A forearm in distances from wrist to middle knuckle, and an upper arm in forearms: what most characters have."""
Chains = tuple[tuple[int, ...], ...]
"""Bones of five fingers, thumb first, each from the palm on; none for a missing finger."""


@dataclass(frozen=True)
class HandBones:
    """What a finder takes for a hand, by index."""

    wrist: int
    fingers: Chains
    """With metacarpals and tips, as they come."""
    arm: dict[str, int] = field(default_factory=dict)
    """forearm, upper_arm and shoulder, as far as they are known."""


def phalanges(bones: RestBones, hand: HandBones) -> Chains:
    """The fingers without metacarpals and without tips; at most three bones each.

    A first bone is a metacarpal when it starts nearer to the wrist than it is long. The hand decides as one, because a
    little finger's may be a close case; the thumb's first bone is one and moves.
    """
    fingers = hand.fingers
    votes = [_from_metacarpal(bones, hand.wrist, chain) for chain in fingers[1:] if len(chain) > 1]
    if 2 * sum(votes) > len(votes):
        fingers = tuple(
            chain if finger == THUMB or len(chain) < 2 else (*chain[1:], *_next(bones, chain))
            for finger, chain in enumerate(fingers)
        )
    return tuple(_with_length(bones, chain)[:3] for chain in fingers)


def _from_metacarpal(bones: RestBones, wrist: int, chain: tuple[int, ...]) -> bool:
    first, second = bones.heads[chain[0]], bones.heads[chain[1]]
    return bool(np.linalg.norm(first - bones.heads[wrist]) < np.linalg.norm(second - first))


def _next(bones: RestBones, chain: tuple[int, ...]) -> tuple[int, ...]:
    """The bone that goes on where a chain of phalanges lacks its last one."""
    if len(chain) > 3 or not bones.children[chain[-1]]:
        return ()
    last = bones.heads[chain[-1]]
    return (
        max(bones.children[chain[-1]], key=lambda child: float(np.linalg.norm(bones.heads[child] - last))),
    )


def _with_length(bones: RestBones, chain: tuple[int, ...]) -> tuple[int, ...]:
    steps = np.linalg.norm(np.diff(bones.heads[list(chain)], axis=0), axis=1)
    while len(steps) and steps[-1] < SHORTEST * steps.max():
        chain, steps = chain[:-1], steps[:-1]
    return chain


def arm_above(bones: RestBones, hand: HandBones, other: HandBones | None) -> dict[str, int]:
    """forearm, upper_arm and shoulder among the bones above a wrist, as far as they are there, by lengths.

    Twist bones in line do not mislead it: of all pairs of bones that only this hand hangs on, it takes those as far
    apart as elbow and shoulder of a person are.
    """
    knuckle = next((hand.fingers[finger][0] for finger in (2, 1, 3, 4) if hand.fingers[finger]), None)
    if knuckle is None:
        return {}
    size = float(np.linalg.norm(bones.heads[knuckle] - bones.heads[hand.wrist]))
    trunk = set() if other is None else set(bones.ancestors(other.wrist))
    above = [bone for bone in bones.ancestors(hand.wrist) if bone not in trunk][:12]
    best: tuple[float, int, int] | None = None
    for i, elbow in enumerate(above):
        for j in range(i + 1, len(above)):
            forearm = float(np.linalg.norm(bones.heads[elbow] - bones.heads[hand.wrist]))
            upper_arm = float(np.linalg.norm(bones.heads[above[j]] - bones.heads[elbow]))
            if min(forearm, upper_arm) <= 0.5 * size:
                continue
            off = 2 * abs(np.log(upper_arm / (UPPER_ARM * forearm))) + abs(np.log(forearm / (FOREARM * size)))
            if best is None or off < best[0]:
                best = float(off), i, j
    if best is None:
        return {}
    _, i, j = best
    arm = {"forearm": above[i], "upper_arm": above[j]}
    if j + 1 < len(above):
        arm["shoulder"] = above[j + 1]
    return arm
