# SPDX-License-Identifier: GPL-3.0-or-later
"""A character that is rigged as Auto-Rig Pro documents its rigs, for tests: no file of the add-on's is at hand.

Bones of the skin turn with an IK and an FK arm, as the switch stands. What the animator moves hangs on other controls
by constraints: the hand's control and the pole are children of them, the FK arm copies the place of the shoulder.
"""

import math

import bpy
from character_helpers import FINGERS, mpfb_armature
from mathutils import Vector

SIDES = {"Left": ".l", "Right": ".r"}
SWITCH = 'pose.bones["c_hand_ik{end}"]["ik_fk_switch"]'
BODY = {
    "Hips": "c_root_master.x",
    "Spine": "c_spine_01.x",
    "Spine1": "c_spine_02.x",
    "Spine2": "c_spine_03.x",
}


def auto_rig_pro(*, turns_with_the_shoulder=False):
    """The character. turns_with_the_shoulder: FK arms hang on the collarbones instead of copying their places."""
    armature = mpfb_armature()
    bpy.ops.object.mode_set(mode="EDIT")
    edits = armature.data.edit_bones
    root = edits.new("c_traj")
    root.head, root.tail = (0, 0, 0), (0, 0.2, 0)
    for old, new in BODY.items():
        edits[f"mixamorig:{old}"].name = new
    edits["c_root_master.x"].parent = root
    for side, end in SIDES.items():
        _bones(edits, side, end, turns_with_the_shoulder)
    bpy.ops.object.mode_set(mode="OBJECT")
    for end in SIDES.values():
        _constraints(armature, end, turns_with_the_shoulder)
    armature.update_tag()
    bpy.context.view_layer.update()
    return armature


def _bones(edits, side, end, turns_with_the_shoulder):
    names = {"Arm": "arm", "ForeArm": "forearm", "Hand": "hand", "Shoulder": "c_shoulder"}
    for old, new in names.items():
        edits[f"mixamorig:{side}{old}"].name = new + end
    for finger in FINGERS:
        for joint in (1, 2, 3):
            edits[f"mixamorig:{side}Hand{finger.title()}{joint}"].name = f"c_{finger}{joint}{end}"
    # A straight arm knows no way to bend; this one does, as rigs with IK do.
    edits["forearm" + end].head += Vector((0, 0.02, 0))
    edits["arm" + end].tail = edits["forearm" + end].head

    def copy(name, of, parent):
        made = edits.new(name + end)
        made.head, made.tail, made.roll = edits[of + end].head, edits[of + end].tail, edits[of + end].roll
        made.parent = parent

    shoulder, chest = edits["c_shoulder" + end], edits["c_spine_03.x"]
    copy("arm_ik", "arm", shoulder)
    copy("forearm_ik", "forearm", edits["arm_ik" + end])
    copy("c_arm_fk", "arm", shoulder if turns_with_the_shoulder else chest)
    copy("c_forearm_fk", "forearm", edits["c_arm_fk" + end])
    copy("c_hand_fk_scale_fix", "hand", edits["c_forearm_fk" + end])
    copy("c_hand_fk", "hand", edits["c_hand_fk_scale_fix" + end])
    copy("c_hand_ik", "hand", None)
    pole = edits.new("c_arms_pole" + end)
    pole.head = edits["forearm" + end].head + Vector((0, 0.3, 0))
    pole.tail = pole.head + Vector((0, 0, 0.05))


def _constraints(armature, end, turns_with_the_shoulder):
    pose = armature.pose.bones
    pose["c_hand_ik" + end]["ik_fk_switch"] = 0.0
    pose["c_arms_pole" + end]["pole_parent"] = 1.0
    for part, fk, ik in (
        ("arm", "c_arm_fk", "arm_ik"),
        ("forearm", "c_forearm_fk", "forearm_ik"),
        ("hand", "c_hand_fk", "c_hand_ik"),
    ):
        switch = SWITCH.format(end=end)
        _copied(armature, part + end, "rotFK", fk + end, switch, "var")
        _copied(armature, part + end, "rotIK", ik + end, switch, "1 - var")
    ik = pose["forearm_ik" + end].constraints.new("IK")
    ik.target = ik.pole_target = armature
    ik.subtarget, ik.pole_subtarget, ik.chain_count = "c_hand_ik" + end, "c_arms_pole" + end, 2
    ik.iterations, ik.pole_angle = 500, _pole_angle(armature, end)
    _child(armature, "c_hand_ik" + end, "Child Of", "c_traj")
    parent = f'pose.bones["c_arms_pole{end}"]["pole_parent"]'
    _driven(_child(armature, "c_arms_pole" + end, "Child Of_local", "c_root_master.x"), parent, "var")
    _driven(_child(armature, "c_arms_pole" + end, "Child Of_global", "c_traj"), parent, "1 - var")
    if not turns_with_the_shoulder:
        place = pose["c_arm_fk" + end].constraints.new("COPY_LOCATION")
        place.target, place.subtarget, place.head_tail = armature, "c_shoulder" + end, 1.0


def _pole_angle(armature, end):
    """What makes the elbow point at the pole, as at rest."""
    upper, lower, pole = (armature.data.bones[name + end] for name in ("arm_ik", "forearm_ik", "c_arms_pole"))
    way = (upper.tail_local - upper.head_local).normalized()
    across = (lower.tail_local - upper.head_local).cross(pole.head_local - upper.head_local)
    wanted, found = across.cross(way).normalized(), upper.matrix_local.col[0].to_3d()
    return math.atan2(found.cross(wanted).dot(way), found.dot(wanted))


def _copied(armature, bone, name, of, switch, expression):
    constraint = armature.pose.bones[bone].constraints.new("COPY_ROTATION")
    constraint.name, constraint.target, constraint.subtarget = name, armature, of
    _driven(constraint, switch, expression)


def _child(armature, bone, name, of):
    constraint = armature.pose.bones[bone].constraints.new("CHILD_OF")
    constraint.name, constraint.target, constraint.subtarget = name, armature, of
    constraint.inverse_matrix = (armature.matrix_world @ armature.data.bones[of].matrix_local).inverted()
    return constraint


def _driven(constraint, path, expression):
    driver = constraint.driver_add("influence").driver
    driver.expression = expression
    variable = driver.variables.new()
    variable.name, variable.targets[0].id = "var", constraint.id_data
    variable.targets[0].data_path = path
