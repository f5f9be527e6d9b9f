# SPDX-License-Identifier: GPL-3.0-or-later
"""What the VRM add-on knows of an armature: which bone is which of a human's. Nothing where it never was at work."""

from __future__ import annotations

from typing import Any

import bpy

SIDES = ("left", "right")
ARM = ("shoulder", "upper_arm", "lower_arm", "hand")
FINGERS = ("index", "middle", "ring", "little")
JOINTS = ("proximal", "intermediate", "distal")
THUMB = ("thumb_metacarpal", "thumb_proximal", "thumb_distal")
HUMAN = (*ARM, *THUMB, *(f"{finger}_{joint}" for finger in FINGERS for joint in JOINTS))
MOST_BONES = 256
"""As many entries of a list are looked at."""


def human_bones(armature: bpy.types.Object) -> dict[str, str]:
    """Human bone (`leftHand`, `leftThumbProximal` ...) to bone name, as VRM 1, else VRM 0, has it."""
    extension = getattr(armature.data, "vrm_addon_extension", None)
    if extension is None:
        return {}
    first, second = _vrm1(extension), _vrm0(extension)
    newest = str(getattr(extension, "spec_version", "")).startswith("1")
    return (first or second) if newest else (second or first)


def _vrm1(extension: Any) -> dict[str, str]:
    listed = _path(extension, "vrm1", "humanoid", "human_bones")
    found = {}
    for side in SIDES:
        for bone in HUMAN:
            name = _path(listed, f"{side}_{bone}", "node", "bone_name")
            if isinstance(name, str) and name:
                first, *others = f"{side}_{bone}".split("_")
                found[first + "".join(word.title() for word in others)] = name
    return found


def _vrm0(extension: Any) -> dict[str, str]:
    listed = _path(extension, "vrm0", "humanoid", "human_bones")
    found = {}
    for entry in list(listed)[:MOST_BONES] if listed is not None else []:
        human, name = getattr(entry, "bone", ""), _path(entry, "node", "bone_name")
        if isinstance(human, str) and isinstance(name, str) and human and name:
            found[human] = name
    return found


def _path(value: Any, *names: str) -> Any:
    for name in names:
        value = getattr(value, name, None)
    return value
