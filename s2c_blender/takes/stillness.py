# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a character's body stands still while its hands play, so that one frame tells how it carries the arms."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

from ..piano.animation import is_piano_curve
from ..rig.character.leaning import is_lean_curve, leaning_bone
from ..rig.hands import hands_of
from .clock import CLOCK_PROPERTY
from .layers import layers


def stands_still(armature: bpy.types.Object, first: list[str]) -> bool:
    """Whether nothing moves what carries the bones `first`, as far as can be seen without trying every frame.

    Bones that a take moves do not count: no arm carries itself.
    """
    carriers = [armature, *_above(armature)]
    if any(_is_moved(item) for item in carriers):
        return False
    above = {parent.name for name in first for parent in armature.data.bones[name].parent_recursive}
    above |= {name for name in first if _is_ruled(armature.pose.bones[name])}  # carried by constraints
    written = {name for hand in hands_of(armature).bones for name in hand}
    leaning = leaning_bone(armature)
    leans = leaning is not None and _is_ruled(armature.pose.bones[leaning])
    foreign = _animated_bones(armature, leans=leans) - written
    ruled = any(_is_ruled(armature.pose.bones[name]) for name in above) or _driven(armature, above)
    if not ruled:
        return not foreign & above
    return not foreign and not _looks_outside(armature, above)


def _above(item: bpy.types.Object) -> Iterator[bpy.types.Object]:
    while item.parent is not None:
        item = item.parent
        yield item


def _is_moved(item: bpy.types.Object) -> bool:
    """Whether an object moves as a whole: by curves, drivers or constraints, or with a bone or a mesh."""
    if any(not c.mute and c.influence > 0 for c in item.constraints):
        return True
    if item.parent is not None and item.parent_type != "OBJECT":
        return True
    data = item.animation_data
    if data is None:
        return False
    curves = [curve for layer in layers(item) for curve in layer.curves] + list(data.drivers)
    return any(not curve.data_path.startswith(("pose.bones", '["')) for curve in curves)


def _animated_bones(armature: bpy.types.Object, *, leans: bool) -> set[str]:
    """Names of bones with curves, those of the take's clock and of piano keys left out; empty names for properties.

    leans: whether the curves of a lean count, whose constraint may be muted.
    """
    names = set()
    for layer in layers(armature):
        for curve in layer.curves:
            path = curve.data_path
            if is_piano_curve(curve) or path.endswith(f'["{CLOCK_PROPERTY}"]') or curve.mute:
                continue
            if is_lean_curve(curve) and not leans:
                continue
            names.add(path.split('"')[1] if path.startswith('pose.bones["') else "")
    return names


def _is_ruled(bone: bpy.types.PoseBone) -> bool:
    return any(not c.mute and c.influence > 0 for c in bone.constraints)


def _driven(armature: bpy.types.Object, names: set[str]) -> bool:
    data = armature.animation_data
    paths = tuple(f'pose.bones["{bpy.utils.escape_identifier(name)}"]' for name in names)
    return data is not None and any(curve.data_path.startswith(paths) for curve in data.drivers)


def _looks_outside(armature: bpy.types.Object, names: set[str]) -> bool:
    """Whether constraints or drivers of these bones follow the clock or other objects, which may move."""
    for name in names:
        for constraint in armature.pose.bones[name].constraints:
            found = [
                getattr(constraint, "target", None),
                *(t.target for t in getattr(constraint, "targets", ())),
            ]
            if any(target is not None and target != armature for target in found):
                return True
    data = armature.animation_data
    for curve in data.drivers if data is not None else ():
        driver = curve.driver
        if "frame" in driver.expression or "noise" in driver.expression:
            return True
        targets = [target.id for variable in driver.variables for target in variable.targets]
        if any(target is not None and target not in (armature, armature.data) for target in targets):
            return True
    return False
