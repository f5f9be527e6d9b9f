# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a character's fingertips are and how thick its fingers, measured on the skin that its bones move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ...core.character.hands import CharacterHand, CharacterHands, Finger
from ...core.character.mapping import CharacterMapping, HandMapping
from ...core.character.rest_bones import RestBones
from ..bones import skinned_meshes

Array = NDArray[np.float64]

MOSTLY = 0.5
"""A vertex belongs to a bone that has at least this much of its weight."""
FEWEST = 6
"""Vertices that are needed to measure something."""
DEEPEST = 0.04
"""The contact point is the middle of the skin that is as far out as this, in lengths of the last bone."""
BELIEVED = (0.6, 1.6)
"""A last bone that is this much as long on the skin as by the bones; else the skin belongs to something else."""
SLAB = 0.2
"""Half the width of the ring of skin about a joint, in lengths of the bone."""
DEFORMING = ("", "DEF-")
"""What stands before a bone's name in the groups of a skin that it moves."""


def with_skin(armature: bpy.types.Object, bones: RestBones, mapping: CharacterMapping) -> CharacterMapping:
    """The mapping with contact points and thickness as the skin has them, where there is one."""
    hands = CharacterHands.of(bones, mapping)
    wanted = {bone for hand in hands.hands for finger in filter(None, hand.fingers) for bone in finger.bones}
    points = _points(armature, skinned_meshes(bpy.data.objects, armature), wanted)
    left, right = (
        _measured(bones, hand, own, points) for hand, own in zip(hands.hands, mapping.hands, strict=True)
    )
    measured = replace(mapping, left=left, right=right)
    CharacterHands.of(bones, measured)  # still a pair of hands
    return measured


def _points(
    armature: bpy.types.Object, meshes: Iterable[bpy.types.Object], wanted: set[str]
) -> dict[str, Array]:
    """The vertices (n, 3) that each bone has most of, at rest, in armature space."""
    found: dict[str, list[Array]] = {}
    for item in meshes:
        groups = {
            group.index: bone
            for group in item.vertex_groups
            for before in DEFORMING
            if (bone := group.name.removeprefix(before)) in wanted
        }
        if not groups:
            continue
        places = np.empty(3 * len(item.data.vertices))
        item.data.vertices.foreach_get("co", places)
        matrix = np.array(armature.matrix_world.inverted_safe() @ item.matrix_world)
        places = places.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]
        owned: dict[str, list[int]] = {}
        for vertex in item.data.vertices:
            total = sum(element.weight for element in vertex.groups)
            for element in vertex.groups:
                if element.group in groups and element.weight > MOSTLY * total:
                    owned.setdefault(groups[element.group], []).append(vertex.index)
        for bone, indices in owned.items():
            found.setdefault(bone, []).append(places[indices])
    return {bone: np.concatenate(pieces) for bone, pieces in found.items()}


def _measured(
    bones: RestBones, hand: CharacterHand, own: HandMapping, points: dict[str, Array]
) -> HandMapping:
    tips, radii = list(own.tips), list(own.radii)
    for finger in filter(None, hand.fingers):
        last = finger.bones[-1]
        tip = _contact(finger, points.get(last, np.empty((0, 3))))
        if tip is not None:
            local = bones.in_bone_space(bones.index[last], tip)
            tips[finger.finger] = last, (float(local[0]), float(local[1]), float(local[2]))
        thick = _thickness(finger, points)
        if thick is not None:
            radii[finger.finger] = thick
    return replace(own, tips=tuple(tips), radii=tuple(radii))


def _contact(finger: Finger, skin: Array) -> Array | None:
    """(3,) the skin that meets a key: farthest out between the fingertip's end and its palm side."""
    head, end = finger.axes.heads[-2:]
    _, along, palmar = finger.axes.frames[-1].T
    ahead = skin[(skin - head) @ along > 0]
    if len(ahead) < FEWEST:
        return None
    length = np.linalg.norm(end - head)
    out = (ahead - head) @ (along + palmar)
    point: Array = ahead[out > out.max() - DEEPEST * length].mean(0)
    point = point - finger.axes.frames[-1][:, 0] * ((point - head) @ finger.axes.frames[-1][:, 0])
    believed = BELIEVED[0] * length < np.linalg.norm(point - head) < BELIEVED[1] * length
    return point if believed else None


def _thickness(finger: Finger, points: dict[str, Array]) -> tuple[float, float, float, float] | None:
    """Radii at the three joints and the tip, armature units; None where the skin does not show them all."""
    if finger.locked or any(bone not in points for bone in finger.bones):
        return None
    skin = np.concatenate([points[bone] for bone in finger.bones])
    found = []
    for joint, place in enumerate(finger.axes.heads):
        bone = min(joint, 2)
        along, length = finger.axes.frames[bone][:, 1], finger.axes.lengths[bone]
        if joint == 3:  # the ring behind the fingertip's round end
            place = place - SLAB * length * along
        way = skin - place
        near = way[np.abs(way @ along) < SLAB * length]
        if len(near) < FEWEST:
            return None
        found.append(float(np.median(np.linalg.norm(near - np.outer(near @ along, along), axis=1))))
    a, b, c, d = found
    return (a, b, c, d) if min(found) > 0 else None
