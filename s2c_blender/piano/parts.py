# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes down when a key or a pedal does: one form for the built-in piano and for the user's own keys.

A part is a few channels of an object or of a bone. Each is a number at rest and how it changes with the depth (0 up, 1
down), so that one kind of driver moves all parts. On the built-in piano a part is one angle; what is written on the
user's keys is worked out by `press`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import bpy

from ..core import keyboard
from .build import PRESS_PROPERTY, SUSTAIN, piano_keys, sustain_pedal

VARIABLE = "depth"
"""Name of the variable of our drivers."""
PEDAL_DEPTH = "pedal sustain"
"""Custom property of the carrying bone that says how far the sustain pedal is down, 0 to 1."""
OWN_PIANO = "s2c_own_piano"
"""Custom property of an object whose keys, or of an armature whose bones, are the user's: the frame of their piano."""
OWN_KEY = "s2c_own_key"
"""Custom property of such an object or pose bone: its MIDI pitch, or which pedal it is."""
OWN_PRESS = "s2c_own_press"
"""Custom property beside it: for each path its numbers at rest, how they change with the depth, and with its square."""
ROTATIONS = ("rotation_euler", "rotation_quaternion", "rotation_axis_angle")
SIZES = {
    "location": 3,
    "delta_location": 3,
    "rotation_euler": 3,
    "delta_rotation_euler": 3,
    "rotation_quaternion": 4,
    "delta_rotation_quaternion": 4,
    "rotation_axis_angle": 4,
}
"""How many numbers each path has that a key may move by."""
LARGEST = 1e6
UNMOVED = 1e-9
"""A number that changes by less stays."""


@dataclass(frozen=True)
class Channel:
    """One number that goes with a depth: ``rest + slope * depth + bend * depth ** 2``."""

    path: str
    """From the object."""
    index: int
    rest: float
    slope: float
    bend: float

    @property
    def expression(self) -> str:
        """As a driver says it; simple enough that Blender runs it without Python."""
        if self.rest == 0 and self.bend == 0:
            return f"{VARIABLE} * {self.slope:.6f}"
        return f"{self.rest:.9f} + {VARIABLE} * ({self.slope:.9f} + {VARIABLE} * {self.bend:.9f})"


@dataclass(frozen=True)
class Part:
    """Something that goes down as far as one property of the carrying bone says."""

    depth: str
    """Name of that property."""
    owner: bpy.types.Object
    bone: str
    """Empty where the object itself moves."""
    channels: tuple[Channel, ...]
    built_in: bool = False


def depth_property(pitch: int) -> str:
    """Custom property of the carrying bone that says how far a key is down, 0 to 1."""
    return f"key {keyboard.key_name(pitch)}"


def parts_of(piano: bpy.types.Object) -> list[Part]:
    """The keys and the pedal of a piano, its own and those that the user chose."""
    parts = {depth_property(pitch): key for pitch, key in piano_keys(piano).items()}
    pedal = sustain_pedal(piano)
    if pedal is not None:
        parts[PEDAL_DEPTH] = pedal
    built_in = [
        Part(name, key, "", (Channel("rotation_euler", 0, 0.0, float(key[PRESS_PROPERTY]), 0.0),), True)
        for name, key in parts.items()
    ]
    return built_in + own_parts(piano)


def own_owners(piano: bpy.types.Object | None) -> list[bpy.types.Object]:
    """The objects that are keys of this piano, or armatures with such bones; also those whose piano was deleted."""
    return [
        item
        for item in bpy.data.objects
        if OWN_PIANO in item and (item[OWN_PIANO] == piano or not _stands(item[OWN_PIANO]))
    ]


def _stands(piano: Any) -> bool:
    """Whether a piano is in a scene; one that was deleted lives on as long as its keys remember it."""
    return isinstance(piano, bpy.types.Object) and bool(piano.users_scene)


def own_parts(piano: bpy.types.Object | None) -> list[Part]:
    """The user's keys and pedal, as they were marked; a mark that makes no sense counts as none."""
    found = []
    for owner in own_owners(piano):
        for marked, bone in [(owner, ""), *((b, b.name) for b in _pose_bones(owner))]:
            name = _depth_of(marked.get(OWN_KEY))
            channels = _channels(marked.get(OWN_PRESS), bone)
            if name and channels:
                found.append(Part(name, owner, bone, channels))
    return found


def path_of(path: str, bone: str) -> str:
    """Data path on the object of a path of its bone; of its own where there is no bone."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"].{path}' if bone else path


def _pose_bones(owner: bpy.types.Object) -> list[bpy.types.PoseBone]:
    return list(owner.pose.bones) if owner.pose is not None else []


def _depth_of(mark: Any) -> str:
    if mark == SUSTAIN:
        return PEDAL_DEPTH
    whole = isinstance(mark, int) and not isinstance(mark, bool)
    return depth_property(mark) if whole and mark in keyboard.PITCHES else ""


def _channels(press: Any, bone: str) -> tuple[Channel, ...]:
    """The channels of a key that move; none where something else stands there."""
    if not hasattr(press, "keys"):
        return ()
    channels = []
    for path, count in SIZES.items():
        numbers = _numbers(press.get(path), 3 * count)
        for index in range(count) if numbers else ():
            rest, slope, bend = numbers[index::count]
            if max(abs(slope), abs(bend)) > UNMOVED:
                channels.append(Channel(path_of(path, bone), index, rest, slope, bend))
    return tuple(channels)


def _numbers(value: Any, count: int) -> list[float]:
    try:
        numbers = [float(item) for item in value]
    except (TypeError, ValueError):
        return []
    fits = len(numbers) == count and all(math.isfinite(n) and abs(n) <= LARGEST for n in numbers)
    return numbers if fits else []
