# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in armature: two arms with their hands under one root bone, in the exact rest frames of ``hands.json``.

Without arms (Hands Only) the hands hang on the root bone themselves, as in files of earlier versions.
"""

from __future__ import annotations

import bpy
from mathutils import Vector

from ..core import skeleton
from ..core.player import HAND_SIZE_RANGE
from ..errors import UserError

HAND_SIZE_PROPERTY = "s2c_hand_size"
"""Custom property of the armature object: the factor on all lengths of the hand."""
JOINT_PROPERTY = "s2c_joint"
"""Custom property of a bone: which joint or part of an arm it is (``index1.L``, ``forearm.L``), so that renamed bones
are still found."""
OVERLAY_PROPERTY = "s2c_mapping_of"
"""Custom property of a picture of a mapping (`character.overlay`): the armature that it shows. It is no skin."""
ROOT_BONE = "root"
MOVED = ("shoulder", "wrist")
"""Beginnings of the labels of bones that a take moves; of these the first in a chain."""


def joint_label(joint: int, hand: int) -> str:
    """Value of the bone property for a joint, for instance ``wrist.R``."""
    return skeleton.JOINTS[joint] + skeleton.SUFFIXES[hand]


def arm_label(part: str, hand: int) -> str:
    """Value of the bone property for a part of an arm (`skeleton.ARM`), for instance ``forearm.R``."""
    return part + skeleton.SUFFIXES[hand]


def units_in_a_metre(scene: bpy.types.Scene) -> float:
    """How many of Blender's units are one metre by the scene's own unit scale; 1 where it has no units."""
    return 1.0 if scene.unit_settings.system == "NONE" else 1.0 / scene.unit_settings.scale_length


def create_armature(
    context: bpy.types.Context,
    hand_size: float,
    collection: bpy.types.Collection,
    name: str = "S2C Hands",
    unit: float = 1.0,
    *,
    arms: bool = True,
) -> bpy.types.Object:
    """Add an armature object with both hands to `collection`; its origin is the origin of the piano frame.

    unit: Blender's units in a metre. arms: whether the hands hang on arms. The object becomes the active one, because
    bones can only be made in edit mode. Raises UserError when the hand size is outside `HAND_SIZE_RANGE`.
    """
    low, high = HAND_SIZE_RANGE
    if not low <= hand_size <= high:
        raise UserError(
            "hand_size",
            f"The hand size {hand_size:g} is not possible: choose a factor from {low:g} to {high:g}.",
        )
    data = bpy.data.armatures.new(name)
    armature = bpy.data.objects.new(name, data)
    collection.objects.link(armature)
    armature[HAND_SIZE_PROPERTY] = float(hand_size)
    armature.id_properties_ui(HAND_SIZE_PROPERTY).update(
        min=low, max=high, description="Size of these hands, 1 is an average adult"
    )
    armature.show_in_front = True
    data.display_type = "STICK"
    context.view_layer.update()
    context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    try:
        _make_bones(data, hand_size, unit, arms=arms)
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    _dress_bones(armature)
    return armature


def _make_bones(data: bpy.types.Armature, hand_size: float, unit: float, *, arms: bool) -> None:
    root = data.edit_bones.new(ROOT_BONE)
    root.head, root.tail, root.roll = (0.0, 0.0, 0.0), (0.0, 0.1 * unit, 0.0), 0.0

    def make(
        bone: skeleton.Bone | skeleton.ArmBone, label: str, parent: bpy.types.EditBone, *, connected: bool
    ) -> bpy.types.EditBone:
        edit = data.edit_bones.new(bone.name)
        edit.head, edit.tail = Vector(bone.head) * unit, Vector(bone.tail) * unit
        edit.align_roll(Vector(bone.frame[:, 2]))
        edit.parent, edit.use_connect = parent, connected
        edit[JOINT_PROPERTY] = label
        return edit

    for hand in (skeleton.LEFT, skeleton.RIGHT):
        carrier = root
        for part in skeleton.arm_bones(hand, hand_size) if arms else []:
            carrier = make(part, arm_label(part.part, hand), carrier, connected=carrier != root)
        made: list[bpy.types.EditBone] = []
        for bone in skeleton.rest_bones(hand, hand_size):  # parents come first in the order of the joints
            parent = made[bone.parent] if bone.parent >= 0 else carrier
            connected = bone.connected or (arms and bone.parent < 0)
            made.append(make(bone, joint_label(bone.joint, hand), parent, connected=connected))


def _dress_bones(armature: bpy.types.Object) -> None:
    """Rotation order, locks, colours and collections."""
    data = armature.data
    palettes = ("THEME04", "THEME01")
    for hand, name in enumerate(("Left", "Right")):
        side = data.collections.new(name)
        for bone in data.bones:
            if str(bone.get(JOINT_PROPERTY, "")).endswith(skeleton.SUFFIXES[hand]):
                side.assign(bone)
                bone.color.palette = palettes[hand]
    for pose_bone in armature.pose.bones:
        pose_bone.rotation_mode = "XYZ"
        pose_bone.lock_scale = (True, True, True)
        label = str(pose_bone.bone.get(JOINT_PROPERTY, ""))
        if label and (pose_bone.bone.use_connect or not label.startswith(MOVED)):
            pose_bone.lock_location = (True, True, True)
