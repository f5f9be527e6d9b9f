# SPDX-License-Identifier: GPL-3.0-or-later
"""What would keep a take on a character from being seen: said before anything is written.

Locks are no hindrance: they keep hands off a channel, not keyframes.
"""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np

from ...core.character.mapping import CharacterMapping
from ...errors import UserError
from . import stored
from .held import carries, ruling
from .limbs import CHAIN, Limb

SHIFTED, TURNED = 1e-3, 2e-3
"""Bones between the joints count as posed when they shift the next joint by this share of its way, or turn it."""
UNSCALED = 0.01


def check_character(armature: bpy.types.Object) -> None:
    """Raise UserError for whatever of a character would hide a take, or is no pair of hands any more."""
    mapping = stored.mapping_of(armature)
    stored.character_hands(armature)
    limbs = [stored.limb(armature, mapping, hand) for hand in (0, 1)]
    check_bones(armature, limbs, [name for own in mapping.hands for name in stored.finger_bones(own)])


def check_bones(armature: bpy.types.Object, limbs: Iterable[Limb], fingers: Iterable[str]) -> None:
    """Raise UserError for a bone of the hands that something else moves, or that does not turn with its parent."""
    limbs, fingers = list(limbs), list(fingers)
    arms = [limb for limb in limbs if limb.kind == CHAIN]
    _check_constraints(armature, _hiding(armature, limbs, fingers))
    for name in (*(name for limb in limbs for name in limb.written), *fingers):
        bone = armature.pose.bones[name]
        _check_drivers(armature, name)
        if np.abs(np.array(bone.scale) - 1).max() > UNSCALED:
            raise UserError(
                "character_scaled",
                f'The bone "{name}" is scaled: clear its scale (Alt+S in Pose Mode) first.',
            )
    for limb in arms:
        for name in limb.written:
            if not armature.data.bones[name].use_inherit_rotation:
                raise UserError(
                    "character_inherit",
                    f'The bone "{name}" does not turn with its parent: switch on Inherit Rotation '
                    "(Bone Properties > Relations).",
                )


Ruled = tuple[bpy.types.PoseBone, bpy.types.Constraint]


def hiding_constraints(armature: bpy.types.Object) -> list[Ruled]:
    """Constraints of a character that would hide a take, with their bones. Raises UserError for no pair of hands."""
    mapping = stored.mapping_of(armature)
    limbs = [stored.limb(armature, mapping, hand) for hand in (0, 1)]
    return _hiding(armature, limbs, [name for own in mapping.hands for name in stored.finger_bones(own)])


def _hiding(armature: bpy.types.Object, limbs: list[Limb], fingers: list[str]) -> list[Ruled]:
    placed = {name for limb in limbs for name in limb.moving}
    carried = placed | {limb.chain[0] for limb in limbs if limb.kind == CHAIN}
    written = (*(name for limb in limbs for name in limb.written), *fingers)
    return [
        (bone, constraint)
        for bone in (armature.pose.bones[name] for name in written)
        for constraint in ruling(bone)
        if bone.name not in carried or not carries(bone, constraint, moves=bone.name in placed)
    ]


def _check_constraints(armature: bpy.types.Object, hiding: list[Ruled]) -> None:
    if hiding:
        bone, constraint = hiding[0]
        others = len(hiding) - 1
        more = f" So do {others} others of its hands and arms." if others > 1 else ""
        more = " So does another one of its hands and arms." if others == 1 else more
        raise UserError(
            "character_constraint",
            f'The constraint "{constraint.name}" moves the bone "{bone.name}" of "{armature.name}", so a take '
            f"would not be seen.{more} Press Switch Off Constraints (Character), or set the influence to 0.",
        )


def _check_drivers(armature: bpy.types.Object, name: str) -> None:
    data = armature.animation_data
    path = f'pose.bones["{bpy.utils.escape_identifier(name)}"].'
    for curve in data.drivers if data is not None else ():
        if curve.data_path.startswith(path) and curve.data_path[len(path) :].startswith(
            ("location", "rotation", "scale")
        ):
            raise UserError(
                "character_driver",
                f'A driver moves the bone "{name}" of "{armature.name}", so a take would not be seen: right-click '
                "the channel that is shown in purple and choose Delete Drivers.",
            )


def check_between(evaluated: bpy.types.Object, mapping: CharacterMapping, limbs: tuple[Limb, Limb]) -> None:
    """Raise UserError where bones between the joints are posed, so that a finger or arm is not as at rest.

    evaluated: the armature in the frame in which the take begins.
    """
    for limb, own in zip(limbs, mapping.hands, strict=True):
        if limb.kind == CHAIN:
            on_the_way = {bone.name for bone in evaluated.data.bones[limb.chain[-1]].parent_recursive}
            joints = [name for name in limb.written if name not in limb.twists or name in on_the_way]
            for before, after in zip(joints, joints[1:], strict=False):
                _check_pair(evaluated, before, after)
        for finger in range(5):
            chain = own.finger_bones(finger)
            for before, after in zip((own.bones["wrist"], *chain), chain, strict=False):
                _check_pair(evaluated, before, after)


def _check_pair(evaluated: bpy.types.Object, before: str, after: str) -> None:
    """The joint of `after` has to be where it is at rest, seen from `before`, and turned by its own channels alone."""
    pose = evaluated.pose.bones
    first, second = pose[before], pose[after]
    rest = first.bone.matrix_local.inverted_safe() @ second.bone.matrix_local
    own = second.matrix_basis.to_3x3().to_4x4()
    now = first.matrix.inverted_safe() @ second.matrix @ own.inverted_safe()
    away = rest.inverted_safe() @ now
    shift = away.translation.length / max(rest.translation.length, 1e-9)
    if shift > SHIFTED or away.to_quaternion().angle > TURNED:
        raise UserError(
            "character_between",
            f'The bone "{after}" is not where it is at rest, seen from "{before}": clear the pose of what lies between '
            "them and its location (Alt+G, Alt+R, Alt+S in Pose Mode).",
        )
