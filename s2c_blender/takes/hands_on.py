# SPDX-License-Identifier: GPL-3.0-or-later
"""How a take gets onto an armature and comes back from it: one way for our own hands, one for a character's.

Writing and reading, and all that rests on them, ask here and do not care whose hands these are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import bpy
import numpy as np
from numpy.typing import NDArray

from ..rig.hands import is_character
from .character_curves import CharacterWriter
from .character_reading import CharacterReader
from .hand_curves import BoneValues, BuiltInWriter, Near
from .reading import HandReader
from .take_arrays import TakeArrays


class Writer(Protocol):
    """Turns a take into the values of curves, a small piece of work a step."""

    def prepare(self) -> Iterator[None]:
        """What has to be known before the first bone. Raises UserError where the take cannot be written."""

    def bones(self, hand: int) -> int:
        """How many bones `values` yields for a hand."""

    def values(self, hand: int, near: Near) -> Iterator[BoneValues | None]:
        """The values of every bone of a hand, from the shoulder on; None while something is worked out."""

    def body_curves(self) -> list[tuple[tuple[str, int], NDArray[np.float32]]]:
        """Channels and values (frames,) of what a whole take moves beside the hands."""

    def finish(self, armature: bpy.types.Object) -> None:
        """What the armature needs for its curves, done in the moment in which it gets them."""

    def expected(self, frames: list[int]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Angles (n, 2, 16, 3) and wrists (n, 2, 3) that are seen in some frames of the take, once it is written."""

    def said(self, hands: tuple[int, ...], /) -> list[str]:
        """Sentences about what `hands` could not be made to do."""


class Reader(Protocol):
    """Reads frame after frame of an armature that Blender has evaluated; then holds what was read, as a take has it."""

    euler: NDArray[np.float32]
    """(frames, 2, 16, 3) XYZ angles relative to rest, radians."""
    wrist: NDArray[np.float32]
    """(frames, 2, 3) metres in the piano frame."""
    elbow: NDArray[np.float32]
    shoulder: NDArray[np.float32]
    clock: NDArray[np.float64]
    """(frames, 2) seconds within the take, by the clock of each hand; not a number where there is none."""

    @property
    def has_arms(self) -> bool:
        """Whether both hands hang on arms."""

    @property
    def meta(self) -> dict[str, Any]:
        """What the take's meta says of these hands."""

    def __call__(self, evaluated: bpy.types.Object) -> None:
        """Read one frame. Must be called in the order of the frames, because angles are unwrapped in time."""

    def read_curves(self, armature: bpy.types.Object, first: int) -> Iterator[None]:
        """Read all frames from scene frame `first` on from the curves alone (`layers.is_direct`)."""


def writer_of(
    find: Callable[[], bpy.types.Object], take: TakeArrays, start_frame: int, *, leans: bool | None
) -> Writer:
    """What writes a take that begins at scene frame `start_frame`.

    find: the armature, found again in every step, because undo between two steps frees what was found before.
    leans: whether a character's trunk leans after wrists that are out of reach; None leaves it as it does already.
    """
    if is_character(find()):
        return CharacterWriter(find, take, start_frame, leans=leans)
    return BuiltInWriter(find, take)


def reader_of(armature: bpy.types.Object, frames: int) -> Reader:
    """What reads so many frames of an armature."""
    return CharacterReader(armature, frames) if is_character(armature) else HandReader(armature, frames)
