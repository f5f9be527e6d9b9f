# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls that a take moves in place of bones: a hand that is placed itself, and what turns or draws an elbow."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ...core.directions import TINY, beside, unit

Array = NDArray[np.float64]

POLE_AWAY = 1.0
"""How far a control that draws the elbow is from it, in lengths of the upper arm."""


def basis_of(bone: bpy.types.PoseBone, poses: Array, carriers: Array) -> tuple[Array, Array]:
    """Locations (frames, 3) and rotations (frames, 3, 3) of a bone's own channels for its pose in armature space.

    poses: (frames, 4, 4); carriers: (frames or 1, 4, 4) what carries the bone, see `held.carrier_of`.
    """
    rest, parent = bone.bone.matrix_local, bone.bone.parent
    options = {"parent_matrix_local": parent.matrix_local} if parent is not None else {}
    if parent is None:
        poses = np.linalg.inv(carriers) @ poses
    location, turns = np.empty((len(poses), 3)), np.empty((len(poses), 3, 3))
    for frame, pose in enumerate(poses.tolist()):
        if parent is not None:
            options["parent_matrix"] = Matrix(carriers[frame if len(carriers) > 1 else 0].tolist())
        local = bone.bone.convert_local_to_pose(Matrix(pose), rest, invert=True, **options)
        location[frame] = local.translation
        turns[frame] = local.to_3x3().normalized()
    return location, turns


def swivel_angles(shoulder: Array, elbow: Array, wrist: Array, rest: Array) -> Array:
    """(frames,) how far an arm is turned about the line from shoulder to wrist to bring its elbow where it should be.

    An arm that finds its way to a target turns from rest by the shortest way until it points there, then bends.
    All (frames, 3) in rest space; rest: (3, 3) shoulder, elbow and wrist at rest.
    """
    line = unit(wrist - shoulder)
    upper, fore = unit(rest[1] - rest[0]), rest[2] - rest[1]
    carried = _shortest(np.broadcast_to(upper, line.shape), line, fore)
    bent = -beside(carried, line)
    wanted = beside(elbow - shoulder, line)
    sine = np.sum(line * np.cross(bent, wanted), axis=1)
    angles: Array = np.arctan2(sine, np.sum(bent * wanted, axis=1))
    return np.unwrap(angles)


def pole_places(shoulder: Array, elbow: Array, wrist: Array) -> Array:
    """(frames, 3) where a control that draws the elbow is: on from the arm's line through the elbow."""
    away = unit(beside(elbow - shoulder, unit(wrist - shoulder)))
    places: Array = elbow + POLE_AWAY * np.linalg.norm(elbow - shoulder, axis=1, keepdims=True) * away
    return places


def _shortest(start: Array, end: Array, vector: Array) -> Array:
    """A vector (3,) turned as the shortest way from `start` to `end`, unit vectors (frames, 3), turns."""
    axis, cosine = np.cross(start, end), np.sum(start * end, axis=1)[:, None]
    along = np.sum(axis * vector, axis=1)[:, None]
    turned: Array = vector * cosine + np.cross(axis, vector) + axis * along / np.maximum(1 + cosine, TINY)
    return turned
