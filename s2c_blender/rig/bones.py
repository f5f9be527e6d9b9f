# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bones of an armature are the joints of the hands, and where the piano frame lies in it, from its rest pose.

Nothing here rests on what the armature is called or where it came from: bones may be renamed or duplicated, the hands
scaled, or joined into another armature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector
from numpy.typing import NDArray

from ..core import skeleton
from ..core.arm_chain import ChainRest
from ..errors import UserError
from .armature import HAND_SIZE_PROPERTY, JOINT_PROPERTY, OVERLAY_PROPERTY, arm_label, joint_label

REST_TOLERANCE = 0.02
"""By how much measured lengths and directions may differ before a rest pose counts as edited."""

SAME = 1e-5
"""Within this the piano frame is the armature's own, as on the built-in rig; Blender's numbers are single."""


@dataclass(frozen=True)
class Frame:
    """The piano frame of a pair of hands, in the armature's own space."""

    matrix: Matrix
    """4 x 4, piano frame to armature space, scale included."""
    hand_size: float
    """Factor on all lengths of the built-in hand, measured on the bones."""


def joint_bones(armature: bpy.types.Object) -> list[list[str]]:
    """Bone names by hand and joint (2 lists of 16), found by mark, so that bones may be renamed.

    Where a bone was duplicated, mark and all, the one that moves the skin is meant. Raises UserError when the armature
    is not a pair of hands, or is several.
    """
    marked: dict[str, list[str]] = {}
    for bone in armature.data.bones:
        if JOINT_PROPERTY in bone:
            marked.setdefault(str(bone[JOINT_PROPERTY]), []).append(bone.name)
    return [
        [_the_bone(armature, marked, joint, hand) for joint in range(16)]
        for hand in (skeleton.LEFT, skeleton.RIGHT)
    ]


def are_built_in(armature: bpy.types.Object) -> bool:
    """Whether an armature holds joints of the built-in hands."""
    return any(JOINT_PROPERTY in bone for bone in armature.data.bones)


def _the_bone(armature: bpy.types.Object, marked: dict[str, list[str]], joint: int, hand: int) -> str:
    label = joint_label(joint, hand)
    found = marked.get(label, [])
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(
            "not_hands",
            f'The armature "{armature.name}" is no pair of S2C hands: press Use Character to let it play, '
            "or Add Hands.",
            f"missing {label}",
        )
    weighted = _weighted(armature)
    moving = [name for name in found if name in weighted]
    named = [name for name in found if name == skeleton.rest_bones(hand)[joint].name]
    best = moving if moving else named
    if len(best) != 1:
        raise UserError(
            "several_hands",
            f'The armature "{armature.name}" holds more than one pair of hands ("{found[0]}" and "{found[1]}" are the '
            "same joint): separate them in Edit Mode (P), so that each pair has an armature of its own.",
        )
    return best[0]


def _weighted(armature: bpy.types.Object) -> set[str]:
    """Names of the vertex groups of all meshes that the armature deforms."""
    return {group.name for item in skinned_meshes(bpy.data.objects, armature) for group in item.vertex_groups}


def skinned_meshes(objects: Iterable[bpy.types.Object], armature: bpy.types.Object) -> list[bpy.types.Object]:
    """The meshes among `objects` that the armature deforms."""
    return [
        item
        for item in objects
        if item.type == "MESH"
        and OVERLAY_PROPERTY not in item
        and any(m.type == "ARMATURE" and m.object == armature for m in item.modifiers)
    ]


def arm_bones(armature: bpy.types.Object) -> list[list[str]]:
    """Names of each hand's arm in the order of `skeleton.ARM`, found by mark above the hand; none for hands alone.

    Raises UserError where `joint_bones` does, and where part of an arm is missing.
    """
    return [_arm_above(armature, names[0], hand) for hand, names in enumerate(joint_bones(armature))]


def _arm_above(armature: bpy.types.Object, wrist: str, hand: int) -> list[str]:
    above: dict[str, str] = {}
    for bone in armature.data.bones[wrist].parent_recursive:  # the nearest comes first
        above.setdefault(str(bone.get(JOINT_PROPERTY, "")), bone.name)
    labels = [arm_label(part, hand) for part in skeleton.ARM]
    missing = [label for label in labels if label not in above]
    if not missing or len(missing) == len(labels):
        return [above[label] for label in labels if label in above]
    raise UserError(
        "arm_incomplete",
        f'The {skeleton.HANDS[hand]} arm of "{armature.name}" lacks a bone: bring it back, or delete the rest of the '
        "arm, too, so that the hand plays alone.",
        f"missing {missing[0]}",
    )


