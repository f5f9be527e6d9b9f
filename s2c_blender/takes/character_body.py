# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a character's arms get to in a take, carried by its body as that moves, and leaning after far keys."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.character.hands import CharacterHand, CharacterHands
from ..core.character.rest_bones import RestBones
from ..core.character_arms import elbows, reached
from ..core.character_lean import lean
from ..core.skeleton import euler_matrices
from ..errors import UserError
from ..rig.character import stored
from ..rig.character.carrying import TRIED, Carrying
from ..rig.character.checks import check_between, check_bones
from ..rig.character.leaning import (
    lean_channels,
    lean_values,
    leaning_bone,
    let_lean,
    trunk_of,
    turned,
    upright,
)
from ..rig.character.limbs import FREE, Limb
from ..rig.character.rest import rest_bones
from .sampling import sample
from .stillness import stands_still
from .take_arrays import TakeArrays

FALLS_SHORT_M = 1e-3
"""An arm that gets nearer than this is said to reach."""

Array = NDArray[np.float64]


@dataclass
class Arm:
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

    def to_rest(self, places: Array, part: slice) -> Array:
        """Places (n, 3) of the piano's frame, of some frames of the take, in rest space."""
        turn, offset = (array if len(array) == 1 else array[part] for array in (self.turn, self.offset))
        moved: Array = (turn @ places[..., None])[..., 0] + offset
        return moved


class CharacterBody:
    """A character's arms in a take. `arms`, `elbow` and the rest are there once `prepare` has run to its end."""

    def __init__(
        self, find: Callable[[], bpy.types.Object], take: TakeArrays, start_frame: int, *, leans: bool | None
    ) -> None:
        """find, leans: see `hands_on.writer_of`."""
        self._find, self._take, self._start, self._leans = find, take, start_frame, leans
        self._trunk: str | None = None
        self._leaned: Array | None = None
        self.piano = np.eye(4)
        """(4, 4) world to piano frame."""
        self.bones: RestBones
        self.hands: CharacterHands
        self.carrying: Carrying
        self.arms: list[Arm] = []
        """Left, right."""
        self.elbow = np.empty(0)
        """(frames, 2, 3) in the piano's frame; of a hand without an arm, nothing that counts."""

    def prepare(self) -> Iterator[None]:
        """Look at the body in every frame in which it moves, and work out where the arms get to. Raises UserError."""
        armature = self._find()
        mapping = stored.mapping_of(armature)
        self.piano = stored.piano_matrix(armature, mapping)
        self.bones = rest_bones(armature, self.piano)
        self.hands = CharacterHands.of(self.bones, mapping)
        limbs = (stored.limb(armature, mapping, 0), stored.limb(armature, mapping, 1))
        check_bones(armature, limbs, [name for own in mapping.hands for name in stored.finger_bones(own)])
        first = [name for limb in limbs for name in (limb.chain[0], *limb.written)]
        self._trunk = trunk_of(armature, limbs) if self._leans else None
        body = nullcontext if self._leans is None else upright
        with body(armature):
            still = stands_still(armature, first)
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
        self.carrying = carrying
        for hand, limb in enumerate(limbs):
            self.arms.append(self._arm(hand, limb, self.hands.hands[hand]))
            yield None
        if self._trunk is not None and any(arm.short.max(initial=0.0) > FALLS_SHORT_M for arm in self.arms):
            yield from self._lean(limbs)
        if any(arm.limb.kind != FREE for arm in self.arms):
            self.elbow = yield from self._natural_elbows()

    def _lean(self, limbs: tuple[Limb, Limb]) -> Iterator[None]:
        """Let the trunk go after the wrists, where it carries the arms."""
        if limbs[0].trunk and not (yield from self._carries(limbs)):
            return
        turns, _ = lean(
            np.stack([arm.shoulder for arm in self.arms], 1),
            self._take.wrist.astype(float),
            np.array([arm.lengths for arm in self.arms]),
            np.broadcast_to(self.carrying.pivot(self.piano), (len(self._take.wrist), 3)),
            self._take.fps,
        )
        self._leaned = self.carrying.lean(turns, self.piano)
        for hand, limb in enumerate(limbs):
            yield None
            self.arms[hand] = self._arm(hand, limb, self.hands.hands[hand])

    def _carries(self, limbs: tuple[Limb, Limb]) -> Generator[None, None, bool]:
        """Whether the trunk of a rig carries the arms as a body does. It is turned for a moment, to see that."""
        armature, turn = self._find(), euler_matrices(np.array([TRIED, TRIED, 0.0]))
        placed = [name for limb in limbs for name in (limb.chain[0], *limb.moving)]
        body_like: list[bool] = []

        def read(evaluated: bpy.types.Object) -> None:
            body_like.append(self.carrying.see_carried(evaluated, placed, turn, self.bones.metres))

        with closing(sample(armature.session_uid, armature.name, [self._start], read)) as sampling:
            while not body_like:
                with upright(self._find()), turned(self._find(), str(self._trunk), turn):
                    next(sampling)
                yield None
        return body_like[0] and all(self.carrying.carries(limb.chain[0]) for limb in limbs)

    def lean_curves(self) -> list[tuple[tuple[str, int], NDArray[np.float32]]]:
        """Channels and values (frames,) of the lean; upright where a trunk that leaned before has no need to."""
        bone = self._trunk if self._leaned is not None else leaning_bone(self._find())
        if self._leans is None or bone is None:
            return []
        frames = len(self._take.euler)
        turns = self._leaned if self._leaned is not None else np.broadcast_to(np.eye(3), (frames, 3, 3))
        values = lean_values(turns)
        return [(channel, values[:, axis]) for axis, channel in enumerate(lean_channels(bone))]

    def finish(self, armature: bpy.types.Object) -> None:
        """Give the trunk what the curves of its lean move."""
        if self._leaned is not None and self._trunk is not None:
            let_lean(armature, self._trunk)

    def _arm(self, hand: int, limb: Limb, own: CharacterHand) -> Arm:
        take, bones = self._take, self.bones
        turn, offset = self.carrying.to_rest(limb.chain[0], self.piano, bones.metres)
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
        return Arm(limb, turn, offset, rest, lengths, shoulder, got, short, axes)

    def _natural_elbows(self) -> Generator[None, None, Array]:
        """(frames, 2, 3) in the piano's frame; of a free hand, nothing that counts."""
        whole = [arm for arm in self.arms if arm.limb.kind != FREE]
        both = self.arms if len(whole) == 2 else [whole[0], whole[0]]
        return elbows(
            np.stack([arm.shoulder for arm in both], 1),
            np.stack([arm.wrist for arm in both], 1),
            self._take.euler[:, :, 0].astype(float),
            self._take.fps,
            np.array([arm.lengths for arm in both]),
        )


def _back(turn: Array, places: Array) -> Array:
    """Places (n or 1, 3), turned back from rest space to the piano's directions."""
    back: Array = (np.swapaxes(turn, -1, -2) @ places[..., None])[..., 0]
    return back
