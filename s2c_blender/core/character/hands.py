# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's two hands: their geometry for the generator, and angles to and from rotations of bones. No bpy.

Angles are ours (docs/definitions.md): XYZ Euler, radians, relative to the flat open hand, +X flexes on both hands.
Rotations of bones are ``pose_bone.matrix_basis`` as 3x3 matrices: relative to rest, in the bone's own axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import UserError
from ..euler import euler_angles
from ..skeleton import FINGER_JOINTS, HANDS, euler_matrices
from .axes import (
    FINGER_WORDS,
    THUMB,
    FingerAxes,
    NoAxesError,
    finger_axes,
    hand_frame,
    radii_by_length,
    split_lengths,
    standard_bases,
    standard_frames,
    why_wrong,
)
from .chains import finger_chain, wrist_bone
from .fingertips import contact_point
from .geometry import geometry_of
from .mapping import CharacterMapping
from .rest_bones import RestBones

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Finger:
    """One finger of a character."""

    finger: int
    """0 thumb to 4 little finger."""
    bones: tuple[str, ...]
    """One to three bones, from the palm on."""
    rest: Array
    """(bones, 3, 3) ``matrix_local`` axes of the bones, armature space."""
    axes: FingerAxes
    base: Array
    """(3,) from the wrist to the first joint, canonical axes, metres."""
    lengths: Array
    """(3,) metres."""
    radii: Array
    """(4,) metres."""
    locked: tuple[int, ...]
    """Joints (1 to 3) that the rig does not have."""


@dataclass(frozen=True, eq=False)
class CharacterHand:
    """One hand of a character."""

    hand: int
    """0 left, 1 right."""
    wrist: str
    """The bone whose head is the wrist joint."""
    wrist_rest: Array
    """(3, 3) its ``matrix_local`` axes, armature space."""
    frame: Array
    """(3, 3) canonical axes of the resting hand as columns in armature space."""
    fingers: tuple[Finger | None, ...]
    """Five, thumb first."""

    def wrist_orientations(self, euler: ArrayLike) -> Array:
        """Axes (..., 3, 3) of the wrist bone, piano axes, for wrist angles (..., 3)."""
        standard = standard_frames(self.hand)[0]
        turned = standard @ euler_matrices(euler) @ standard.T
        axes: Array = turned @ (self.frame.T @ self.wrist_rest)
        return axes

    def wrist_euler(self, axes: ArrayLike) -> Array:
        """Wrist angles (..., 3) for axes (..., 3, 3) of the wrist bone in piano axes."""
        standard = standard_frames(self.hand)[0]
        turned = np.asarray(axes, float) @ (self.wrist_rest.T @ self.frame)
        return euler_angles(standard.T @ turned @ standard)

    def finger_rotations(self, euler: ArrayLike) -> dict[str, Array]:
        """Rotations (..., 3, 3) of the fingers' bones for all angles of the hand (..., 16, 3).

        What a joint that the rig does not have would turn, the bone before it turns.
        """
        local = euler_matrices(np.asarray(euler, float))
        rotations = {}
        for finger in filter(None, self.fingers):
            before = self._before(finger)
            joints = FINGER_JOINTS[finger.finger]
            for index, bone in enumerate(finger.bones):
                turn = local[..., joints[index], :, :]
                if index == len(finger.bones) - 1:
                    for joint in joints[index + 1 :]:
                        turn = turn @ local[..., joint, :, :]
                rest, frame = finger.rest[index], finger.axes.frames[index]
                rotations[bone] = rest.T @ before[index] @ turn @ frame.T @ rest
        return rotations

    def finger_euler(self, rotations: Mapping[str, ArrayLike]) -> Array:
        """The angles (..., 16, 3) of rotations (..., 3, 3) of the fingers' bones; 0 for joints that are not there."""
        shape = np.asarray(next(iter(rotations.values()))).shape[:-2]
        euler = np.zeros((*shape, 16, 3))
        for finger in filter(None, self.fingers):
            before = self._before(finger)
            for index, bone in enumerate(finger.bones):
                rest, frame = finger.rest[index], finger.axes.frames[index]
                turn = before[index].T @ rest @ np.asarray(rotations[bone], float) @ rest.T @ frame
                euler[..., FINGER_JOINTS[finger.finger][index], :] = euler_angles(turn)
        return euler

    def _before(self, finger: Finger) -> Array:
        """(bones, 3, 3) the frame that each joint turns from: the flat open hand's, then that of the joint before."""
        straight = self.frame @ standard_frames(self.hand)[1][finger.finger]
        return np.concatenate([straight[None], finger.axes.frames[:-1]])


