# SPDX-License-Identifier: GPL-3.0-or-later
"""Bulk reading and writing of the curves of one joint. Left and right are the same code.

A joint has three `rotation_euler` channels; the wrist has three `location` channels besides. Locations are in
the rest frame of the wrist's bone, as pose bones have them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat
from .core import skeleton
from .core.splicing import LINEAR, Keys, Stretch, splice
from .faults import Fault
from .rig.armature import JOINT_PROPERTY, joint_label

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


def joint_bones(armature: bpy.types.Object) -> list[list[str]]:
    """Bone names by hand and joint (2 lists of 16), found by mark, so that bones may be renamed.

    Raises Fault when the armature is not a pair of hands.
    """
    marked = {
        str(bone.get(JOINT_PROPERTY)): bone.name for bone in armature.data.bones if JOINT_PROPERTY in bone
    }
    try:
        return [
            [marked[joint_label(joint, hand)] for joint in range(16)]
            for hand in (skeleton.LEFT, skeleton.RIGHT)
        ]
    except KeyError as error:
        raise Fault(
            "not_hands",
            f'The armature "{armature.name}" lacks bones of the S2C hands: use the one that Add Hands makes.',
            f"missing {error}",
        ) from error


def channels(bone: str, joint: int) -> list[tuple[str, int]]:
    """Data path and index of every channel of a joint: rotation, then the wrist's location."""
    path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
    names = ("rotation_euler", "location") if joint == 0 else ("rotation_euler",)
    return [(path + name, index) for name in names for index in range(3)]


def wrist_rest(armature: bpy.types.Object, bone: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rest position (3,) and axes (3, 3, columns) of a wrist's bone in the armature, the piano frame."""
    matrix = np.array(armature.data.bones[bone].matrix_local)
    return matrix[:3, 3], matrix[:3, :3]


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


def splice_channel(
    find_bag: Callable[[], bpy.types.ActionChannelbag], bone: str, channel: tuple[str, int], stretch: Stretch
) -> Iterator[None]:
    """Write the frames of `stretch` into a curve and leave its other keys as they are, an attribute a step.

    find_bag: called in every step, because undo between two steps frees what was found before.
    """
    path, index = channel
    curve = find_bag().fcurves.find(path, index=index)
    wanted = np.arange(stretch.first, stretch.last + 1, dtype=np.float32)
    old = evaluate(curve, wanted) if curve is not None else np.zeros(len(wanted), np.float32)
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
    spliced = splice(keys, stretch, curve.evaluate)
    curve.keyframe_points.clear()
    curve.keyframe_points.add(len(spliced["co"]))
    for name, found in spliced.items():  # without `update`, which would move the handles of keys that stay
        find_bag().fcurves.find(path, index=index).keyframe_points.foreach_set(name, found.reshape(-1))
        yield


def check_spliceable(curve: bpy.types.FCurve) -> None:
    """Raise Fault for a curve whose keys are not all that shapes it."""
    if len(curve.modifiers) or len(curve.sampled_points):
        raise Fault(
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


def read_joint(
    bag: bpy.types.ActionChannelbag, bone: str, joint: int, start_frame: int, frames: int
) -> NDArray[np.float32]:
    """A joint's channels at whole frames, (frames, 3) or (frames, 6) rotation first, then the wrist's location."""
    values = np.zeros((frames, 6 if joint == 0 else 3), np.float32)
    wanted = np.arange(start_frame, start_frame + frames, dtype=np.float32)
    for column, (path, index) in enumerate(channels(bone, joint)):
        curve = bag.fcurves.find(path, index=index)
        if curve is not None:
            values[:, column] = evaluate(curve, wanted)
    return values
