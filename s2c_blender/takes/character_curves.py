# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of the curves of a character's hands and arms, from a take, a bone a step."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import fcurves
from ..core.arm_chain import ArmPlaces, ChainRest, to_bones
from ..core.character.hands import CharacterHand, CharacterHands
from ..core.character.rest_bones import RestBones
from ..core.character.same_hands import same_hands
from ..core.character_arms import elbow_hinge, elbows, reached
from ..core.character_lean import lean
from ..core.skeleton import HANDS, euler_matrices
from ..core.turns import channel_values
from ..errors import UserError
from ..rig.character import stored
from ..rig.character.carrying import Carrying
from ..rig.character.checks import check_between, check_bones
from ..rig.character.controls import basis_of, pole_places, swivel_angles
from ..rig.character.leaning import put_on, take_off, trunk_of, upright
from ..rig.character.limbs import CHAIN, FREE, IK, Limb
from ..rig.character.rest import rest_bones
from .hand_curves import BoneValues, Near
from .sampling import sample
from .stillness import stands_still
from .take_arrays import TakeArrays

BLOCK_FRAMES = 1500
"""Frames that are worked out in one step."""
ROLL_SHARE = 0.5
"""How much of a hand's roll the forearm takes: skin without twist bones creases least where the wrist shares it."""
FALLS_SHORT_M = 5e-4
"""An arm that gets nearer than this is said to reach."""

Array = NDArray[np.float64]


@dataclass
class _Arm:
    """One arm of a take: where it gets, in the piano's frame and in rest space."""

    limb: Limb
    turn: Array
    """(frames or 1, 3, 3) from the piano's frame to rest space."""
    offset: Array
    """(frames or 1, 3)"""
    rest: Array
    """(3, 3) shoulder, elbow and wrist at rest, metres; of a free hand the wrist three times."""
    lengths: Array
    """(2,) metres."""
    shoulder: Array
    """(frames, 3) in the piano's frame."""
    wrist: Array
    """(frames, 3) where the hand gets to, in the piano's frame."""
    short: Array
    """(frames,) metres that it falls short of the take."""
    axes: Array
    """(frames, 3, 3) of the wrist's bone, in rest space."""


