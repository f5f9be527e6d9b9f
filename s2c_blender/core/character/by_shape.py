# SPDX-License-Identifier: GPL-3.0-or-later
"""A proposal of hands by shape alone, for armatures whose names say nothing. No bpy.

A hand is a bone from which three to five chains of bones start, most of which lie side by side while one, the thumb,
stands apart. Two such bones of the same build are the hands: feet have shorter chains, a head has no twin.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..skeleton import LEFT, RIGHT
from .axes import NoAxesError, finger_axes, hand_frame, how_wrong
from .fingertips import contact_point
from .knuckles import Chains, HandBones, phalanges
from .rest_bones import RestBones

Array = NDArray[np.float64]

FEWEST, MOST = 3, 5
"""Fingers of a hand."""
LONGEST = 6
"""Bones of a finger with metacarpal and tip; what is longer is a limb or hair."""
SIDE_WORDS = (
    re.compile(r"(?:^|[^a-z])(?:l|left)(?=$|[^a-z])|左"),
    re.compile(r"(?:^|[^a-z])(?:r|right)(?=$|[^a-z])|右"),
)
"""Left and right as parts of their own in a name."""


@dataclass(frozen=True)
class _Fan:
    """A bone with the chains that start from it."""

    wrist: int
    chains: tuple[tuple[int, ...], ...]

    @property
    def joints(self) -> int:
        return sum(min(len(chain), 4) for chain in self.chains)


def hands_by_shape(bones: RestBones) -> tuple[HandBones | None, HandBones | None]:
    """Left and right hand, as far as they can be seen."""
    fans = sorted(_fans(bones), key=lambda fan: -fan.joints)
    pairs = ((a, b) for i, a in enumerate(fans) for b in fans[i + 1 :] if _twins(a, b))
    hands: list[HandBones | None] = [None, None]
    for fan in next(pairs, fans[:1]):
        hand = HandBones(fan.wrist, _fingers(bones, fan))
        side = side_of(bones, hand)
        hands[side if hands[side] is None else 1 - side] = hand
    return hands[LEFT], hands[RIGHT]


def side_of(bones: RestBones, hand: HandBones) -> int:
    """0 for a left hand, 1 for a right one: by words in the names of its bones, or else by its shape."""
    own = (hand.wrist, *(bone for chain in hand.fingers for bone in chain))
    text = [bones.names[bone].casefold() for bone in own]
    counts = [sum(bool(words.search(name)) for name in text) for words in SIDE_WORDS]
    if counts[LEFT] != counts[RIGHT]:
        return int(counts[RIGHT] > counts[LEFT])
    return min((LEFT, RIGHT), key=lambda side: _how_wrong(bones, hand, side))


def _how_wrong(bones: RestBones, hand: HandBones, side: int) -> float:
    """How far the fingers bend backwards if it is the hand of that side, radians."""
    chains = {f: list(chain) for f, chain in enumerate(phalanges(bones, hand)) if chain}
    try:
        knuckles = {f: bones.heads[chain[0]] for f, chain in chains.items()}
        frame = hand_frame(side, bones.heads[hand.wrist], knuckles)
        axes = {}
        for finger, chain in chains.items():
            heads = np.vstack([bones.heads[chain], contact_point(bones, finger, chain)])
            axes[finger] = finger_axes(side, finger, frame, heads)
    except NoAxesError:
        return np.inf
    return how_wrong(frame, axes)


def _fans(bones: RestBones) -> list[_Fan]:
    """All bones with as many finger-like chains as a hand has."""
    depth = np.zeros(len(bones.names), int)
    for bone in range(len(bones.names)):  # how many bones follow it, on its longest way
        for steps, above in enumerate(bones.ancestors(bone)[: LONGEST + 3], 1):
            depth[above] = max(depth[above], steps)
    fans = []
    for bone, children in enumerate(bones.children):
        if len(children) < 2 or depth[bone] > LONGEST:
            continue
        chains = [chain for child in children for chain in _chains(bones, depth, child)]
        if FEWEST <= len(chains) <= MOST + 1:
            longest = sorted(chains, key=lambda chain: -_length(bones, chain))[:MOST]
            fans.append(_Fan(bone, tuple(longest)))
    higher = {bone for fan in fans for bone in bones.ancestors(fan.wrist)}
    return [fan for fan in fans if fan.wrist not in higher]  # an arm with twist bones is no hand


def _chains(bones: RestBones, depth: NDArray[np.int64], bone: int) -> list[tuple[int, ...]]:
    """The fingers from a bone on: it goes on along the longest way, and a side way of two bones is another finger."""
    chain, others = [bone], []
    while bones.children[chain[-1]]:
        ways = sorted(bones.children[chain[-1]], key=lambda child: (-depth[child], -_step(bones, child)))
        for way in ways[1:]:
            if depth[way] >= 1:
                others += _chains(bones, depth, way)
        chain.append(ways[0])
    return ([tuple(chain)] if len(chain) > 1 else []) + others


def _step(bones: RestBones, bone: int) -> float:
    return float(np.linalg.norm(bones.heads[bone] - bones.heads[bones.parents[bone]]))


def _length(bones: RestBones, chain: tuple[int, ...]) -> float:
    return float(np.linalg.norm(np.diff(bones.heads[list(chain)], axis=0), axis=1).sum())


def _twins(a: _Fan, b: _Fan) -> bool:
    return sorted(map(len, a.chains)) == sorted(map(len, b.chains))


def _fingers(bones: RestBones, fan: _Fan) -> Chains:
    """The chains as thumb, index, middle ... ; with fewer than five the last ones are missing.

    The thumb is the chain without which the others lie best side by side; the index is its neighbour.
    """
    wrist = bones.heads[fan.wrist]
    ways = np.stack([bones.heads[chain[-1]] - bones.heads[chain[0]] for chain in fan.chains])
    ways /= np.maximum(np.linalg.norm(ways, axis=1, keepdims=True), 1e-30)
    alike = [np.linalg.norm(np.delete(ways, i, 0).sum(0)) for i in range(len(ways))]
    thumb = int(np.argmax(alike))
    rest = [i for i in range(len(ways)) if i != thumb]
    knuckles = np.stack([bones.heads[fan.chains[i][min(1, len(fan.chains[i]) - 1)]] for i in rest]) - wrist
    across = np.linalg.svd(knuckles - knuckles.mean(0))[2][0]
    order = [rest[i] for i in np.argsort(knuckles @ across)]
    side = bones.heads[fan.chains[thumb][-1]] - wrist
    if side @ across > (knuckles @ across).mean():
        order.reverse()
    fingers = (fan.chains[thumb], *(fan.chains[i] for i in order))
    return fingers + ((),) * (MOST - len(fingers))