@dataclass(frozen=True, eq=False)
class CharacterHands:
    """Both hands of a character."""

    left: CharacterHand
    right: CharacterHand

    @classmethod
    def of(cls, bones: RestBones, mapping: CharacterMapping) -> CharacterHands:
        """The hands that a mapping finds in an armature. Raises UserError, which says what is wrong and what to do."""
        shared = set(mapping.left.bones.values()) & set(mapping.right.bones.values())
        if shared:
            raise UserError(
                "character_hand",
                f'Both hands have the bone "{min(shared)}"; choose each hand\'s own bones in the list.',
            )
        return cls(*(_hand(bones, mapping, hand) for hand in range(2)))

    @property
    def hands(self) -> tuple[CharacterHand, CharacterHand]:
        """Left, right."""
        return self.left, self.right

    @property
    def size(self) -> float:
        """How large the hands are: 1 is as long as the standard hands from wrist to knuckles."""
        sizes = []
        for hand in self.hands:
            own = {f.finger: f.base for f in hand.fingers if f is not None and f.finger != THUMB}
            standard = standard_bases(hand.hand)[list(own)]
            sizes.append(np.linalg.norm(list(own.values())) / np.linalg.norm(standard))
        return float(np.mean(sizes))

    def geometry(self, name: str) -> dict[str, Any]:
        """The hand geometry file for the generator (docs/formats.md). Raises UserError for hands too large or small."""
        return geometry_of(self.hands, name)

    def finger_rotations(self, euler: ArrayLike) -> dict[str, Array]:
        """Rotations (frames, 3, 3) of all fingers' bones for a take's angles (frames, 2, 16, 3)."""
        angles = np.asarray(euler, float)
        return {k: v for h in self.hands for k, v in h.finger_rotations(angles[..., h.hand, :, :]).items()}

    def finger_euler(self, rotations: Mapping[str, ArrayLike]) -> Array:
        """The angles (frames, 2, 16, 3) of such rotations; wrists and joints that are not there are 0."""
        return np.stack([hand.finger_euler(rotations) for hand in self.hands], axis=-3)


def _hand(bones: RestBones, mapping: CharacterMapping, hand: int) -> CharacterHand:
    own = mapping.hands[hand]
    wrist = wrist_bone(bones, own, hand)
    chains = {f: chain for f in range(5) if (chain := finger_chain(bones, own, hand, f))}
    place = bones.heads[wrist]
    try:
        frame = hand_frame(hand, place, {f: bones.heads[chain[0]] for f, chain in chains.items()})
        axes = {}
        for finger, chain in chains.items():
            tip = _tip(bones, mapping, hand, finger, chain)
            axes[finger] = finger_axes(hand, finger, frame, np.vstack([bones.heads[chain], tip]))
    except NoAxesError as error:
        raise _refused(hand, str(error)) from error
    wrong = why_wrong(hand, place, frame, axes)
    if wrong:
        raise _refused(hand, wrong)
    fingers: list[Finger | None] = [None] * 5
    for finger, chain in chains.items():
        lengths, locked = split_lengths(finger, axes[finger].lengths * bones.metres)
        measured = own.radii[finger]
        fingers[finger] = Finger(
            finger,
            tuple(bones.names[bone] for bone in chain),
            bones.frames[chain],
            axes[finger],
            frame.T @ (bones.heads[chain[0]] - place) * bones.metres,
            lengths,
            radii_by_length(finger, lengths) if measured is None else np.array(measured) * bones.metres,
            locked,
        )
    return CharacterHand(hand, bones.names[wrist], bones.frames[wrist], frame, tuple(fingers))


def _tip(bones: RestBones, mapping: CharacterMapping, hand: int, finger: int, chain: list[int]) -> Array:
    tip = mapping.hands[hand].tips[finger]
    if tip is None:
        return contact_point(bones, finger, chain)
    bone = bones.index.get(tip[0])
    if bone is None or (bone != chain[-1] and chain[-1] not in bones.ancestors(bone)):
        raise _refused(
            hand, f'has the tip of its {FINGER_WORDS[finger]} on "{tip[0]}", which is not its last bone'
        )
    return bones.in_armature_space(bone, tip[1])


def _refused(hand: int, what: str) -> UserError:
    return UserError("character_hand", f"The {HANDS[hand]} hand {what}; correct the list of bones.")
