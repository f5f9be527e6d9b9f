# SPDX-License-Identifier: GPL-3.0-or-later
"""Bulk reading and writing of the curves of one joint. Left and right are the same code.

A joint has three `rotation_euler` channels; the wrist has three `location` channels besides. Locations are in
the rest frame of the wrist's bone, as pose bones have them.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat
from .core import skeleton
from .faults import Fault
from .rig.armature import JOINT_PROPERTY, joint_label

LINEAR = 1
"""Number of linear interpolation in `Keyframe.interpolation`."""


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
    """Replace one curve with one key a frame. values: (frames,) radians or metres."""
    path, index = channel
    old = bag.fcurves.find(path, index=index)
    if old is not None:
        bag.fcurves.remove(old)
    curve = compat.new_fcurve(bag, path, index, bone)
    frames = np.arange(start_frame, start_frame + len(values), dtype=np.float32)
    curve.keyframe_points.add(len(frames))
    keys = np.stack([frames, values.astype(np.float32)], axis=1)
    curve.keyframe_points.foreach_set("co", keys.ravel())
    curve.keyframe_points.foreach_set("interpolation", np.full(len(frames), LINEAR, np.int32))
    curve.update()


def read_joint(
    bag: bpy.types.ActionChannelbag, bone: str, joint: int, start_frame: int, frames: int
) -> NDArray[np.float32]:
    """A joint's channels at whole frames, (frames, 3) or (frames, 6) rotation first, then the wrist's location.

    Curves that still have a key on every frame are read in bulk, edited ones are evaluated.
    """
    values = np.zeros((frames, 6 if joint == 0 else 3), np.float32)
    wanted = np.arange(start_frame, start_frame + frames, dtype=np.float32)
    for column, (path, index) in enumerate(channels(bone, joint)):
        curve = bag.fcurves.find(path, index=index)
        if curve is None:
            continue
        keys = np.empty(len(curve.keyframe_points) * 2, np.float32)
        curve.keyframe_points.foreach_get("co", keys)
        keys = keys.reshape(-1, 2)
        first = int(np.searchsorted(keys[:, 0], start_frame - 0.5))
        plain = not curve.modifiers and np.array_equal(keys[first : first + frames, 0], wanted)
        if plain:
            values[:, column] = keys[first : first + frames, 1]
        else:
            values[:, column] = [curve.evaluate(float(frame)) for frame in wanted]
    return values