def hand_bones(armature: bpy.types.Object) -> list[list[str]]:
    """All bones of each hand: those of its arm, from the shoulder on, and its joints."""
    return [arm + hand for arm, hand in zip(arm_bones(armature), joint_bones(armature), strict=True)]


def common_parent(armature: bpy.types.Object) -> bpy.types.Bone | None:
    """The bone that carries both hands, arms included (`root` on the built-in rig); None when there is none."""
    left, right = (armature.data.bones[names[0]].parent for names in hand_bones(armature))
    return left if left is not None and left == right else None


def chain_rest(armature: bpy.types.Object, hand: int) -> ChainRest | None:
    """The arm of a hand at rest, in the piano frame; None where there is none."""
    arm = arm_bones(armature)[hand]
    if not arm:
        return None
    rest = [bone_rest(armature, name) for name in (*arm, joint_bones(armature)[hand][0])]
    frames = np.array([axes / np.linalg.norm(axes, axis=0) for _, axes in rest])
    return ChainRest(np.array([head for head, _ in rest]), frames)


def piano_frame(armature: bpy.types.Object) -> Frame:
    """Where the piano frame lies in the armature at rest, and how large the hands are.

    The rest wrists of the built-in hands have fixed places in the piano frame whatever the hands' size, so two wrists
    tell scale, turn and place. Where the rest pose was edited by hand they no longer do; then the bone that carries
    both hands is the piano frame, as on the built-in rig.
    """
    bones = joint_bones(armature)
    rest = [skeleton.rest_bones(hand) for hand in (skeleton.LEFT, skeleton.RIGHT)]
    own = [armature.data.bones[names[0]] for names in bones]
    heads = [np.array(bone.head_local) for bone in own]
    built_in = [rest[hand][0].head for hand in (0, 1)]
    unit = float(np.linalg.norm(heads[1] - heads[0]) / np.linalg.norm(built_in[1] - built_in[0]))
    length = _length(armature, bones) / _built_in_length(rest)
    size = float(armature.get(HAND_SIZE_PROPERTY, 0.0))
    turns = [np.array(bone.matrix_local)[:3, :3] @ rest[hand][0].frame.T for hand, bone in enumerate(own)]
    edited = np.abs(turns[0] - turns[1]).max() > REST_TOLERANCE or unit < 1e-6
    if size > 0 and abs(length / size / max(unit, 1e-9) - 1) > REST_TOLERANCE:
        edited = True
    if not edited:
        turn = Matrix([[float(value) for value in row] for row in turns[1]])
        middle = turn @ Vector((built_in[0] + built_in[1]) / 2 * unit)
        place = Vector((heads[0] + heads[1]) / 2) - middle
        matrix = Matrix.LocRotScale(place, turn.to_quaternion(), Vector((unit,) * 3))
        built_in_place = np.abs(np.array(matrix) - np.eye(4)).max() < SAME
        return Frame(Matrix() if built_in_place else matrix, length / unit)
    parent = common_parent(armature)
    matrix = parent.matrix_local.copy() if parent is not None else Matrix()
    place, turn_of_parent, _ = matrix.decompose()
    return Frame(Matrix.LocRotScale(place, Quaternion(turn_of_parent), None), length)


def _length(armature: bpy.types.Object, bones: list[list[str]]) -> float:
    """Mean distance from wrist to middle knuckle, in the armature's units."""
    knuckle = skeleton.JOINTS.index("middle1")
    data = armature.data.bones
    return float(
        np.mean([(data[names[knuckle]].head_local - data[names[0]].head_local).length for names in bones])
    )


def _built_in_length(rest: list[list[skeleton.Bone]]) -> float:
    knuckle = skeleton.JOINTS.index("middle1")
    return float(np.mean([np.linalg.norm(hand[knuckle].head - hand[0].head) for hand in rest]))


def bone_rest(armature: bpy.types.Object, bone: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rest position (3,) and axes (3, 3, columns) of a bone in the piano frame.

    In a pose, the head of the first bone of a hand is ``position + axes @ location``, with the pose bone's `location`.
    """
    rest = piano_frame(armature).matrix.inverted() @ armature.data.bones[bone].matrix_local
    matrix = np.array(rest)
    return matrix[:3, 3], matrix[:3, :3]
