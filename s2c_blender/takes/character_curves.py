# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of the curves of a character's hands and arms, from a take, a bone a step."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import fcurves
from ..core.arm_chain import FOREARM, ArmPlaces, ChainRest, Twist, to_bones
from ..core.character_arms import elbow_hinge
from ..core.skeleton import HANDS, euler_matrices
from ..core.turns import channel_values
from ..rig.character.controls import basis_of, pole_places, swivel_angles
from ..rig.character.limbs import CHAIN, IK
from ..rig.character.twists import along_forearm, roll_shares
from .character_body import FALLS_SHORT_M, Arm, CharacterBody
from .hand_curves import BoneValues, Near
from .made_for import said_of_hands
from .take_arrays import TakeArrays

BLOCK_FRAMES = 1500
"""Frames that are worked out in one step."""

Array = NDArray[np.float64]


class CharacterWriter:
    """Writes takes onto a character (`hands_on.Writer`)."""

    def __init__(
        self, find: Callable[[], bpy.types.Object], take: TakeArrays, start_frame: int, *, leans: bool | None
    ) -> None:
        """leans: whether the trunk leans after wrists that are out of reach; None leaves it as it does already."""
        self._find, self._take = find, take
        self._body = CharacterBody(find, take, start_frame, leans=leans)

    def prepare(self) -> Iterator[None]:
        """Look at the body in every frame in which it moves, and work out where the arms get to. Raises UserError."""
        yield from self._body.prepare()

    def body_curves(self) -> list[tuple[tuple[str, int], NDArray[np.float32]]]:
        """Channels and values (frames,) of what the take moves beside the hands: the lean of the trunk."""
        return self._body.lean_curves()

    def finish(self, armature: bpy.types.Object) -> None:
        """Give the trunk what the curves of its lean move."""
        self._body.finish(armature)

    def bones(self, hand: int) -> int:
        """How many bones `values` yields for a hand."""
        fingers = sum(
            len(finger.bones) for finger in self._body.hands.hands[hand].fingers if finger is not None
        )
        return len(self._body.arms[hand].limb.written) + fingers

    def values(self, hand: int, near: Near) -> Iterator[BoneValues | None]:
        """The values of every bone of a hand, from the upper arm on; None while something is worked out."""
        arm = self._body.arms[hand]
        if arm.limb.kind == CHAIN:
            yield from self._chain(arm, hand, near)
        else:
            yield from self._controls(arm, hand, near)
        yield from self._fingers(hand, near)

    def _chain(self, arm: Arm, hand: int, near: Near) -> Iterator[BoneValues | None]:
        """The bones of a plain arm: each turns."""
        chain = self._chain_rest(arm)
        turns = np.empty((len(arm.wrist), 4 + len(chain.twists), 3, 3))
        forearm_share, *_ = self._roll_shares(arm)
        for part in self._blocks():
            places = ArmPlaces(
                np.broadcast_to(arm.rest[0], arm.wrist[part].shape),
                arm.to_rest(self._body.elbow[part, hand], part),
                arm.to_rest(arm.wrist[part], part),
                chain.frames[3].T @ arm.axes[part],
            )
            _, turns[part] = to_bones(chain, places, forearm_share)
            yield None
        for index, bone in enumerate(arm.limb.written):
            yield self._turned(bone, turns[:, index + 1], near)

    def _chain_rest(self, arm: Arm) -> ChainRest:
        bones = self._body.bones
        frames = np.array([bones.frames[bones.index[name]] for name in arm.limb.chain])
        # The body's front and up, as the piano has them when the armature is not posed.
        unposed = np.linalg.inv(self._body.piano @ np.array(self._find().matrix_world))[:3, :3]
        forward, up = (unposed[:, axis] / np.linalg.norm(unposed[:, axis]) for axis in (1, 2))
        hinge = elbow_hinge(arm.rest, forward, up)
        heads = np.vstack([arm.rest[:1], arm.rest])
        above = self._hanging_on(arm)
        twists = [
            Twist(bones.frames[bones.index[name]], self._to_wrist(arm, name), share, above[name])
            for name, share in zip(arm.limb.twists, self._roll_shares(arm)[1:], strict=True)
        ]
        return ChainRest(
            heads, np.concatenate([frames[:1], frames]), hinge, tuple(twists), above[arm.limb.chain[2]]
        )

    def _to_wrist(self, arm: Arm, name: str) -> Array:
        """(3,) from the head of a twist to the wrist at rest; of one that begins there, along the forearm."""
        own, wrist = (self._body.bones.heads[self._body.bones.index[n]] for n in (name, arm.limb.chain[2]))
        way: Array = wrist - own
        length = arm.lengths[1] / self._body.bones.metres
        return way if np.linalg.norm(way) > 0.02 * length else arm.rest[2] - arm.rest[1]

    def _roll_shares(self, arm: Arm) -> list[float]:
        """Of the forearm and its twists."""
        _, forearm, wrist = arm.limb.chain
        places = along_forearm(self._find(), forearm, wrist, list(arm.limb.twists))
        return roll_shares([place or 0.0 for place in places])

    def _hanging_on(self, arm: Arm) -> dict[str, int]:
        """What each twist and the hand hang on, as `arm_chain.Twist.above` has it."""
        turning = {name: FOREARM + 1 + place for place, name in enumerate(arm.limb.twists)}
        found = {}
        for name in (*arm.limb.twists, arm.limb.chain[2]):
            above = self._find().data.bones[name].parent_recursive
            found[name] = next((turning[bone.name] for bone in above if bone.name in turning), FOREARM)
        return found

    def _controls(self, arm: Arm, hand: int, near: Near) -> Iterator[BoneValues | None]:
        """The controls of an arm that finds its way by itself, or a hand without an arm: they move and turn."""
        limb = arm.limb
        turn, offset = self._body.carrying.to_armature(self._body.piano, self._body.bones.metres)
        hand_axes = self._body.hands.hands[hand].wrist_orientations(self._take.euler[:, hand, 0])
        pole: list[Array] = []
        swivel: list[Array] = []
        for part in self._blocks() if limb.kind == IK else ():
            shoulder = np.broadcast_to(arm.rest[0], arm.wrist[part].shape)
            elbow, wrist = (
                arm.to_rest(places, part) for places in (self._body.elbow[part, hand], arm.wrist[part])
            )
            if limb.swivel:
                swivel.append(swivel_angles(shoulder, elbow, wrist, arm.rest))
            else:
                drawn = pole_places(arm.shoulder[part], self._body.elbow[part, hand], arm.wrist[part])
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
        carriers = self._body.carrying.carrier(bone)
        found = []
        for part in self._blocks():
            own_turn, own_offset = (array if len(array) == 1 else array[part] for array in (turn, offset))
            poses = np.tile(np.eye(4), (len(places[part]), 1, 1))
            poses[:, :3, :3] = own_turn @ axes[part]
            poses[:, :3, 3] = (
                (own_turn @ places[part][..., None])[..., 0] + own_offset
            ) / self._body.bones.metres
            near = carriers if len(carriers) == 1 else carriers[part]
            found.append(basis_of(self._find().pose.bones[bone], poses, near))
            yield None
        return np.concatenate([place for place, _ in found]), np.concatenate([turned for _, turned in found])

    def _fingers(self, hand: int, near: Near) -> Iterator[BoneValues | None]:
        own = self._body.hands.hands[hand]
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

    def expected(self, frames: list[int]) -> tuple[Array, Array]:
        """Angles (n, 2, 16, 3) and wrists (n, 2, 3) that are seen in some frames of the take, once it is written."""
        euler = self._take.euler[frames].astype(float)
        shown = self._body.hands.finger_euler(self._body.hands.finger_rotations(euler))
        shown[:, :, 0] = euler[:, :, 0]
        return shown, np.stack([arm.wrist[frames] for arm in self._body.arms], 1)

    def said(self, hands: tuple[int, ...]) -> list[str]:
        """Sentences about what the arms could not do."""
        found = said_of_hands(self._body.hands.geometry(""), self._take.meta)
        for hand in hands:
            short = self._body.arms[hand].short
            frames = int((short > FALLS_SHORT_M).sum())
            if frames:
                most = short.max()
                size = f"{100 * most:.0f} cm" if most >= 0.01 else f"{1000 * most:.0f} mm"
                found.append(
                    f"The {HANDS[hand]} arm is too short for {max(frames / self._take.fps, 0.1):.1f} s of the take, by "
                    f"up to {size}: move the character nearer to the piano, or let its body lean."
                )
        return found


def _about_y(angles: Array) -> Array:
    return euler_matrices(np.stack([np.zeros_like(angles), angles, np.zeros_like(angles)], 1))
