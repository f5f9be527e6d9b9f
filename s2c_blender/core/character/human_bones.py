# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of human bones that the VRM add-on keeps beside an armature, versions 0 and 1. No bpy."""

from __future__ import annotations

from collections.abc import Mapping

from .knuckles import HandBones
from .rest_bones import RestBones

FINGERS = ("Thumb", "Index", "Middle", "Ring", "Little")
JOINTS = ("Proximal", "Intermediate", "Distal")
THUMB_1 = ("Metacarpal", "Proximal", "Distal")
"""A thumb's joints in VRM 1; in VRM 0 it has the fingers' words, and its Proximal is the metacarpal."""
ARM = {"forearm": "LowerArm", "upper_arm": "UpperArm", "shoulder": "Shoulder"}


def by_human_bones(
    bones: RestBones, listed: Mapping[str, str]
) -> tuple[int, tuple[HandBones | None, HandBones | None]]:
    """The version (0 or 1) and left and right hand as listed, as far as they are there."""
    index = {human: bones.index[name] for human, name in listed.items() if name in bones.index}
    version = 1 if any("ThumbMetacarpal" in human for human in index) else 0
    return version, (_hand(index, "left", version), _hand(index, "right", version))


def _hand(index: Mapping[str, int], side: str, version: int) -> HandBones | None:
    wrist = index.get(f"{side}Hand")
    if wrist is None:
        return None
    fingers = []
    for word in FINGERS:
        joints = THUMB_1 if word == "Thumb" and version else JOINTS
        chain = [index.get(f"{side}{word}{joint}") for joint in joints]
        fingers.append(tuple(bone for bone in chain if bone is not None))
    arm = {part: index[side + word] for part, word in ARM.items() if side + word in index}
    return HandBones(wrist, tuple(fingers), arm)
