# SPDX-License-Identifier: GPL-3.0-or-later
"""Bulk reading and writing of the curves of one bone. Left and right are the same code.

A bone has the rotation channels of its rotation mode (three of `rotation_euler` on the built-in rig). A bone that moves
(the shoulder's, or the wrist's of a hand without an arm) has three `location` channels besides, in its rest frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Quaternion
from numpy.typing import NDArray

from . import compat
from .core.splicing import LINEAR, Keys, Stretch, splice
from .errors import UserError
from .rig.hands import hands_of

__all__ = ["action_bytes", "channels", "evaluate", "hand_channels", "splice_channel", "write_channel"]

KEY_BYTES = 72
"""A key in Blender's memory (`BezTriple`)."""

_FLAG, _ENUM, _NUMBER = np.bool_, np.int32, np.float32
KEY_ATTRIBUTES: dict[str, tuple[type, int]] = {
    "co": (_NUMBER, 2),
    "interpolation": (_ENUM, 1),
    "easing": (_ENUM, 1),
    "back": (_NUMBER, 1),
    "amplitude": (_NUMBER, 1),
    "period": (_NUMBER, 1),
    "type": (_ENUM, 1),
    "handle_left_type": (_ENUM, 1),
    "handle_right_type": (_ENUM, 1),
    "handle_left": (_NUMBER, 2),
    "handle_right": (_NUMBER, 2),
    "select_control_point": (_FLAG, 1),
    "select_left_handle": (_FLAG, 1),
    "select_right_handle": (_FLAG, 1),
}
"""Everything that a key has, with the kind and number of its values."""
ROTATIONS = {
    "QUATERNION": ("rotation_quaternion", 4),
    "AXIS_ANGLE": ("rotation_axis_angle", 4),
    **dict.fromkeys(("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"), ("rotation_euler", 3)),
}
"""Property and number of channels for each rotation mode of a bone."""


def channels(bone: str, mode: str = "XYZ", *, moves: bool = False) -> list[tuple[str, int]]:
    """Data path and index of every channel of a bone: rotation in its mode, and the location of one that moves."""
    path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
    name, width = ROTATIONS.get(mode, ROTATIONS["XYZ"])
    found = [(path + name, index) for index in range(width)]
    return found + ([(path + "location", index) for index in range(3)] if moves else [])


def hand_channels(armature: bpy.types.Object, hand: int) -> list[tuple[str, int]]:
    """Data path and index of every channel that a take writes for a hand and its arm."""
    found: list[tuple[str, int]] = []
    hands = hands_of(armature)
    for bone in hands.bones[hand]:
        found += channels(bone, armature.pose.bones[bone].rotation_mode, moves=bone in hands.moving)
    return found


def rotation_values(euler: NDArray[np.floating[Any]], mode: str) -> NDArray[np.float32]:
    """XYZ angles (frames, 3) as the rotation channels of a bone of `mode`: (frames, 3), or (frames, 4).

    Values follow one another without jumps: angles are unwrapped, quaternions keep their sign.
    """
    if mode == "XYZ":
        return euler.astype(np.float32)
    values = np.empty((len(euler), ROTATIONS[mode][1]), np.float32)
    before: Quaternion | Euler | None = None
    for frame, angles in enumerate(euler.tolist()):
        turn = Euler(angles, "XYZ").to_quaternion()
        if mode == "QUATERNION":
            if before is not None:
                turn.make_compatible(before)
            before = turn
            values[frame] = turn
        elif mode == "AXIS_ANGLE":
            if before is not None:
                turn.make_compatible(before)
            before = turn
            axis, angle = turn.to_axis_angle()
            values[frame] = (angle, *axis)
        else:
            before = turn.to_euler(mode, before) if before is not None else turn.to_euler(mode)
            values[frame] = before
    return values


