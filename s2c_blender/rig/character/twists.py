# SPDX-License-Identifier: GPL-3.0-or-later
"""Twist bones of a character's forearm: between elbow and wrist, there to turn skin about the forearm's line.

In some rigs the hand hangs on them, in others they hang beside it. One that constraints or drivers turn is the rig's
own affair and is left alone.
"""

from __future__ import annotations

import re
from itertools import takewhile

import bpy
import numpy as np

from ...core.character.families import folded
from .held import ruling

WORDS = re.compile("twist|捩|(?<!cont)roll")
"""Words in the names of twist bones beside the hand; helpers without them move skin in other ways."""
ASIDE, BEYOND = 0.15, 0.05
"""A twist bone begins this near the line from elbow to wrist and at most this beyond its ends, in its lengths."""


def forearm_twists(armature: bpy.types.Object, forearm: str, wrist: str) -> list[str]:
    """The twist bones of a forearm that a take turns, from the elbow on. forearm, wrist: names of bones."""
    bones = armature.data.bones
    between = list(takewhile(lambda bone: bone.name != forearm, bones[wrist].parent_recursive))
    if len(between) == len(bones[wrist].parent_recursive):
        return []  # the hand does not hang on this forearm
    hanging, beside = [bones[forearm], *between], []
    while hanging:
        for bone in hanging.pop().children:
            if bone.name != wrist and bone not in between and WORDS.search(folded(bone.name)):
                beside.append(bone)
                hanging.append(bone)
    found = [bone.name for bone in (*between, *beside) if bone.use_inherit_rotation]
    places = dict(zip(found, along_forearm(armature, forearm, wrist, found), strict=True))
    near = sorted((name for name in found if places[name] is not None), key=lambda name: places[name] or 0.0)
    return [name for name in near if not _turned_by_the_rig(armature, name)]


def along_forearm(
    armature: bpy.types.Object, forearm: str, wrist: str, names: list[str]
) -> list[float | None]:
    """Where bones begin at rest: 0 at the elbow, 1 at the wrist, None beside the forearm's line."""
    bones = armature.data.bones
    elbow = np.array(bones[forearm].head_local)
    line = np.array(bones[wrist].head_local) - elbow
    length = float(np.linalg.norm(line))
    places: list[float | None] = []
    for name in names:
        way = np.array(bones[name].head_local) - elbow
        share = float(way @ line) / max(length**2, 1e-12)
        aside = float(np.linalg.norm(way - share * line))
        near = aside < ASIDE * length and -BEYOND < share < 1 + BEYOND
        places.append(min(max(share, 0.0), 1.0) if near else None)
    return places


def _turned_by_the_rig(armature: bpy.types.Object, name: str) -> bool:
    if ruling(armature.pose.bones[name]):
        return True
    data = armature.animation_data
    path = f'pose.bones["{bpy.utils.escape_identifier(name)}"].rotation'
    return data is not None and any(curve.data_path.startswith(path) for curve in data.drivers)


def roll_shares(places: list[float]) -> list[float]:
    """How much of the hand's roll the forearm (first) and its twists take, which begin at `places` along it.

    Each takes the roll of the middle of what it covers, up to the next one or the wrist: the roll of the skin grows
    from the elbow to the hand. A forearm without twists takes half.
    """
    starts = [0.0, *places]
    return [(start + end) / 2 for start, end in zip(starts, [*places, 1.0], strict=True)]