class CharacterWriter:
    """Writes takes onto a character (`hands_on.Writer`)."""

    def __init__(
        self, find: Callable[[], bpy.types.Object], take: TakeArrays, start_frame: int, *, leans: bool | None
    ) -> None:
        """leans: whether the trunk leans after wrists that are out of reach; None leaves it as it does already."""
        self._find, self._take, self._start, self._leans = find, take, start_frame, leans
        self._trunk: str | None = None
        self._leaned: Array | None = None
        self._arms: list[_Arm] = []
        self._elbow = np.empty(0)

    def prepare(self) -> Iterator[None]:
        """Look at the body in every frame in which it moves, and work out where the arms get to. Raises UserError."""
        armature = self._find()
        mapping = stored.mapping_of(armature)
        self._piano = stored.piano_matrix(armature, mapping)
        self._bones: RestBones = rest_bones(armature, self._piano)
        self._hands = CharacterHands.of(self._bones, mapping)
        limbs = (stored.limb(armature, mapping, 0), stored.limb(armature, mapping, 1))
        check_bones(armature, limbs, [name for own in mapping.hands for name in stored.finger_bones(own)])
        first = [name for limb in limbs for name in (limb.chain[0], *limb.written)]
        self._trunk = trunk_of(armature, limbs) if self._leans else None
        body = nullcontext if self._leans is None else upright
        with body(armature):
            still = stands_still(armature, [limb.chain[0] for limb in limbs])
        carrying = Carrying(armature, first, 1 if still else len(self._take.euler), self._trunk)
        looked: list[UserError] = []

        def read(evaluated: bpy.types.Object) -> None:
            if carrying.empty:
                try:
                    check_between(evaluated, mapping, limbs)
                except UserError as fault:
                    looked.append(fault)
            carrying(evaluated)

        frames = range(self._start, self._start + (1 if still else len(self._take.euler)))
        with closing(sample(armature.session_uid, armature.name, frames, read)) as sampling:
            while True:
                with body(self._find()):
                    if next(sampling, None) is None:
                        break
                if looked:
                    raise looked[0]
                yield None
        self._carrying = carrying
        for hand, limb in enumerate(limbs):
            self._arms.append(self._arm(hand, limb, self._hands.hands[hand]))
            yield None
        if self._trunk is not None and any(arm.short.max(initial=0.0) > FALLS_SHORT_M for arm in self._arms):
            self._lean()
            for hand, limb in enumerate(limbs):
                yield None
                self._arms[hand] = self._arm(hand, limb, self._hands.hands[hand])
        if any(arm.limb.kind != FREE for arm in self._arms):
            self._elbow = yield from self._natural_elbows()

    def _lean(self) -> None:
        """Let the trunk go after the wrists."""
        turns, _ = lean(
            np.stack([arm.shoulder for arm in self._arms], 1),
            self._take.wrist.astype(float),
            np.array([arm.lengths for arm in self._arms]),
            np.broadcast_to(self._carrying.pivot(self._piano), (len(self._take.wrist), 3)),
            self._take.fps,
        )
        self._leaned = self._carrying.lean(turns, self._piano)

    def finish(self, armature: bpy.types.Object) -> None:
        """What belongs to the take beside its curves: the lean of the trunk, a layer of its own."""
        if self._leans is None:
            return
        if self._leaned is None or self._trunk is None:
            take_off(armature)
        else:
            put_on(armature, self._trunk, self._leaned, self._start)

    def _arm(self, hand: int, limb: Limb, own: CharacterHand) -> _Arm:
        take, bones = self._take, self._bones
        turn, offset = self._carrying.to_rest(limb.chain[0], self._piano, bones.metres)
        heads = np.array([bones.heads[bones.index[name]] for name in limb.chain]) * bones.metres
        rest = heads if len(heads) == 3 else np.repeat(heads[-1:], 3, 0)
        lengths = np.linalg.norm(np.diff(rest, axis=0), axis=1)
        wrist = take.wrist[:, hand].astype(float)
        shoulder = np.broadcast_to(_back(turn, rest[0] - offset), wrist.shape)
        if limb.kind == FREE:
            got, short = wrist, np.zeros(len(wrist))
        else:
            met = reached(shoulder, wrist, lengths)
            got, short = met.wrist, met.short
        axes = turn @ own.wrist_orientations(take.euler[:, hand, 0])
        return _Arm(limb, turn, offset, rest, lengths, shoulder, got, short, axes)

    def _natural_elbows(self) -> Generator[None, None, Array]:
        """(frames, 2, 3) in the piano's frame; of a free hand, nothing that counts."""
        whole = [arm for arm in self._arms if arm.limb.kind != FREE]
        both = self._arms if len(whole) == 2 else [whole[0], whole[0]]
        return elbows(
            np.stack([arm.shoulder for arm in both], 1),
            np.stack([arm.wrist for arm in both], 1),
            self._take.euler[:, :, 0].astype(float),
            self._take.fps,
            np.array([arm.lengths for arm in both]),
        )

    def bones(self, hand: int) -> int:
        """How many bones `values` yields for a hand."""
        fingers = sum(len(finger.bones) for finger in self._hands.hands[hand].fingers if finger is not None)
        return len(self._arms[hand].limb.written) + fingers

    def values(self, hand: int, near: Near) -> Iterator[BoneValues | None]:
        """The values of every bone of a hand, from the upper arm on; None while something is worked out."""
        arm = self._arms[hand]
        if arm.limb.kind == CHAIN:
            yield from self._chain(arm, hand, near)
        else:
            yield from self._controls(arm, hand, near)
        yield from self._fingers(hand, near)

    def _chain(self, arm: _Arm, hand: int, near: Near) -> Iterator[BoneValues | None]:
        """The bones of a plain arm: each turns."""
        chain = self._chain_rest(arm)
        turns = np.empty((len(arm.wrist), 4, 3, 3))
        for part in self._blocks():
            places = ArmPlaces(
                np.broadcast_to(arm.rest[0], arm.wrist[part].shape),
                self._to_rest(arm, self._elbow[part, hand], part),
                self._to_rest(arm, arm.wrist[part], part),
                chain.frames[3].T @ arm.axes[part],
            )
            _, turns[part] = to_bones(chain, places, ROLL_SHARE)
            yield None
        for index, bone in enumerate(arm.limb.written):
            yield self._turned(bone, turns[:, index + 1], near)

    def _chain_rest(self, arm: _Arm) -> ChainRest:
        bones = self._bones
        frames = np.array([bones.frames[bones.index[name]] for name in arm.limb.chain])
        # The body's front and up, as the piano has them when the armature is not posed.
        unposed = np.linalg.inv(self._piano @ np.array(self._find().matrix_world))[:3, :3]
        forward, up = (unposed[:, axis] / np.linalg.norm(unposed[:, axis]) for axis in (1, 2))
        hinge = elbow_hinge(arm.rest, forward, up)
        return ChainRest(np.vstack([arm.rest[:1], arm.rest]), np.concatenate([frames[:1], frames]), hinge)

    def _controls(self, arm: _Arm, hand: int, near: Near) -> Iterator[BoneValues | None]:
        """The controls of an arm that finds its way by itself, or a hand without an arm: they move and turn."""
        limb = arm.limb
        turn, offset = self._carrying.to_armature(self._piano, self._bones.metres)
        hand_axes = self._hands.hands[hand].wrist_orientations(self._take.euler[:, hand, 0])
        pole: list[Array] = []
        swivel: list[Array] = []
        for part in self._blocks() if limb.kind == IK else ():
            shoulder = np.broadcast_to(arm.rest[0], arm.wrist[part].shape)
            elbow, wrist = (
                self._to_rest(arm, places, part) for places in (self._elbow[part, hand], arm.wrist[part])
            )
            if limb.swivel:
                swivel.append(swivel_angles(shoulder, elbow, wrist, arm.rest))
            else:
                drawn = pole_places(arm.shoulder[part], self._elbow[part, hand], arm.wrist[part])
                pole.append(drawn)
            yield None
        if swivel:
            angles = np.unwrap(np.concatenate(swivel))
            yield self._turned(limb.written[0], _about_y(angles), near)
        elif pole:
            flat = np.broadcast_to(np.eye(3), hand_axes.shape)
            values = yield from self._placed(limb.written[0], np.concatenate(pole), flat, turn, offset)
            yield self._turned(limb.written[0], flat, near, values[0])
        location, turns = yield from self._placed(limb.written[-1], arm.wrist, hand_axes, turn, offset)
        yield self._turned(limb.written[-1], turns, near, location)

    def _placed(
        self, bone: str, places: Array, axes: Array, turn: Array, offset: Array
    ) -> Generator[None, None, tuple[Array, Array]]:
        """Location and rotations of a control for places (frames, 3) and axes (frames, 3, 3) in the piano's frame."""
        parents = self._carrying.parent_pose(bone)
        found = []
        for part in self._blocks():
            own_turn, own_offset = (array if len(array) == 1 else array[part] for array in (turn, offset))
            poses = np.tile(np.eye(4), (len(places[part]), 1, 1))
            poses[:, :3, :3] = own_turn @ axes[part]
            poses[:, :3, 3] = ((own_turn @ places[part][..., None])[..., 0] + own_offset) / self._bones.metres
            near = parents if parents is None or len(parents) == 1 else parents[part]
            found.append(basis_of(self._find().pose.bones[bone], poses, near))
            yield None
        return np.concatenate([place for place, _ in found]), np.concatenate([turned for _, turned in found])

    def _fingers(self, hand: int, near: Near) -> Iterator[BoneValues | None]:
        own = self._hands.hands[hand]
        found: dict[str, list[Array]] = {}
        for part in self._blocks():
            for bone, turns in own.finger_rotations(self._take.euler[part, hand]).items():
                found.setdefault(bone, []).append(turns)
            yield None
        for bone, pieces in found.items():
            yield self._turned(bone, np.concatenate(pieces), near)

    def _turned(self, bone: str, turns: Array, near: Near, location: Array | None = None) -> BoneValues:
        mode = self._find().pose.bones[bone].rotation_mode
        values = channel_values(turns, mode, near(bone))
        if location is not None:
            values = np.concatenate([values, location], 1)
        channels = fcurves.channels(bone, mode, moves=location is not None)
        return BoneValues(bone, channels, values.astype(np.float32))

    def _blocks(self) -> Iterator[slice]:
        for start in range(0, len(self._take.euler), BLOCK_FRAMES):
            yield slice(start, start + BLOCK_FRAMES)

    def _to_rest(self, arm: _Arm, places: Array, part: slice) -> Array:
        """Places (n, 3) of the piano's frame in the rest space of an arm."""
        turn, offset = (array if len(array) == 1 else array[part] for array in (arm.turn, arm.offset))
        moved: Array = (turn @ places[..., None])[..., 0] + offset
        return moved

    def expected(self, frames: list[int]) -> tuple[Array, Array]:
        """Angles (n, 2, 16, 3) and wrists (n, 2, 3) that are seen in some frames of the take, once it is written."""
        euler = self._take.euler[frames].astype(float)
        shown = self._hands.finger_euler(self._hands.finger_rotations(euler))
        shown[:, :, 0] = euler[:, :, 0]
        return shown, np.stack([arm.wrist[frames] for arm in self._arms], 1)

    def said(self, hands: tuple[int, ...]) -> list[str]:
        """Sentences about what the arms could not do."""
        found = []
        if not same_hands(self._hands.geometry(""), self._take.meta.get("hand_geometry")):
            found.append(
                "The take was made for other hands, so that fingertips miss their keys: press Generate for this "
                "character's own."
            )
        for hand in hands:
            short = self._arms[hand].short
            frames = int((short > FALLS_SHORT_M).sum())
            if frames:
                found.append(
                    f"The {HANDS[hand]} arm is too short for {frames / self._take.fps:.1f} s of the take, by up to "
                    f"{100 * short.max():.0f} cm: move the character nearer to the piano, or let its body lean."
                )
        return found


def _about_y(angles: Array) -> Array:
    return euler_matrices(np.stack([np.zeros_like(angles), angles, np.zeros_like(angles)], 1))


def _back(turn: Array, places: Array) -> Array:
    """Places (n or 1, 3), turned back from rest space to the piano's directions."""
    back: Array = (np.swapaxes(turn, -1, -2) @ places[..., None])[..., 0]
    return back