def write_channel(
    bag: bpy.types.ActionChannelbag,
    bone: str,
    channel: tuple[str, int],
    start_frame: int,
    values: NDArray[np.float32],
) -> None:
    """Replace one curve with one key a frame, or the two at its ends where the values never change.

    Half of a hand's channels never change, because most joints only flex. Blender copies every key of the file for
    each undo step. values: (frames,) radians or metres.
    """
    path, index = channel
    old = bag.fcurves.find(path, index=index)
    if old is not None:
        bag.fcurves.remove(old)
    curve = compat.new_fcurve(bag, path, index, bone)
    keys = np.stack([np.arange(start_frame, start_frame + len(values)), values], axis=1).astype(np.float32)
    if len(keys) > 2 and (keys[:, 1] == keys[0, 1]).all():
        keys = keys[[0, -1]]
    curve.keyframe_points.add(len(keys))
    curve.keyframe_points.foreach_set("co", keys.ravel())
    curve.keyframe_points.foreach_set("interpolation", np.full(len(keys), LINEAR, np.int32))
    curve.update()


REST: dict[str, dict[int, float]] = {"rotation_quaternion": {0: 1.0}, "rotation_axis_angle": {2: 1.0}}
"""Channels of a bone at rest that are not 0."""


def splice_channel(
    find_bag: Callable[[], bpy.types.ActionChannelbag], bone: str, channel: tuple[str, int], stretch: Stretch
) -> Iterator[None]:
    """Write the frames of `stretch` into a curve and leave its other keys as they are, an attribute a step.

    A curve that is not there stands for a bone at rest outside the stretch.

    find_bag: called in every step, because undo between two steps frees what was found before.
    """
    path, index = channel
    curve = find_bag().fcurves.find(path, index=index)
    wanted = np.arange(stretch.first, stretch.last + 1, dtype=np.float32)
    rest = REST.get(channel[0].rpartition(".")[2], {}).get(index, 0.0)
    old = evaluate(curve, wanted) if curve is not None else np.full(len(wanted), rest, np.float32)
    if np.array_equal(old, stretch.values):
        return
    if curve is None:
        curve = compat.new_fcurve(find_bag(), path, index, bone)
    count = len(curve.keyframe_points)
    keys: Keys = {}
    for name, (kind, width) in KEY_ATTRIBUTES.items():
        values: NDArray[Any] = np.zeros(count * width, kind)
        find_bag().fcurves.find(path, index=index).keyframe_points.foreach_get(name, values)
        keys[name] = values.reshape(count, width) if width > 1 else values
        yield
    curve = find_bag().fcurves.find(path, index=index)
    spliced = splice(keys, stretch, curve.evaluate if count else lambda _: rest)
    curve.keyframe_points.clear()
    curve.keyframe_points.add(len(spliced["co"]))
    for name, found in spliced.items():  # without `update`, which would move the handles of keys that stay
        find_bag().fcurves.find(path, index=index).keyframe_points.foreach_set(name, found.reshape(-1))
        yield


def check_spliceable(curve: bpy.types.FCurve) -> None:
    """Raise UserError for a curve whose keys are not all that shapes it."""
    if len(curve.modifiers) or len(curve.sampled_points):
        raise UserError(
            "curve_modified",
            f'The curve "{curve.data_path}" was baked to samples or has modifiers: turn it into keys '
            "(Graph Editor > Channel > Bake Channels) before a range is made anew.",
        )


def evaluate(curve: bpy.types.FCurve, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values of a curve at `frames` (n,), in bulk where all its keys are linear and it has no modifiers."""
    points = curve.keyframe_points
    keys = np.empty((len(points), 2), np.float32)
    points.foreach_get("co", keys.reshape(-1))
    first = int(np.searchsorted(keys[:, 0], frames[0] - 0.5)) if len(frames) else 0
    if not curve.modifiers and np.array_equal(keys[first : first + len(frames), 0], frames):
        return keys[first : first + len(frames), 1]
    if not curve.modifiers and len(keys) == 2 and keys[0, 1] == keys[1, 1] and _holds(curve):
        return np.full(len(frames), keys[0, 1], np.float32)
    return np.array([curve.evaluate(float(frame)) for frame in frames], np.float32)


def _holds(curve: bpy.types.FCurve) -> bool:
    """Whether a curve of two equal keys has their value everywhere."""
    return curve.keyframe_points[0].interpolation in ("LINEAR", "CONSTANT")


def action_bytes(action: bpy.types.Action) -> int:
    """About how much memory the keys of an action take."""
    bags = (bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags)
    return KEY_BYTES * sum(len(curve.keyframe_points) for bag in bags for curve in bag.fcurves)
