# SPDX-License-Identifier: GPL-3.0-or-later
"""Axes of a character's hand from where its joints are at rest: never from names or tails. No bpy.

Canonical axes of a hand are the piano's while it lies flat, palm down, fingers along +Y (docs/definitions.md): those in
which ``hands.json`` gives the standard hand. The frame of a hand is the rotation that lays the standard hand's knuckles
best over its own, so it is exactly the standard frame for the standard hand, at any scale and with any finger missing.

Column 2 of a joint's frame points from the joint to the next one, the last one's to the fingertip; column 1 is the
finger's hinge. With such frames our straight chains are exact on any character: joint i+1 = joint i + T_i (0, L_i, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..skeleton import DATA, FINGER_JOINTS, FINGERS, HANDS, LEFT, MIRROR, rest_bones

Array = NDArray[np.float64]

THUMB = 0
FINGER_WORDS = ("thumb", "index finger", "middle finger", "ring finger", "little finger")
STANDARD_LENGTHS = np.array([DATA["fingers"][finger]["lengths"] for finger in FINGERS])  # (5, 3) metres
STANDARD_RADII = np.array([DATA["fingers"][finger]["radii"] for finger in FINGERS])  # (5, 4) metres
STANDARD_BASES = np.array(
    [DATA["fingers"][finger]["base"] for finger in FINGERS]
)  # (5, 3) metres, right hand
LEAST_SPREAD = 0.05
"""Of the knuckles across the hand, relative to their distance from the wrist: with less, the palm has no plane."""


@dataclass(frozen=True, eq=False)
class FingerAxes:
    """One finger at rest."""

    heads: Array
    """(bones + 1, 3) its joints and its contact point, armature space."""
    frames: Array
    """(bones, 3, 3) canonical frame of each joint as columns in armature space: hinge, along, way of flexion."""

    @property
    def lengths(self) -> Array:
        """(bones,) from joint to joint, armature units."""
        lengths: Array = np.linalg.norm(np.diff(self.heads, axis=0), axis=1)
        return lengths


class NoAxesError(Exception):
    """The joints do not say where the palm is or how a finger bends; the text says which, after "The left hand"."""


def standard_bases(hand: int) -> Array:
    """(5, 3) first joints of the standard hand from its wrist, canonical axes, metres."""
    bases: Array = STANDARD_BASES * (MIRROR if hand == LEFT else 1.0)
    return bases


def standard_frames(hand: int) -> tuple[Array, Array]:
    """Axes X, Y, Z of the standard hand at rest as columns in canonical axes: wrist (3, 3), fingers (5, 3, 3)."""
    frames = np.stack([bone.frame for bone in rest_bones(hand)])
    return frames[0], frames[FINGER_JOINTS[:, 0]]


def hand_frame(hand: int, wrist: Array, knuckles: dict[int, Array]) -> Array:
    """Canonical axes of a hand as columns in armature space.

    Args:
        hand: 0 left, 1 right. wrist: (3,) the wrist joint. knuckles: finger (1 to 4) to its first joint (3,).

    Raises NoAxesError where fewer than two knuckles, or knuckles in one line with the wrist, leave the palm open.
    """
    fingers = sorted(set(knuckles) - {THUMB})
    if len(fingers) < 2:
        raise NoAxesError("has fewer than two fingers beside the thumb, so that its palm cannot be found")
    own = np.stack([knuckles[finger] for finger in fingers]) - wrist
    standard = standard_bases(hand)[fingers]
    size = np.linalg.norm(own)
    if size == 0 or np.linalg.svd(own / size, compute_uv=False)[1] < LEAST_SPREAD:
        raise NoAxesError("has knuckles in one line with the wrist, so that its palm cannot be found")
    u, _, v = np.linalg.svd(own.T @ standard / size)
    frame: Array = u @ np.diag([1.0, 1.0, np.linalg.det(u) * np.linalg.det(v)]) @ v
    return frame


def finger_axes(hand: int, finger: int, frame: Array, heads: Array) -> FingerAxes:
    """Frames of a finger's joints.

    Args:
        frame: of the hand, see `hand_frame`. heads: (bones + 1, 3) the joints and the contact point, armature space.

    Raises NoAxesError where two joints are at one place or the finger does not say how it bends.
    """
    steps = np.diff(heads, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    if lengths.min() <= 1e-6 * max(lengths.max(), 1e-30):
        raise NoAxesError(f"has two joints of the {FINGER_WORDS[finger]} at one place")
    along = steps / lengths[:, None]
    straight, chord = frame @ standard_frames(hand)[1][finger], heads[-1] - heads[0]
    reach = np.linalg.norm(chord)
    hinge = np.cross(
        chord, straight[:, 2]
    )  # flexion moves the tip of a straight finger along the last column
    if np.linalg.norm(hinge) < 0.2 * reach or reach < 0.3 * lengths.sum() or chord @ straight[:, 1] <= 0:
        raise NoAxesError(f"has its {FINGER_WORDS[finger]} bent into a fist, or backwards, at rest")
    hinges = hinge - np.sum(along * hinge, axis=1)[:, None] * along
    size = np.linalg.norm(hinges, axis=1)
    if size.min() < 0.5 * np.linalg.norm(hinge):
        raise NoAxesError(f"has its {FINGER_WORDS[finger]} bent sideways at rest")
    hinges /= size[:, None]
    return FingerAxes(heads, np.stack([hinges, along, np.cross(hinges, along)], axis=-1))


def split_lengths(finger: int, lengths: Array) -> tuple[Array, tuple[int, ...]]:
    """Three lengths of a finger with one to three bones, and the joints (1 to 3) that it does not have.

    The last bone is cut into pieces in one line, in the standard hand's proportions.
    """
    bones = len(lengths)
    share = STANDARD_LENGTHS[finger, bones - 1 :]
    three = np.concatenate([lengths[:-1], lengths[-1] * share / share.sum()])
    return three, tuple(range(bones + 1, 4))


def radii_by_length(finger: int, lengths: Array) -> Array:
    """(4,) thickness of a standard finger made as long as this one; lengths (3,)."""
    radii: Array = STANDARD_RADII[finger] * (lengths.sum() / STANDARD_LENGTHS[finger].sum())
    return radii


def why_wrong(hand: int, wrist: Array, frame: Array, fingers: dict[int, FingerAxes]) -> str | None:
    """What is anatomically wrong with a mapped hand, after "The left hand"; None for a hand.

    fingers: finger (0 thumb to 4) to its axes.
    """
    own = {finger: (axes.heads - wrist) @ frame for finger, axes in fingers.items()}  # canonical axes
    ulnar = 1.0 if hand else -1.0
    across = [own[finger][0, 0] * ulnar for finger in sorted(own) if finger != THUMB]
    if any(b <= a for a, b in zip(across, across[1:])):
        return (
            "has its fingers out of order: from the thumb on they must be index, middle, ring, little finger"
        )
    if THUMB in own and own[THUMB].mean(0)[0] * ulnar >= np.mean(across):
        return "has its thumb on the side of the little finger"
    if how_wrong(frame, fingers) > WRONG_BEND:
        other = HANDS[1 - hand]
        return f"bends backwards: it looks like a {other} hand, so exchange the two hands' bones"
    return None


WRONG_BEND = 0.15
"""Radians; a hand that bends farther the wrong way belongs to the other side."""


def how_wrong(frame: Array, fingers: dict[int, FingerAxes]) -> float:
    """How far the fingers bend backwards at rest, plus how far the thumb points behind the palm: radians."""
    bends, thumb = [0.0], 0.0
    for finger, axes in fingers.items():
        steps = np.diff(axes.heads, axis=0) @ frame  # canonical axes
        if finger == THUMB:
            thumb = _below(steps.sum(0))
        else:
            bends.append(_below(steps[-1]) - _below(steps[0]))
    return -thumb - float(np.sum(bends)) / max(len(bends) - 1, 1)


def _below(way: Array) -> float:
    """How far a direction points out of the palm, radians."""
    return float(np.arctan2(-way[2], np.hypot(way[0], way[1])))
